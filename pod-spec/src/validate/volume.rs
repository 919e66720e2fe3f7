//! Volumes: those of this machine, and those made of objects of the API.

use std::collections::BTreeSet;

use super::check::{Check, Given as _};
use super::env::{self, Into};
use super::{claim, projected, remote};
use crate::fault::FaultKind;
use crate::names::rule;
use crate::path::Path;
use crate::types::{
    ConfigMapVolumeSource, DownwardApiVolumeFile, EmptyDirVolumeSource, EphemeralVolumeSource,
    HostPathVolumeSource, ImageVolumeSource, KeyToPath, PersistentVolumeClaimVolumeSource,
    SecretVolumeSource, Volume, VolumeSource,
};

/// Checks the volumes of the pod of this name.
pub(super) fn volumes(check: &mut Check<'_>, volumes: &[Volume], pod: &str, at: &Path<'_>) {
    let ephemeral = |v: &&Volume| matches!(v.source, Some(VolumeSource::Ephemeral(_)));
    let made: BTreeSet<_> = volumes.iter().filter(ephemeral).map(|v| v.name.as_str()).collect();
    let mut names = BTreeSet::new();
    for (i, volume) in volumes.iter().enumerate() {
        let at = at.index(i);
        check.name(&at.field("name"), &volume.name, rule::label);
        check.unique(&at.field("name"), &volume.name, &mut names);
        if let Some(source) = &volume.source {
            self::source(check, source, volume, pod, &at);
            if let VolumeSource::PersistentVolumeClaim(claim) = source {
                not_made_here(check, claim, &made, pod, &at.field(source.key()));
            }
        }
    }
}

fn source(
    check: &mut Check<'_>,
    source: &VolumeSource,
    volume: &Volume,
    pod: &str,
    around: &Path<'_>,
) {
    let at = &around.field(source.key());
    match source {
        VolumeSource::EmptyDir(dir) => empty_dir(check, dir, at),
        VolumeSource::HostPath(path) => host_path(check, path, at),
        VolumeSource::ConfigMap(config) => config_map(check, config, at),
        VolumeSource::Secret(secret) => self::secret(check, secret, at),
        VolumeSource::DownwardApi(downward) => {
            check.mode(&at.field("defaultMode"), downward.default_mode);
            downward_files(check, &downward.items, at);
        }
        VolumeSource::Projected(several) => projected::projected(check, several, at),
        VolumeSource::Image(image) => self::image(check, image, at),
        VolumeSource::PersistentVolumeClaim(claim) => {
            check.given(&at.field("claimName"), &claim.claim_name);
        }
        VolumeSource::Ephemeral(ephemeral) => {
            self::ephemeral(check, ephemeral, volume, pod, around, at);
        }
        _ => remote::source(check, source, &volume.name, around, at),
    }
}

fn empty_dir(check: &mut Check<'_>, dir: &EmptyDirVolumeSource, at: &Path<'_>) {
    if let Some(limit) = dir.size_limit.as_ref().filter(|limit| limit.is_negative()) {
        check.forbidden(&at.field("sizeLimit"), format!("{limit} is less than nothing"));
    }
}

fn host_path(check: &mut Check<'_>, path: &HostPathVolumeSource, at: &Path<'_>) {
    check.given(&at.field("path"), &path.path);
    check.no_way_up(&at.field("path"), &path.path);
}

fn config_map(check: &mut Check<'_>, config: &ConfigMapVolumeSource, at: &Path<'_>) {
    check.given(&at.field("name"), &config.name);
    check.mode(&at.field("defaultMode"), config.default_mode);
    keys(check, &config.items, &at.field("items"));
}

fn secret(check: &mut Check<'_>, secret: &SecretVolumeSource, at: &Path<'_>) {
    check.given(&at.field("secretName"), secret.secret_name.given().unwrap_or(""));
    check.mode(&at.field("defaultMode"), secret.default_mode);
    keys(check, &secret.items, &at.field("items"));
}

/// Checks keys, and the files that they become.
pub(super) fn keys(check: &mut Check<'_>, keys: &[KeyToPath], at: &Path<'_>) {
    for (i, key) in keys.iter().enumerate() {
        let at = at.index(i);
        check.given(&at.field("key"), &key.key);
        check.given(&at.field("path"), &key.path);
        check.file(&at.field("path"), &key.path);
        check.mode(&at.field("mode"), key.mode);
    }
}

/// Checks files with fields of the pod. Faults are told for all of them together, as the API server does.
pub(super) fn downward_files(
    check: &mut Check<'_>,
    files: &[DownwardApiVolumeFile],
    at: &Path<'_>,
) {
    for file in files {
        check.given(&at.field("path"), &file.path);
        check.file(&at.field("path"), &file.path);
        check.mode(&at.field("mode"), file.mode);
        match (&file.field_ref, &file.resource_field_ref) {
            (None, None) => {
                let message = "a file has one of `fieldRef` and `resourceFieldRef`";
                check.fault(at, FaultKind::Required, message);
            }
            (Some(field), other) => {
                env::field_ref(check, field, Into::File, &at.field("fieldRef"));
                if other.is_some() {
                    check.invalid(at, "a file has either `fieldRef` or `resourceFieldRef`");
                }
            }
            (None, Some(resource)) => {
                env::resource_ref(check, resource, Into::File, &at.field("resourceFieldRef"));
            }
        }
    }
}

fn image(check: &mut Check<'_>, image: &ImageVolumeSource, at: &Path<'_>) {
    check.given(&at.field("reference"), image.reference.given().unwrap_or(""));
}

fn ephemeral(
    check: &mut Check<'_>,
    ephemeral: &EphemeralVolumeSource,
    volume: &Volume,
    pod: &str,
    around: &Path<'_>,
    at: &Path<'_>,
) {
    let place = at.field("volumeClaimTemplate");
    match &ephemeral.volume_claim_template {
        None => check.required(&place),
        Some(template) => claim::template(check, template, &place),
    }
    if !pod.is_empty() && !volume.name.is_empty() {
        check.format(&around.field("name"), &claim_name(pod, volume), |name| {
            rule::subdomain(name).map_err(|_| "fit to name a claim, together with the pod's name")
        });
    }
}

/// The name of the claim that is made for the volume.
fn claim_name(pod: &str, volume: &Volume) -> String {
    format!("{pod}-{}", volume.name)
}

/// A claim that is made for another volume of the pod is that volume's alone.
fn not_made_here(
    check: &mut Check<'_>,
    claim: &PersistentVolumeClaimVolumeSource,
    made: &BTreeSet<&str>,
    pod: &str,
    at: &Path<'_>,
) {
    let name = claim.claim_name.strip_prefix(pod).and_then(|name| name.strip_prefix('-'));
    if !pod.is_empty() && name.is_some_and(|name| made.contains(name)) {
        let message = "this claim is made for another volume of the pod";
        check.invalid(&at.field("claimName"), message);
    }
}
