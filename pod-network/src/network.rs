//! The kinds of network that a pod can be given.

use std::path::PathBuf;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// What a pod is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[non_exhaustive]
pub enum Network {
    /// The loopback interface alone: the containers of the pod reach each other.
    #[default]
    Loopback,
    /// A bridge of this machine's, with an address for each pod.
    Bridge(Bridge),
    /// What the plugins of a CNI configuration make.
    Cni(Cni),
    /// The process `pasta`, which carries connections for a user without privileges.
    Pasta(Pasta),
}

/// A bridge of this machine's. Its ranges are kept from its first pod to its last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bridge {
    /// The range of IPv4 addresses; `None` takes one that no route of the host leads to.
    pub ipv4: Option<Ipv4Net>,
    /// The range of IPv6 addresses; `None` makes one up where the host has an address of IPv6 beyond its own links.
    pub ipv6: Option<Ipv6Net>,
}

/// A CNI configuration and its plugins (<https://www.cni.dev/docs/spec/>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cni {
    /// Where configurations lie, of which the first by name is used.
    pub conf_dir: PathBuf,
    /// Where plugins are looked for, in this order.
    pub bin_dirs: Vec<PathBuf>,
}

/// The program `pasta` of passt (<https://passt.top>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pasta {
    /// The program.
    pub program: PathBuf,
}

impl Network {
    /// What a pod of this machine is given when nobody says otherwise: what a CNI configuration in `/etc/cni/net.d` says,
    /// or else a bridge.
    pub fn of_this_machine() -> Self {
        let cni = Cni::system();
        if cni.is_configured() { Self::Cni(cni) } else { Self::Bridge(Bridge::default()) }
    }
}
