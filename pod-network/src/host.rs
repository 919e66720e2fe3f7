//! What the host has that the ranges of pods have to go around.

use std::collections::HashSet;
use std::fs;
use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};

use crate::link::Link;
use crate::netlink::Netlink;
use crate::range::Occupied;
use crate::{NetworkError, bridge, sysctl};

/// Up to this length of its prefix a route is a default route: some programs that make a private network of another
/// machine's halve 0.0.0.0/0 to go before it.
const DEFAULT_ROUTE: u8 = 1;

/// Reads what is occupied in the calling thread's namespace. Addresses have routes of their own, of the table `local`.
pub(crate) fn occupied(netlink: &mut Netlink) -> Result<Occupied, NetworkError> {
    let ipv6 = sysctl::has_ipv6();
    Ok(Occupied {
        routes: netlink.routes()?.iter().filter_map(destination).collect(),
        ipv6,
        ipv6_beyond: ipv6 && has_ipv6_beyond(netlink)?,
        machine: fs::read_to_string("/etc/machine-id").unwrap_or_default(),
    })
}

fn destination(route: &RouteMessage) -> Option<IpNet> {
    let prefix = route.header.destination_prefix_length;
    let destination = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(IpAddr::from(*address)),
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(IpAddr::from(*address)),
        _ => None,
    })?;
    IpNet::new(destination, prefix).ok().filter(|_| prefix > DEFAULT_ROUTE)
}

/// Whether a link other than loopback and the bridges of this crate has an address that is good beyond it.
fn has_ipv6_beyond(netlink: &mut Netlink) -> Result<bool, NetworkError> {
    let own: HashSet<u32> =
        netlink.links()?.iter().filter(|link| is_own(link)).map(|link| link.index).collect();
    Ok(netlink
        .addresses()?
        .iter()
        .any(|address| is_global(address) && !own.contains(&address.header.index)))
}

fn is_own(link: &Link) -> bool {
    link.is_loopback || bridge::is_ours(link)
}

fn is_global(address: &AddressMessage) -> bool {
    address.header.family == AddressFamily::Inet6
        && address.header.scope == AddressScope::Universe
        && address
            .attributes
            .iter()
            .any(|attribute| matches!(attribute, AddressAttribute::Address(_)))
}
