//! Makes a pod's network namespace ready for use.
//!
//! The namespace is made and held by someone else and comes in as a file
//! descriptor. What this crate does not do: it makes no namespace, changes none
//! but the one it is given, and never moves a thread of the caller into it.
//!
//! ```no_run
//! use std::{fs::File, os::fd::AsFd};
//! use pod_network::Network;
//!
//! let namespace = File::open("/proc/4711/ns/net")?;
//! Network::Loopback.set_up(namespace.as_fd())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod loopback;
mod netns;
mod network;
mod sys;

pub use error::NetworkError;
pub use loopback::bring_up_loopback;
pub use network::Network;
