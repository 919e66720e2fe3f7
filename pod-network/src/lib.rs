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
//! networks.detach(&pod.id, Some(namespace.as_fd()))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attachment;
mod bridge;
mod change;
mod cni;
mod error;
mod execution;
mod firewall;
mod host;
mod hosts;
mod link;
mod loopback;
mod netlink;
mod netns;
mod network;
mod networks;
mod nft;
mod pasta;
mod ports;
mod range;
mod record;
mod resolver;
mod step;
mod sys;
mod sysctl;

pub use attachment::{Attached, Attachment, HostsFile, PortMapping, Protocol};
pub use cni::{CniError, ConfigurationFault, PluginFault};
pub use error::NetworkError;
pub use execution::ExecutionError;
pub use ipnet::IpNet;
pub use loopback::bring_up_loopback;
pub use netns::{new_namespace, tcp_socket};
pub use network::{Bridge, Cni, Network, Pasta};
pub use networks::{Networks, Repair};
pub use pasta::PastaError;
pub use ports::reserve;
pub use resolver::Resolver;
