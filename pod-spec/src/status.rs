//! The status of a pod, in the shapes of the Kubernetes v1 API.

use std::collections::BTreeMap;

use crate::schema::{object, words};
use crate::types::ResourceRequirements;
use crate::{Quantity, Time};

words! {
    /// Where a pod is in its life.
    pub enum PodPhase {
        /// Not every container has started yet.
        #[default]
        Pending = "Pending",
        /// At least one container runs, or will be started again.
        Running = "Running",
        /// Every main container ended with exit code 0 and none will be started again.
        Succeeded = "Succeeded",
        /// Every main container ended, at least one of them with another exit code.
        Failed = "Failed",
        /// Nobody can tell. Kubernetes no longer says so.
        Unknown = "Unknown",
    }
}

impl PodPhase {
    /// Whether the pod is over: this never changes again.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

words! {
    /// How the pod's requests and limits rank it.
    pub enum QosClass {
        /// Every container has cpu and memory limits, and requests equal to them.
        Guaranteed = "Guaranteed",
        /// Something is requested or limited.
        Burstable = "Burstable",
        /// Nothing is requested or limited.
        #[default]
        BestEffort = "BestEffort",
    }
}

object! {
    /// What has become of a pod.
    pub struct PodStatus: "v1.PodStatus" {
        /// The `metadata.generation` this status speaks of.
        "observedGeneration" observed_generation: Option<i64>,
        /// Where the pod is in its life.
        "phase" phase: PodPhase,
        /// The latest observations, one of each type.
        "conditions" conditions: Vec<PodCondition>,
        /// Why the pod is in this phase, for people.
        "message" message: Option<String>,
        /// Why the pod is in this phase, in one CamelCase word.
        "reason" reason: Option<String>,
        /// The node whose pods are being pushed away for this one.
        "nominatedNodeName" nominated_node_name: Option<String>,
        /// The address of the machine.
        "hostIP" host_ip: Option<String>,
        /// The addresses of the machine, `hostIP` first.
        "hostIPs" host_ips: Vec<HostIp>,
        /// The pod's own address.
        "podIP" pod_ip: Option<String>,
        /// The pod's own addresses, `podIP` first.
        "podIPs" pod_ips: Vec<PodIp>,
        /// When the pod was taken on, before anything was prepared.
        "startTime" start_time: Option<Time>,
        /// One for each init container, sidecars among them, in the order of the spec.
        "initContainerStatuses" init_container_statuses: Vec<ContainerStatus>,
        /// One for each main container, in the order of the spec.
        "containerStatuses" container_statuses: Vec<ContainerStatus>,
        /// The pod's rank by requests and limits.
        "qosClass" qos_class: Option<QosClass>,
        /// One for each ephemeral container, in the order of the spec.
        "ephemeralContainerStatuses" ephemeral_container_statuses: Vec<ContainerStatus>,
        /// Once how far a change of resources had come; now conditions say so.
        "resize" resize: Option<String> => deprecated,
        /// What the pod's resource claims are bound to.
        "resourceClaimStatuses" resource_claim_statuses: Vec<PodResourceClaimStatus>,
        /// The claim that was made for devices asked for as resources.
        "extendedResourceClaimStatus" extended_resource_claim_status: Option<PodExtendedResourceClaimStatus>,
        /// What claims have taken of the node's cpu, memory and the like.
        "nodeAllocatableResourceClaimStatuses"
            node_allocatable_resource_claim_statuses: Vec<NodeAllocatableResourceClaimStatus>,
        /// What the node has set aside for the pod as a whole.
        "allocatedResources" allocated_resources: BTreeMap<String, Quantity>,
        /// What holds for the pod as a whole.
        "resources" resources: Option<ResourceRequirements>,
    }
}

impl PodStatus {
    /// The condition of this type, if it is known.
    pub fn condition(&self, kind: &str) -> Option<&PodCondition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether the condition of this type is True.
    pub fn is_true(&self, kind: &str) -> bool {
        self.condition(kind).is_some_and(|condition| condition.status == ConditionStatus::True)
    }

