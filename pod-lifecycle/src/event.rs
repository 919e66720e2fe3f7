//! What goes into the machine and what comes out of it.

use std::collections::BTreeMap;

use pod_spec::Time;
use pod_spec::status::PodCondition;
use serde::{Deserialize, Serialize};

use crate::{Addresses, ContainerRules, GraceSeconds, HookKind, LifecycleTable, ProbeKind};

/// Something that happened to the pod.
///
/// An event about an unknown container, or about an attempt that is over, changes nothing: events may arrive twice,
/// late, or in another order than they happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The sandbox is up and has its network.
    SandboxReady {
        /// Where it can be reached.
        addresses: Addresses,
    },
    /// The sandbox could not be made. It is tried again after a pause.
    SandboxFailed {
        /// In one word: `CreatePodSandboxError`, `FailedMount`, …
        reason: String,
        /// For people.
        message: String,
    },
    /// The sandbox ended by itself, and every container with it or soon after: each is to be told of by
    /// [`Event::Exited`]. The pod begins anew in another one, which [`Action::CreateSandbox`] asks for. With the restart
    /// policy `Never` it does so only before its first container; later it is over as for [`Event::SandboxGone`].
    SandboxLost {
        /// For people.
        message: String,
    },
    /// The sandbox ended with all that could make it again, and every container with it. The pod is over: `Failed` with
    /// reason `SandboxLost`, unless all main containers had ended for good before.
    SandboxGone {
        /// For people.
        message: String,
    },
    /// A container's program runs.
    Started {
        /// Its name.
        container: String,
        /// The attempt that was asked for.
        attempt: u32,
        /// The id of the instance.
        id: String,
        /// The image as found.
        image_id: String,
        /// The images of the volumes that it mounts, as found, by the volume's name.
        volume_images: BTreeMap<String, String>,
        /// When.
        at: Time,
    },
    /// A container could not be created or started.
    ///
    /// The reasons `StartError` and `ContainerCannotRun` say that it was created and its program could not be
    /// executed: that is a run, with exit code 128. Every other reason (`ErrImagePull`, `CreateContainerError`, …)
    /// says that there was nothing to run: it is tried again after a pause, under the same attempt.
    StartFailed {
        /// Its name.
        container: String,
        /// The attempt that was asked for.
        attempt: u32,
        /// In one word.
        reason: String,
        /// For people.
        message: String,
        /// The image that it is about, when that is not the container's own but one of its volumes.
        image: Option<String>,
        /// When.
        at: Time,
    },
    /// A container's program ended.
    Exited {
        /// Its name.
        container: String,
        /// Which attempt.
        attempt: u32,
        /// How.
        exit: Exit,
        /// When it had been started.
        started_at: Time,
        /// When it ended.
        finished_at: Time,
        /// Its termination message.
        message: Option<String>,
    },
    /// A probe that was asked for has been made.
    Probed {
        /// The container's name.
        container: String,
        /// Which attempt.
        attempt: u32,
        /// Which of its probes.
        probe: ProbeKind,
        /// What it found.
        result: ProbeResult,
    },
    /// A hook that was asked for is over.
    HookEnded {
        /// The container's name.
        container: String,
        /// Which attempt.
        attempt: u32,
        /// Which of its hooks.
        hook: HookKind,
        /// Why it failed, if it did; for people.
        result: Result<(), String>,
    },
    /// A container is added to the pod, to look at it. One whose name is taken changes nothing.
    Added {
        /// Its rules; it is ephemeral whatever they say, and is started once.
        rules: Box<ContainerRules>,
        /// The pod's `metadata.generation` from now on.
        generation: Option<i64>,
    },
    /// Somebody says something about the pod. One of [`OWN_CONDITIONS`](crate::OWN_CONDITIONS) changes nothing.
    ConditionSet {
        /// What: the one of this type is replaced. Without `lastTransitionTime` that is now, if the status is another one.
        condition: PodCondition,
    },
    /// The pod's manifest has been changed, in a way that a pod may be changed. A pod that is over, or on its way to it,
    /// stays as it is.
    Update {
        /// The rules it lives by from now on, for the same containers.
        table: Box<LifecycleTable>,
    },
    /// The objects that containers are configured with are no longer the same. A container whose configuration could not
    /// be made, for the reason `CreateContainerConfigError`, is tried again at once, and so is a pod whose volumes could
    /// not, for the reason `FailedMount`.
    ConfigurationChanged,
    /// The pod takes more of the machine than it may, and has to go: `Failed` with reason `Evicted`.
    Evicted {
        /// What it has taken too much of, for people.
        message: String,
    },
    /// Somebody wants the pod to go.
    Delete {
        /// Instead of the pod's own grace period. A later, shorter one counts; a longer one does not.
        grace: Option<GraceSeconds>,
    },
    /// Nothing of the sandbox is left.
    SandboxRemoved,
    /// Time has passed; expected at [`PodMachine::next_deadline`](crate::PodMachine::next_deadline).
    Tick,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeResult {
    /// All is well.
    Success,
    /// All is well, but people should know something.
    Warning(String),
    /// It is not, for this reason.
    Failure(String),
    /// It could not be made, for this reason. That says nothing about the container.
    Unknown(String),
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code; 128 + the signal's number when a signal ended it.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether the kernel killed it because memory ran out.
    pub oom_killed: bool,
}

