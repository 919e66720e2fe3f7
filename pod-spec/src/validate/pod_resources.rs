//! Resources of the pod as a whole.

use super::Check;
use super::pod::Around;
use super::resources;
use crate::aggregate::{self, Which};
use crate::fault::{FaultKind, quoted};
use crate::huge_pages::RESOURCE as HUGE_PAGES;
use crate::names::rule;
use crate::path::Path;
use crate::types::{OsName, ResourceRequirements};

pub(super) fn pod(check: &mut Check<'_>, around: &Around<'_>, spec: &Path<'_>) {
    let Some(resources) = &around.spec.resources else { return };
    let at = spec.field("resources");
    if around.os() == Some(OsName::Windows) {
        check.forbidden(&at, "a pod for Windows has none as a whole");
        return;
    }
    let claims = at.field("claims");
    if !resources.claims.is_empty() {
        check.forbidden(&claims, "claims are used by containers, not by the pod as a whole");
    }
    resources::requirements(check, resources, of_pod, &at);
    resources::claims(check, &resources.claims, &around.claims, &claims);
    enough_for_containers(check, around, resources, &at);
    limits_of_containers(check, around, resources, &spec.field("containers"));
}

fn of_pod(check: &mut Check<'_>, name: &str, at: &Path<'_>) {
    let huge = name.starts_with(HUGE_PAGES);
    if rule::qualified(name).is_err() {
        check.format(at, name, rule::qualified);
    } else if !is_standard(name) {
        check.invalid(at, format!("there is no resource {}", quoted(name)));
    } else if !huge && !matches!(name, "cpu" | "memory") {
        let message =
            format!("a pod as a whole has cpu, memory and huge pages, not {}", quoted(name));
        check.fault(at, FaultKind::NotSupported, message);
    }
}

/// What Kubernetes counts, in pods or in quotas.
const STANDARD: [&str; 20] = [
    "cpu",
    "memory",
    "storage",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// Whether it is a resource of Kubernetes, or one that somebody else has added.
fn is_standard(name: &str) -> bool {
    let unprefixed = name.strip_prefix("requests.").unwrap_or(name);
    name.contains('/') || unprefixed.starts_with(HUGE_PAGES) || STANDARD.contains(&name)
}

/// The pod as a whole must be sure to get what its containers are sure to get.
fn enough_for_containers(
    check: &mut Check<'_>,
    around: &Around<'_>,
    pod: &ResourceRequirements,
    at: &Path<'_>,
) {
    let kinds: [(_, Which); 2] = [("requests", |r| &r.requests), ("limits", |r| &r.limits)];
    for (field, which) in kinds {
        let at = at.field(field);
        for (name, amount) in aggregate::containers(around.spec, which) {
            let counts = field == "requests" || name.starts_with(HUGE_PAGES);
            let own = which(pod).get(name).filter(|own| counts && amount > **own);
            if let Some(own) = own {
                let message = format!("{own} is less than the {amount} of the containers together");
                check.invalid(&at.key(name), message);
            }
        }
    }
}

/// No container may use more than the pod as a whole.
fn limits_of_containers(
    check: &mut Check<'_>,
    around: &Around<'_>,
    pod: &ResourceRequirements,
    at: &Path<'_>,
) {
    for (i, container) in around.spec.containers.iter().enumerate() {
        let one = at.index(i);
        let resources = one.field("resources");
        let limits = resources.field("limits");
        for (name, limit) in &container.resources.limits {
            if let Some(most) = pod.limits.get(name).filter(|most| limit > *most) {
                let message = format!("{limit} is more than the {most} of the pod as a whole");
                check.invalid(&limits.key(name), message);
            }
        }
    }
}
