//! Whole pods, played in the simulated world.

mod anything;
mod conditions;
mod init;
mod restart;
mod resume;
mod sidecar;
mod termination;
