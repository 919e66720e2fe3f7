//! The files of the volumes that hold some: downwardAPI, and projected of it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::os::fd::AsFd;

use pod_sandbox::{Sandbox, SandboxError};
use pod_spec::{DownwardApiVolumeFile, FieldPath, ObjectFieldSelector, ValidPod, VolumeSource};
use pod_volumes::{Payload, PayloadError, PayloadFile};

use crate::plan::{PodPlan, VolumePaths};

/// The mode of a file that has none of its own, in a volume that has none either.
const DEFAULT_MODE: i32 = 0o644;

/// Why a volume does not hold its files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FillError {
    #[error("MountVolume.SetUp failed for volume {volume:?}")]
    SetUp { volume: String, source: PayloadError },
    #[error("MountVolume.SetUp failed for volume {volume:?}")]
    Sandbox { volume: String, source: SandboxError },
}

/// Writes the files of every volume that holds some, as far as they differ from what is there.
pub(crate) fn fill(
    plan: &PodPlan,
    volumes: &VolumePaths,
    sandbox: &Sandbox,
) -> Result<(), FillError> {
    for volume in &plan.pod.spec().volumes {
        let (Some(source), Some(path)) = (&volume.source, volumes.get(&volume.name)) else {
            continue;
        };
        let name = || volume.name.clone();
        let failed = |source| FillError::SetUp { volume: name(), source };
        let Some(files) = files(&plan.pod, source).map_err(failed)? else { continue };
        let dir = sandbox.tmpfs(path);
        let dir = dir.map_err(|source| FillError::Sandbox { volume: name(), source })?;
        files.write_to(dir.as_fd(), plan.volume_group()).map_err(failed)?;
    }
    Ok(())
}

/// The files of a volume; `None` for one of a kind that is not made of files.
fn files(pod: &ValidPod, source: &VolumeSource) -> Result<Option<Payload>, PayloadError> {
    let mut files = Payload::default();
    match source {
        VolumeSource::DownwardApi(downward) => {
            add_fields(&mut files, pod, &downward.items, downward.default_mode)?;
        }
        VolumeSource::Projected(projected) => {
            for source in projected.sources.iter().filter_map(|s| s.downward_api.as_ref()) {
                add_fields(&mut files, pod, &source.items, projected.default_mode)?;
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(files))
}

fn add_fields(
    files: &mut Payload,
    pod: &ValidPod,
    items: &[DownwardApiVolumeFile],
    default_mode: Option<i32>,
) -> Result<(), PayloadError> {
    for item in items {
        let Some(field) = &item.field_ref else { continue };
        let mode = item.mode.or(default_mode).unwrap_or(DEFAULT_MODE);
        let content = of_field(pod, field).into_bytes();
        let mode = u32::try_from(mode).unwrap_or_default();
        files.insert(&item.path, PayloadFile { content, mode })?;
    }
    Ok(())
}

fn of_field(pod: &ValidPod, selector: &ObjectFieldSelector) -> String {
    let meta = pod.metadata();
    match selector.field_path.as_str() {
        "metadata.labels" => lines(&meta.labels),
        "metadata.annotations" => lines(&meta.annotations),
        path => match FieldPath::parse(path) {
            Some(FieldPath::Name) => pod.name().to_owned(),
            Some(FieldPath::Namespace) => pod.namespace().to_owned(),
            Some(FieldPath::Uid) => meta.uid.clone().unwrap_or_default(),
            Some(FieldPath::Label(key)) => meta.labels.get(key).cloned().unwrap_or_default(),
            Some(FieldPath::Annotation(key)) => {
                meta.annotations.get(key).cloned().unwrap_or_default()
            }
            _ => String::new(),
        },
    }
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
    use super::*;
    use pod_spec::Pod;

    #[test]
    fn b158_fields_become_files() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: {b: '2', a: '1'}\n  \
                    annotations: {note: \"two\\nlines \\\"said\\\"\"}\nspec:\n  containers: [{name: a, image: x}]\n  \
                    volumes:\n  - name: v\n    downwardAPI:\n      defaultMode: 0400\n      items:\n      \
                    - {path: name, fieldRef: {fieldPath: metadata.name}}\n      \
                    - {path: labels, mode: 0444, fieldRef: {fieldPath: metadata.labels}}\n      \
                    - {path: d/notes, fieldRef: {fieldPath: metadata.annotations}}\n      \
                    - {path: one, fieldRef: {fieldPath: \"metadata.labels['a']\"}}\n";
        let pod = Pod::from_yaml(text).expect("parses").validate().expect("valid");
        let source = pod.spec().volumes[0].source.as_ref().expect("there");
        let files = files(&pod, source).expect("made").expect("of files");
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
