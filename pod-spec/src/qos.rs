//! The rank of a pod by its requests and limits.

use crate::Quantity;
use crate::status::QosClass;
use crate::types::{Container, PodSpec};

const RANKED: [&str; 2] = ["cpu", "memory"];

/// The class of a pod with its defaults filled in. Amounts of zero do not count.
pub(crate) fn class(spec: &PodSpec) -> QosClass {
    let all = || spec.init_containers.iter().chain(&spec.containers);
    if all()
        .all(|c| RANKED.iter().all(|name| request(c, name).is_none() && limit(c, name).is_none()))
    {
        return QosClass::BestEffort;
    }
    let guaranteed = all().all(|c| {
        RANKED.iter().all(|name| limit(c, name).is_some() && limit(c, name) == request(c, name))
    });
    if guaranteed { QosClass::Guaranteed } else { QosClass::Burstable }
}

fn limit<'c>(container: &'c Container, name: &str) -> Option<&'c Quantity> {
    container.resources.limits.get(name).filter(|q| !q.is_zero())
}

fn request<'c>(container: &'c Container, name: &str) -> Option<&'c Quantity> {
    container.resources.requests.get(name).filter(|q| !q.is_zero())
}
