//! A host, two pods on a bridge of its, and a client beyond it, each in a network namespace of its own.

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::{self, Command};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};

use crate::firewall::{Published, Rules};
use crate::{PortMapping, Protocol};

/// For what has to arrive.
const PATIENCE: Duration = Duration::from_secs(5);
/// For what must not.
const DOUBT: Duration = Duration::from_millis(300);

pub(super) const BRIDGE: &str = "pod0";

/// One of the machines.
pub(super) struct Machine {
    namespace: File,
    pub(super) v4: IpAddr,
    pub(super) v6: IpAddr,
}

pub(super) struct Lab {
    /// Where the test's own thread is.
    pub(super) host: Machine,
    pub(super) pod: Machine,
    pub(super) neighbour: Machine,
    /// It knows no way to the pods but by the host's addresses.
    pub(super) client: Machine,
}

/// Runs `test` as the host of a lab, on a thread that ends with it.
pub(super) fn with_lab(test: impl FnOnce(&Lab) + Send) {
    let outcome = thread::scope(|scope| scope.spawn(|| test(&Lab::new())).join());
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

pub(super) fn run(command: &str) -> String {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(super) fn set(name: &str, value: &str) {
    fs::write(format!("/proc/sys/net/{name}"), value).unwrap();
}

impl Machine {
    /// Moves the calling thread into a new namespace.
    fn here(v4: &str, v6: &str) -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("making a network namespace needs root");
        run("ip link set lo up");
        for scope in ["all", "default"] {
            set(&format!("ipv6/conf/{scope}/accept_dad"), "0");
            set(&format!("ipv6/conf/{scope}/disable_ipv6"), "0");
        }
        let namespace = File::open("/proc/thread-self/ns/net").unwrap();
        Self { namespace, v4: v4.parse().unwrap(), v6: v6.parse().unwrap() }
    }

    fn elsewhere(v4: &str, v6: &str) -> Self {
        thread::scope(|scope| scope.spawn(|| Self::here(v4, v6)).join().unwrap())
    }

    /// Runs `work` on this machine.
    pub(super) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                setns(&self.namespace, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            });
            there.join().unwrap()
        })
    }

    /// Joins it to the calling thread's namespace, where the other end of the link is called `link`.
    fn join(&self, link: &str, prefix: (u8, u8), gateway: Option<(&str, &str)>) {
        let namespace = format!("/proc/{}/fd/{}", process::id(), self.namespace.as_raw_fd());
        run(&format!("ip link add {link} type veth peer name eth0 netns {namespace}"));
        run(&format!("ip link set {link} up"));
        self.inside(|| {
            run(&format!("ip addr add {}/{} dev eth0", self.v4, prefix.0));
            run(&format!("ip addr add {}/{} dev eth0 nodad", self.v6, prefix.1));
            run("ip link set eth0 up");
            if let Some((v4, v6)) = gateway {
                run(&format!("ip route add default via {v4}"));
                run(&format!("ip route add default via {v6}"));
            }
        });
    }

    pub(super) fn address(&self, like: IpAddr) -> IpAddr {
        if like.is_ipv4() { self.v4 } else { self.v6 }
    }

    /// The address that a server on this machine sees when `from` connects to `to`, which must lead to `port` of it.
    pub(super) fn hears_tcp(
        &self,
        port: u16,
        from: &Self,
        to: impl Into<SocketAddr>,
    ) -> io::Result<IpAddr> {
        let to = to.into();
        let listener = self.tcp(any(to, port));
        let _client = from.inside(|| TcpStream::connect_timeout(&to, PATIENCE))?;
        listener.set_nonblocking(true)?;
        // The connection is there before the client knows of it, if it is ours at all.
        listener.accept().map(|(_, peer)| peer.ip())
    }

    /// The same for a datagram, which is answered.
    pub(super) fn hears_udp(
        &self,
        port: u16,
        from: &Self,
        to: impl Into<SocketAddr>,
    ) -> io::Result<IpAddr> {
        let to = to.into();
        let client = from.udp(any(to, 0));
        self.hears_udp_of(port, &client, to, PATIENCE)
    }

    /// The same for a datagram from a socket that may have sent before.
    pub(super) fn hears_udp_of(
        &self,
        port: u16,
        client: &UdpSocket,
        to: SocketAddr,
        patience: Duration,
    ) -> io::Result<IpAddr> {
        let server = self.udp(any(to, port));
        server.set_read_timeout(Some(patience))?;
        client.connect(to)?;
        client.send(b"question")?;
        let mut bytes = [0; 16];
        let (_, peer) = server.recv_from(&mut bytes)?;
        server.send_to(b"answer", peer)?;
        client.set_read_timeout(Some(patience))?;
        let length = client.recv(&mut bytes)?;
        assert_eq!(&bytes[..length], b"answer");
        Ok(peer.ip())
    }

    pub(super) fn udp(&self, at: SocketAddr) -> UdpSocket {
        self.inside(|| once_free(|| UdpSocket::bind(at)))
    }

    pub(super) fn tcp(&self, at: SocketAddr) -> TcpListener {
        self.inside(|| once_free(|| TcpListener::bind(at)))
    }

    /// Whether a connection from here to `to` is answered, be it by a refusal.
    pub(super) fn gets_answer(&self, to: impl Into<SocketAddr>) -> bool {
        let to = to.into();
        match self.inside(|| TcpStream::connect_timeout(&to, DOUBT)) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        }
    }
}

