//! The Pod itself.

use std::collections::BTreeMap;

use super::{
    Affinity, Container, EphemeralContainer, LocalObjectReference, ObjectMeta, PodReadinessGate,
    PodResourceClaim, PodSchedulingGate, PodSchedulingGroup, PodSecurityContext, PreemptionPolicy,
    ResourceRequirements, Toleration, TopologySpreadConstraint, Volume,
};
use crate::Quantity;
use crate::schema::{kind, object, words};
use crate::status::PodStatus;

kind! {
    /// A Pod as it was written: read, but neither checked nor filled up with defaults.
    pub struct Pod: "v1" "Pod" {
        /// Name, labels and the like.
        "metadata" metadata: ObjectMeta,
        /// What to run.
        "spec" spec: PodSpec,
        /// What has become of it.
        "status" status: Option<PodStatus>,
    }
}

object! {
    /// What a pod runs, and how.
    pub struct PodSpec: "v1.PodSpec" {
        /// The volumes that its containers can mount.
        "volumes" volumes: Vec<Volume>,
        /// Run one after the other before the main containers; the sidecars among them stay.
        "initContainers" init_containers: Vec<Container>,
        /// The main containers; at least one.
        "containers" containers: Vec<Container> => required,
        /// Containers that were added to the running pod to look at it. Not in a new pod.
        "ephemeralContainers" ephemeral_containers: Vec<EphemeralContainer>,
        /// Whether an ended main container is started again. `Always` when not given.
        "restartPolicy" restart_policy: Option<RestartPolicy>,
        /// Seconds that the containers have between SIGTERM and SIGKILL. 30 when not given.
        "terminationGracePeriodSeconds" termination_grace_period_seconds: Option<i64>,
        /// Seconds from the pod's start after which it fails and its containers are killed.
        "activeDeadlineSeconds" active_deadline_seconds: Option<i64>,
        /// How names are resolved. `ClusterFirst` when not given.
        "dnsPolicy" dns_policy: Option<DnsPolicy>,
        /// What is added to the resolver's configuration, or with the policy `None` is all of it.
        "dnsConfig" dns_config: Option<PodDnsConfig>,
        /// Labels that a node must have.
        "nodeSelector" node_selector: BTreeMap<String, String>,
        /// The account that the pod acts as. `default` when not given.
        "serviceAccountName" service_account_name: Option<String>,
        /// The old name of `serviceAccountName`.
        "serviceAccount" service_account: Option<String> => deprecated,
        /// Whether a token of the account is mounted.
        "automountServiceAccountToken" automount_service_account_token: Option<bool>,
        /// The node that the pod is for, or runs on.
        "nodeName" node_name: Option<String>,
        /// Whether it shares the network of the machine.
        "hostNetwork" host_network: Option<bool>,
        /// Whether it sees the processes of the machine.
        "hostPID" host_pid: Option<bool>,
        /// Whether it shares System V IPC and POSIX message queues with the machine.
        "hostIPC" host_ipc: Option<bool>,
        /// Whether all containers share one process namespace.
        "shareProcessNamespace" share_process_namespace: Option<bool>,
        /// What holds for every container that does not say otherwise.
        "securityContext" security_context: Option<PodSecurityContext>,
        /// Secrets with the credentials of registries.
        "imagePullSecrets" image_pull_secrets: Vec<LocalObjectReference>,
        /// The host name. The pod's name when not given.
        "hostname" hostname: Option<String>,
        /// The subdomain: the pod is `hostname.subdomain` to its namespace.
        "subdomain" subdomain: Option<String>,
        /// The host name as the kernel shows it, in place of any other.
        "hostnameOverride" hostname_override: Option<String>,
        /// Whether the kernel shows the full name, with the domain, as host name.
        "setHostnameAsFQDN" set_hostname_as_fqdn: Option<bool>,
        /// Further lines of /etc/hosts.
        "hostAliases" host_aliases: Vec<HostAlias>,
        /// Where the pod had better run.
        "affinity" affinity: Option<Affinity>,
        /// Who places the pod on a node. `default-scheduler` when not given.
        "schedulerName" scheduler_name: Option<String>,
        /// The taints of nodes that it can live with.
        "tolerations" tolerations: Vec<Toleration>,
        /// The class that its priority comes from.
        "priorityClassName" priority_class_name: Option<String>,
        /// Its priority: the higher, the more important.
        "priority" priority: Option<i32>,
        /// Whether it may push less important pods from a node. `PreemptLowerPriority` when not given.
        "preemptionPolicy" preemption_policy: Option<PreemptionPolicy>,
        /// How it is spread over parts of the cluster.
        "topologySpreadConstraints" topology_spread_constraints: Vec<TopologySpreadConstraint>,
        /// What must be taken away before it is placed on a node.
        "schedulingGates" scheduling_gates: Vec<PodSchedulingGate>,
        /// The group of pods that it is placed together with.
        "schedulingGroup" scheduling_group: Option<PodSchedulingGroup>,
        /// Conditions of others that must hold besides before it is ready.
        "readinessGates" readiness_gates: Vec<PodReadinessGate>,
        /// The class of the runtime that runs it.
        "runtimeClassName" runtime_class_name: Option<String>,
        /// What the pod itself needs besides its containers. Filled in from its runtime class.
        "overhead" overhead: BTreeMap<String, Quantity>,
        /// What the pod as a whole may use and is sure to get.
        "resources" resources: Option<ResourceRequirements>,
        /// Claims for devices that its containers can use.
        "resourceClaims" resource_claims: Vec<PodResourceClaim>,
        /// Whether services are told to the containers in variables. `true` when not given.
        "enableServiceLinks" enable_service_links: Option<bool>,
        /// The operating system the pod is for.
        "os" os: Option<PodOs>,
        /// Whether it shares the users of the machine. `true` when not given.
        "hostUsers" host_users: Option<bool>,
    }
}

