//! Runs containers in a shared sandbox: namespaces, cgroup, processes, logs and exit codes.
//!
//! A sandbox is what the Kubernetes CRI means by the word: a pause process that holds the network, IPC and UTS
//! namespaces (and one pid namespace, when asked for), and containers that join them, each with its own root file
//! system, mounts and cgroup. This crate is the mechanism alone. It does not know what a Pod, an init container or a
//! probe is, pulls no images and sets up no network beyond the namespace.
//!
//! Each sandbox has a **keeper**, a small process of its own that outlives its maker and holds the containers' output
//! and exit codes. Nothing is ever forked from your process, and none of its signals, directories or children is
//! touched. The keeper is your own program executed again: call [`init`] first in `main`, where it returns at once unless
//! the process is to be a keeper, or name a program that does with [`Runtime::with_helper`].
//!
//! ```no_run
//! use pod_sandbox::{ContainerConfig, ContainerId, Process, RootFs, Runtime, SandboxConfig, SandboxId};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     pod_sandbox::init();
//!     let sandbox = Runtime::open("/run/example")?.create(&SandboxConfig::new(SandboxId::new("s1")?))?;
//!     let id = ContainerId::new("hello")?;
//!     let root = RootFs::Host { layer: "/var/tmp/example-hello".into(), mask: vec![] };
//!     let mut hello = ContainerConfig::new(id.clone(), root, Process::new(["uname", "-a"]));
//!     hello.log = Some("/var/tmp/example-hello.log".into());
//!     sandbox.create_container(&hello)?;
//!     sandbox.start(&id)?;
//!     println!("exit code {}", sandbox.wait(&id)?.code);
//!     Ok(sandbox.remove()?)
//! }
//! ```
//!
//! It needs root, Linux 5.14 or later, overlayfs, and cgroup v1 or v2. It needs no C library beyond libc.

mod capability;
mod cgroup;
mod config;
mod consumption;
mod dirs;
mod error;
mod keeper;
mod lock;
mod log_files;
mod preparation;
mod protocol;
mod runtime;
mod sandbox;
mod seccomp;
mod status;
mod sys;
mod sysctl;
mod terminal;

pub use capability::{Capabilities, Capability};
pub use config::{
    Companion, ContainerConfig, ContainerId, DEFAULT_PATH, IdRange, Mount, Process, Propagation,
    Resources, RootFs, SandboxConfig, SandboxId, Seccomp, Tmpfs,
};
pub use consumption::Consumption;
pub use dirs::CGROUP_ROOT;
pub use error::{CgroupError, ConfigError, RequestError, SandboxError, SeccompError};
pub use keeper::GENERATION;
pub use log_files::rotated_logs;
pub use preparation::Preparation;
pub use runtime::{KEEPER, Runtime, init, init_with};
pub use sandbox::{
    Attached, Call, ContainerRoot, Executing, ExitCall, Sandbox, StartRequest, Watch,
};
pub use status::{ContainerState, ContainerStatus, Exit, SandboxState, SandboxStatus};
pub use terminal::{Terminal, TerminalSize};
