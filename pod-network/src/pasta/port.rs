//! Ports of the host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};

use super::PastaError;
use crate::{PortMapping, Protocol};

/// Refuses what cannot be had.
///
/// `pasta` itself does not say whose fault it is, and is content with the half of a port that is free.
pub(super) fn check_free(ports: &[PortMapping]) -> Result<(), PastaError> {
    for port in ports {
        for address in addresses(port) {
            let protocol = port.protocol;
            match try_bind(protocol, address) {
                Ok(()) => {}
                Err(Errno::EADDRINUSE) => return Err(PastaError::PortTaken { protocol, address }),
                Err(source) => return Err(PastaError::Port { protocol, address, source }),
            }
        }
    }
    Ok(())
}

fn addresses(port: &PortMapping) -> Vec<SocketAddr> {
    let every: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let addresses = port.host_ip.map_or_else(|| every.to_vec(), |address| vec![address]);
    addresses.into_iter().map(|address| SocketAddr::new(address, port.host_port)).collect()
}

/// Binds a socket that goes at once, and listens to nothing meanwhile.
fn try_bind(protocol: Protocol, address: SocketAddr) -> Result<(), Errno> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let kind = match protocol {
        Protocol::Tcp => SockType::Stream,
        Protocol::Udp => SockType::Datagram,
    };
    let socket = match socket(family, kind, SockFlag::SOCK_CLOEXEC, None) {
        // A host without IPv6.
        Err(Errno::EAFNOSUPPORT) => return Ok(()),
        socket => socket?,
    };
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    if protocol == Protocol::Tcp {
        // Connections that are just ending take nothing.
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &SockaddrStorage::from(address))
}

/// The values of `--tcp-ports` or `--udp-ports`; without one, `pasta` would forward whatever is bound.
pub(super) fn specifications(ports: &[PortMapping], protocol: Protocol) -> Vec<String> {
    let ports = ports.iter().filter(|port| port.protocol == protocol);
    let mut specifications: Vec<_> = ports.map(specification).collect();
    if specifications.is_empty() {
        specifications.push("none".to_owned());
    }
    specifications
}

fn specification(port: &PortMapping) -> String {
    let address = port.host_ip.map(|address| format!("{address}/")).unwrap_or_default();
    format!("{address}{}:{}", port.host_port, port.container_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_name_address_and_ports_of_one_protocol() {
        let port = |protocol, host_ip| PortMapping {
            protocol,
            host_ip,
            host_port: 8080,
            container_port: 80,
        };
        let ports = [
            port(Protocol::Tcp, None),
            port(Protocol::Tcp, Some("127.0.0.1".parse().unwrap())),
            port(Protocol::Tcp, Some("::1".parse().unwrap())),
        ];
        assert_eq!(
            specifications(&ports, Protocol::Tcp),
            ["8080:80", "127.0.0.1/8080:80", "::1/8080:80"]
        );
        assert_eq!(specifications(&ports, Protocol::Udp), ["none"]);
    }
}
