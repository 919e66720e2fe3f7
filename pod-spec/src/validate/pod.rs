//! The pod as a whole.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Check, container, security, volume};
use crate::fault::{Fault, quoted};
use crate::names::rule;
use crate::path::{Path, Places};
use crate::types::{ObjectMeta, Pod, PodSpec};

/// The most that the annotations of an object may hold, in bytes.
const MAX_ANNOTATIONS: usize = 256 << 10;

/// Everything that is wrong with the pod.
pub(crate) fn check(pod: &Pod, places: &dyn Places) -> Vec<Fault> {
    let mut check = Check::new(places);
    metadata(&mut check, &pod.metadata, &Path::new("metadata"));
    spec(&mut check, &pod.spec, &Path::new("spec"));
    check.faults
}

pub(super) fn metadata(check: &mut Check<'_>, metadata: &ObjectMeta, at: &Path<'_>) {
    check.name(&at.field("name"), &metadata.name, rule::subdomain);
    if let Some(namespace) = &metadata.namespace {
        check.name(&at.field("namespace"), namespace, rule::label);
    }
    if let Some(uid) = &metadata.uid {
        check.name(&at.field("uid"), uid, rule::label);
    }
    let labels = at.field("labels");
    for (key, value) in &metadata.labels {
        check.name(&labels.key(key), key, rule::qualified);
        if let Err(wanted) = rule::label_value(value) {
            check.invalid(&labels.key(key), format!("{} is not {wanted}", quoted(value)));
        }
    }
    let annotations = at.field("annotations");
    let mut size = 0;
    for (key, value) in &metadata.annotations {
        // The API server compares these without regard to case.
        check.name(&annotations.key(key), key, |key| rule::qualified(&key.to_ascii_lowercase()));
        size += key.len() + value.len();
    }
    if size > MAX_ANNOTATIONS {
        check.invalid(
            &annotations,
            format!("{size} bytes are more than the {MAX_ANNOTATIONS} that are allowed"),
        );
    }
}

fn spec(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    let volumes = volume::volumes(check, &spec.volumes, &at.field("volumes"));
    if spec.containers.is_empty() {
        check.required(&at.field("containers"));
    }
    let mut names = BTreeSet::new();
    // The main containers have the first right to a name, as in Kubernetes.
    for (field, list) in
        [("containers", &spec.containers), ("initContainers", &spec.init_containers)]
    {
        for (i, one) in list.iter().enumerate() {
            let list = at.field(field);
            let at = list.index(i);
            check.unique(&at.field("name"), &one.name, &mut names);
            container::container(check, one, &at, &volumes);
        }
    }
    if spec.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        check.invalid(&at.field("terminationGracePeriodSeconds"), "it must not be negative");
    }
    if let Some(hostname) = spec.hostname.as_deref().filter(|h| !h.is_empty()) {
        check.name(&at.field("hostname"), hostname, rule::label);
    }
    for (i, alias) in spec.host_aliases.iter().enumerate() {
        let aliases = at.field("hostAliases");
        let at = aliases.index(i);
        if alias.ip.is_empty() {
            check.required(&at.field("ip"));
        } else if alias.ip.parse::<IpAddr>().is_err() {
            check.invalid(&at.field("ip"), format!("{} is no IP address", quoted(&alias.ip)));
        }
        for (j, hostname) in alias.hostnames.iter().enumerate() {
            let hostnames = at.field("hostnames");
            check.name(&hostnames.index(j), hostname, rule::subdomain);
        }
    }
    if let Some(context) = &spec.security_context {
        security::pod(check, context, &at.field("securityContext"));
    }
}
