//! Ports of the host that are kept for a pod.

mod holder;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, Shutdown, SockFlag, SockType, SockaddrStorage, bind, listen,
    setsockopt, shutdown, socket, sockopt,
};

use crate::{NetworkError, PortMapping, Protocol};

/// Takes ports of the host, in the network namespace of the calling thread, so that no other program and no other pod
/// can have them while what is returned is open. Either all of `ports` are taken or none.
///
/// A port of every address is taken for IPv4 and, where the kernel has it, for IPv6. Nothing is accepted or read from
/// the sockets: packets for the ports are sent on to the pod before they would get there, and those that are not are
/// refused or, by UDP, dropped.
///
/// # Errors
///
/// [`NetworkError::PortTaken`] says who has the port, [`NetworkError::NoSuchAddress`] that the host does not have the
/// address.
pub fn reserve(ports: &[PortMapping]) -> Result<Vec<OwnedFd>, NetworkError> {
    let mut reserved = Vec::new();
    for port in ports {
        for address in addresses(port) {
            match reserve_one(SocketAddr::new(address, port.host_port), port.protocol) {
                Ok(socket) => reserved.push(socket),
                // A kernel without IPv6 has no addresses of it, and nobody else can take the port there.
                Err(Errno::EAFNOSUPPORT) if port.host_ip.is_none() && address.is_ipv6() => {}
                Err(errno) => return Err(refused(port, errno)),
            }
        }
    }
    Ok(reserved)
}

fn addresses(port: &PortMapping) -> Vec<IpAddr> {
    let all = || vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    port.host_ip.map_or_else(all, |address| vec![address])
}

fn refused(port: &PortMapping, errno: Errno) -> NetworkError {
    match errno {
        Errno::EADDRINUSE => NetworkError::PortTaken { port: *port, holder: holder::of(port) },
        Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT => NetworkError::NoSuchAddress { port: *port },
        errno => {
            NetworkError::Step { action: format!("take host port {port}"), source: errno.into() }
        }
    }
}

fn reserve_one(address: SocketAddr, protocol: Protocol) -> Result<OwnedFd, Errno> {
    match protocol {
        Protocol::Udp => {
            let socket = new_socket(address, SockType::Datagram)?;
            // The least that the kernel allows, for nobody reads from it.
            setsockopt(&socket, sockopt::RcvBuf, &0)?;
            bind(socket.as_raw_fd(), &SockaddrStorage::from(address)).map(|()| socket)
        }
        Protocol::Tcp => {
            let socket = new_socket(address, SockType::Stream)?;
            match bind(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
                Err(Errno::EADDRINUSE) => reserve_over_remains(address),
                bound => bound.map(|()| socket),
            }
        }
    }
}

/// Takes a TCP port where connections of an earlier server linger in `TIME_WAIT`. Only with `SO_REUSEADDR` are they
/// overlooked, and then another socket with it may be bound as well: the kernel refuses that only when one of them
/// listens. So it listens for a moment, and stays bound without the option.
fn reserve_over_remains(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let socket = new_socket(address, SockType::Stream)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    listen(&socket, Backlog::new(0)?)?;
    setsockopt(&socket, sockopt::ReuseAddr, &false)?;
    shutdown(socket.as_raw_fd(), Shutdown::Read)?;
    Ok(socket)
}

fn new_socket(address: SocketAddr, kind: SockType) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?;
    if address.is_ipv6() {
        // The port of IPv4 has a socket of its own.
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    Ok(socket)
}
