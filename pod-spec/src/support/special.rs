//! Values that are refused although their field is honoured.

use super::Survey;
use crate::backoff::RestartBackoff;
use crate::fault::quoted;
use crate::huge_pages;
use crate::path::Path;
use crate::spelling;
use crate::types::{
    Capabilities, Container, ContainerPort, EmptyDirVolumeSource, HostPathVolumeSource,
    MountPropagation, ObjectMeta, PodSpec, Protocol, ResourceRequirements, Sysctl, VolumeSource,
};
use crate::word::Word;

/// The resources that containers can have, besides huge pages.
const RESOURCES: [&str; 2] = ["cpu", "memory"];

/// The kernel parameters that a pod may set anywhere: they cannot be used against other pods or the node, in the words of
/// Kubernetes' documentation.
const SAFE_SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// The annotations that limit a pod's bandwidth in a cluster whose network does so.
const BANDWIDTH: [&str; 2] = ["kubernetes.io/egress-bandwidth", "kubernetes.io/ingress-bandwidth"];

/// The capabilities of Linux, without `CAP_` (capabilities(7)).
const CAPABILITIES: [&str; 42] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// Looks at a pod, or at what pods are made from, which stands at this path.
pub(super) fn look(metadata: &ObjectMeta, pod: &PodSpec, at: &Path<'_>, survey: &mut Survey<'_>) {
    let spec = at.field("spec");
    let own_users = pod.host_users == Some(false);
    let lists = [("initContainers", &pod.init_containers), ("containers", &pod.containers)];
    for (field, containers) in lists {
        let at = spec.field(field);
        for (i, one) in containers.iter().enumerate() {
            container(one, own_users, &at.index(i), survey);
        }
    }
    let ephemeral = spec.field("ephemeralContainers");
    for (i, one) in pod.ephemeral_containers.iter().enumerate() {
        container(&one.container, own_users, &ephemeral.index(i), survey);
    }
    // Kubernetes takes it as one second.
    if pod.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        survey.refuse(&spec.field("terminationGracePeriodSeconds"), "it must not be negative");
    }
    let metadata_at = at.field("metadata");
    let annotations = metadata_at.field("annotations");
    for key in BANDWIDTH.iter().filter(|key| metadata.annotations.contains_key(**key)) {
        survey.notice(&annotations.key(key), "bandwidth is not limited here");
    }
    if let Err((key, why)) = RestartBackoff::of(metadata) {
        survey.refuse(&annotations.key(key), why);
    }
    if let Some(whole) = &pod.resources {
        resources(whole, &spec.field("resources"), survey);
    }
    if let Some(context) = &pod.security_context {
        let context_at = spec.field("securityContext");
        sysctls(&context.sysctls, &context_at.field("sysctls"), survey);
    }
    let volumes = spec.field("volumes");
    for (i, volume) in pod.volumes.iter().enumerate() {
        let at = volumes.index(i);
        match &volume.source {
            Some(VolumeSource::HostPath(host)) => host_path(host, &at.field("hostPath"), survey),
            Some(VolumeSource::EmptyDir(dir)) => {
                medium(dir, pod, &at.field("emptyDir").field("medium"), survey);
            }
            _ => {}
        }
    }
}

fn container(container: &Container, own_users: bool, at: &Path<'_>, survey: &mut Survey<'_>) {
    resources(&container.resources, &at.field("resources"), survey);
    let context = container.security_context.as_ref();
    if let Some(given) = context.and_then(|context| context.capabilities.as_ref()) {
        let context = at.field("securityContext");
        capabilities(given, &context.field("capabilities"), survey);
    }
    let ports = at.field("ports");
    for (i, one) in container.ports.iter().enumerate() {
        port(one, &ports.index(i), survey);
    }
    let mounts = at.field("volumeMounts");
    for (i, mount) in container.volume_mounts.iter().enumerate() {
        mount_path(&mount.mount_path, &mounts.index(i), survey);
        if own_users && mount.mount_propagation == Some(MountPropagation::Bidirectional) {
            let message =
                "not supported yet: with `hostUsers: false` the host does not see what is mounted";
            survey.refuse(&mounts.index(i).field("mountPropagation"), message);
        }
    }
}

fn port(port: &ContainerPort, at: &Path<'_>, survey: &mut Survey<'_>) {
    if port.protocol == Some(Protocol::Sctp) && port.host_port.is_some_and(|port| port != 0) {
        survey
            .refuse(&at.field("hostPort"), "not supported yet: ports of SCTP are not led to pods");
    }
}

/// A kubelet fails the pod with the reason `SysctlForbidden`, unless it was told to allow the parameter.
fn sysctls(sysctls: &[Sysctl], at: &Path<'_>, survey: &mut Survey<'_>) {
    for (i, sysctl) in sysctls.iter().enumerate() {
        let name = sysctl.name.replace('/', ".");
        if !SAFE_SYSCTLS.contains(&name.as_str()) {
            let message =
                format!("{} is not one of the safe kernel parameters", quoted(&sysctl.name));
            let suggestion = spelling::suggest(&name, SAFE_SYSCTLS);
            survey.refuse_with(&at.index(i).field("name"), message, suggestion);
        }
    }
}

/// Kubernetes means to refuse it too, and does not.
fn mount_path(path: &str, mount: &Path<'_>, survey: &mut Survey<'_>) {
    if path.contains(':') {
        survey.refuse(&mount.field("mountPath"), format!("{} must not contain `:`", quoted(path)));
    }
}

fn resources(resources: &ResourceRequirements, at: &Path<'_>, survey: &mut Survey<'_>) {
    for (field, amounts) in [("limits", &resources.limits), ("requests", &resources.requests)] {
        let at = at.field(field);
        let supported =
            |name: &str| RESOURCES.contains(&name) || name.starts_with(huge_pages::RESOURCE);
        for name in amounts.keys().filter(|name| !supported(name)) {
            let message = format!(
                "not supported yet: only `cpu`, `memory` and huge pages are honoured, {} is not",
                quoted(name)
            );
            survey.refuse(&at.key(name), message);
        }
    }
}

fn host_path(host: &HostPathVolumeSource, at: &Path<'_>, survey: &mut Survey<'_>) {
    if !host.path.is_empty() && !host.path.starts_with('/') {
        let message = format!(
            "{} is not absolute, and a pod has no directory it could start from",
            quoted(&host.path)
        );
        survey.refuse(&at.field("path"), message);
    }
}

/// Kubernetes takes any word, and the pod then waits for its volumes for good.
fn medium(dir: &EmptyDirVolumeSource, pod: &PodSpec, at: &Path<'_>, survey: &mut Survey<'_>) {
    match &dir.medium {
        Some(Word::Unknown(word)) if !word.starts_with(huge_pages::MEDIUM) => {
            survey.refuse(at, format!("there is no medium {}", quoted(word)));
        }
        _ => {
            if let Err(why) = dir.huge_page_size(pod) {
                survey.refuse(at, why);
            }
        }
    }
}

/// Kubernetes takes any name, and the container then does not start.
fn capabilities(capabilities: &Capabilities, at: &Path<'_>, survey: &mut Survey<'_>) {
    for (field, list) in [("add", &capabilities.add), ("drop", &capabilities.drop)] {
        let at = at.field(field);
        for (i, name) in list.iter().enumerate() {
            let upper = name.to_ascii_uppercase();
            let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
            if !CAPABILITIES.contains(&bare) {
                let message = format!("there is no capability {}", quoted(name));
                let suggestion = spelling::suggest(bare, CAPABILITIES);
                survey.refuse_with(&at.index(i), message, suggestion);
            }
        }
    }
}
