//! Volumes, and where they are mounted.

use std::collections::BTreeSet;

use super::Check;
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::spelling;
use crate::types::{EmptyDirVolumeSource, HostPathVolumeSource, Volume, VolumeMount, VolumeSource};

/// Checks the volumes and gives their names.
pub(super) fn volumes<'v>(
    check: &mut Check<'_>,
    volumes: &'v [Volume],
    at: &Path<'_>,
) -> BTreeSet<&'v str> {
    let mut names = BTreeSet::new();
    for (i, volume) in volumes.iter().enumerate() {
        let at = at.index(i);
        check.name(&at.field("name"), &volume.name, rule::label);
        check.unique(&at.field("name"), &volume.name, &mut names);
        match &volume.source {
            Some(VolumeSource::EmptyDir(source)) => {
                empty_dir(check, source, &at.field("emptyDir"));
            }
            Some(VolumeSource::HostPath(source)) => {
                host_path(check, source, &at.field("hostPath"));
            }
            _ => {}
        }
    }
    names
}

fn empty_dir(check: &mut Check<'_>, source: &EmptyDirVolumeSource, at: &Path<'_>) {
    if let Some(limit) = source.size_limit.as_ref().filter(|limit| limit.is_negative()) {
        check.invalid(&at.field("sizeLimit"), format!("{limit} is less than nothing"));
    }
}

fn host_path(check: &mut Check<'_>, source: &HostPathVolumeSource, at: &Path<'_>) {
    let at = at.field("path");
    let path = source.path.as_str();
    if path.is_empty() {
        check.required(&at);
    } else if path.split('/').any(|part| part == "..") {
        check.invalid(&at, format!("{} must not contain `..`", quoted(path)));
    }
}

/// Checks the mounts of one container.
pub(super) fn mounts(
    check: &mut Check<'_>,
    mounts: &[VolumeMount],
    at: &Path<'_>,
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
