//! Benchmarks of the pod command against the bare floor and its peers.
//!
//! Two programs: `floor` makes what a pod start costs at least, by plain system
//! calls, and `pod-bench` measures it, the `pod` command and, where they are
//! installed, its peers, all in one run.

pub mod floor;
pub mod runner;
mod sys;