/// Binds as soon as the address is free: a socket that was closed is still open in a program that another test is just
/// starting.
fn once_free<T>(bind: impl Fn() -> io::Result<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => {
                thread::yield_now()
            }
            bound => return bound.unwrap(),
        }
    }
}

/// Every address of the family of `like`.
fn any(like: SocketAddr, port: u16) -> SocketAddr {
    let all = if like.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
    SocketAddr::new(all, port)
}

impl Lab {
    fn new() -> Self {
        let host = Machine::here("192.0.2.1", "2001:db8::1");
        let pod = Machine::elsewhere("10.88.0.2", "fd88::2");
        let neighbour = Machine::elsewhere("10.88.0.3", "fd88::3");
        let client = Machine::elsewhere("192.0.2.2", "2001:db8::2");
        run(&format!("ip link add {BRIDGE} type bridge"));
        run(&format!("ip addr add 10.88.0.1/16 dev {BRIDGE}"));
        run(&format!("ip addr add fd88::1/64 dev {BRIDGE} nodad"));
        run(&format!("ip link set {BRIDGE} up"));
        for (link, pod) in [("v1", &pod), ("v2", &neighbour)] {
            pod.join(link, (16, 64), Some(("10.88.0.1", "fd88::1")));
            run(&format!("ip link set {link} master {BRIDGE}"));
            // Where bridged packets pass the rules, one to the pod itself goes back by the port it came from.
            run(&format!("ip link set {link} type bridge_slave hairpin on"));
        }
        client.join("uplink", (24, 64), None);
        run("ip addr add 192.0.2.1/24 dev uplink");
        run("ip addr add 2001:db8::1/64 dev uplink nodad");
        set("ipv4/ip_forward", "1");
        set("ipv6/conf/all/forwarding", "1");
        set(&format!("ipv4/conf/{BRIDGE}/route_localnet"), "1");
        Self { host, pod, neighbour, client }
    }

    pub(super) fn rules(&self, published: Vec<Published>) -> Rules {
        Rules {
            bridge: BRIDGE.to_owned(),
            ranges: vec!["10.88.0.0/16".parse().unwrap(), "fd88::/64".parse().unwrap()],
            gateways: vec!["10.88.0.1".parse().unwrap(), "fd88::1".parse().unwrap()],
            published,
            resolver: None,
        }
    }

    /// A port of the host that leads to port 80 of `pod`.
    pub(super) fn publish(
        pod: &Machine,
        protocol: Protocol,
        host_ip: Option<IpAddr>,
        host_port: u16,
    ) -> Published {
        let mapping = PortMapping { protocol, host_ip, host_port, container_port: 80 };
        Published { mapping, to: vec![pod.v4, pod.v6] }
    }
}
