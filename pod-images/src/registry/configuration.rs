//! `registries.conf`: which files there are, and what they say together.
//!
//! Version 2 of the format, as containers-registries.conf(5) has it. What is made of it for
//! an image is in [`endpoints`](super::endpoints).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::Places;

/// Larger than any such file, small enough to hold in memory.
const MAX_FILE: u64 = 1 << 20;
const FILE: &str = "containers/registries.conf";
const DROP_INS: &str = "containers/registries.conf.d";

/// What the files of the `registries.conf` family say together.
///
/// Empty, which is the default, it means what Kubernetes means without one: names without a
/// registry are those of `docker.io`, and every registry is asked itself, over TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    pub(super) registries: Vec<Registry>,
    pub(super) search: Vec<String>,
    pub(super) short_names: ShortNames,
    pub(super) aliases: BTreeMap<String, String>,
}

/// One `[[registry]]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registry {
    /// What a name has to start with: a host, a host and a path, or `*.` and a domain.
    pub prefix: String,
    /// What the prefix is replaced with. `None` with a wildcard keeps the name as it is.
    pub location: Option<String>,
    /// `None` leaves it to whether the host is this machine.
    pub insecure: Option<bool>,
    pub blocked: bool,
    pub mirrors: Vec<Mirror>,
}

/// One `[[registry.mirror]]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mirror {
    pub location: String,
    pub insecure: Option<bool>,
    pub pulls: Pulls,
}

/// Which names a mirror is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pulls {
    All,
    DigestOnly,
    TagOnly,
}

/// What is done with a name that more than one registry could have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ShortNames {
    /// Each registry is asked in turn.
    #[default]
    Any,
    /// There has to be one only, since nobody can be asked which.
    One,
}

/// Why the configuration of registries cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// A file or a directory is there and cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The text does not follow the format.
    #[error("{}:{line}: {fault}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line the fault is in, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        fault: String,
    },
}

impl Configuration {
    /// Reads the files in `places`.
    ///
    /// The main file is the one that is named, else the user's, else the machine's. Then
    /// come the drop-ins, by name: the machine's, unless the user has a main file, and then
    /// the user's. What comes later counts more. A file that is not there says nothing,
    /// except the one that is named.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError`] for the first file that cannot be read or understood.
    pub fn load(places: &Places) -> Result<Self, ConfigurationError> {
        let mut whole = Self::default();
        let machine = places.machine.as_deref();
        let user = places.user.as_deref();
        let users_file = user.map(|dir| dir.join(FILE)).filter(|file| file.exists());
        let machines_file = machine.map(|dir| dir.join(FILE)).filter(|file| file.exists());
        let users_own = places.registries.is_none() && users_file.is_some();
        if let Some(file) = places.registries.clone().or(users_file).or(machines_file) {
            whole.add(Layer::parse(&read(&file)?, &file)?);
        }
        for dir in [machine.filter(|_| !users_own), user].into_iter().flatten() {
            for file in drop_ins(&dir.join(DROP_INS))? {
                whole.add(Layer::parse(&read(&file)?, &file)?);
            }
        }
        Ok(whole)
    }

    /// Reads the text of one file; `path` is for the errors alone.
    ///
    /// Keys that are not known are passed over, since later versions of the format add some.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError::Malformed`] with the line.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigurationError> {
        let mut whole = Self::default();
        whole.add(Layer::parse(text, path)?);
        Ok(whole)
    }

    /// Lets a later file have its say: lists are replaced, aliases and registries one by one.
    fn add(&mut self, layer: Layer) {
        if let Some(search) = layer.search {
            self.search = search;
        }
        if let Some(short_names) = layer.short_names {
            self.short_names = short_names;
        }
        for (name, target) in layer.aliases {
            // An empty alias takes back what an earlier file says.
            match target {
                Some(target) => self.aliases.insert(name, target),
                None => self.aliases.remove(&name),
            };
        }
        for registry in layer.registries {
            self.registries.retain(|known| known.prefix != registry.prefix);
            self.registries.push(registry);
        }
    }
}

/// What one file says.
#[derive(Debug)]
struct Layer {
    search: Option<Vec<String>>,
    short_names: Option<ShortNames>,
    aliases: BTreeMap<String, Option<String>>,
    registries: Vec<Registry>,
}

impl Layer {
    fn parse(text: &str, path: &Path) -> Result<Self, ConfigurationError> {
        Self::read(text).map_err(|(at, fault)| ConfigurationError::Malformed {
            path: path.to_owned(),
            line: text.get(..at).map_or(1, |before| before.matches('\n').count() + 1),
            fault,
        })
    }

    /// The error is the place in the text and what is wrong there.
    fn read(text: &str) -> Result<Self, Fault> {
        let parsed: Text = toml::from_str(text).map_err(|error| {
            (error.span().map_or(0, |span| span.start), error.message().replace('\n', ", "))
        })?;
        if let Some(old) = parsed.registries {
            return Err(fault(
                &old,
                "the [registries] tables of version 1 are not read; \
                 write unqualified-search-registries and [[registry]] tables instead",
            ));
        }
        let short_names = parsed.short_name_mode.as_ref().map(short_names).transpose()?;
        let aliases = parsed.aliases.iter().map(alias).collect::<Result<_, _>>()?;
        let registries = parsed.registry.iter().map(registry).collect::<Result<_, _>>()?;
        Ok(Self { search: parsed.unqualified_search_registries, short_names, aliases, registries })
    }
}

