//! The kubelet's formulas for cgroup limits and the out-of-memory rank.

use std::collections::BTreeMap;

use pod_sandbox::Resources;
use pod_spec::{Container, PodSpec, QosClass, Quantity, ResourceRequirements, huge_page_size};

const MIN_SHARES: u64 = 2;
const MAX_SHARES: u64 = 262_144;
/// Microseconds; the kubelet's default period.
const PERIOD: u64 = 100_000;
const MIN_QUOTA: u64 = 1_000;

type Amounts = BTreeMap<String, Quantity>;

/// How much memory a machine has in huge pages, in bytes, by the size of the pages in bytes.
pub(crate) type HugePages = BTreeMap<u64, u64>;

fn milli_cpu(list: &Amounts) -> Option<u64> {
    list.get("cpu").map(|q| u64::try_from(q.milli_value()).unwrap_or(0))
}

fn memory(list: &Amounts) -> Option<u64> {
    list.get("memory").map(|q| u64::try_from(q.value()).unwrap_or(0))
}

fn pages(list: &Amounts, size: u64) -> Option<u64> {
    let (_, amount) = list.iter().find(|(name, _)| huge_page_size(name) == Some(size))?;
    Some(u64::try_from(amount.value()).unwrap_or(0))
}

fn shares(milli_cpu: u64) -> u64 {
    (milli_cpu * 1024 / 1000).clamp(MIN_SHARES, MAX_SHARES)
}

fn quota(milli_cpu: u64) -> Option<u64> {
    (milli_cpu > 0).then(|| (milli_cpu * PERIOD / 1000).max(MIN_QUOTA))
}

/// The limits of one container. Where it has none of its own, it may have what its pod has as a whole.
pub(crate) fn of_container(spec: &PodSpec, container: &Container, there: &HugePages) -> Resources {
    let own = &container.resources;
    let limit = |of: fn(&Amounts) -> Option<u64>| {
        let limit = of(&own.limits).filter(|v| *v > 0);
        limit.or_else(|| of_whole(spec, |whole| of(&whole.limits)))
    };
    let cpu = limit(milli_cpu);
    // Nobody may have pages that he has not asked for: others may have.
    let huge_pages = there.keys().map(|size| {
        let own = pages(&own.limits, *size);
        (*size, own.or_else(|| of_whole(spec, |whole| pages(&whole.limits, *size))).unwrap_or(0))
    });
    Resources {
        cpu_shares: Some(shares(milli_cpu(&own.requests).or(cpu).unwrap_or(0))),
        cpu_quota: cpu.and_then(quota),
        cpu_period: None,
        memory: limit(memory),
        pids: None,
        huge_pages: huge_pages.collect(),
    }
}

/// Something that a pod has as a whole.
fn of_whole(spec: &PodSpec, of: impl Fn(&ResourceRequirements) -> Option<u64>) -> Option<u64> {
    spec.resources.as_ref().and_then(of).filter(|v| *v > 0)
}

/// The limits of the whole pod: its own, or those of its containers together. Without its own, quota and memory are limited
/// only when every container limits them.
pub(crate) fn of_pod(spec: &PodSpec, there: &HugePages) -> Resources {
    let request = |c: &Container| milli_cpu(&c.resources.requests).unwrap_or(0);
    let limits = |of: fn(&ResourceRequirements) -> Option<u64>| -> Option<u64> {
        if let Some(whole) = of_whole(spec, of) {
            return Some(whole);
        }
        let all: Option<Vec<u64>> = spec
            .init_containers
            .iter()
            .chain(&spec.containers)
            .map(|c| of(&c.resources).filter(|v| *v > 0))
            .collect();
        all.map(|_| together(spec, &|c| of(&c.resources).unwrap_or(0)))
    };
    Resources {
        cpu_shares: Some(shares(
            of_whole(spec, |whole| milli_cpu(&whole.requests))
                .unwrap_or_else(|| together(spec, &request)),
        )),
        cpu_quota: limits(|r| milli_cpu(&r.limits)).and_then(quota),
        cpu_period: None,
        memory: limits(|r| memory(&r.limits)),
        pids: None,
        huge_pages: there.keys().map(|size| (*size, pages_of_pod(spec, *size))).collect(),
    }
}

