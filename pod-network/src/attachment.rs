//! What is asked for a pod, and what it got.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A pod that is to be connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its name among all attachments: letters, digits and `-`, such as the pod's uid.
    pub id: String,
    /// The pod's namespace: pods of one namespace know each other's names.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The host names under which the pods of its namespace find it, the longest first.
    #[serde(default)]
    pub names: Vec<String>,
    /// Ports of the host that lead to it.
    #[serde(default)]
    pub ports: Vec<PortMapping>,
    /// The file that its containers see as `/etc/hosts`, kept up to date as pods come and go.
    #[serde(default)]
    pub hosts: Option<HostsFile>,
}

/// A port of the host that leads to a port of a pod (`v1.ContainerPort`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortMapping {
    /// The protocol.
    pub protocol: Protocol,
    /// The address of the host that answers; `None` is every address of it.
    pub host_ip: Option<IpAddr>,
    /// The port of the host, 1 to 65535.
    pub host_port: u16,
    /// The port of the pod, 1 to 65535.
    pub container_port: u16,
}

/// The port of the host, such as `8001/TCP` or `8001/TCP of 127.0.0.1`.
impl fmt::Display for PortMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host_port, self.protocol)?;
        self.host_ip.map_or(Ok(()), |address| write!(f, " of {address}"))
    }
}

impl PortMapping {
    /// Whether no two pods can have these at once.
    pub(crate) fn collides_with(&self, other: &Self) -> bool {
        let covers = |one: Option<IpAddr>, two: Option<IpAddr>| match (one, two) {
            (None, _) => true,
            (Some(one), Some(two)) if one.is_unspecified() => one.is_ipv4() == two.is_ipv4(),
            _ => one == two,
        };
        self.protocol == other.protocol
            && self.host_port == other.host_port
            && (covers(self.host_ip, other.host_ip) || covers(other.host_ip, self.host_ip))
    }
}

/// What is spoken at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// A file in the form of hosts(5), of which the pod's own addresses and those of its neighbours are a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsFile {
    /// Where it lies. It is rewritten in place, since containers have it mounted.
    pub path: PathBuf,
    /// The lines before the pod's own addresses.
    pub head: String,
    /// The lines after them.
    pub tail: String,
}

/// What a pod has been given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attached {
    /// Its addresses, the first of which is the primary one. Empty when it has loopback only.
    pub addresses: Vec<IpAddr>,
    /// Resolvers that the network names, which a pod without its own configuration uses in place of the host's.
    #[serde(default)]
    pub nameservers: Vec<IpAddr>,
    /// Domains that are searched along with them.
    #[serde(default)]
    pub searches: Vec<String>,
}
