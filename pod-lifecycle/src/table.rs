//! What the machine has to know about a pod before it starts: the rules. Few of them can be changed during its life.

use std::time::Duration;

use pod_spec::status::QosClass;
use serde::{Deserialize, Serialize};

use crate::Backoff;

/// The rules one pod lives by, taken from its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleTable {
    /// Whose life it is; only for messages.
    pub pod: PodIdentity,
    /// `spec.initContainers` in the manifest's order, sidecars among them, then `spec.containers` and
    /// `spec.ephemeralContainers` in theirs.
    pub containers: Vec<ContainerRules>,
    /// `spec.restartPolicy`, for the containers that have none of their own.
    pub restart_policy: RestartPolicy,
    /// `spec.terminationGracePeriodSeconds`.
    pub grace: GraceSeconds,
    /// `spec.activeDeadlineSeconds`: how long after its beginning a pod that is not over fails.
    pub active_deadline: Option<Duration>,
    /// How long to wait before something that failed is tried again.
    pub backoff: Backoff,
    /// `spec.readinessGates`: the conditions that others set and that the pod's readiness waits for.
    pub readiness_gates: Vec<String>,
    /// `status.qosClass`.
    pub qos_class: QosClass,
    /// `metadata.generation`, repeated in the status and in each condition.
    pub observed_generation: Option<i64>,
}

impl LifecycleTable {
    /// The restart policy that a container has.
    pub(crate) fn policy(&self, rules: &ContainerRules) -> RestartPolicy {
        rules.restarts.policy.unwrap_or(self.restart_policy)
    }

    /// Whether the end of a container may have all of them restarted.
    pub(crate) fn may_restart_all(&self) -> bool {
        let mut rules = self.containers.iter().flat_map(|rules| &rules.restarts.rules);
        rules.any(|rule| rule.action == ExitAction::RestartAllContainers)
    }
}

/// What a pod is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodIdentity {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
}

impl PodIdentity {
    /// `NAME_NAMESPACE(UID)`, the form of the kubelet's messages.
    pub(crate) fn display(&self) -> String {
        format!("{}_{}({})", self.name, self.namespace, self.uid)
    }
}

/// The rules of one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerRules {
    /// The container's name, unique in the pod.
    pub name: String,
    /// Its part in the pod.
    pub kind: ContainerKind,
    /// The image as asked for. A container that runs another one is started again.
    pub image: String,
    /// Its probes.
    pub probes: Probes,
    /// Its hooks.
    pub hooks: Hooks,
    /// `lifecycle.stopSignal`; only shown.
    pub stop_signal: Option<String>,
    /// `volumeMounts`; only shown.
    pub mounts: Vec<MountedVolume>,
    /// When it is started again.
    pub restarts: Restarts,
}

/// A volume that a container sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountedVolume {
    /// The volume's name.
    pub name: String,
    /// Where the container sees it.
    pub path: String,
    /// Whether it may be written there.
    pub access: MountAccess,
}

/// Whether a volume may be written where it is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountAccess {
    /// It may.
    Writable,
    /// Only what is mounted within it may.
    ReadOnly,
    /// Neither it nor what is mounted within it may.
    RecursivelyReadOnly,
}

/// When a container is started again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Restarts {
    /// The container's own `restartPolicy`, in place of the pod's.
    pub policy: Option<RestartPolicy>,
    /// `restartPolicyRules`: the first one that fits an exit code counts, and no policy then.
    pub rules: Vec<ExitRule>,
}

/// What is done when a container ends with certain exit codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRule {
    /// Which codes.
    pub codes: ExitCodes,
    /// What is done.
    pub action: ExitAction,
}

/// Some of all exit codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitCodes {
    /// These.
    In(Vec<i32>),
    /// All others.
    NotIn(Vec<i32>),
}

impl ExitCodes {
    fn contains(&self, code: i32) -> bool {
        match self {
            Self::In(codes) => codes.contains(&code),
            Self::NotIn(codes) => !codes.contains(&code),
        }
    }
}

/// What an [`ExitRule`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExitAction {
    /// The container is started again.
    Restart,
    /// All containers of the pod are killed and the pod begins anew, with its first init container, in the same sandbox.
    RestartAllContainers,
}

