//! The keeper: one small, single-threaded process for each sandbox.
//!
//! It holds the sandbox's pause process, the containers' processes, output and exit codes, in a mount namespace of its
//! own, and answers requests on a unix socket. It outlives whoever made it, and everything in the sandbox ends with it.

mod attach;
mod children;
mod clients;
mod companion;
mod connection;
mod container;
mod copy;
mod entry;
mod events;
mod exec;
mod first;
mod log;
mod mounts;
mod pause;
mod requests;
mod rootfs;
mod serve;
mod setup;
mod source;
mod spec;
mod terminal;
mod tether;
mod trace;
mod users;

pub use companion::GENERATION;
pub(crate) use companion::Role;
pub(crate) use setup::{READY, main};
