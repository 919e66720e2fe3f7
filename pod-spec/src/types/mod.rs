//! The objects of the Pod API, under their names in Kubernetes.

mod claim;
mod config;
mod container;
mod env;
mod meta;
mod pod;
mod probe;
mod remote;
mod scheduling;
mod security;
mod volume;
mod workload;

pub use claim::*;
pub use config::*;
pub use container::*;
pub use env::*;
pub use meta::*;
pub use pod::*;
pub use probe::*;
pub use remote::*;
pub use scheduling::*;
pub use security::*;
pub use volume::*;
pub use workload::*;
