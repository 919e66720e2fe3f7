//! A pod.

use pod_spec::status::ContainerStatus;
use pod_spec::{Pod, PodStatus, Time, TolerationOperator};

use super::{Page, container, moment, volume};

pub fn describe(page: &mut Page, pod: &Pod, now: Time) {
    let unknown = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&unknown);
    head(page, pod, status, now);
    addresses(page, status);
    containers(page, pod, status);
    conditions(page, pod, status);
    volume::all(page, &pod.spec.volumes);
    page.some("QoS Class", status.qos_class.map(|class| format!("{class:?}")));
    page.words("Node-Selectors", &pod.spec.node_selector, "=");
    tolerations(page, pod);
}

fn head(page: &mut Page, pod: &Pod, status: &PodStatus, now: Time) {
    let (metadata, spec) = (&pod.metadata, &pod.spec);
    page.pair("Name", &metadata.name);
    page.pair("Namespace", metadata.namespace.as_deref().unwrap_or_default());
    page.pair("Priority", spec.priority.unwrap_or(0).to_string());
    page.some("Priority Class Name", spec.priority_class_name.as_ref());
    page.some("Runtime Class Name", spec.runtime_class_name.as_ref());
    page.pair("Service Account", spec.service_account_name.as_deref().unwrap_or("default"));
    let node = [spec.node_name.as_deref(), status.host_ip.as_deref()];
    let node: Vec<&str> = node.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    page.pair("Node", if node.is_empty() { "<none>".to_owned() } else { node.join("/") });
    page.some("Start Time", status.start_time.map(moment));
    page.labels(metadata);
    match metadata.deletion_timestamp {
        Some(deleted) => {
            page.pair(
                "Status",
                format!("Terminating (lasts {})", crate::span::age(now.since(deleted))),
            );
            let grace = metadata.deletion_grace_period_seconds;
            page.some("Termination Grace Period", grace.map(|seconds| format!("{seconds}s")));
        }
        None => page.pair("Status", status.phase.as_str()),
    }
    page.some("Reason", status.reason.as_ref());
    page.some("Message", status.message.as_ref());
}

fn addresses(page: &mut Page, status: &PodStatus) {
    page.pair("IP", status.pod_ip.as_deref().unwrap_or_default());
    if status.pod_ips.is_empty() {
        return page.pair("IPs", "<none>");
    }
    page.line("IPs:");
    page.within(|page| status.pod_ips.iter().for_each(|ip| page.pair("IP", &ip.ip)));
}

fn containers(page: &mut Page, pod: &Pod, status: &PodStatus) {
    let spec = &pod.spec;
    let of = |statuses: &[ContainerStatus], name: &str| -> Option<ContainerStatus> {
        statuses.iter().find(|status| status.name == name).cloned()
    };
    let lists = [
        ("Init Containers", &spec.init_containers, &status.init_container_statuses),
        ("Containers", &spec.containers, &status.container_statuses),
    ];
    for (heading, list, statuses) in lists {
        if !list.is_empty() {
            page.line(format!("{heading}:"));
        }
        for one in list {
            container::describe(page, one, of(statuses, &one.name).as_ref());
        }
    }
    if !spec.ephemeral_containers.is_empty() {
        page.line("Ephemeral Containers:");
    }
    for one in &spec.ephemeral_containers {
        let status = of(&status.ephemeral_container_statuses, &one.container.name);
        container::describe(page, &one.container, status.as_ref());
    }
}

fn conditions(page: &mut Page, pod: &Pod, status: &PodStatus) {
    let has = |kind: &str| status.conditions.iter().find(|c| c.kind == kind);
    if !pod.spec.readiness_gates.is_empty() {
        page.line("Readiness Gates:");
        page.within(|page| {
            page.line("Type\tStatus");
            for gate in &pod.spec.readiness_gates {
                let found = has(&gate.condition_type);
                let found = found.map_or("<none>".to_owned(), |c| format!("{:?}", c.status));
                page.line(format!("{} \t{found} ", gate.condition_type));
            }
        });
    }
    if !status.conditions.is_empty() {
        page.line("Conditions:");
        page.within(|page| {
            page.line("Type\tStatus");
            status
                .conditions
                .iter()
                .for_each(|c| page.line(format!("{} \t{:?} ", c.kind, c.status)));
        });
    }
}

fn tolerations(page: &mut Page, pod: &Pod) {
    if pod.spec.tolerations.is_empty() {
        return page.pair("Tolerations", "<none>");
    }
    for (i, toleration) in pod.spec.tolerations.iter().enumerate() {
        let mut words = toleration.key.clone().unwrap_or_default();
        if let Some(value) = toleration.value.as_ref().filter(|value| !value.is_empty()) {
            words += &format!("={value}");
        }
        if let Some(effect) = &toleration.effect {
            words += &format!(":{effect:?}");
        }
        if toleration.operator == Some(TolerationOperator::Exists) {
            words += if words.is_empty() { "op=Exists" } else { " op=Exists" };
        }
        if let Some(seconds) = toleration.toleration_seconds {
            words += &format!(" for {seconds}s");
        }
        page.line(format!("{}\t{words}", if i == 0 { "Tolerations:" } else { "" }));
    }
}
