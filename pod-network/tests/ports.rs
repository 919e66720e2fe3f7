//! Takes ports of hosts that the tests make themselves. Needs root.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, setsockopt, socket,
    sockopt,
};
use pod_network::Protocol::{Tcp, Udp};
use pod_network::{NetworkError, PortMapping, Protocol, reserve};

const PORT: u16 = 8001;
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Runs `test` in a network namespace of its own, on a thread that ends with it.
///
/// One at a time: a program that another test is just starting has the sockets of this one for a moment.
fn as_host(test: impl FnOnce() + Send) {
    static ONE: Mutex<()> = Mutex::new(());
    let _turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let host = || {
        unshare(CloneFlags::CLONE_NEWNET).expect("making a network namespace needs root");
        run("ip link set lo up");
        test();
    };
    if let Err(panic) = thread::scope(|scope| scope.spawn(host).join()) {
        std::panic::resume_unwind(panic);
    }
}

fn run(command: &str) {
    let mut words = command.split(' ');
    assert!(
        Command::new(words.next().unwrap()).args(words).status().unwrap().success(),
        "{command}"
    );
}

fn port(protocol: Protocol, host_ip: Option<IpAddr>, host_port: u16) -> PortMapping {
    PortMapping { protocol, host_ip, host_port, container_port: 80 }
}

/// Binds and, for TCP, listens as a server would.
fn serve(protocol: Protocol, address: Ipv4Addr, reuse_address: bool) -> nix::Result<()> {
    let kind = match protocol {
        Tcp => SockType::Stream,
        Udp => SockType::Datagram,
    };
    let socket = socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, sockopt::ReuseAddr, &reuse_address)?;
    bind(socket.as_raw_fd(), &SockaddrIn::from(std::net::SocketAddrV4::new(address, PORT)))?;
    match protocol {
        Tcp => listen(&socket, Backlog::new(1)?),
        Udp => Ok(()),
    }
}

fn assert_nobody_else_can_have(protocol: Protocol) {
    for address in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST] {
        for reuse_address in [false, true] {
            let outcome = serve(protocol, address, reuse_address);
            assert_eq!(
                outcome,
                Err(nix::errno::Errno::EADDRINUSE),
                "{protocol} {address} {reuse_address}"
            );
        }
    }
    let again = reserve(&[port(protocol, None, PORT)]);
    assert!(matches!(again, Err(NetworkError::PortTaken { .. })), "{again:?}");
}

/// A process that has a TCP and a UDP port, and says so.
struct Holder {
    child: Child,
    _output: ChildStdout,
}

