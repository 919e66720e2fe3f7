//! What the rules are to be.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::PortMapping;

/// All that the table says. Nothing that it said before stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The link that the pods are behind, of at most 15 bytes.
    pub(crate) bridge: String,
    /// The addresses that pods may have. What comes from the bridge with another one is thrown away.
    pub(crate) ranges: Vec<IpNet>,
    /// The addresses of the host that pods know it by.
    pub(crate) gateways: Vec<IpAddr>,
    /// Ports of the host that lead to pods.
    pub(crate) published: Vec<Published>,
    /// A resolver that pods reach at port 53 of the gateways of its family. One of `::1` cannot be reached: nothing of
    /// IPv6 lets a packet of another link through to it.
    pub(crate) resolver: Option<SocketAddr>,
}

/// A port of the host that leads to a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    /// Which port, and which of the pod's.
    pub(crate) mapping: PortMapping,
    /// The pod's addresses, of which the first of each family is used.
    pub(crate) to: Vec<IpAddr>,
}
