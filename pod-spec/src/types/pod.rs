//! The Pod itself.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Container, ObjectMeta, PodSecurityContext, Volume};
use crate::decode::{Any, AnyMap, Cx, Decode};
use crate::document::{Node, Value};
use crate::path::Places;
use crate::schema::{OtherFields, Table, deserialize, object, other_field, typed_field, words};

/// A Pod as it was written (`v1.Pod`): read, but neither checked nor filled up with defaults.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// `v1`.
    pub api_version: String,
    /// `Pod`.
    pub kind: String,
    /// Name, labels and the like.
    pub metadata: ObjectMeta,
    /// What to run.
    pub spec: PodSpec,
    /// The fields that are known by name only, as written.
    #[serde(flatten)]
    pub other: OtherFields,
    /// Where each field was written.
    #[serde(skip)]
    pub(crate) places: Places,
}

impl Default for Pod {
    fn default() -> Self {
        Self {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            metadata: ObjectMeta::default(),
            spec: PodSpec::default(),
            other: OtherFields::default(),
            places: Places::default(),
        }
    }
}

impl Decode for Pod {
    const TABLE: Option<&'static Table> = Some(&Table {
        fields: &[
            typed_field!("apiVersion", String, required),
            typed_field!("kind", String, required),
            typed_field!("metadata", ObjectMeta, required),
            typed_field!("spec", PodSpec, required),
            other_field!(
                "status",
                AnyMap,
                cluster_only("is not read from a manifest, and ignored here")
            ),
        ],
    });

    fn decode(node: &Node, cx: &mut Cx) -> Self {
        let mut out = Self::default();
        let Some(table) = Self::TABLE else { return out };
        let entries = cx.entries(node);
        for entry in &entries {
            let mark = cx.enter(entry);
            match entry.key.as_str() {
                _ if entry.value.is_null() && table.fields.iter().any(|f| f.name == entry.key) => {}
                "apiVersion" => out.api_version = Decode::decode(&entry.value, cx),
                "kind" => out.kind = Decode::decode(&entry.value, cx),
                "metadata" => out.metadata = Decode::decode(&entry.value, cx),
                "spec" => out.spec = Decode::decode(&entry.value, cx),
                _ => table.other(entry, &mut out.other, cx),
            }
            cx.leave(mark);
        }
        if matches!(node.value, Value::Map(_)) {
            cx.require(&entries, table);
        }
        out
    }
}

deserialize!(Pod);