impl Exit {
    /// A program that ended by itself with this code.
    pub const fn with_code(code: i32) -> Self {
        Self { code, signal: None, oom_killed: false }
    }
}

/// Something the caller has to do, in the order given, after it has saved the machine's state.
///
/// After a crash an action may be asked for a second time, so each has to be harmless when it was done before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Make the sandbox; answered by [`Event::SandboxReady`] or [`Event::SandboxFailed`]. One that is lost is made again,
    /// and whatever is left in it goes, with the logs of init containers and sidecars: no container is alive then.
    CreateSandbox,
    /// Create and start a container; answered by [`Event::Started`] or [`Event::StartFailed`]. Where this attempt was
    /// created but not started, it is started, or created anew.
    StartContainer {
        /// Its name.
        container: String,
        /// How often it has been started before: the number of its instance and of its log file.
        attempt: u32,
    },
    /// Send the stop signal; answered, some time, by [`Event::Exited`]. A start under way is abandoned and answered by
    /// [`Event::StartFailed`].
    Terminate {
        /// Its name.
        container: String,
        /// Which attempt.
        attempt: u32,
    },
    /// Send SIGKILL. As for [`Action::Terminate`] otherwise.
    Kill {
        /// Its name.
        container: String,
        /// Which attempt.
        attempt: u32,
    },
    /// Make a probe; answered by [`Event::Probed`].
    Probe {
        /// The container's name.
        container: String,
        /// Which attempt.
        attempt: u32,
        /// Which of its probes.
        probe: ProbeKind,
    },
    /// Run a hook to its end, however long it takes; answered by [`Event::HookEnded`].
    RunHook {
        /// The container's name.
        container: String,
        /// Which attempt.
        attempt: u32,
        /// Which of its hooks.
        hook: HookKind,
    },
    /// Take down the sandbox and whatever is left in it, also one that is half made, half removed or dead; answered
    /// by [`Event::SandboxRemoved`]. The last action of a pod's life.
    RemoveSandbox,
    /// Tell whoever follows the pod.
    Record(PodEvent),
}

/// An entry in the pod's list of events (`v1.Event`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodEvent {
    /// Whether it is good or bad news.
    pub kind: EventKind,
    /// In one word: `Started`, `Killing`, `BackOff`, …
    pub reason: String,
    /// The container it is about.
    pub container: Option<String>,
    /// For people, in the kubelet's words.
    pub message: String,
}

/// The `type` of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// Something went as it should.
    Normal,
    /// Something did not.
    Warning,
}

impl Action {
    pub(crate) fn normal(reason: &str, container: &str, message: String) -> Self {
        Self::record(EventKind::Normal, reason, Some(container), message)
    }

    pub(crate) fn warning(reason: &str, container: &str, message: String) -> Self {
        Self::record(EventKind::Warning, reason, Some(container), message)
    }

    pub(crate) fn record(
        kind: EventKind,
        reason: &str,
        container: Option<&str>,
        message: String,
    ) -> Self {
        let (reason, container) = (reason.to_owned(), container.map(str::to_owned));
        Self::Record(PodEvent { kind, reason, container, message })
    }
}