impl Restarts {
    /// What the rules say about an exit code, if any of them is about it.
    pub(crate) fn action(&self, code: i32) -> Option<ExitAction> {
        self.rules.iter().find(|rule| rule.codes.contains(code)).map(|rule| rule.action)
    }
}

/// The probes that a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Probes {
    /// `startupProbe`.
    pub startup: Option<ProbeRules>,
    /// `livenessProbe`.
    pub liveness: Option<ProbeRules>,
    /// `readinessProbe`.
    pub readiness: Option<ProbeRules>,
}

impl Probes {
    /// The probe of this kind.
    pub fn of(&self, probe: ProbeKind) -> Option<ProbeRules> {
        match probe {
            ProbeKind::Startup => self.startup,
            ProbeKind::Liveness => self.liveness,
            ProbeKind::Readiness => self.readiness,
        }
    }
}

/// What a probe is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProbeKind {
    /// Tells that the container has come up. The others wait for it, and a failure ends the container.
    Startup,
    /// Tells that it is alive. A failure ends it.
    Liveness,
    /// Tells that it can do its work, which the pod's readiness depends on.
    Readiness,
}

impl ProbeKind {
    /// All of them, in the order in which they are made.
    pub(crate) const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    /// The word at the beginning of the kubelet's messages.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }
}

/// When a probe is made, and what its results mean. How long one may take is the prober's to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRules {
    /// `initialDelaySeconds`, from the start of the container.
    pub initial_delay: Duration,
    /// `periodSeconds`, from the beginning of one to the beginning of the next.
    pub period: Duration,
    /// `successThreshold`: how often in a row it has to succeed to count.
    pub success_threshold: u32,
    /// `failureThreshold`: how often in a row it has to fail to count.
    pub failure_threshold: u32,
    /// `terminationGracePeriodSeconds`, in place of the pod's, for a container that it ends.
    pub grace: Option<GraceSeconds>,
}

/// The hooks that a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hooks {
    /// Whether there is a `lifecycle.postStart`.
    pub post_start: bool,
    /// Whether there is a `lifecycle.preStop`.
    pub pre_stop: bool,
}

/// Something that is done at one of the two ends of a container's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HookKind {
    /// Right after the start.
    PostStart,
    /// Before the stop signal.
    PreStop,
}

/// The part a container plays in its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContainerKind {
    /// In `spec.initContainers`: has to end with exit code 0 before the next one starts.
    Init,
    /// In `spec.initContainers` with `restartPolicy: Always`: has to run before the next one starts, and goes on.
    Sidecar,
    /// In `spec.containers`: the pod is over when all of these are.
    Main,
    /// Was added to the running pod, to look at it. It is started once, at once, and the pod's phase and readiness do not
    /// depend on it.
    Ephemeral,
}

impl ContainerKind {
    /// Whether it is one of `spec.initContainers`.
    pub(crate) const fn is_in_init_list(self) -> bool {
        matches!(self, Self::Init | Self::Sidecar)
    }
}

/// `restartPolicy`, of a pod or a container: which ended containers are started again. Sidecars always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// All of them.
    #[default]
    Always,
    /// Those with an exit code other than 0.
    OnFailure,
    /// None.
    Never,
}

/// How many seconds a pod has between the stop signal and the kill.
///
/// Every container gets at least two seconds between the two, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GraceSeconds(u32);

impl GraceSeconds {
    /// What a pod has when its manifest does not say: 30 s.
    pub const DEFAULT: Self = Self(30);

    /// So many seconds.
    pub const fn new(seconds: u32) -> Self {
        Self(seconds)
    }

    /// Reads the manifest's number. A negative one means one second, as it does to the kubelet.
    pub fn from_spec(seconds: i64) -> Self {
        if seconds < 0 { Self(1) } else { Self(u32::try_from(seconds).unwrap_or(u32::MAX)) }
    }

    /// As a span of time.
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl Default for GraceSeconds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b141_a_negative_grace_means_one_second() {
        for (written, meant) in [(-1, 1), (i64::MIN, 1), (0, 0), (30, 30), (i64::MAX, u32::MAX)] {
            assert_eq!(GraceSeconds::from_spec(written), GraceSeconds::new(meant), "{written}");
        }
    }
}
