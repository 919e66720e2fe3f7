//! The bridge and the links that lead from it into pods.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{
    InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use crate::NetworkError;
use crate::link::Link;
use crate::netlink::{Netlink, Request};
use crate::netns::inside;
use crate::range::Ranges;
use crate::step::{Step, done};
use crate::sysctl;

/// The name of a pod's end of its link.
const POD_LINK: &str = "eth0";
/// The index of `lo` in every namespace.
const LOOPBACK: u32 = 1;
/// What the hardware addresses of ours begin with. They go on with the address of IPv4, so that an address has the
/// same one whenever it is leased, and neighbours need not learn it anew. Both are marked as locally made up.
const OURS: [u8; 2] = [0xd2, 0x70];
const HOST_END: [u8; 2] = [0xd6, 0x70];
const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;

/// The bridge as it is now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    index: u32,
    /// Whether the bridge itself was made.
    pub(crate) made: bool,
    /// Whether something of it was.
    pub(crate) mended: bool,
}

/// Makes what is missing of the bridge: itself, its addresses, and the forwarding of the host.
pub(crate) fn ensure(
    netlink: &mut Netlink,
    name: &str,
    ranges: &Ranges,
) -> Result<Ready, NetworkError> {
    let existing = netlink.link(name)?.filter(is_ours);
    let made = existing.is_none();
    let bridge = match existing {
        Some(bridge) => bridge,
        None => make(netlink, name, ranges)?,
    };
    done(Step::Bridge)?;
    let index = bridge.index;
    let mut mended = made;
    for address in ranges.gateways() {
        mended |= netlink.change_unless(add_address(index, name, address), libc::EEXIST)?;
    }
    done(Step::Gateways)?;
    mended |= sysctl::forward(name, ranges.ipv6.is_some())?;
    done(Step::Forwarding)?;
    if !bridge.is_up {
        netlink.change([set_up(index, name)])?;
        mended = true;
    }
    Ok(Ready { index, made, mended })
}

fn make(netlink: &mut Netlink, name: &str, ranges: &Ranges) -> Result<Link, NetworkError> {
    let mut bridge = LinkMessage::default();
    bridge.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::Address(hardware(OURS, first_ipv4(&ranges.gateways()))),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
    ];
    let action = format!("make the bridge {name}");
    let message = RouteNetlinkMessage::NewLink(bridge);
    netlink.change([Request { action, message, flags: NEW }])?;
    present(netlink, name)
}

/// Whether the bridge is there, as this crate has made it.
pub(crate) fn is_there(netlink: &mut Netlink, name: &str) -> Result<bool, NetworkError> {
    Ok(netlink.link(name)?.is_some_and(|link| is_ours(&link)))
}

/// Takes the bridge away, and with it its addresses and routes.
pub(crate) fn remove(netlink: &mut Netlink, name: &str) -> Result<(), NetworkError> {
    match netlink.link(name)? {
        Some(link) if is_ours(&link) => delete(netlink, name),
        _ => Ok(()),
    }
}

/// Whether a link is a bridge that this crate has made.
pub(crate) fn is_ours(link: &Link) -> bool {
    link.hardware.starts_with(&OURS) && link.is_kind(&InfoKind::Bridge)
}

/// The host's end of the link of the pod with these addresses.
pub(crate) fn interface_name(addresses: &[IpNet]) -> String {
    format!("veth{:08x}", first_ipv4(addresses).to_bits())
}

/// Links `netns` to the bridge under these addresses.
pub(crate) fn connect(
    netlink: &mut Netlink,
    bridge: Ready,
    ranges: &Ranges,
    addresses: &[IpNet],
    netns: BorrowedFd<'_>,
) -> Result<(), NetworkError> {
    let name = interface_name(addresses);
    netlink.change([make_veth(&name, bridge.index, addresses, netns), reflect(&name)])?;
    done(Step::Veth)?;
    let host_end = present(netlink, &name)?;
    let pod_end = host_end.peer.ok_or_else(|| missing(&name))?;
    inside(netns, || configure_pod(pod_end, ranges, addresses))?;
    done(Step::PodEnd)
}

/// A pair of links of which one end is in the pod and the other a port of the bridge from the first moment.
fn make_veth(name: &str, bridge: u32, addresses: &[IpNet], netns: BorrowedFd<'_>) -> Request {
    let address = first_ipv4(addresses);
    let mut pod_end = LinkMessage::default();
    pod_end.attributes = vec![
        LinkAttribute::IfName(POD_LINK.to_owned()),
        LinkAttribute::Address(hardware(OURS, address)),
        LinkAttribute::NetNsFd(netns.as_raw_fd()),
    ];
    let mut host_end = LinkMessage::default();
    host_end.header.flags = LinkFlags::Up;
    host_end.header.change_mask = LinkFlags::Up;
    host_end.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::Address(hardware(HOST_END, address)),
        LinkAttribute::Controller(bridge),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(pod_end))),
        ]),
    ];
    let message = RouteNetlinkMessage::NewLink(host_end);
    Request { action: format!("make the links {name} and {POD_LINK}"), message, flags: NEW }
}

/// Has the bridge send packets back to where they came from: a pod may call itself by a port of the host, and where the
/// bridge's packets are shown to the firewall they do not come to the host in between.
fn reflect(name: &str) -> Request {
    let mut link = LinkMessage::default();
    let port = InfoPortData::BridgePort(vec![InfoBridgePort::HairpinMode(true)]);
    link.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(port),
        ]),
    ];
    let message = RouteNetlinkMessage::NewLink(link);
    Request { action: format!("set the bridge's port {name}"), message, flags: 0 }
}

