//! The time.

pub use pod_runtime::now;
