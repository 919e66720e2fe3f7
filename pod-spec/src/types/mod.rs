//! The objects of the Pod API, under their names in Kubernetes.

mod container;
mod env;
mod meta;
mod pod;
mod security;
mod volume;

pub use container::{
    Container, ContainerPort, ContainerRestartPolicy, ImagePullPolicy, Protocol,
    ResourceRequirements, TerminationMessagePolicy,
};
pub use env::{EnvVar, EnvVarSource, FieldPath, ObjectFieldSelector};
pub use meta::ObjectMeta;
pub use pod::{DnsPolicy, HostAlias, OsName, Pod, PodOs, PodSpec, RestartPolicy};
pub use security::{
    AppArmorProfile, AppArmorProfileType, Capabilities, PodSecurityContext, ProcMountType,
    SeccompProfile, SeccompProfileType, SecurityContext, SupplementalGroupsPolicy,
};
pub use volume::{
    EmptyDirMedium, EmptyDirVolumeSource, HostPathType, HostPathVolumeSource, MountPropagation,
    RecursiveReadOnly, Volume, VolumeMount, VolumeSource,
};