/// How much a pod may have in huge pages of this size.
fn pages_of_pod(spec: &PodSpec, size: u64) -> u64 {
    of_whole(spec, |whole| pages(&whole.limits, size))
        .unwrap_or_else(|| together(spec, &|c| pages(&c.resources.limits, size).unwrap_or(0)))
}

/// Huge pages that a pod asks for and the machine does not have: the name of the resource, and how much there is of it.
pub(crate) fn missing_pages(spec: &PodSpec, there: &HugePages) -> Option<(String, u64)> {
    let lists = spec.init_containers.iter().chain(&spec.containers).map(|c| &c.resources);
    let names = lists.chain(&spec.resources).flat_map(|list| list.limits.keys());
    let mut sizes = names.filter_map(|name| Some((name, huge_page_size(name)?)));
    sizes.find_map(|(name, size)| {
        let there = there.get(&size).copied().unwrap_or(0);
        (pages_of_pod(spec, size) > there).then(|| (name.clone(), there))
    })
}

/// What a pod needs when it needs most (b078): the main containers with all sidecars, or an init container with the
/// sidecars started before it.
fn together(spec: &PodSpec, of: &dyn Fn(&Container) -> u64) -> u64 {
    let mut sidecars = 0;
    let mut most = 0;
    for container in &spec.init_containers {
        if container.is_sidecar() {
            sidecars += of(container);
            most = most.max(sidecars);
        } else {
            most = most.max(sidecars + of(container));
        }
    }
    most.max(sidecars + spec.containers.iter().map(of).sum::<u64>())
}

/// The rank of a container for the out-of-memory killer.
pub(crate) fn oom_score(
    spec: &PodSpec,
    qos: QosClass,
    container: &Container,
    machine_memory: u64,
) -> i32 {
    let spare = spare_memory(spec);
    let score = |c: &Container| score(qos, memory(&c.resources.requests), spare, machine_memory);
    let own = score(container);
    if container.is_sidecar() {
        // A sidecar must not die before the containers it serves (b100).
        let mains = spec.containers.iter().map(score).min();
        own.min(mains.unwrap_or(own))
    } else {
        own
    }
}

/// What of the memory that a pod requests as a whole no container requests, in equal parts.
fn spare_memory(spec: &PodSpec) -> u64 {
    let of_containers = together(spec, &|c| memory(&c.resources.requests).unwrap_or(0));
    let whole = of_whole(spec, |whole| memory(&whole.requests)).unwrap_or(0);
    let count = (spec.init_containers.len() + spec.containers.len()) as u64;
    whole.saturating_sub(of_containers).checked_div(count).unwrap_or(0)
}

