//! Variables that are made of the pod's own fields, and of the resources of its containers.

use std::net::IpAddr;

use pod_spec::{Container, FieldPath, Quantity, ResourceFieldSelector, ValidPod};

use super::Facts;
use crate::machine;

/// A field of the pod as a text.
pub(crate) fn of_pod(pod: &ValidPod, field: FieldPath<'_>, facts: &Facts<'_>) -> String {
    let meta = pod.metadata();
    match field {
        FieldPath::Name => pod.name().to_owned(),
        FieldPath::Namespace => pod.namespace().to_owned(),
        FieldPath::Uid => meta.uid.clone().unwrap_or_default(),
        FieldPath::Label(key) => meta.labels.get(key).cloned().unwrap_or_default(),
        FieldPath::Annotation(key) => meta.annotations.get(key).cloned().unwrap_or_default(),
        FieldPath::NodeName => facts.node.clone(),
        FieldPath::ServiceAccountName => {
            pod.spec().service_account_name.clone().unwrap_or_else(|| "default".to_owned())
        }
        FieldPath::PodIp => first(&facts.addresses.pod),
        FieldPath::PodIps => all(&facts.addresses.pod),
        FieldPath::HostIp => first(&facts.addresses.host),
        FieldPath::HostIps => all(&facts.addresses.host),
        _ => String::new(),
    }
}

fn first(addresses: &[IpAddr]) -> String {
    addresses.first().map(IpAddr::to_string).unwrap_or_default()
}

fn all(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(",")
}

/// A resource of a container, of this one unless another is named, in units of the divisor: rounded up. What is not limited
/// may have all that its pod may have, or the machine has.
pub(crate) fn of_resources(
    pod: &ValidPod,
    own: &Container,
    selector: &ResourceFieldSelector,
    facts: &Facts<'_>,
) -> String {
    let spec = pod.spec();
    let named = selector.container_name.as_deref().filter(|name| !name.is_empty());
    let mut all = spec.init_containers.iter().chain(&spec.containers);
    let container = named.and_then(|name| all.find(|c| c.name == name)).unwrap_or(own);
    let (list, resource) = selector.resource.split_once('.').unwrap_or_default();
    let resources = &container.resources;
    let amount = match list {
        "limits" => resources.limits.get(resource).copied().filter(|limit| !limit.is_zero()),
        _ => resources.requests.get(resource).copied(),
    };
    let whole = spec.resources.as_ref().and_then(|whole| whole.limits.get(resource));
    let unlimited = || match (list, whole.filter(|limit| !limit.is_zero())) {
        ("limits", Some(whole)) => *whole,
        ("limits", None) => of_machine(resource, facts),
        _ => Quantity::default(),
    };
    let divisor = selector.divisor.filter(|divisor| !divisor.is_zero()).unwrap_or(1.into());
    let (amount, divisor) = (amount.unwrap_or_else(unlimited).as_nanos(), divisor.as_nanos());
    ((amount + divisor - 1) / divisor).to_string()
}

/// How much of a resource pods can have on this machine.
fn of_machine(resource: &str, facts: &Facts<'_>) -> Quantity {
    let amount = match resource {
        "cpu" => facts.cpus,
        "memory" => facts.memory,
        "ephemeral-storage" => machine::disk_size(&facts.disk),
        _ => 0,
    };
    i64::try_from(amount).unwrap_or(i64::MAX).into()
}
