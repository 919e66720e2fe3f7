//! What a pod start costs at least: plain system calls, no container runtime.

mod cgroup;
mod error;
mod pod;
mod root;

pub use error::FloorError;
pub use pod::Pod;
