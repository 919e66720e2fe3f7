//! What a sandbox and its containers are doing.

use serde::{Deserialize, Serialize};

use crate::config::{ContainerId, SandboxId};

/// A sandbox and everything in it, at one moment.
///
/// The keeper writes it to a file at each change, so it can be read when no process runs any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxStatus {
    /// Its name.
    pub id: SandboxId,
    /// Grows by one with each change.
    pub revision: u64,
    /// Whether its namespaces are held.
    pub state: SandboxState,
    /// How often it has been made again after it was lost.
    #[serde(default)]
    pub attempt: u32,
    /// The process id of the keeper on the host.
    pub keeper: i32,
    /// How often the companion has been started.
    pub generation: u64,
    /// The companion's process id, when it runs.
    pub companion: Option<i32>,
    /// Its containers, by id.
    pub containers: Vec<ContainerStatus>,
}

impl SandboxStatus {
    /// The container of this id.
    pub fn container(&self, id: &ContainerId) -> Option<&ContainerStatus> {
        self.containers.iter().find(|c| c.id == *id)
    }
}

/// Whether a sandbox's namespaces are held (CRI `PodSandboxState`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SandboxState {
    /// The pause process holds them.
    Ready {
        /// Its process id on the host.
        pause: i32,
    },
    /// The pause process has died, and with it the sandbox, until it is
    /// [made again](crate::Sandbox::make_again).
    Lost {
        /// How.
        message: String,
    },
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerStatus {
    /// Its name.
    pub id: ContainerId,
    /// What its configuration says of its image (CRI `ContainerStatus.image_ref`).
    #[serde(default)]
    pub image_ref: String,
    /// What it is doing.
    pub state: ContainerState,
    /// Lines of its log that could not be written, because the disk was full.
    #[serde(default)]
    pub log_lines_lost: u64,
}

/// What a container is doing (CRI `ContainerState`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ContainerState {
    /// It is being made.
    Creating,
    /// It waits to be started.
    Created {
        /// Its first process on the host.
        pid: i32,
    },
    /// Its program runs.
    Running {
        /// Its first process on the host.
        pid: i32,
        /// Nanoseconds since the epoch.
        started_at: i64,
    },
    /// Its first process has ended.
    Exited(Exit),
}

impl ContainerState {
    /// The word for messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Creating => "being created",
            Self::Created { .. } => "created",
            Self::Running { .. } => "running",
            Self::Exited(_) => "exited",
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Its exit code; 128 + the signal's number when a signal ended it.
    pub code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether the out-of-memory killer was at work in its cgroup.
    pub oom_killed: bool,
    /// Why it never ran, when it never did.
    pub start_error: Option<String>,
    /// When its program was started, in nanoseconds since the epoch.
    pub started_at: Option<i64>,
    /// When it ended, in nanoseconds since the epoch.
    pub finished_at: i64,
}
