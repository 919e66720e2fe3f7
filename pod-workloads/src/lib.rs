//! Deployments and Jobs on one Linux machine, without Kubernetes.
//!
//! A [`Deployment`](pod_spec::Deployment) keeps a number of pods alike running, puts back one that was deleted or has
//! failed, and replaces them one by one when its template changes. A [`Job`](pod_spec::Job) runs pods until enough of them
//! have succeeded, or too many have failed. The pods are those of [`pod_runtime`], with owner references and the labels
//! that they have in a cluster; this crate uses its public interface alone.
//!
//! ```no_run
//! use pod_spec::Deployment;
//! use pod_runtime::Runtime;
//! use pod_workloads::Workloads;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // First in `main`: the processes that look after pods are this program too.
//! pod_workloads::init();
//! let runtime = Runtime::open("/run/pod")?;
//! let deployments: Workloads<Deployment> = Workloads::of(&runtime);
//! let web = Deployment::from_yaml(&std::fs::read_to_string("web.yaml")?)?;
//! deployments.apply(web)?;
//! deployments.wait("default", "web", |web| pod_workloads::rollout(web).is_done()).await?;
//! deployments.change("default", "web", |web| web.spec.replicas = Some(3))?;
//! deployments.delete("default", "web")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Processes
//!
//! Each Deployment, and each Job that is not over, is looked after by a small process of its own, a supervisor. It holds
//! no pod: when it is killed the pods run on, and whoever next looks at the object through this crate starts another one,
//! which goes on from what it finds. What a supervisor decides is a pure function of the object, its pods and the time.
//!
//! The objects are kept where [`pod_runtime::Objects`] keeps them, with their status, and go with a reboot, as pods do.
//!
//! # What differs from a cluster
//!
//! There are no ReplicaSets: pods belong to the Deployment itself, and old templates are not kept, so that a change is
//! undone by applying what was there before. A pod of a Deployment that has failed is removed when it is replaced. See
//! `docs/fields.md` of the project for every field.
#![forbid(unsafe_code)]

use pod_runtime::Drivers;

mod conditions;
mod deployment;
mod error;
mod handle;
mod indexes;
mod job;
mod lock;
mod names;
mod plan;
mod replica;
mod rollout;
mod state;
mod supervisor;

pub use error::WorkloadError;
pub use handle::Workloads;
pub use plan::Workload;
pub use rollout::{Rollout, rollout};
pub use supervisor::SUPERVISOR;

/// Becomes a helper of a pod, or the supervisor of a workload, when this process was executed to be one, and then never
/// returns; else returns at once. It calls [`pod_runtime::init`].
///
/// Call it first in `main`, before any thread is started.
pub fn init() {
    init_with(&Drivers::new());
}

/// As [`init`], with drivers of volumes for the pods that the helper looks after.
pub fn init_with(drivers: &Drivers) {
    pod_runtime::init_with(drivers);
    supervisor::init(drivers);
}
