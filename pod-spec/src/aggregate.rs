//! What the containers of a pod need all together.

use std::collections::BTreeMap;

use crate::Quantity;
use crate::types::{PodSpec, ResourceRequirements};

/// Amounts by the name of the resource.
pub(crate) type Amounts<'p> = BTreeMap<&'p str, Quantity>;

/// Either the requests or the limits.
pub(crate) type Which = fn(&ResourceRequirements) -> &BTreeMap<String, Quantity>;

/// What the main containers and the sidecars need at once, or what an init container and the sidecars before it need at
/// once, whichever is more.
pub(crate) fn containers(spec: &PodSpec, which: Which) -> Amounts<'_> {
    let mut all = Amounts::new();
    for container in &spec.containers {
        add(&mut all, which(&container.resources));
    }
    let (mut sidecars, mut most) = (Amounts::new(), Amounts::new());
    for container in &spec.init_containers {
        let amounts = which(&container.resources);
        for (name, amount) in amounts {
            // What the container does not speak of has been counted with the sidecars.
            let together = plus(sidecars.get(name.as_str()).copied().unwrap_or_default(), *amount);
            raise(&mut most, name, together);
        }
        if container.is_sidecar() {
            add(&mut sidecars, amounts);
            add(&mut all, amounts);
        }
    }
    for (name, amount) in most {
        raise(&mut all, name, amount);
    }
    all
}

/// More than can be counted is more than any machine has.
fn plus(a: Quantity, b: Quantity) -> Quantity {
    a.checked_add(b).unwrap_or(a)
}

fn add<'p>(sum: &mut Amounts<'p>, amounts: &'p BTreeMap<String, Quantity>) {
    for (name, amount) in amounts {
        let sum = sum.entry(name).or_default();
        *sum = plus(*sum, *amount);
    }
}

fn raise<'p>(least: &mut Amounts<'p>, name: &'p str, amount: Quantity) {
    let least = least.entry(name).or_insert(amount);
    *least = amount.max(*least);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Pod;

    #[test]
    fn sidecars_stay_and_init_containers_go() {
        let pod = Pod::from_yaml(
            "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {
               initContainers: [
                 {name: a, image: a, resources: {requests: {cpu: 3, memory: 1Gi}}},
                 {name: b, image: b, restartPolicy: Always, resources: {requests: {cpu: 1}}},
                 {name: c, image: c, resources: {requests: {cpu: 4}}}],
               containers: [
                 {name: d, image: d, resources: {requests: {cpu: 1, memory: 1Mi}}},
                 {name: e, image: e, resources: {requests: {cpu: 2}}}]}}",
        )
        .unwrap();
        let got = containers(&pod.spec, |resources| &resources.requests);
        let got: Vec<_> =
            got.into_iter().map(|(name, amount)| (name, amount.to_string())).collect();
        assert_eq!(got, [("cpu", "5".to_owned()), ("memory", "1Gi".to_owned())]);
    }
}
