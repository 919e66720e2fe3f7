//! What can go wrong, one enum for each family of operations.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A configuration that cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An id has a form that is no safe file name.
    #[error(
        "{what} id {id:?} is not 1 to 128 letters, digits, `-`, `_` or `.`, beginning with a letter or digit"
    )]
    Id {
        /// `sandbox` or `container`.
        what: &'static str,
        /// The text found.
        id: String,
    },
    /// A kernel parameter that is not of the sandbox's own namespaces.
    #[error("the kernel parameter `{name}` is the host's: it cannot be set for a sandbox")]
    Sysctl {
        /// Its name.
        name: String,
    },
    /// Users of a sandbox's own that it cannot have.
    #[error("{count} ids from {first} on cannot be the users of a sandbox")]
    Users {
        /// The host's id of the first one.
        first: u32,
        /// How many they are.
        count: u32,
    },
    /// A capability that Linux does not have.
    #[error("`{name}` is not a Linux capability")]
    Capability {
        /// The text found.
        name: String,
    },
}

/// A seccomp profile that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeccompError {
    /// The file cannot be read.
    #[error("cannot read the seccomp profile {}", path.display())]
    Read {
        /// The profile.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no profile.
    #[error("{} is no seccomp profile", path.display())]
    Parse {
        /// The profile.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The profile asks for something unknown.
    #[error("the seccomp profile {} cannot be used: {what}", path.display())]
    Invalid {
        /// The profile.
        path: PathBuf,
        /// What it asks for.
        what: String,
    },
    /// The program would be longer than the kernel takes.
    #[error("the seccomp profile is longer than the kernel's 4096 instructions")]
    TooLong,
}

/// A cgroup that cannot be made, changed or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CgroupError {
    /// The machine has no cgroup file system at the usual place.
    #[error("no cgroup hierarchy is mounted below /sys/fs/cgroup")]
    NotMounted,
    /// A path that is empty, relative, or leads out of our own part of the hierarchy.
    #[error("cgroup path {} is not below {}", path.display(), crate::dirs::CGROUP_ROOT)]
    OutsideRoot {
        /// The path.
        path: PathBuf,
    },
    /// There are processes in it, which are none of ours.
    #[error("cgroup {} is in use", path.display())]
    InUse {
        /// The cgroup.
        path: PathBuf,
    },
    /// A step failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, such as `write 100 to`.
        action: String,
        /// On which file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Processes survived SIGKILL for too long.
    #[error("processes in {} did not end within {}s of SIGKILL", path.display(), after.as_secs())]
    StillPopulated {
        /// The cgroup.
        path: PathBuf,
        /// How long they were given.
        after: Duration,
    },
}

/// Something that the keeper answered to a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub enum RequestError {
    /// A container of this id exists.
    #[error("container `{id}` exists already")]
    Exists {
        /// Its id.
        id: String,
    },
    /// There is no container of this id.
    #[error("there is no container `{id}`")]
    NotFound {
        /// The id asked for.
        id: String,
    },
    /// The container is in the wrong state.
    #[error("container `{id}` is {state}, cannot {action} it")]
    WrongState {
        /// Its id.
        id: String,
        /// What it is, such as `exited`.
        state: String,
        /// What was asked for.
        action: String,
    },
    /// The container's root, mounts, cgroup or namespaces could not be made.
    #[error("cannot create container `{id}`: {message}")]
    Create {
        /// Its id.
        id: String,
        /// Why, with what the engine traced.
        message: String,
    },
    /// The part of a source that was to be mounted cannot be found within it, or not be made.
    #[error("cannot create container `{id}`: {message}")]
    SubPath {
        /// Its id.
        id: String,
        /// Where it was to be mounted.
        destination: PathBuf,
        /// Why.
        message: String,
    },
    /// What was to be mounted cannot be mounted for users of the sandbox's own.
    #[error("cannot create container `{id}`: {message}")]
    Users {
        /// Its id.
        id: String,
        /// Where it was to be mounted.
        destination: PathBuf,
        /// Why.
        message: String,
    },
    /// The program could not be executed.
    #[error("cannot start container `{id}`: {message}")]
    Start {
        /// Its id.
        id: String,
        /// Why.
        message: String,
    },
    /// A process could not be executed in a running container.
    #[error("cannot execute in container `{id}`: {message}")]
    Exec {
        /// Its id.
        id: String,
        /// Why.
        message: String,
        /// The exit code a shell would give: 127 not found, 126 not executable, else 128.
        code: i32,
    },
    /// An attached client did not read what the container wrote, and was let go.
    #[error("what container `{id}` writes was not read in time: attach again")]
    Detached {
        /// Its id.
        id: String,
    },
    /// A newer companion has taken over.
    #[error("generation {generation} has been replaced by {current}")]
    Fenced {
        /// The caller's.
        generation: u64,
        /// The one in charge.
        current: u64,
    },
    /// The keeper itself could not do what was asked.
    #[error("{message}")]
    Keeper {
        /// Why.
        message: String,
    },
}

/// An operation on a sandbox that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The process lacks a right.
    #[error("a sandbox needs {what}: run as root")]
    Privilege {
        /// What is missing.
        what: &'static str,
    },
    /// A sandbox of this id exists.
    #[error("sandbox `{id}` exists already")]
    Exists {
        /// Its id.
        id: String,
    },
    /// There is no sandbox of this id, or its keeper has ended.
    #[error("sandbox `{id}` is not running")]
    NotRunning {
        /// The id.
        id: String,
    },
    /// The keeper could not set the sandbox up; nothing is left of it.
    #[error("cannot make sandbox `{id}`: {message}")]
    Setup {
        /// Its id.
        id: String,
        /// Why.
        message: String,
    },
    /// The keeper refused a request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A file or socket operation failed.
    #[error("cannot {action}")]
    Io {
        /// What was tried, with the path.
        action: String,
        /// Why.
        source: io::Error,
    },
    /// The keeper sent something this version does not understand.
    #[error("the keeper of sandbox `{id}` answered in an unknown form")]
    Protocol {
        /// The sandbox.
        id: String,
    },
    /// Something could not be torn down; the rest was.
    #[error("sandbox `{id}` could not be removed whole: {}", errors.join("; "))]
    Teardown {
        /// The sandbox.
        id: String,
        /// Every step that failed.
        errors: Vec<String>,
    },
}

impl SandboxError {
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

/// An error and its causes in one line, outermost first.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