    /// Whether the pod can serve: its condition `Ready` is True.
    pub fn is_ready(&self) -> bool {
        self.is_true("Ready")
    }
}

object! {
    /// One address of the machine.
    pub struct HostIp: "v1.HostIP" {
        /// The address.
        "ip" ip: String => required,
    }
}

object! {
    /// One address of the pod.
    pub struct PodIp: "v1.PodIP" {
        /// The address.
        "ip" ip: String => required,
    }
}

words! {
    /// The value of a condition.
    pub enum ConditionStatus {
        /// It holds.
        True = "True",
        /// It does not hold.
        False = "False",
        /// Nobody can tell.
        #[default]
        Unknown = "Unknown",
    }
}

object! {
    /// One observation about a pod.
    pub struct PodCondition: "v1.PodCondition" {
        /// What is observed: `PodScheduled`, `PodReadyToStartContainers`, `Initialized`, `ContainersReady`, `Ready`.
        "type" kind: String => required,
        /// The `metadata.generation` this condition speaks of.
        "observedGeneration" observed_generation: Option<i64>,
        /// Whether it holds.
        "status" status: ConditionStatus => required,
        /// When it was last looked at.
        "lastProbeTime" last_probe_time: Option<Time>,
        /// When `status` last changed.
        "lastTransitionTime" last_transition_time: Option<Time>,
        /// Why, in one CamelCase word.
        "reason" reason: Option<String>,
        /// Why, for people.
        "message" message: Option<String>,
    }
}

object! {
    /// What one container is doing.
    pub struct ContainerStatus: "v1.ContainerStatus" {
        /// The container's name.
        "name" name: String => required,
        /// What it does now.
        "state" state: ContainerState,
        /// How it ended the last time.
        "lastState" last_state: ContainerState,
        /// Whether it passes its readiness probe, or needs none.
        "ready" ready: bool => required,
        /// How often it has been started again. It never falls.
        "restartCount" restart_count: u32 => required,
        /// The image as asked for.
        "image" image: String => required,
        /// The image as found.
        "imageID" image_id: String => required,
        /// `pod://<id>` of the running or last instance.
        "containerID" container_id: Option<String>,
        /// Whether it has passed its startup probe, or runs and needs none.
        "started" started: Option<bool>,
        /// What the node has set aside for it.
        "allocatedResources" allocated_resources: BTreeMap<String, Quantity>,
        /// What holds for it.
        "resources" resources: Option<ResourceRequirements>,
        /// The volumes it sees.
        "volumeMounts" volume_mounts: Vec<VolumeMountStatus>,
        /// Who its first process is.
        "user" user: Option<ContainerUser>,
        /// How well its devices are.
        "allocatedResourcesStatus" allocated_resources_status: Vec<ResourceStatus>,
        /// The signal that asks it to end.
        "stopSignal" stop_signal: Option<String>,
    }
}

object! {
    /// At most one of the three is set; none means waiting.
    pub struct ContainerState: "v1.ContainerState" {
        /// Not started, for the reason within.
        "waiting" waiting: Option<ContainerStateWaiting>,
        /// It runs.
        "running" running: Option<ContainerStateRunning>,
        /// It has ended.
        "terminated" terminated: Option<ContainerStateTerminated>,
    }
}

impl ContainerState {
    /// Whether none of the three is set.
    pub const fn is_empty(&self) -> bool {
        self.waiting.is_none() && self.running.is_none() && self.terminated.is_none()
    }
}

object! {
    /// Why a container has not started.
    pub struct ContainerStateWaiting: "v1.ContainerStateWaiting" {
        /// In one CamelCase word: `ContainerCreating`, `PodInitializing`, `CrashLoopBackOff`, …
        "reason" reason: Option<String>,
        /// For people.
        "message" message: Option<String>,
    }
}

object! {
    /// Since when a container runs.
    pub struct ContainerStateRunning: "v1.ContainerStateRunning" {
        /// When its program was started.
        "startedAt" started_at: Option<Time>,
    }
}

object! {
    /// How a container ended.
    pub struct ContainerStateTerminated: "v1.ContainerStateTerminated" {
        /// The exit code; 128 + the signal's number when a signal ended it.
        "exitCode" exit_code: i32 => required,
        /// The signal that ended it.
        "signal" signal: Option<i32>,
        /// `Completed`, `Error`, `OOMKilled`, `StartError`, …
        "reason" reason: Option<String>,
        /// For people.
        "message" message: Option<String>,
        /// When its program was started.
        "startedAt" started_at: Option<Time>,
        /// When it ended.
        "finishedAt" finished_at: Option<Time>,
        /// `pod://<id>`.
        "containerID" container_id: Option<String>,
    }
}

object! {
    /// A volume that a container sees.
    pub struct VolumeMountStatus: "v1.VolumeMountStatus" {
        /// The volume's name.
        "name" name: String => required,
        /// The path in the container.
        "mountPath" mount_path: String => required,
        /// Whether it cannot be written there.
        "readOnly" read_only: Option<bool>,
        /// Whether what is mounted within it cannot be written either: `Disabled` or `Enabled`.
        "recursiveReadOnly" recursive_read_only: Option<String>,
        /// What there is to say of the volume.
        "volumeStatus" volume_status: Option<VolumeStatus>,
    }
}

object! {
    /// What there is to say of a volume.
    pub struct VolumeStatus: "v1.VolumeStatus" {
        /// Of an image.
        "image" image: Option<ImageVolumeStatus>,
    }
}

object! {
    /// The image of a volume.
    pub struct ImageVolumeStatus: "v1.ImageVolumeStatus" {
        /// The image as found.
        "imageRef" image_ref: String => required,
    }
}

object! {
    /// Who a container's first process is.
    pub struct ContainerUser: "v1.ContainerUser" {
        /// On Linux.
        "linux" linux: Option<LinuxContainerUser>,
    }
}

object! {
    /// Who a container's first process is, on Linux.
    pub struct LinuxContainerUser: "v1.LinuxContainerUser" {
        /// The user.
        "uid" uid: i64 => required,
        /// The group.
        "gid" gid: i64 => required,
        /// Its further groups.
        "supplementalGroups" supplemental_groups: Vec<i64>,
    }
}

object! {
    /// How well the devices of one resource are.
    pub struct ResourceStatus: "v1.ResourceStatus" {
        /// The resource.
        "name" name: String => required,
        /// Each device.
        "resources" resources: Vec<ResourceHealth>,
    }
}

object! {
    /// How well a device is.
    pub struct ResourceHealth: "v1.ResourceHealth" {
        /// The device.
        "resourceID" resource_id: String => required,
        /// `Healthy`, `Unhealthy` or `Unknown`.
        "health" health: Option<String>,
        /// Why, for people.
        "message" message: Option<String>,
    }
}

object! {
    /// What a resource claim of the pod is bound to.
    pub struct PodResourceClaimStatus: "v1.PodResourceClaimStatus" {
        /// The name of the entry in the pod's `resourceClaims`.
        "name" name: String => required,
        /// The ResourceClaim.
        "resourceClaimName" resource_claim_name: Option<String>,
    }
}

object! {
    /// The claim that was made for devices asked for as resources.
    pub struct PodExtendedResourceClaimStatus: "v1.PodExtendedResourceClaimStatus" {
        /// Which request is for which container's resource.
        "requestMappings" request_mappings: Vec<ContainerExtendedResourceRequest> => required,
        /// The ResourceClaim.
        "resourceClaimName" resource_claim_name: String => required,
    }
}

object! {
    /// The request of a claim for one resource of one container.
    pub struct ContainerExtendedResourceRequest: "v1.ContainerExtendedResourceRequest" {
        /// The container.
        "containerName" container_name: String => required,
        /// The resource.
        "resourceName" resource_name: String => required,
        /// The request.
        "requestName" request_name: String => required,
    }
}

object! {
    /// What one claim has taken of the node's cpu, memory and the like.
    pub struct NodeAllocatableResourceClaimStatus: "v1.NodeAllocatableResourceClaimStatus" {
        /// The ResourceClaim.
        "resourceClaimName" resource_claim_name: String => required,
        /// The containers that use it.
        "containers" containers: Vec<String>,
        /// How much.
        "resources" resources: BTreeMap<String, Quantity> => required,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_ready_when_its_condition_says_so() {
        let ready = |status| {
            let (kind, status) = ("Ready".to_owned(), status);
            let condition = PodCondition { kind, status, ..PodCondition::default() };
            PodStatus { conditions: vec![condition], ..PodStatus::default() }.is_ready()
        };
        assert!(ready(ConditionStatus::True));
        assert!(!ready(ConditionStatus::False) && !ready(ConditionStatus::Unknown));
        assert!(!PodStatus::default().is_ready());
    }
}
