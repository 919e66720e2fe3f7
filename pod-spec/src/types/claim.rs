//! Claims for storage that outlives pods.

use std::collections::BTreeMap;

use super::{LabelSelector, ObjectMeta, TypedLocalObjectReference, TypedObjectReference};
use crate::schema::{kind, object, words};
use crate::status::ConditionStatus;
use crate::{Quantity, Time};

kind! {
    /// A claim for storage that outlives pods.
    pub struct PersistentVolumeClaim: "v1" "PersistentVolumeClaim" {
        /// Name, labels and the like.
        "metadata" metadata: ObjectMeta,
        /// What is claimed.
        "spec" spec: PersistentVolumeClaimSpec,
        /// What has become of it.
        "status" status: Option<PersistentVolumeClaimStatus>,
    }
}

object! {
    /// What is claimed.
    pub struct PersistentVolumeClaimSpec: "v1.PersistentVolumeClaimSpec" {
        /// How it is to be mounted.
        "accessModes" access_modes: Vec<PersistentVolumeAccessMode>,
        /// The volumes it can be bound to.
        "selector" selector: Option<LabelSelector>,
        /// How large it is.
        "resources" resources: VolumeResourceRequirements,
        /// The volume it is bound to.
        "volumeName" volume_name: Option<String>,
        /// The class of the storage.
        "storageClassName" storage_class_name: Option<String>,
        /// Whether it holds files or is a device. `Filesystem` when not given.
        "volumeMode" volume_mode: Option<PersistentVolumeMode>,
        /// What it is filled from.
        "dataSource" data_source: Option<TypedLocalObjectReference>,
        /// What it is filled from, also from another namespace.
        "dataSourceRef" data_source_ref: Option<TypedObjectReference>,
        /// The class of the attributes of the volume.
        "volumeAttributesClassName" volume_attributes_class_name: Option<String>,
    }
}

words! {
    /// How a volume can be mounted.
    pub enum PersistentVolumeAccessMode {
        /// For reading and writing by one node.
        #[default]
        ReadWriteOnce = "ReadWriteOnce",
        /// For reading by many nodes.
        ReadOnlyMany = "ReadOnlyMany",
        /// For reading and writing by many nodes.
        ReadWriteMany = "ReadWriteMany",
        /// For reading and writing by one pod.
        ReadWriteOncePod = "ReadWriteOncePod",
    }
}

words! {
    /// Whether a volume holds files or is a device.
    pub enum PersistentVolumeMode {
        /// It holds files.
        #[default]
        Filesystem = "Filesystem",
        /// It is a device.
        Block = "Block",
    }
}

object! {
    /// How large a volume is: `storage` in bytes.
    pub struct VolumeResourceRequirements: "v1.VolumeResourceRequirements" {
        /// The most it may hold.
        "limits" limits: BTreeMap<String, Quantity>,
        /// What it is sure to hold.
        "requests" requests: BTreeMap<String, Quantity>,
    }
}

object! {
    /// A claim that others are made from.
    pub struct PersistentVolumeClaimTemplate: "v1.PersistentVolumeClaimTemplate" {
        /// Labels and annotations of the claim.
        "metadata" metadata: ObjectMeta,
        /// What is claimed.
        "spec" spec: PersistentVolumeClaimSpec => required,
    }
}

object! {
    /// What has become of a claim.
    pub struct PersistentVolumeClaimStatus: "v1.PersistentVolumeClaimStatus" {
        /// Whether it is bound.
        "phase" phase: Option<PersistentVolumeClaimPhase>,
        /// How the volume can be mounted.
        "accessModes" access_modes: Vec<PersistentVolumeAccessMode>,
        /// How large the volume is.
        "capacity" capacity: BTreeMap<String, Quantity>,
        /// The latest observations.
        "conditions" conditions: Vec<PersistentVolumeClaimCondition>,
        /// What has been set aside for it.
        "allocatedResources" allocated_resources: BTreeMap<String, Quantity>,
        /// How far a change of its size has come, by resource.
        "allocatedResourceStatuses" allocated_resource_statuses: BTreeMap<String, String>,
        /// The class of its attributes.
        "currentVolumeAttributesClassName" current_volume_attributes_class_name: Option<String>,
        /// How far a change of that class has come.
        "modifyVolumeStatus" modify_volume_status: Option<ModifyVolumeStatus>,
    }
}

words! {
    /// Whether a claim is bound.
    pub enum PersistentVolumeClaimPhase {
        /// Not yet.
        #[default]
        Pending = "Pending",
        /// It is.
        Bound = "Bound",
        /// Its volume is gone.
        Lost = "Lost",
    }
}

object! {
    /// One observation about a claim.
    pub struct PersistentVolumeClaimCondition: "v1.PersistentVolumeClaimCondition" {
        /// What is observed.
        "type" kind: String => required,
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
    /// How far a change of a volume's attributes has come.
    pub struct ModifyVolumeStatus: "v1.ModifyVolumeStatus" {
        /// The class it changes to.
        "targetVolumeAttributesClassName" target_volume_attributes_class_name: Option<String>,
        /// `Pending`, `InProgress` or `Infeasible`.
        "status" status: String => required,
    }
}