/// Brings up the pod's own links with their addresses and routes. For the thread inside.
fn configure_pod(index: u32, ranges: &Ranges, addresses: &[IpNet]) -> Result<(), NetworkError> {
    let mut netlink = Netlink::here()?;
    sysctl::hear_no_routers(POD_LINK)?;
    netlink.change([set_up(LOOPBACK, "lo"), set_up(index, POD_LINK)])?;
    netlink.change(addresses.iter().map(|address| add_address(index, POD_LINK, *address)))?;
    netlink.change(ranges.gateways().iter().map(|gateway| default_route(index, gateway.addr())))
}

/// Deletes the host's end of a link, and with it the other. One that is gone is fine, and one that someone else has
/// given this name is left.
pub(crate) fn remove_link(netlink: &mut Netlink, name: &str) -> Result<(), NetworkError> {
    match netlink.link(name)? {
        Some(link) if link.hardware.starts_with(&HOST_END) && link.is_kind(&InfoKind::Veth) => {
            delete(netlink, name)
        }
        _ => Ok(()),
    }
}

fn delete(netlink: &mut Netlink, name: &str) -> Result<(), NetworkError> {
    let mut link = LinkMessage::default();
    link.attributes = vec![LinkAttribute::IfName(name.to_owned())];
    let action = format!("delete the link {name}");
    let request = Request { action, message: RouteNetlinkMessage::DelLink(link), flags: 0 };
    netlink.change_unless(request, libc::ENODEV).map(drop)
}

/// The links into pods that are ports of the bridge `name`.
pub(crate) fn ports(netlink: &mut Netlink, name: &str) -> Result<Vec<String>, NetworkError> {
    let Some(bridge) = netlink.link(name)?.filter(is_ours) else { return Ok(Vec::new()) };
    let links = netlink.links()?.into_iter();
    let ports = links.filter(|link| {
        link.bridge == Some(bridge.index)
            && link.hardware.starts_with(&HOST_END)
            && link.is_kind(&InfoKind::Veth)
    });
    Ok(ports.map(|link| link.name).collect())
}

/// Makes the link `name` a port of the bridge that is up. `None` when there is no such link, `true` when it was not.
pub(crate) fn plug(
    netlink: &mut Netlink,
    bridge: Ready,
    name: &str,
) -> Result<Option<bool>, NetworkError> {
    let Some(link) = netlink.link(name)? else { return Ok(None) };
    if link.bridge == Some(bridge.index) && link.is_up {
        return Ok(Some(false));
    }
    let Request { action, mut message, flags } = set_up(link.index, name);
    if let RouteNetlinkMessage::SetLink(link) = &mut message {
        link.attributes = vec![LinkAttribute::Controller(bridge.index)];
    }
    netlink.change([Request { action, message, flags }, reflect(name)])?;
    Ok(Some(true))
}

fn present(netlink: &mut Netlink, name: &str) -> Result<Link, NetworkError> {
    netlink.link(name)?.ok_or_else(|| missing(name))
}

fn missing(name: &str) -> NetworkError {
    NetworkError::step(format!("find the link {name}"))(Errno::ENODEV)
}

pub(crate) fn set_up(index: u32, name: &str) -> Request {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    let message = RouteNetlinkMessage::SetLink(link);
    Request { action: format!("bring up {name}"), message, flags: 0 }
}

/// The kernel need not look for others with the address: leases are for one pod each.
pub(crate) fn add_address(index: u32, name: &str, address: IpNet) -> Request {
    let mut message = AddressMessage::default();
    message.header.family = family(address.addr());
    message.header.prefix_len = address.prefix_len();
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes = vec![AddressAttribute::Local(address.addr())];
    match address {
        IpNet::V4(address) => {
            message.attributes.push(AddressAttribute::Broadcast(address.broadcast()));
        }
        IpNet::V6(_) => message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad)),
    }
    let message = RouteNetlinkMessage::NewAddress(message);
    Request { action: format!("give {name} the address {address}"), message, flags: NEW }
}

fn default_route(index: u32, gateway: IpAddr) -> Request {
    let mut route = RouteMessage::default();
    route.header.address_family = family(gateway);
    route.header.table = RouteHeader::RT_TABLE_MAIN;
    route.header.protocol = RouteProtocol::Boot;
    route.header.scope = RouteScope::Universe;
    route.header.kind = RouteType::Unicast;
    route.attributes =
        vec![RouteAttribute::Oif(index), RouteAttribute::Gateway(RouteAddress::from(gateway))];
    let message = RouteNetlinkMessage::NewRoute(route);
    Request { action: format!("make {gateway} the pod's default route"), message, flags: NEW }
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn hardware(prefix: [u8; 2], address: Ipv4Addr) -> Vec<u8> {
    [&prefix[..], &address.octets()].concat()
}

fn first_ipv4(addresses: &[IpNet]) -> Ipv4Addr {
    let ipv4 = addresses.iter().find_map(|address| match address {
        IpNet::V4(address) => Some(address.addr()),
        IpNet::V6(_) => None,
    });
    ipv4.unwrap_or(Ipv4Addr::UNSPECIFIED)
}
