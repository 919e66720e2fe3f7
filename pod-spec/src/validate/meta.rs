//! What every object carries.

use std::collections::BTreeMap;

use super::check::{Check, Given as _};
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::types::{ObjectMeta, OwnerReference};

/// The most that the annotations of an object may hold, in bytes.
const MAX_ANNOTATIONS: usize = 256 << 10;
/// Finalizers that need no domain.
const FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

pub(super) fn metadata(check: &mut Check<'_>, metadata: &ObjectMeta, at: &Path<'_>) {
    if let Some(prefix) = metadata.generate_name.given() {
        check.format(&at.field("generateName"), prefix, rule::subdomain_prefix);
    }
    check.name(&at.field("name"), &metadata.name, rule::subdomain);
    if let Some(namespace) = metadata.namespace.given() {
        check.format(&at.field("namespace"), namespace, rule::label);
    }
    labels(check, &metadata.labels, &at.field("labels"));
    annotations(check, &metadata.annotations, &at.field("annotations"));
    owners(check, &metadata.owner_references, &at.field("ownerReferences"));
    finalizers(check, &metadata.finalizers, &at.field("finalizers"));
}

/// Checks keys and values, of labels and of what selects by them.
pub(super) fn labels(check: &mut Check<'_>, labels: &BTreeMap<String, String>, at: &Path<'_>) {
    for (key, value) in labels {
        let at = at.key(key);
        check.format(&at, key, rule::qualified);
        check.format(&at, value, rule::label_value);
    }
}

pub(super) fn annotations(
    check: &mut Check<'_>,
    annotations: &BTreeMap<String, String>,
    at: &Path<'_>,
) {
    let mut size = 0;
    for (key, value) in annotations {
        check.format(&at.key(key), key, rule::annotation_key);
        size += key.len() + value.len();
    }
    if size > MAX_ANNOTATIONS {
        let message = format!("{size} bytes are more than the {MAX_ANNOTATIONS} that are allowed");
        check.fault(at, FaultKind::TooLong, message);
    }
}

fn owners(check: &mut Check<'_>, owners: &[OwnerReference], at: &Path<'_>) {
    for owner in owners {
        let parts = [("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)];
        for (field, _) in parts.into_iter().filter(|(_, text)| text.is_empty()) {
            check.invalid(&at.field(field), "an owner must say it");
        }
        if !is_version(&owner.api_version) {
            let message = format!("{} is no version of an API", quoted(&owner.api_version));
            check.invalid(&at.field("apiVersion"), message);
        }
        if owner.api_version == "v1" && owner.kind == "Event" {
            check.invalid(at, "an event owns nothing");
        }
    }
    if owners.iter().filter(|owner| owner.controller == Some(true)).count() > 1 {
        check.invalid(at, "only one owner can be the controller");
    }
}

/// Whether it is `version` or `group/version`.
fn is_version(text: &str) -> bool {
    let version = text.split_once('/').map_or(text, |(_, version)| version);
    !version.is_empty() && !version.contains('/')
}

fn finalizers(check: &mut Check<'_>, finalizers: &[String], at: &Path<'_>) {
    for (i, finalizer) in finalizers.iter().enumerate() {
        check.format(at, finalizer, rule::qualified);
        if !finalizer.contains('/') && !FINALIZERS.contains(&finalizer.as_str()) {
            let message = format!("{} needs a domain before it, and `/`", quoted(finalizer));
            check.invalid(&at.index(i), message);
        }
    }
    let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
    if has("orphan") && has("foregroundDeletion") {
        check.invalid(at, "`orphan` and `foregroundDeletion` exclude each other");
    }
}