object! {
    /// What a pod runs, and how (`v1.PodSpec`).
    pub struct PodSpec {
        /// The volumes that its containers can mount.
        "volumes" volumes: Vec<Volume>,
        /// Run one after the other before the main containers; the sidecars among them stay.
        "initContainers" init_containers: Vec<Container>,
        /// The main containers; at least one.
        "containers" containers: Vec<Container> => required,
        /// Whether an ended main container is started again. Validation fills in `Always`.
        "restartPolicy" restart_policy: Option<RestartPolicy>,
        /// How long the containers have between SIGTERM and SIGKILL. Validation fills in 30.
        "terminationGracePeriodSeconds" termination_grace_period_seconds: Option<i64>,
        /// How names are resolved. Validation fills in `ClusterFirst`, which without a cluster is `Default`.
        "dnsPolicy" dns_policy: Option<DnsPolicy>
            => refused("`None` needs dnsConfig; `ClusterFirstWithHostNet` needs hostNetwork",
                except "ClusterFirst" "Default"),
        /// The account whose name `spec.serviceAccountName` gives. Validation fills in `default`.
        "serviceAccountName" service_account_name: Option<String>
            => cluster_only("there are no service accounts here: the name is kept, no token is mounted",
                except "" "default"),
        /// The machine the pod is for.
        "nodeName" node_name: Option<String>
            => cluster_only("there is only this machine: the pod runs here", except ""),
        /// The host name. The pod's name when absent.
        "hostname" hostname: Option<String>,
        /// Whether all containers share one process namespace.
        "shareProcessNamespace" share_process_namespace: Option<bool>,
        /// Further lines of /etc/hosts.
        "hostAliases" host_aliases: Vec<HostAlias>,
        /// What holds for every container that does not say otherwise.
        "securityContext" security_context: Option<PodSecurityContext>,
        /// Whether services are told to the containers in variables. There are none, so it makes no difference.
        "enableServiceLinks" enable_service_links: Option<bool>,
        /// The operating system the pod is for.
        "os" os: Option<PodOs>,
    }
    others {
        "activeDeadlineSeconds": i64 => refused("deadlines are not honoured yet"),
        "affinity": AnyMap => cluster_only("there is nothing to schedule on one machine"),
        "automountServiceAccountToken": bool
            => cluster_only("there are no service accounts here: no token is mounted", except "false"),
        "dnsConfig": AnyMap => refused("the resolver cannot be configured yet"),
        "ephemeralContainers": Vec<AnyMap> => refused("ephemeral containers are not there yet"),
        "hostIPC": bool => refused("the pod always has its own IPC namespace", except "false"),
        "hostNetwork": bool => refused("the pod always has its own network namespace", except "false"),
        "hostPID": bool => refused("the pod always has its own PID namespaces", except "false"),
        "hostUsers": bool => refused("user namespaces are not there yet", except "true"),
        "hostnameOverride": String => refused("use `hostname`", except ""),
        "imagePullSecrets": Vec<AnyMap> => refused("there are no Secrets yet"),
        "nodeSelector": BTreeMap<String, String> => cluster_only("there is nothing to schedule on one machine"),
        "overhead": BTreeMap<String, crate::Quantity> => refused("it belongs to runtime classes, which are not there"),
        "preemptionPolicy": String => cluster_only("there is nothing to schedule on one machine"),
        "priority": i32 => cluster_only("there is nothing to schedule on one machine"),
        "priorityClassName": String => cluster_only("there is nothing to schedule on one machine", except ""),
        "readinessGates": Vec<AnyMap> => refused("nobody could set the conditions that the gates wait for"),
        "resourceClaims": Vec<AnyMap> => refused("there is no dynamic resource allocation"),
        "resources": AnyMap => refused("resources for the pod as a whole are not honoured yet: give them to containers"),
        "runtimeClassName": String => refused("there is only one container runtime", except ""),
        "schedulerName": String => cluster_only("there is nothing to schedule on one machine", except ""
            "default-scheduler"),
        "schedulingGates": Vec<AnyMap> => cluster_only("there is nothing to schedule on one machine"),
        "schedulingGroup": Any => cluster_only("there is nothing to schedule on one machine"),
        "serviceAccount": String
            => cluster_only("it is the old name of serviceAccountName, and ignored here", except "" "default"),
        "setHostnameAsFQDN": bool => refused("the pod has no domain", except "false"),
        "subdomain": String => refused("the pod has no domain", except ""),
        "tolerations": Vec<AnyMap> => cluster_only("there is nothing to schedule on one machine"),
        "topologySpreadConstraints": Vec<AnyMap> => cluster_only("there is nothing to schedule on one machine"),
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
    /// A line of /etc/hosts (`v1.HostAlias`).
    pub struct HostAlias {
        /// The address.
        "ip" ip: String => required,
        /// The names it is known by.
        "hostnames" hostnames: Vec<String>,
    }
    others {}
}

object! {
    /// The operating system of the containers (`v1.PodOS`).
    pub struct PodOs {
        /// Its name.
        "name" name: OsName => required(refused("there is only Linux here", except "linux")),
    }
    others {}
}

words! {
    /// The name of an operating system.
    pub enum OsName {
        /// Linux.
        #[default]
        Linux = "linux",
        /// Windows; refused.
        Windows = "windows",
    }
}
