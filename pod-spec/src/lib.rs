//! Reads, checks and writes Kubernetes Pod manifests.

pub mod status;
mod time;

pub use time::{ParseTimeError, Time};
