//! The part of an image's configuration that a container start needs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::manifest::{self, ManifestError};
use crate::platform::Platform;

/// What an image says about the process that is run from it.
///
/// The fields are those of the OCI image configuration's `config` object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// The start of the command line, which `command` of a container replaces.
    pub entrypoint: Vec<String>,
    /// The rest of the command line, which `command` drops and `args` replaces.
    pub cmd: Vec<String>,
    /// Environment variables, each as `NAME=value`.
    pub env: Vec<String>,
    /// The absolute directory the process starts in.
    pub working_dir: String,
    /// The user as [`resolve_user`](crate::resolve_user) reads it; empty is root.
    pub user: String,
    /// The signal that asks the process to end, such as `SIGQUIT` or `3`; `None` is SIGTERM.
    pub stop_signal: Option<String>,
    /// Paths that the image wants kept apart from its root filesystem.
    pub volumes: BTreeSet<String>,
    /// Ports that the process listens at, each as `80/tcp`. They are told and opened by nobody.
    pub exposed_ports: BTreeSet<String>,
    /// What the makers of the image say about it.
    pub labels: BTreeMap<String, String>,
}

/// An image's configuration as it is written: what runs, and what the layers come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Configuration {
    pub config: ImageConfig,
    /// The digests of the layers when inflated, the lowest first.
    pub diff_ids: Vec<Digest>,
    pub platform: Platform,
    /// When it was made, in the form of RFC 3339.
    pub created: Option<String>,
}

/// Reads an image's configuration of so many layers; the platform is the caller's to check.
pub(crate) fn parse(text: &[u8], layers: usize) -> Result<Configuration, ManifestError> {
    let wire: Wire = manifest::json("configuration", text)?;
    let diff_ids = wire.rootfs.diff_ids;
    if diff_ids.len() != layers {
        return Err(ManifestError::LayerCount { configured: diff_ids.len(), listed: layers });
    }
    let process = wire.config;
    Ok(Configuration {
        config: ImageConfig {
            entrypoint: process.entrypoint,
            cmd: process.cmd,
            env: process.env,
            working_dir: process.working_dir,
            user: process.user,
            stop_signal: Some(process.stop_signal).filter(|signal| !signal.is_empty()),
            volumes: process.volumes.into_keys().collect(),
            exposed_ports: process.exposed_ports.into_keys().collect(),
            labels: process.labels,
        },
        diff_ids,
        platform: Platform { os: wire.os, architecture: wire.architecture, variant: wire.variant },
        created: wire.created,
    })
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default, deserialize_with = "or_default")]
    os: String,
    #[serde(default, deserialize_with = "or_default")]
    architecture: String,
    #[serde(default, deserialize_with = "or_default")]
    variant: String,
    #[serde(default)]
    created: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    config: WireProcess,
    rootfs: WireRoot,
}

#[derive(Deserialize)]
struct WireRoot {
    #[serde(default, deserialize_with = "or_default")]
    diff_ids: Vec<Digest>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct WireProcess {
    #[serde(deserialize_with = "or_default")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    cmd: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    env: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    working_dir: String,
    #[serde(deserialize_with = "or_default")]
    user: String,
    #[serde(deserialize_with = "or_default")]
    stop_signal: String,
    #[serde(deserialize_with = "or_default")]
    volumes: BTreeMap<String, serde::de::IgnoredAny>,
    #[serde(deserialize_with = "or_default")]
    exposed_ports: BTreeMap<String, serde::de::IgnoredAny>,
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

/// Go writes an empty list or map as `null`.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl ImageConfig {
    /// The command line of a container that asks for `command` and `args`.
    ///
    /// Kubernetes' rules: with neither, the image's entry point and its arguments;
    /// with `args` alone, the entry point and `args`; with `command`, that and
    /// `args`, and nothing of the image. An empty list is the same as an absent one.
    ///
    /// The result is empty when neither side names a program, which a caller has to
    /// report: such a container cannot start.
    #[must_use]
    pub fn argv(&self, command: &[String], args: &[String]) -> Vec<String> {
        match (command, args) {
            ([], []) => [&self.entrypoint[..], &self.cmd[..]].concat(),
            ([], args) => [&self.entrypoint[..], args].concat(),
            (command, args) => [command, args].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn command_and_args_replace_as_kubernetes_says() {
        let image = ImageConfig {
            entrypoint: words("/entry -e"),
            cmd: words("default"),
            ..ImageConfig::default()
        };
        for (command, args, expected) in [
            ("", "", "/entry -e default"),
            ("", "a b", "/entry -e a b"),
            ("run", "", "run"),
            ("run it", "a", "run it a"),
        ] {
            assert_eq!(image.argv(&words(command), &words(args)), words(expected));
        }
        assert!(ImageConfig::default().argv(&[], &[]).is_empty());
    }

    #[test]
    fn a_configuration_is_read_as_go_writes_it() {
        let id = format!("sha256:{}", "0a".repeat(32));
        let text = format!(
            r#"{{"architecture":"amd64","os":"linux","created":"2024-01-02T03:04:05Z","config":{{
                "Cmd":["/bin/sh"],"Entrypoint":null,"Env":["A=b"],"StopSignal":"SIGQUIT","User":"web",
                "WorkingDir":"/srv","Volumes":{{"/data":{{}}}},"ExposedPorts":{{"80/tcp":{{}}}},
                "Labels":null,"Unknown":7}},"rootfs":{{"type":"layers","diff_ids":["{id}"]}}}}"#
        );
        let read = parse(text.as_bytes(), 1).unwrap();
        assert_eq!(read.diff_ids[0].as_str(), id);
        assert_eq!(read.platform.to_string(), "linux/amd64");
        assert_eq!(read.created.as_deref(), Some("2024-01-02T03:04:05Z"));
        let expected = ImageConfig {
            cmd: words("/bin/sh"),
            env: words("A=b"),
            working_dir: "/srv".into(),
            user: "web".into(),
            stop_signal: Some("SIGQUIT".into()),
            volumes: ["/data".to_owned()].into(),
            exposed_ports: ["80/tcp".to_owned()].into(),
            ..ImageConfig::default()
        };
        assert_eq!(read.config, expected);
        assert!(matches!(
            parse(text.as_bytes(), 2),
            Err(ManifestError::LayerCount { configured: 1, listed: 2 })
        ));
        assert!(parse(br#"{"rootfs":{},"config":null}"#, 0).is_ok());
    }
}
