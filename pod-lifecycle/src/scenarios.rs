//! Whole pods, played in the simulated world.

mod anything;
mod conditions;
mod ephemeral;
mod hook;
mod init;
mod probe;
mod replace;
mod restart;
mod resume;
mod rules;
mod sidecar;
mod termination;
mod update;