impl Holder {
    /// Its first argument is a path that ends with `file`.
    fn new(name: &str, file: &str, listens: bool) -> Self {
        let script = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
        let program = "import socket, sys
t = socket.socket()
t.bind(('0.0.0.0', 8001))
if sys.stdin.readline() == 'listen\\n': t.listen()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('0.0.0.0', 8001))
print('ready', flush=True)
sys.stdin.read()";
        fs::write(&script, program).unwrap();
        let mut child = Command::new("/usr/bin/python3")
            .arg0(name)
            .arg(&script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let line: &[u8] = if listens { b"listen\n" } else { b"bind\n" };
        io::Write::write_all(child.stdin.as_mut().unwrap(), line).unwrap();
        let mut output = child.stdout.take().unwrap();
        output.read_exact(&mut [0; 6]).unwrap();
        fs::remove_file(script).unwrap();
        Self { child, _output: output }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn a_reserved_port_is_nobody_elses_until_it_is_given_back() {
    as_host(|| {
        for protocol in [Tcp, Udp] {
            let reserved = reserve(&[port(protocol, None, PORT)]).unwrap();
            assert_eq!(reserved.len(), 2, "IPv4 and IPv6");
            assert_nobody_else_can_have(protocol);
            let error = match protocol {
                Tcp => TcpListener::bind(("::", PORT)).unwrap_err(),
                Udp => UdpSocket::bind(("::", PORT)).unwrap_err(),
            };
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            drop(reserved);
            assert_eq!(serve(protocol, Ipv4Addr::UNSPECIFIED, false), Ok(()));
        }
    });
}

#[test]
fn connections_of_an_earlier_server_that_linger_do_not_count() {
    as_host(|| {
        let listener = TcpListener::bind((LOCALHOST, PORT)).unwrap();
        let mut client = TcpStream::connect((LOCALHOST, PORT)).unwrap();
        // Who closes first keeps the remains.
        drop(listener.accept().unwrap());
        drop(listener);
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        drop(client);
        assert_eq!(
            serve(Tcp, Ipv4Addr::LOCALHOST, false),
            Err(nix::errno::Errno::EADDRINUSE),
            "nothing lingers"
        );

        let _reserved = reserve(&[port(Tcp, None, PORT)]).unwrap();
        assert_nobody_else_can_have(Tcp);
        let error = TcpStream::connect((LOCALHOST, PORT)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "it must not listen");
    });
}

#[test]
fn addresses_and_protocols_are_apart() {
    as_host(|| {
        run("ip addr add 192.0.2.1/32 dev lo");
        let other: IpAddr = "192.0.2.1".parse().unwrap();
        let all =
            [port(Tcp, Some(LOCALHOST), PORT), port(Tcp, Some(other), PORT), port(Udp, None, PORT)];
        assert_eq!(reserve(&all).unwrap().len(), 4);
        assert_eq!(reserve(&all).unwrap().len(), 4, "all were given back");
        let v6_only = reserve(&[port(Tcp, Some("::1".parse().unwrap()), PORT)]).unwrap();
        assert_eq!(serve(Tcp, Ipv4Addr::UNSPECIFIED, false), Ok(()));
        drop(v6_only);
    });
}

#[test]
fn all_are_taken_or_none() {
    as_host(|| {
        let _server = TcpListener::bind((LOCALHOST, PORT + 1)).unwrap();
        let error = reserve(&[port(Tcp, None, PORT), port(Tcp, None, PORT + 1)]).unwrap_err();
        assert!(
            matches!(
                error,
                NetworkError::PortTaken { port: PortMapping { host_port: 8002, .. }, .. }
            ),
            "{error}"
        );
        assert_eq!(serve(Tcp, Ipv4Addr::UNSPECIFIED, false), Ok(()));
    });
}

#[test]
fn an_address_that_the_host_does_not_have_is_named() {
    as_host(|| {
        for address in ["192.0.2.9", "2001:db8::9"] {
            let error = reserve(&[port(Tcp, Some(address.parse().unwrap()), PORT)]).unwrap_err();
            let expected =
                format!("host port 8001/TCP of {address} is of no address that this host has");
            assert_eq!(error.to_string(), expected);
        }
    });
}

#[test]
fn the_program_that_has_a_port_is_named() {
    as_host(|| {
        let holder = Holder::new("server", "server", true);
        for protocol in [Tcp, Udp] {
            let error = reserve(&[port(protocol, None, PORT)]).unwrap_err();
            let expected = format!(
                "host port 8001/{protocol} is taken by `python3` (process {})",
                holder.child.id()
            );
            assert_eq!(error.to_string(), expected);
        }
        drop(holder);
        reserve(&[port(Tcp, None, PORT), port(Udp, None, PORT)]).unwrap();
    });
}

#[test]
fn the_pod_that_has_a_port_is_named() {
    as_host(|| {
        let _keeper = Holder::new("pod-keeper", "4f1c-uid", false);
        for protocol in [Tcp, Udp] {
            let error = reserve(&[port(protocol, Some(LOCALHOST), PORT)]).unwrap_err();
            let expected = format!(
                "host port 8001/{protocol} of 127.0.0.1 is taken by another pod (4f1c-uid)"
            );
            assert_eq!(error.to_string(), expected);
        }
    });
}

#[test]
fn a_port_that_is_only_bound_is_something_elses() {
    as_host(|| {
        let _other = Holder::new("server", "silent", false);
        let error = reserve(&[port(Tcp, None, PORT)]).unwrap_err();
        assert_eq!(error.to_string(), "host port 8001/TCP is taken by something else");
    });
}

#[test]
fn datagrams_to_a_reserved_port_do_not_pile_up() {
    as_host(|| {
        let reserved = reserve(&[port(Udp, Some(LOCALHOST), PORT)]).unwrap();
        let client = UdpSocket::bind((LOCALHOST, 0)).unwrap();
        for _ in 0..1000 {
            client.send_to(&[0; 1000], (LOCALHOST, PORT)).unwrap();
        }
        let waiting = UdpSocket::from(reserved.into_iter().next().unwrap());
        waiting.set_nonblocking(true).unwrap();
        let mut buffer = [0; 1000];
        let count = std::iter::from_fn(|| waiting.recv(&mut buffer).ok()).count();
        assert!(count < 10, "{count}");
    });
}
