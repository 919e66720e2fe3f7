//! The life of a pod, in the form that is saved.
//!
//! ```text
//! StartingSandbox <──> SandboxBackOff
//!        │
//!        ▼
//! Initializing ──> Running ──> Terminating ──> RemovingSandbox ──> Finished
//!     │ ▲  │          │             ▲
//!     │ │  └──────────┼─────────────┘
//!     ▼ │             │
//! RestartingAll <─────┘
//! ```
//!
//! From every state before it a deletion leads to `Terminating`, which is left as soon as no container is alive.

use std::net::IpAddr;

use pod_spec::Time;
use pod_spec::status::{PodCondition, PodPhase};
use serde::{Deserialize, Serialize};

use crate::LifecycleTable;
use crate::container::ContainerRecord;

/// Everything the machine remembers: save it before the actions are carried out, and hand it to
/// [`PodMachine::resume`](crate::PodMachine::resume) after a crash.
///
/// What is in it is nobody else's business; [`PodMachine::status`](crate::PodMachine::status) tells what it means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineState {
    pub(crate) pod: PodState,
    /// In the order of the table.
    pub(crate) containers: Vec<ContainerRecord>,
    pub(crate) conditions: Vec<PodCondition>,
    pub(crate) addresses: Addresses,
    pub(crate) start_time: Time,
    /// Whether the main containers were let go since the pod began, anew or for the first time.
    pub(crate) initialized: bool,
}

/// Where a pod is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PodState {
    StartingSandbox {
        failed: Option<FailedSandbox>,
    },
    SandboxBackOff {
        until: Time,
        failed: FailedSandbox,
    },
    Initializing,
    Running,
    /// What runs is being killed, for the pod to begin anew.
    RestartingAll,
    /// The sandbox is lost; what runs in it all the same is being killed, for the pod to begin anew in another one.
    ReplacingSandbox,
    Terminating {
        cause: TerminationCause,
        deadline: Time,
    },
    RemovingSandbox {
        outcome: Outcome,
    },
    Finished {
        outcome: Outcome,
    },
}

/// A sandbox that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailedSandbox {
    pub failures: u32,
    pub reason: String,
    pub message: String,
}

/// Why a pod is being stopped; the first cause counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TerminationCause {
    /// Its main containers ended for good.
    Ended,
    /// An init container failed for good.
    InitFailed,
    /// Somebody deleted it.
    Deleted,
    /// It took longer than it may.
    DeadlineExceeded,
    /// It took more than it may.
    Evicted { message: String },
    /// Its sandbox died, and it gets no other one.
    SandboxLost { message: String },
}

/// How a pod ended. It never changes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub phase: PodPhase,
    pub reason: Option<String>,
    pub message: Option<String>,
}

/// Where the pod can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Addresses {
    /// The pod's own addresses, the primary one first. Those of the machine when it has its network; none when the pod
    /// has loopback only.
    pub pod: Vec<IpAddr>,
    /// The machine's addresses, the primary one first.
    pub host: Vec<IpAddr>,
}

impl PodState {
    /// Whether the pod is neither over nor on its way to it.
    pub(crate) fn is_active(&self) -> bool {
        match self {
            Self::StartingSandbox { .. }
            | Self::SandboxBackOff { .. }
            | Self::Initializing
            | Self::Running
            | Self::RestartingAll
            | Self::ReplacingSandbox => true,
            Self::Terminating { .. } | Self::RemovingSandbox { .. } | Self::Finished { .. } => {
                false
            }
        }
    }
}

impl MachineState {
    pub(crate) fn new(table: &LifecycleTable, now: Time) -> Self {
        Self {
            pod: PodState::StartingSandbox { failed: None },
            containers: table.containers.iter().map(ContainerRecord::new).collect(),
            conditions: Vec::new(),
            addresses: Addresses::default(),
            start_time: now,
            initialized: false,
        }
    }

    /// The same state with exactly the table's containers, in the table's order.
    pub(crate) fn aligned(mut self, table: &LifecycleTable) -> Self {
        let mut known = std::mem::take(&mut self.containers);
        self.containers = table
            .containers
            .iter()
            .map(|rules| match known.iter().position(|record| record.name == rules.name) {
                Some(index) => known.swap_remove(index),
                None => ContainerRecord::new(rules),
            })
            .collect();
        self
    }

    /// How the pod ended, once no container is alive.
    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        match &self.pod {
            PodState::RemovingSandbox { outcome } | PodState::Finished { outcome } => Some(outcome),
            PodState::StartingSandbox { .. }
            | PodState::SandboxBackOff { .. }
            | PodState::Initializing
            | PodState::Running
            | PodState::RestartingAll
            | PodState::ReplacingSandbox
            | PodState::Terminating { .. } => None,
        }
    }

    /// Whether a sandbox stands, with network and volumes, and is not being removed.
    pub fn has_sandbox(&self) -> bool {
        match self.pod {
            PodState::Initializing
            | PodState::Running
            | PodState::RestartingAll
            | PodState::Terminating { .. } => true,
            PodState::StartingSandbox { .. }
            | PodState::SandboxBackOff { .. }
            | PodState::ReplacingSandbox
            | PodState::RemovingSandbox { .. }
            | PodState::Finished { .. } => false,
        }
    }
}
