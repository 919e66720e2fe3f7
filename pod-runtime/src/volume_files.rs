//! The files of the volumes that hold some: configMap, secret, downwardAPI, and projected of them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;
use std::os::fd::AsFd;

use pod_lifecycle::Addresses;
use pod_sandbox::{Sandbox, SandboxError};
use pod_spec::{
    ConfigMap, DownwardApiVolumeFile, FieldPath, Secret, VolumeProjection, VolumeSource,
};
use pod_volumes::{Keys, ObjectKind, Payload, PayloadError, PayloadFile};

use crate::environment::{self, Facts, Referenced};
use crate::objects::{ObjectError, Objects};
use crate::plan::{PodPlan, VolumePaths};

/// The mode of a file that has none of its own, in a volume that has none either.
const DEFAULT_MODE: u32 = 0o644;

/// Why a volume does not hold its files.
#[derive(Debug, thiserror::Error)]
#[error("MountVolume.SetUp failed for volume {volume:?}")]
pub(crate) struct FillError {
    volume: String,
    source: FilesError,
}

/// Why the files of a volume cannot be made.
#[derive(Debug, thiserror::Error)]
enum FilesError {
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// What the files of a pod's volumes are made of.
pub(crate) struct Contents<'a> {
    pub plan: &'a PodPlan,
    pub addresses: &'a Addresses,
    pub config_maps: &'a Objects<ConfigMap>,
    pub secrets: &'a Objects<Secret>,
}

impl Contents<'_> {
    /// Writes the files of every volume that holds some, as far as they differ from what is there.
    pub fn fill(&self, volumes: &VolumePaths, sandbox: &Sandbox) -> Result<(), FillError> {
        let mut opened = BTreeMap::new();
        for volume in &self.plan.pod.spec().volumes {
            let (Some(source), Some(path)) = (&volume.source, volumes.get(&volume.name)) else {
                continue;
            };
            let mut fill = || {
                let Some(files) = self.files(source)? else { return Ok(()) };
                // Each lies in a tmpfs that it shares with those of its kind.
                let (Some(tmpfs), Some(name)) = (path.parent(), path.file_name()) else {
                    return Ok(());
                };
                let dir = match opened.entry(tmpfs) {
                    Entry::Occupied(dir) => dir.into_mut(),
                    Entry::Vacant(none) => none.insert(sandbox.tmpfs(tmpfs)?),
                };
                files.write_to(dir.as_fd(), name, self.plan.volume_group())?;
                Ok(())
            };
            fill().map_err(|source| FillError { volume: volume.name.clone(), source })?;
        }
        Ok(())
    }

    /// The files of a volume; `None` for one of a kind that is not made of files.
    fn files(&self, source: &VolumeSource) -> Result<Option<Payload>, FilesError> {
        let files = match source {
            VolumeSource::ConfigMap(map) => {
                let keys = keys(&map.items, map.default_mode, map.optional);
                self.of_config_map(&map.name, &keys)?
            }
            VolumeSource::Secret(secret) => {
                let keys = keys(&secret.items, secret.default_mode, secret.optional);
                self.of_secret(secret.secret_name.as_deref().unwrap_or_default(), &keys)?
            }
            VolumeSource::DownwardApi(downward) => {
                self.of_fields(&downward.items, downward.default_mode)?
            }
            VolumeSource::Projected(projected) => {
                let mut files = Payload::default();
                for source in &projected.sources {
                    files.extend(self.of_projection(source, projected.default_mode)?);
                }
                files
            }
            _ => return Ok(None),
        };
        Ok(Some(files))
    }

    fn of_projection(
        &self,
        source: &VolumeProjection,
        default_mode: Option<i32>,
    ) -> Result<Payload, FilesError> {
        let mut files = Payload::default();
        if let Some(map) = &source.config_map {
            let keys = keys(&map.items, default_mode, map.optional);
            files.extend(self.of_config_map(&map.name, &keys)?);
        }
        if let Some(secret) = &source.secret {
            let keys = keys(&secret.items, default_mode, secret.optional);
            files.extend(self.of_secret(&secret.name, &keys)?);
        }
        if let Some(fields) = &source.downward_api {
            files.extend(self.of_fields(&fields.items, default_mode)?);
        }
        Ok(files)
    }

    fn of_config_map(&self, name: &str, keys: &Keys) -> Result<Payload, FilesError> {
        let map = self.config_maps.find(self.plan.pod.namespace(), name)?;
        let data = map.map(|map| {
            let texts = map.data.into_iter().map(|(key, text)| (key, text.into_bytes()));
            texts.chain(map.binary_data.into_iter().map(|(key, bytes)| (key, bytes.0))).collect()
        });
        Ok(keys.select(ObjectKind::ConfigMap, name, data.as_ref())?)
    }

    fn of_secret(&self, name: &str, keys: &Keys) -> Result<Payload, FilesError> {
        let secret = self.secrets.find(self.plan.pod.namespace(), name)?;
        let data =
            secret.map(|secret| secret.data.into_iter().map(|(key, b)| (key, b.0)).collect());
        Ok(keys.select(ObjectKind::Secret, name, data.as_ref())?)
    }

    fn of_fields(
        &self,
        items: &[DownwardApiVolumeFile],
        default_mode: Option<i32>,
    ) -> Result<Payload, FilesError> {
        let nothing = Referenced::default();
        let facts = self.plan.facts(self.addresses, &nothing);
        let mut files = Payload::default();
        for item in items {
            let content = self.field(item, &facts).into_bytes();
            let mode = mode(item.mode).or(mode(default_mode)).unwrap_or(DEFAULT_MODE);
            files.insert(&item.path, PayloadFile { content, mode })?;
        }
        Ok(files)
    }

    fn field(&self, item: &DownwardApiVolumeFile, facts: &Facts<'_>) -> String {
        let pod = &self.plan.pod;
        if let Some(resource) = &item.resource_field_ref {
            let named = resource.container_name.as_deref().and_then(|n| self.plan.container(n));
            let container = named.or(pod.spec().containers.first());
            return container
                .map(|c| environment::of_resources(pod, c, resource, facts))
                .unwrap_or_default();
        }
        let path = item.field_ref.as_ref().map_or("", |field| field.field_path.as_str());
        match path {
            "metadata.labels" => lines(&pod.metadata().labels),
            "metadata.annotations" => lines(&pod.metadata().annotations),
            path => FieldPath::parse(path)
                .map(|field| environment::of_pod(pod, field, facts))
                .unwrap_or_default(),
        }
    }
}