fn score(qos: QosClass, request: Option<u64>, spare: u64, machine_memory: u64) -> i32 {
    match qos {
        QosClass::Guaranteed => -997,
        QosClass::BestEffort => 1000,
        QosClass::Burstable => {
            let request = request.unwrap_or(0).saturating_add(spare);
            let share =
                (1000 * u128::from(request)).checked_div(u128::from(machine_memory)).unwrap_or(0);
            (1000 - i32::try_from(share).unwrap_or(1000)).clamp(3, 999)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_PAGES: HugePages = HugePages::new();

    fn pod(text: &str) -> pod_spec::ValidPod {
        let head = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n";
        pod_spec::Pod::from_yaml(&format!("{head}{text}"))
            .expect("parses")
            .validate()
            .expect("valid")
    }

    #[test]
    fn shares_and_quota_follow_the_kubelet() {
        let pod = pod("  containers: [{name: a, image: x, resources: {requests: {cpu: 250m}, \
                       limits: {cpu: 500m, memory: 64Mi}}}]");
        let r = of_container(pod.spec(), &pod.spec().containers[0], &NO_PAGES);
        assert_eq!(
            (r.cpu_shares, r.cpu_quota, r.memory),
            (Some(256), Some(50_000), Some(64 << 20))
        );
        assert_eq!((shares(0), shares(1), shares(1_000_000)), (2, 2, 262_144));
        assert_eq!((quota(0), quota(5)), (None, Some(1000)));
    }

    #[test]
    fn the_pod_is_limited_only_when_every_container_is() {
        let half = pod(
            "  containers: [{name: a, image: x, resources: {limits: {memory: 64Mi}}}, {name: b, image: x}]",
        );
        assert_eq!(of_pod(half.spec(), &NO_PAGES).memory, None);
        let both = pod("  containers: [{name: a, image: x, resources: {limits: {memory: 64Mi}}}, \
                        {name: b, image: x, resources: {limits: {memory: 1Mi}}}]");
        assert_eq!(of_pod(both.spec(), &NO_PAGES).memory, Some(65 << 20));
    }

    #[test]
    fn b219_what_the_pod_has_as_a_whole_comes_before_what_its_containers_have() {
        let pod = pod(
            "  resources: {limits: {cpu: 2, memory: 64Mi}, requests: {cpu: 1, memory: 48Mi}}\n  \
                       containers: [{name: a, image: x, resources: {limits: {memory: 16Mi}}}, {name: b, image: x}]",
        );
        let spec = pod.spec();
        let whole = of_pod(spec, &NO_PAGES);
        assert_eq!(
            (whole.cpu_shares, whole.cpu_quota, whole.memory),
            (Some(1024), Some(200_000), Some(64 << 20))
        );
        let [a, b] = [0, 1].map(|i| of_container(spec, &spec.containers[i], &NO_PAGES));
        assert_eq!((a.memory, b.memory), (Some(16 << 20), Some(64 << 20)));
        assert_eq!((a.cpu_quota, b.cpu_quota), (Some(200_000), Some(200_000)));
        // 16Mi that it requests itself and 16Mi of those that nobody does.
        let rank = |i: usize| oom_score(spec, QosClass::Burstable, &spec.containers[i], 1 << 28);
        assert_eq!((rank(0), rank(1)), (875, 938));
    }

    #[test]
    fn b223_every_size_of_huge_pages_is_limited_and_none_is_had_unasked() {
        let pod = pod(
            "  containers: [{name: a, image: x, resources: {limits: {cpu: 1, hugepages-2Mi: 4Mi}}}, \
                       {name: b, image: x, resources: {limits: {cpu: 1, hugepages-2048Ki: 2Mi}}}, {name: c, image: x}]",
        );
        let (spec, two, one) = (pod.spec(), 2 << 20, 1 << 30);
        let mut there = HugePages::from([(two, 6 << 20), (one, 0)]);
        assert_eq!(of_pod(spec, &there).huge_pages, [(two, 6 << 20), (one, 0)].into());
        for (container, limit) in spec.containers.iter().zip([4 << 20, 2 << 20, 0]) {
            let limits = of_container(spec, container, &there).huge_pages;
            assert_eq!(limits, [(two, limit), (one, 0)].into(), "{}", container.name);
        }
        assert_eq!(missing_pages(spec, &there), None);
        there.insert(two, 4 << 20);
        assert_eq!(missing_pages(spec, &there), Some(("hugepages-2Mi".to_owned(), 4 << 20)));
        assert_eq!(missing_pages(spec, &NO_PAGES), Some(("hugepages-2Mi".to_owned(), 0)));
    }

    #[test]
    fn b078_init_containers_count_when_they_need_more() {
        let pod = pod(
            "  initContainers: [{name: s, image: x, restartPolicy: Always, resources: {requests: {cpu: 1}}}, \
                       {name: i, image: x, resources: {requests: {cpu: 3}}}]\n  \
                       containers: [{name: a, image: x, resources: {requests: {cpu: 2}}}]",
        );
        assert_eq!(of_pod(pod.spec(), &NO_PAGES).cpu_shares, Some(4 * 1024));
    }

    #[test]
    fn b100_a_sidecar_ranks_no_higher_than_its_mains() {
        let pod = pod("  initContainers: [{name: s, image: x, restartPolicy: Always}]\n  \
                       containers: [{name: a, image: x, resources: {requests: {memory: 512Mi}}}]");
        let spec = pod.spec();
        let rank = |c| oom_score(spec, QosClass::Burstable, c, 1 << 30);
        assert_eq!(rank(&spec.containers[0]), 500);
        assert_eq!(rank(&spec.init_containers[0]), 500);
    }
}
