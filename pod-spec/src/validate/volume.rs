//! Volumes, and where they are mounted.

use std::collections::BTreeSet;

use super::{Check, name};
use crate::fault::{FaultKind, quoted};
use crate::path::Path;
use crate::spelling;
use crate::types::{
    EmptyDirMedium, EmptyDirVolumeSource, HostPathVolumeSource, Volume, VolumeMount, VolumeSource,
};

/// Checks the volumes and gives their names.
pub(super) fn volumes<'v>(
    check: &mut Check<'_>,
    volumes: &'v [Volume],
    at: &Path,
) -> BTreeSet<&'v str> {
    let mut names = BTreeSet::new();
    for (i, volume) in volumes.iter().enumerate() {
        let at = at.index(i);
        check.name(&at.field("name"), &volume.name, name::label);
        check.unique(&at.field("name"), &volume.name, &mut names);
        match &volume.source {
            VolumeSource::EmptyDir(source) => empty_dir(check, source, &at.field("emptyDir")),
            VolumeSource::HostPath(source) => host_path(check, source, &at.field("hostPath")),
            // The table of what is supported refuses it by name.
            VolumeSource::Other(_) => {}
        }
    }
    names
}

fn empty_dir(check: &mut Check<'_>, source: &EmptyDirVolumeSource, at: &Path) {
    let Some(limit) = source.size_limit else { return };
    let at = at.field("sizeLimit");
    if limit.is_negative() {
        check.invalid(&at, format!("{limit} is less than nothing"));
    } else if matches!(source.medium, None | Some(EmptyDirMedium::Default)) && !limit.is_zero() {
        let message = "not supported yet: nothing evicts a pod that fills its disk: only the medium `Memory` keeps a \
                       limit";
        check.fault(&at, FaultKind::NotSupported, message);
    }
}

fn host_path(check: &mut Check<'_>, source: &HostPathVolumeSource, at: &Path) {
    let at = at.field("path");
    let path = source.path.as_str();
    if path.is_empty() {
        check.required(&at);
    } else if path.split('/').any(|part| part == "..") {
        check.invalid(&at, format!("{} must not contain `..`", quoted(path)));
    } else if !path.starts_with('/') {
        check.invalid(
            &at,
            format!(
                "{} is not absolute, and a pod has no directory it could start from",
                quoted(path)
            ),
        );
    }
}

/// Checks the mounts of one container.
pub(super) fn mounts(
    check: &mut Check<'_>,
    mounts: &[VolumeMount],
    at: &Path,
    volumes: &BTreeSet<&str>,
) {
    let mut paths = BTreeSet::new();
    for (i, mount) in mounts.iter().enumerate() {
        let at = at.index(i);
        if mount.name.is_empty() {
            check.required(&at.field("name"));
        } else if !volumes.contains(mount.name.as_str()) {
            let message = format!("the pod has no volume {}", quoted(&mount.name));
            let suggestion = spelling::suggest(&mount.name, volumes.iter().copied());
            check.fault_with(&at.field("name"), FaultKind::NotFound, message, suggestion);
        }
        let path = at.field("mountPath");
        if mount.mount_path.is_empty() {
            check.required(&path);
        } else if mount.mount_path.contains(':') {
            check.invalid(&path, format!("{} must not contain `:`", quoted(&mount.mount_path)));
        }
        check.unique(&path, &mount.mount_path, &mut paths);
    }
}
