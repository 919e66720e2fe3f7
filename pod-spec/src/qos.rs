//! The rank of a pod by its requests and limits.

use crate::Quantity;
use crate::status::QosClass;
use crate::types::{PodSpec, ResourceRequirements};

const RANKED: [&str; 2] = ["cpu", "memory"];

/// The class of a pod with its defaults filled in. Amounts of zero do not count. What a pod has as a whole counts in place of
/// what its containers have.
pub(crate) fn class(spec: &PodSpec) -> QosClass {
    let whole = spec.resources.as_ref();
    let all: Vec<&ResourceRequirements> =
        match whole.filter(|whole| !whole.limits.is_empty() || !whole.requests.is_empty()) {
            Some(whole) => vec![whole],
            None => {
                let containers = spec.init_containers.iter().chain(&spec.containers);
                containers.map(|container| &container.resources).collect()
            }
        };
    let nothing = |r: &&ResourceRequirements| {
        RANKED.iter().all(|name| request(r, name).is_none() && limit(r, name).is_none())
    };
    if all.iter().all(nothing) {
        return QosClass::BestEffort;
    }
    let guaranteed = |r: &&ResourceRequirements| {
        RANKED.iter().all(|name| limit(r, name).is_some() && limit(r, name) == request(r, name))
    };
    if all.iter().all(guaranteed) { QosClass::Guaranteed } else { QosClass::Burstable }
}

fn limit<'r>(resources: &'r ResourceRequirements, name: &str) -> Option<&'r Quantity> {
    resources.limits.get(name).filter(|q| !q.is_zero())
}

fn request<'r>(resources: &'r ResourceRequirements, name: &str) -> Option<&'r Quantity> {
    resources.requests.get(name).filter(|q| !q.is_zero())
}

#[cfg(test)]
mod tests {
    use crate::Pod;

    #[test]
    fn b217_b219_the_class_follows_from_requests_and_limits() {
        let both = "{limits: {cpu: 1, memory: 1Gi}}";
        for (pod, containers, class) in [
            ("{}", ["{}", "{}"], "BestEffort"),
            ("{}", ["{}", "{requests: {cpu: 0}}"], "BestEffort"),
            ("{}", [both, both], "Guaranteed"),
            ("{}", [both, "{limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 500m}}"], "Burstable"),
            ("{}", [both, "{}"], "Burstable"),
            ("{}", ["{limits: {memory: 1Gi}}", "{}"], "Burstable"),
            (both, ["{}", "{}"], "Guaranteed"),
            (both, ["{}", "{limits: {cpu: 500m}, requests: {cpu: 100m}}"], "Burstable"),
            (
                "{limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 1, memory: 1Gi}}",
                ["{}", "{limits: {cpu: 500m}, requests: {cpu: 100m}}"],
                "Guaranteed",
            ),
            ("{limits: {cpu: 1}}", ["{}", "{}"], "Burstable"),
            ("{requests: {memory: 1Gi}}", ["{limits: {cpu: 1, memory: 1Mi}}", "{}"], "Burstable"),
        ] {
            let [a, b] = containers;
            let text = format!(
                "{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{resources: {pod}, containers: \
                 [{{name: a, image: x, resources: {a}}}, {{name: b, image: x, resources: {b}}}]}}}}"
            );
            let valid = Pod::from_yaml(&text).expect("parses").validate().expect("is valid");
            assert_eq!(format!("{:?}", valid.qos_class()), class, "{text}");
        }
    }
}