fn keys(items: &[pod_spec::KeyToPath], default_mode: Option<i32>, optional: Option<bool>) -> Keys {
    let item = |item: &pod_spec::KeyToPath| pod_volumes::KeyToPath {
        key: item.key.clone(),
        path: item.path.clone().into(),
        mode: mode(item.mode),
    };
    Keys {
        items: items.iter().map(item).collect(),
        default_mode: mode(default_mode).unwrap_or(DEFAULT_MODE),
        optional: optional == Some(true),
    }
}

fn mode(mode: Option<i32>) -> Option<u32> {
    mode.and_then(|mode| u32::try_from(mode).ok())
}

/// One line for each key, with its value in quotation marks.
fn lines(map: &BTreeMap<String, String>) -> String {
    let lines: Vec<_> = map.iter().map(|(key, value)| format!("{key}={}", quoted(value))).collect();
    lines.join("\n")
}

/// A text as the kubelet writes it, on one line: as a string of the language Go.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use pod_spec::Pod;

    use super::*;
    use crate::dirs::Dirs;
    use crate::plan::Machine;

    #[test]
    fn b158_fields_become_files() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: {b: '2', a: '1'}\n  \
                    annotations: {note: \"two\\nlines \\\"said\\\"\"}\nspec:\n  containers: [{name: a, image: x}]\n  \
                    volumes:\n  - name: v\n    downwardAPI:\n      defaultMode: 0400\n      items:\n      \
                    - {path: name, fieldRef: {fieldPath: metadata.name}}\n      \
                    - {path: labels, mode: 0444, fieldRef: {fieldPath: metadata.labels}}\n      \
                    - {path: cpus, resourceFieldRef: {containerName: a, resource: limits.cpu}}\n      \
                    - {path: d/notes, fieldRef: {fieldPath: metadata.annotations}}\n      \
                    - {path: one, fieldRef: {fieldPath: \"metadata.labels['a']\"}}\n";
        let pod = Pod::from_yaml(text).expect("parses").validate().expect("valid");
        let dirs = Dirs::new(Path::new("/nowhere"));
        let machine = Machine {
            node: "node".into(),
            cpus: 4,
            memory: 1 << 30,
            huge_pages: Default::default(),
        };
        let plan = PodPlan::new(pod, &dirs, machine);
        let contents = Contents {
            plan: &plan,
            addresses: &Addresses::default(),
            config_maps: &Objects::new(&dirs),
            secrets: &Objects::new(&dirs),
        };
        let source = plan.pod.spec().volumes[0].source.as_ref().expect("there");
        let files = contents.files(source).expect("made").expect("of files");
        let found: Vec<_> = files
            .files()
            .map(|(path, file)| {
                let text = String::from_utf8(file.content.clone()).expect("text");
                (path.to_str().expect("text"), text, file.mode)
            })
            .collect();
        assert_eq!(
            found,
            [
                ("cpus", "4".to_owned(), 0o400),
                ("d/notes", "note=\"two\\nlines \\\"said\\\"\"".to_owned(), 0o400),
                ("labels", "a=\"1\"\nb=\"2\"".to_owned(), 0o444),
                ("name", "web".to_owned(), 0o400),
                ("one", "1".to_owned(), 0o400),
            ]
        );
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(quoted("a\tb\x01\u{85}\\é"), r#""a\tb\x01\u0085\\é""#);
    }
}
