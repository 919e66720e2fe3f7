//! The configuration files.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::version::Version;
use super::{CniError, ConfigurationFault};
use crate::Cni;

impl Cni {
    /// Where configurations and plugins usually lie.
    pub fn system() -> Self {
        let bin_dirs = ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"];
        Self {
            conf_dir: PathBuf::from("/etc/cni/net.d"),
            bin_dirs: bin_dirs.into_iter().map(PathBuf::from).collect(),
        }
    }

    /// Whether there is a configuration, be it one that cannot be used.
    pub fn is_configured(&self) -> bool {
        first(&self.conf_dir).is_ok_and(|file| file.is_some())
    }
}

/// A list of plugins that make one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Configuration {
    pub name: String,
    /// The versions that it can be used with and that are understood, the newest first.
    pub versions: Vec<Version>,
    pub check: bool,
    pub collect_garbage: bool,
    pub plugins: Vec<Plugin>,
}

/// What is said of one plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Plugin {
    /// The name of its program.
    #[serde(rename = "type")]
    pub kind: String,
    /// The values that it wants from the runtime.
    #[serde(default)]
    pub capabilities: BTreeMap<String, bool>,
    /// What the plugin alone understands.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Reads the first configuration of `dir`.
pub(super) fn load(dir: &Path) -> Result<Configuration, CniError> {
    let unusable = |path: &Path, source| CniError::Configuration { path: path.into(), source };
    let path = first(dir)
        .map_err(|e| unusable(dir, ConfigurationFault::Read(e)))?
        .ok_or_else(|| CniError::NoConfiguration { dir: dir.into() })?;
    let text =
        fs::read_to_string(&path).map_err(|e| unusable(&path, ConfigurationFault::Read(e)))?;
    let parsed =
        if path.extension().is_some_and(|e| e == "conflist") { list(&text) } else { single(&text) };
    parsed.map_err(|fault| unusable(&path, fault))
}

/// The first file by name that is called like a configuration; `None` also when there is no directory.
fn first(dir: &Path) -> io::Result<Option<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut first: Option<PathBuf> = None;
    for entry in entries {
        let path = entry?.path();
        if is_configuration(&path) && first.as_ref().is_none_or(|first| path < *first) {
            first = Some(path);
        }
    }
    Ok(first)
}

fn is_configuration(path: &Path) -> bool {
    let extensions = ["conf", "conflist", "json"];
    path.extension().is_some_and(|e| extensions.iter().any(|known| e == *known)) && !path.is_dir()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListFile {
    name: String,
    cni_version: String,
    #[serde(default)]
    cni_versions: Vec<String>,
    #[serde(default, deserialize_with = "flag")]
    disable_check: bool,
    #[serde(default, rename = "disableGC", deserialize_with = "flag")]
    disable_gc: bool,
    plugins: Vec<Plugin>,
}

#[derive(Deserialize)]
struct SingleFile {
    name: String,
    #[serde(rename = "cniVersion")]
    cni_version: String,
    #[serde(flatten)]
    plugin: Plugin,
}

fn list(text: &str) -> Result<Configuration, ConfigurationFault> {
    let file: ListFile = serde_json::from_str(text).map_err(ConfigurationFault::Syntax)?;
    let mut versions = file.cni_versions;
    versions.push(file.cni_version);
    checked(Configuration {
        name: file.name,
        versions: understood(&versions)?,
        check: !file.disable_check,
        collect_garbage: !file.disable_gc,
        plugins: file.plugins,
    })
}

fn single(text: &str) -> Result<Configuration, ConfigurationFault> {
    let file: SingleFile = serde_json::from_str(text).map_err(ConfigurationFault::Syntax)?;
    checked(Configuration {
        name: file.name,
        versions: understood(&[file.cni_version])?,
        check: true,
        collect_garbage: true,
        plugins: vec![file.plugin],
    })
}

fn understood(texts: &[String]) -> Result<Vec<Version>, ConfigurationFault> {
    let mut versions: Vec<_> = texts.iter().filter_map(|text| Version::parse(text)).collect();
    if versions.is_empty() {
        return Err(ConfigurationFault::Version { versions: texts.join(", ") });
    }
    versions.sort_by(|a, b| b.cmp(a));
    versions.dedup();
    Ok(versions)
}

fn checked(configuration: Configuration) -> Result<Configuration, ConfigurationFault> {
    if !is_name(&configuration.name) {
        return Err(ConfigurationFault::Name(configuration.name));
    }
    if configuration.plugins.is_empty() {
        return Err(ConfigurationFault::NoPlugins);
    }
    match configuration.plugins.iter().find(|plugin| !is_program(&plugin.kind)) {
        Some(plugin) => Err(ConfigurationFault::Type(plugin.kind.clone())),
        None => Ok(configuration),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// A type must not lead out of the directories of plugins.
fn is_program(kind: &str) -> bool {
    !kind.is_empty() && !kind.contains(['/', '\0']) && kind != "." && kind != ".."
}

/// `true` or `"true"`: the specification called these keys strings before 1.0.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Flag;
    impl Visitor<'_> for Flag {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true or false")
        }

        fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
            Ok(value)
        }

        fn visit_str<E: Error>(self, value: &str) -> Result<bool, E> {
            value.parse().map_err(|_| E::invalid_value(serde::de::Unexpected::Str(value), &self))
        }
    }
    deserializer.deserialize_any(Flag)
}
