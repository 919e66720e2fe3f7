//! Claims for storage.

use super::check::{Check, Given as _};
use super::{meta, selector};
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::types::{
    ObjectMeta, PersistentVolumeAccessMode, PersistentVolumeClaim, PersistentVolumeClaimPhase,
    PersistentVolumeClaimSpec, PersistentVolumeClaimTemplate, TypedLocalObjectReference,
    TypedObjectReference,
};

pub(super) fn claim(check: &mut Check<'_>, claim: &PersistentVolumeClaim) {
    meta::metadata(check, &claim.metadata, &Path::new("metadata"));
    spec(check, &claim.spec, &Path::new("spec"));
}

/// Checks a claim that others are made from: of the metadata it says labels and annotations only.
pub(super) fn template(
    check: &mut Check<'_>,
    template: &PersistentVolumeClaimTemplate,
    at: &Path<'_>,
) {
    let metadata = at.field("metadata");
    meta::labels(check, &template.metadata.labels, &metadata.field("labels"));
    meta::annotations(check, &template.metadata.annotations, &metadata.field("annotations"));
    for field in others(&template.metadata) {
        check.forbidden(&metadata.field(field), "a template has labels and annotations only");
    }
    spec(check, &template.spec, &at.field("spec"));
}

/// The fields that are given besides labels and annotations.
fn others(metadata: &ObjectMeta) -> impl Iterator<Item = &'static str> {
    [
        ("name", !metadata.name.is_empty()),
        ("generateName", metadata.generate_name.given().is_some()),
        ("namespace", metadata.namespace.given().is_some()),
        ("selfLink", metadata.self_link.given().is_some()),
        ("uid", metadata.uid.given().is_some()),
        ("resourceVersion", metadata.resource_version.given().is_some()),
        ("generation", metadata.generation.is_some_and(|generation| generation != 0)),
        ("creationTimestamp", metadata.creation_timestamp.is_some()),
        ("deletionTimestamp", metadata.deletion_timestamp.is_some()),
        ("deletionGracePeriodSeconds", metadata.deletion_grace_period_seconds.is_some()),
        ("ownerReferences", !metadata.owner_references.is_empty()),
        ("finalizers", !metadata.finalizers.is_empty()),
        ("managedFields", !metadata.managed_fields.is_empty()),
    ]
    .into_iter()
    .filter_map(|(field, given)| given.then_some(field))
}

fn spec(check: &mut Check<'_>, spec: &PersistentVolumeClaimSpec, at: &Path<'_>) {
    access_modes(check, &spec.access_modes, &at.field("accessModes"));
    if let Some(labels) = &spec.selector {
        selector::labels(check, labels, &at.field("selector"));
    }
    let size = at.field("resources");
    let size = size.key("storage");
    match spec.resources.requests.get("storage") {
        None => check.required(&size),
        Some(amount) if amount.is_zero() || amount.is_negative() => {
            check.invalid(&size, format!("{amount} is too little: there must be something"));
        }
        Some(_) => {}
    }
    let classes = [
        ("storageClassName", spec.storage_class_name.given()),
        ("volumeAttributesClassName", spec.volume_attributes_class_name.given()),
    ];
    for (field, class) in classes {
        if let Some(class) = class {
            check.format(&at.field(field), class, rule::subdomain);
        }
    }
    data_sources(check, spec, at);
}

fn access_modes(check: &mut Check<'_>, modes: &[PersistentVolumeAccessMode], at: &Path<'_>) {
    if modes.is_empty() {
        check.required(at);
    }
    let alone = |mode: &_| *mode == PersistentVolumeAccessMode::ReadWriteOncePod;
    if modes.iter().any(alone) && !modes.iter().all(alone) {
        check.forbidden(at, "`ReadWriteOncePod` stands alone");
    }
}

fn data_sources(check: &mut Check<'_>, spec: &PersistentVolumeClaimSpec, at: &Path<'_>) {
    if let Some(source) = &spec.data_source {
        let TypedLocalObjectReference { api_group, kind, name } = source;
        data_source(check, api_group.given(), kind, name, &at.field("dataSource"));
    }
    if let Some(source) = &spec.data_source_ref {
        let TypedObjectReference { api_group, kind, name, namespace } = source;
        let at = at.field("dataSourceRef");
        data_source(check, api_group.given(), kind, name, &at);
        if let Some(namespace) = namespace.given() {
            check.format(&at.field("namespace"), namespace, rule::label);
        }
    }
    if let (Some(source), Some(other)) = (&spec.data_source, &spec.data_source_ref) {
        let same = (&source.api_group, &source.kind, &source.name)
            == (&other.api_group, &other.kind, &other.name);
        if other.namespace.given().is_some() || !same {
            check.invalid(at, "`dataSource` and `dataSourceRef` say different things");
        }
    }
}

fn data_source(check: &mut Check<'_>, group: Option<&str>, kind: &str, name: &str, at: &Path<'_>) {
    check.given(&at.field("name"), name);
    check.given(&at.field("kind"), kind);
    match group {
        None if kind != "PersistentVolumeClaim" => {
            let message =
                format!("{} is of no kind that can be a source without a group", quoted(kind));
            check.invalid(at, message);
        }
        None => {}
        Some(group) => check.format(&at.field("apiGroup"), group, rule::subdomain),
    }
}

/// What is wrong with the change of a claim.
pub(super) fn update(
    check: &mut Check<'_>,
    old: &PersistentVolumeClaim,
    new: &PersistentVolumeClaim,
) {
    let phase = old.status.as_ref().and_then(|status| status.phase);
    let bound = phase == Some(PersistentVolumeClaimPhase::Bound);
    let mut spec = new.spec.clone();
    if old.spec.volume_name.given().is_none() {
        spec.volume_name.clone_from(&old.spec.volume_name);
    }
    if old.spec.storage_class_name.is_none() {
        spec.storage_class_name = None;
    }
    if bound {
        spec.resources.requests.clone_from(&old.spec.resources.requests);
        spec.volume_attributes_class_name.clone_from(&old.spec.volume_attributes_class_name);
    }
    let at = Path::new("spec");
    if spec != old.spec {
        let message =
            "it cannot be changed, except for the size and the attributes of a bound claim";
        check.forbidden(&at, message);
    }
    let size =
        |claim: &PersistentVolumeClaim| claim.spec.resources.requests.get("storage").copied();
    if size(new) < size(old) {
        let at = at.field("resources");
        let at = at.field("requests");
        check.fault(&at.field("storage"), FaultKind::Forbidden, "a volume does not shrink");
    }
}
