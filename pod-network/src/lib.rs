//! Makes a pod's network namespace ready for use: loopback, an address on a bridge, routes, ports of the host, names.
//!
//! The namespace is made and held by someone else and comes in as a file descriptor. What this crate does not do: it
//! makes no namespace, and never moves a thread of the caller into one.
//!
//! ```no_run
//! use std::{fs::File, os::fd::AsFd};
//! use pod_network::{Attachment, Bridge, Network, Networks};
//!
//! let networks = Networks::new("/run/pod/network", "pod0");
//! let pod = Attachment {
//!     id: "4f1c".into(), namespace: "default".into(), name: "web".into(), names: vec!["web".into()],
//!     ports: Vec::new(), hosts: None,
//! };
//! let namespace = File::open("/proc/4711/ns/net")?;
//! let attached = networks.attach(&Network::Bridge(Bridge::default()), &pod, namespace.as_fd())?;
//! println!("{:?}", attached.addresses);
//! networks.detach(&pod.id)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attachment;
mod error;
mod loopback;
mod netns;
mod network;
mod networks;
mod sys;

pub use attachment::{Attached, Attachment, HostsFile, PortMapping, Protocol};
pub use error::NetworkError;
pub use loopback::bring_up_loopback;
pub use network::{Bridge, Cni, Network, Pasta};
pub use networks::Networks;
