//! Runs Kubernetes Pods on one Linux machine, without Kubernetes.
//!
//! A [`Runtime`] takes a checked manifest and runs it: a sandbox with its pause process, volumes, init containers one by
//! one, sidecars, main containers, restarts with back-off, logs, and a status that is true. Each pod is looked after by
//! two small processes of its own, so it lives on when your program ends, and a crash of the one that decides (the
//! engine) does not touch the containers. There is no daemon.
//!
//! Those processes are your own program executed again: call [`init`] first in `main`, before any thread is started.
//! Nothing is ever forked from your process itself, so it may have as many threads as it likes.
//!
//! ```no_run
//! use pod_runtime::{Pod, Runtime};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     pod_runtime::init();
//!     tokio::runtime::Runtime::new()?.block_on(async {
//!         let pod = Pod::from_yaml(&std::fs::read_to_string("web.yaml")?)?.validate()?;
//!         let web = Runtime::open("/run/pod")?.run(pod).await?; // dropping the handle detaches
//!         web.wait_ready().await?;
//!         let out = web.exec("app", ["id"]).await?.output().await?;
//!         let status = web.stop().await?; // honours the grace period
//!         println!("{out:?} {}", status.phase.as_str());
//!         Ok(())
//!     })
//! }
//! ```
//!
//! It needs root, Linux 5.14 or later, and cgroup v1 or v2. Images come from registries, as podman and docker have been told
//! to reach them, or from archives ([`Runtime::images`]); the name `pod.local/host` is this machine's own root file system.
//! A pod has an address on a bridge, or what a CNI configuration of the machine makes ([`Runtime::with_network`]).

mod anticipated;
mod attach;
mod blocked;
mod changes;
mod claims;
mod client;
mod clock;
mod dirs;
mod dns;
mod driven;
mod drivers;
mod engine;
mod environment;
mod error;
mod exec;
mod files;
mod forward;
mod handle;
mod localhost;
mod log;
mod logs;
mod machine;
mod network;
mod notify;
mod objects;
mod parallel;
mod plan;
mod probe;
mod pull_secrets;
mod puller;
mod readable;
mod removal;
mod repair;
mod requirements;
mod resources;
mod runtime;
mod sandboxes;
mod store;
mod termination;
mod users;
mod volume_files;
mod watch;

pub use attach::Attachment;
pub use blocked::{Blocked, Obstacle};
pub use changes::Changes;
pub use claims::{Claims, Deleted};
pub use clock::now;
pub use dirs::SYSTEM;
pub use drivers::Drivers;
pub use engine::ENGINE;
pub use environment::EnvFileError;
pub use error::{ConfigError, RuntimeError, chain};
pub use exec::{Exec, Output, Streams};
pub use files::{ContainerFiles, Skipped};
pub use forward::Forwarded;
pub use handle::PodHandle;
pub use log::to_stderr as log_to_stderr;
pub use logs::{LogLine, LogOptions, LogStream, OutputStream};
pub use objects::{Applied, Configuration, ObjectChanges, ObjectError, Objects};
pub use parallel::parallel;
pub use pod_lifecycle::{EventKind, PodEvent};
pub use pod_network::{Bridge, Cni, IpNet, Network, NetworkError, Repair as NetworkRepair};
pub use pod_sandbox::{
    Consumption, Exit, ExitCall, RequestError, SandboxError, Terminal, TerminalSize,
};
pub use pod_spec::{
    Admitted, EphemeralContainer, Faults, Notice, Pod, PodPhase, PodStatus, ValidPod,
};
pub use pod_volumes::{Driver, DriverError, MountSource, Source, VolumeContext};
pub use repair::Repair;
pub use requirements::{Requirement, Verdict};
pub use runtime::Runtime;
pub use store::RecordedEvent;
pub use watch::Watch;

/// Becomes a helper of a pod when this process was executed to be one, and then never returns; else returns at once.
///
/// Call it first in `main`, before any thread is started.
pub fn init() {
    init_with(&Drivers::new());
}

/// As [`init`], with drivers of volumes for the pods that the helper looks after.
pub fn init_with(drivers: &Drivers) {
    let known = drivers.clone();
    pod_sandbox::init_with(ENGINE, move |args| engine::main(&args[1..], &known));
    engine::init(drivers);
    puller::init();
    pod_images::init();
}