impl PodSpec {
    /// The names of the sidecars: the init containers that stay.
    pub fn sidecars(&self) -> impl Iterator<Item = &str> {
        self.init_containers.iter().filter(|c| c.is_sidecar()).map(|c| c.name.as_str())
    }

    /// Whether there is a sidecar of this name.
    pub fn is_sidecar(&self, name: &str) -> bool {
        self.sidecars().any(|sidecar| sidecar == name)
    }
}

words! {
    /// Whether an ended container is started again.
    pub enum RestartPolicy {
        /// Always, after a growing pause.
        #[default]
        Always = "Always",
        /// When it failed.
        OnFailure = "OnFailure",
        /// Never.
        Never = "Never",
    }
}

words! {
    /// How names are resolved in the pod.
    pub enum DnsPolicy {
        /// By the cluster; without one, as on this machine.
        #[default]
        ClusterFirst = "ClusterFirst",
        /// The same in the network of the machine.
        ClusterFirstWithHostNet = "ClusterFirstWithHostNet",
        /// As on this machine.
        Default = "Default",
        /// Only as the pod says.
        None = "None",
    }
}

object! {
    /// The resolver's configuration.
    pub struct PodDnsConfig: "v1.PodDNSConfig" {
        /// Addresses of name servers.
        "nameservers" nameservers: Vec<String>,
        /// Domains to look short names up in.
        "searches" searches: Vec<String>,
        /// Options of the resolver.
        "options" options: Vec<PodDnsConfigOption>,
    }
}

object! {
    /// An option of the resolver.
    pub struct PodDnsConfigOption: "v1.PodDNSConfigOption" {
        /// Its name.
        "name" name: Option<String>,
        /// Its value, when it takes one.
        "value" value: Option<String>,
    }
}

object! {
    /// A line of /etc/hosts.
    pub struct HostAlias: "v1.HostAlias" {
        /// The address.
        "ip" ip: String => required,
        /// The names it is known by.
        "hostnames" hostnames: Vec<String>,
    }
}

object! {
    /// The operating system of the containers.
    pub struct PodOs: "v1.PodOS" {
        /// Its name.
        "name" name: OsName => required,
    }
}

words! {
    /// The name of an operating system.
    pub enum OsName {
        /// Linux.
        #[default]
        Linux = "linux",
        /// Windows.
        Windows = "windows",
    }
}

object! {
    /// A pod that others are made from.
    pub struct PodTemplateSpec: "v1.PodTemplateSpec" {
        /// Labels and the like of each pod.
        "metadata" metadata: ObjectMeta,
        /// What each pod runs.
        "spec" spec: PodSpec,
    }
}