/// A place in the text, in bytes, and what is wrong there.
type Fault = (usize, String);

fn fault<T>(place: &Spanned<T>, text: impl Into<String>) -> Fault {
    (place.span().start, text.into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Text {
    unqualified_search_registries: Option<Vec<String>>,
    short_name_mode: Option<Spanned<String>>,
    #[serde(default)]
    aliases: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    registry: Vec<Spanned<RegistryText>>,
    /// Version 1 of the format, which is told from version 2 by this.
    registries: Option<Spanned<toml::Table>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RegistryText {
    prefix: Option<String>,
    location: Option<String>,
    insecure: Option<bool>,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<Spanned<MirrorText>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MirrorText {
    location: String,
    insecure: Option<bool>,
    pull_from_mirror: Option<String>,
}

fn short_names(mode: &Spanned<String>) -> Result<ShortNames, Fault> {
    match mode.get_ref().as_str() {
        "enforcing" => Ok(ShortNames::One),
        "permissive" | "disabled" => Ok(ShortNames::Any),
        other => Err(fault(
            mode,
            format!("short-name-mode {other:?} is none of enforcing, permissive and disabled"),
        )),
    }
}

fn alias((name, target): (&String, &Spanned<String>)) -> Result<(String, Option<String>), Fault> {
    let text = target.get_ref();
    if text.is_empty() {
        return Ok((name.clone(), None));
    }
    let whole = text.parse::<crate::Reference>().is_ok_and(|reference| {
        !reference.is_short() && reference.tag().is_none() && reference.digest().is_none()
    });
    if !whole {
        return Err(fault(
            target,
            format!(
                "alias {name:?} has to stand for a registry and a path without a tag, \
                 such as \"quay.io/team/app\", not for {text:?}"
            ),
        ));
    }
    Ok((name.clone(), Some(text.clone())))
}

fn registry(table: &Spanned<RegistryText>) -> Result<Registry, Fault> {
    let text = table.get_ref();
    let location = match text.location.as_deref() {
        Some(location) if !location.is_empty() => Some(checked(table, location)?),
        _ => None,
    };
    let prefix = match (text.prefix.as_deref().filter(|prefix| !prefix.is_empty()), &location) {
        (Some(prefix), _) => checked(table, prefix)?,
        (None, Some(location)) => location.clone(),
        (None, None) => {
            return Err(fault(table, "this [[registry]] has neither a prefix nor a location"));
        }
    };
    if location.is_none() && !prefix.starts_with("*.") {
        return Err(fault(
            table,
            format!(
                "registry {prefix:?} needs a location; only a prefix such as \"*.example.com\" \
                 can do without"
            ),
        ));
    }
    let mirrors =
        text.mirror.iter().map(|mirror| self::mirror(mirror, text)).collect::<Result<_, _>>()?;
    Ok(Registry { prefix, location, insecure: text.insecure, blocked: text.blocked, mirrors })
}

fn mirror(table: &Spanned<MirrorText>, registry: &RegistryText) -> Result<Mirror, Fault> {
    let text = table.get_ref();
    let pulls = match (text.pull_from_mirror.as_deref(), registry.mirror_by_digest_only) {
        (Some(_), true) => {
            return Err(fault(
                table,
                "pull-from-mirror cannot stand beside mirror-by-digest-only of its registry; \
                 keep one of them",
            ));
        }
        (None, true) | (Some("digest-only"), false) => Pulls::DigestOnly,
        (None | Some("all" | ""), false) => Pulls::All,
        (Some("tag-only"), false) => Pulls::TagOnly,
        (Some(other), false) => {
            return Err(fault(
                table,
                format!("pull-from-mirror {other:?} is none of all, digest-only and tag-only"),
            ));
        }
    };
    let location = checked(table, &text.location)?;
    Ok(Mirror { location, insecure: text.insecure, pulls })
}

/// A location or prefix without the slash that may end it.
fn checked<T>(place: &Spanned<T>, location: &str) -> Result<String, Fault> {
    if location.contains("://") {
        return Err(fault(
            place,
            format!(
                "{location:?} starts with a scheme; write the host alone, \
                 and insecure = true for plain HTTP"
            ),
        ));
    }
    match location.trim_end_matches('/') {
        "" => Err(fault(place, "a location is empty")),
        location => Ok(location.to_owned()),
    }
}

fn read(path: &Path) -> Result<String, ConfigurationError> {
    let failed = |source| ConfigurationError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut text = String::new();
    let length = file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if length as u64 > MAX_FILE {
        return Err(failed(io::Error::other("it is larger than 1 MiB")));
    }
    Ok(text)
}

/// The files of a directory whose names end with `.conf`, in the order of their names.
fn drop_ins(dir: &Path) -> Result<Vec<PathBuf>, ConfigurationError> {
    let failed = |source| ConfigurationError::Read { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "conf") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests;
