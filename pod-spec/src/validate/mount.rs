//! Where containers see volumes, as directories and as devices.

use std::collections::BTreeSet;

use super::check::{Check, Given as _};
use super::pod::{self, Around};
use crate::fault::quoted;
use crate::path::Path;
use crate::types::{Container, MountPropagation, RecursiveReadOnly, VolumeMount, VolumeSource};

const DEVICE_ALREADY: &str = "the volume is a device of this container already";

/// The volumes and paths that a container uses already, in the other way.
struct Used<'p> {
    volumes: BTreeSet<&'p str>,
    paths: BTreeSet<&'p str>,
}

impl<'p> Used<'p> {
    fn by(uses: impl Iterator<Item = (&'p String, &'p String)> + Clone) -> Self {
        let volumes = uses.clone().map(|(volume, _)| volume.as_str()).collect();
        Self { volumes, paths: uses.map(|(_, path)| path.as_str()).collect() }
    }
}

pub(super) fn mounts(
    check: &mut Check<'_>,
    container: &Container,
    around: &Around<'_>,
    at: &Path<'_>,
) {
    let all = at.field("volumeMounts");
    let context = container.security_context.as_ref();
    let privileged = context.is_some_and(|context| context.privileged == Some(true));
    let devices = Used::by(container.volume_devices.iter().map(|d| (&d.name, &d.device_path)));
    let mut paths = BTreeSet::new();
    for (i, mount) in container.volume_mounts.iter().enumerate() {
        let at = all.index(i);
        volume(check, &mount.name, around, &at);
        let path = at.field("mountPath");
        check.given(&path, &mount.mount_path);
        if !paths.insert(mount.mount_path.as_str()) {
            let message = format!("something is mounted at {} already", quoted(&mount.mount_path));
            check.invalid(&path, message);
        }
        if devices.volumes.contains(mount.name.as_str()) {
            check.invalid(&at.field("name"), DEVICE_ALREADY);
        }
        if devices.paths.contains(mount.mount_path.as_str()) {
            check.invalid(&path, "a device of this container is there already");
        }
        sub_path(check, mount, &all, &at);
        propagation(check, mount, privileged, &all);
    }
}

fn volume(check: &mut Check<'_>, name: &str, around: &Around<'_>, at: &Path<'_>) {
    let at = at.field("name");
    check.given(&at, name);
    if !around.volumes.contains_key(name) || name.is_empty() {
        pod::not_found(check, &at, "volume", name, around.volumes.keys().copied());
    }
}

/// These are told for all mounts together, as the API server does.
fn sub_path(check: &mut Check<'_>, mount: &VolumeMount, all: &Path<'_>, at: &Path<'_>) {
    if let Some(path) = mount.sub_path.given() {
        check.below(&all.field("subPath"), path);
    }
    if let Some(path) = mount.sub_path_expr.given() {
        check.below(&all.field("subPathExpr"), path);
        if mount.sub_path.given().is_some() {
            check.invalid(&at.field("subPathExpr"), "a mount has either it or `subPath`");
        }
    }
}

fn propagation(check: &mut Check<'_>, mount: &VolumeMount, privileged: bool, all: &Path<'_>) {
    let propagation = mount.mount_propagation.unwrap_or_default();
    if propagation == MountPropagation::Bidirectional && !privileged {
        let message = "only a privileged container can mount both ways";
        check.forbidden(&all.field("mountPropagation"), message);
    }
    let recursive = mount.recursive_read_only.unwrap_or_default();
    if recursive == RecursiveReadOnly::Disabled {
        return;
    }
    let at = all.field("recursiveReadOnly");
    if mount.read_only != Some(true) {
        check.forbidden(&at, "it needs `readOnly: true`");
    }
    if propagation != MountPropagation::None {
        check.forbidden(&at, "it needs a mount without propagation");
    }
}

/// Ephemeral containers see whole volumes only.
pub(super) fn whole_volumes(check: &mut Check<'_>, mounts: &[VolumeMount], at: &Path<'_>) {
    for (i, mount) in mounts.iter().enumerate() {
        let at = at.index(i);
        let parts = [("subPath", &mount.sub_path), ("subPathExpr", &mount.sub_path_expr)];
        for (field, _) in parts.into_iter().filter(|(_, path)| path.given().is_some()) {
            check.forbidden(&at.field(field), "an ephemeral container sees whole volumes only");
        }
    }
}

pub(super) fn devices(
    check: &mut Check<'_>,
    container: &Container,
    around: &Around<'_>,
    at: &Path<'_>,
) {
    let at = at.field("volumeDevices");
    let mounts = Used::by(container.volume_mounts.iter().map(|m| (&m.name, &m.mount_path)));
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for (i, device) in container.volume_devices.iter().enumerate() {
        let at = at.index(i);
        let (name, path) = (device.name.as_str(), device.device_path.as_str());
        volume(check, name, around, &at);
        if around.volumes.get(name).is_some_and(|source| !is_claim(*source)) {
            check.invalid(&at.field("name"), "only a claim can be a device");
        }
        if !name.is_empty() && !names.insert(name) {
            check.invalid(&at.field("name"), DEVICE_ALREADY);
        }
        let place = at.field("devicePath");
        check.given(&place, path);
        if !paths.insert(path) {
            check.invalid(&place, "a device of this container is there already");
        }
        check.no_way_up(&place, path);
        if mounts.volumes.contains(name) {
            check.invalid(&at.field("name"), "the volume is mounted in this container already");
        }
        if mounts.paths.contains(path) {
            check.invalid(&place, "a volume is mounted there already");
        }
    }
}

const fn is_claim(source: Option<&VolumeSource>) -> bool {
    matches!(source, Some(VolumeSource::PersistentVolumeClaim(_) | VolumeSource::Ephemeral(_)))
}
