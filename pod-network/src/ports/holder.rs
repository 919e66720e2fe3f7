//! Who has a port.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::sys::socket::{SockType, SockaddrStorage, getsockname, getsockopt, sockopt};

use crate::{PortMapping, Protocol, sys};

/// The name under which the process runs that holds the ports of a pod; the pod's directory is its first argument.
const KEEPER: &[u8] = b"pod-keeper";

/// Says who has `port` in the network namespace of the calling thread.
pub(super) fn of(port: &PortMapping) -> String {
    let sockets = sockets(port);
    let has_one = |process: &Process| process.sockets().any(|(_, inode)| sockets.contains(&inode));
    let holder = Process::all().find(has_one).or_else(|| keeper(port));
    holder.map_or_else(|| "something else".to_owned(), |process| process.describe())
}

/// A keeper that has the port bound. A TCP socket that only has its port is in none of the kernel's lists.
fn keeper(port: &PortMapping) -> Option<Process> {
    let own = fs::read_link("/proc/thread-self/ns/net").ok()?;
    Process::all().find(|process| {
        let beside_us =
            || fs::read_link(process.dir.join("ns/net")).is_ok_and(|other| other == own);
        process.is_keeper()
            && beside_us()
            && process.sockets().any(|(fd, _)| has_bound(process.id, fd, port))
    })
}

/// Whether the socket `fd` of the process `id` has the port.
fn has_bound(id: libc::pid_t, fd: libc::c_int, port: &PortMapping) -> bool {
    let Ok(socket) = sys::file_of(id, fd) else { return false };
    let kind = match port.protocol {
        Protocol::Tcp => SockType::Stream,
        Protocol::Udp => SockType::Datagram,
    };
    let address = getsockname::<SockaddrStorage>(socket.as_raw_fd())
        .ok()
        .and_then(|address| socket_address(&address));
    getsockopt(&socket, sockopt::SockType) == Ok(kind)
        && address.is_some_and(|address| meets(address, port))
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address
        .as_sockaddr_in()
        .map(|address| SocketAddr::new(address.ip().into(), address.port()));
    let v6 = || {
        address
            .as_sockaddr_in6()
            .map(|address| SocketAddr::new(address.ip().into(), address.port()))
    };
    v4.or_else(v6)
}

/// Whether a socket at `address` stands in the way of `port`.
fn meets(address: SocketAddr, port: &PortMapping) -> bool {
    let everywhere = |address: &IpAddr| address.is_unspecified();
    let same =
        |wanted: IpAddr| everywhere(&wanted) || everywhere(&address.ip()) || wanted == address.ip();
    address.port() == port.host_port && port.host_ip.is_none_or(same)
}

/// The inodes of the sockets that stand in the way of `port`, by the kernel's lists (proc_net(5)).
fn sockets(port: &PortMapping) -> BTreeSet<u64> {
    let lists = match port.protocol {
        Protocol::Tcp => ["tcp", "tcp6"],
        Protocol::Udp => ["udp", "udp6"],
    };
    let read = |list| {
        fs::read_to_string(Path::new("/proc/thread-self/net").join(list)).unwrap_or_default()
    };
    let inodes =
        |text: String| text.lines().filter_map(|line| inode_at(line, port)).collect::<Vec<_>>();
    lists.into_iter().map(read).flat_map(inodes).collect()
}

/// The inode in a line of such a list; 0 is of a connection that no process has any more.
fn inode_at(line: &str, port: &PortMapping) -> Option<u64> {
    let mut fields = line.split_whitespace();
    let address = listed_address(fields.nth(1)?)?;
    let inode = fields.nth(7)?.parse().ok()?;
    (inode != 0 && meets(address, port)).then_some(inode)
}

/// An address such as `0100007F:1F90`: words of the machine's order, and a port.
fn listed_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word =
        |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words.concat()).ok()?))
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?))
}

/// A process, by its directory below /proc. It may end at any time; what it had then reads as nothing.
struct Process {
    id: libc::pid_t,
    dir: PathBuf,
}

impl Process {
    fn all() -> impl Iterator<Item = Self> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| {
            Some(Self { id: entry.file_name().to_str()?.parse().ok()?, dir: entry.path() })
        })
    }

    /// Its sockets: the number of the file descriptor and the inode.
    fn sockets(&self) -> impl Iterator<Item = (libc::c_int, u64)> {
        let files = fs::read_dir(self.dir.join("fd")).into_iter().flatten().flatten();
        files.filter_map(|file| {
            let target = fs::read_link(file.path()).ok()?;
            let inode =
                target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()?;
            Some((file.file_name().to_str()?.parse().ok()?, inode))
        })
    }

    fn arguments(&self) -> Vec<Vec<u8>> {
        let line = fs::read(self.dir.join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
    }

    fn is_keeper(&self) -> bool {
        self.arguments().first().is_some_and(|name| name == KEEPER)
    }

    fn describe(&self) -> String {
        if self.is_keeper() {
            let dir = self
                .arguments()
                .get(1)
                .map(|dir| String::from_utf8_lossy(dir).into_owned())
                .unwrap_or_default();
            let pod = Path::new(&dir).file_name().unwrap_or_default().display().to_string();
            return format!("another pod ({pod})");
        }
        let name = fs::read_to_string(self.dir.join("comm")).unwrap_or_default();
        format!("`{}` (process {})", name.trim_end(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(host_ip: Option<&str>) -> PortMapping {
        let host_ip = host_ip.map(|address| address.parse().unwrap());
        PortMapping { protocol: Protocol::Tcp, host_ip, host_port: 8080, container_port: 80 }
    }

    #[test]
    fn a_line_of_the_kernels_list_is_read() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100";
        for (host_ip, inode) in
            [(None, Some(4711)), (Some("127.0.0.1"), Some(4711)), (Some("192.0.2.1"), None)]
        {
            assert_eq!(inode_at(line, &port(host_ip)), inode, "{host_ip:?}");
        }
        let elsewhere = line.replace("1F90", "1F91");
        let left_over = line.replace("4711", "0");
        let heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
        for line in [&elsewhere, &left_over, heading, ""] {
            assert_eq!(inode_at(line, &port(None)), None, "{line}");
        }
    }

    #[test]
    fn an_address_of_ipv6_is_read() {
        let localhost = listed_address("00000000000000000000000001000000:1F90");
        assert_eq!(localhost, Some("[::1]:8080".parse().unwrap()));
        assert_eq!(listed_address("0000:1F90"), None);
    }
}
