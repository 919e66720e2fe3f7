//! Pods of an ordinary user, each in a host of the test's own. Needs root, to make that host.
//!
//! A test executes itself again inside the host that it has made.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, socket};
use tempfile::TempDir;

use super::attachment::{PastaAttachment, attach, delete, prepare};
use super::process::kill;
use crate::{Attachment, NetworkError, Pasta, PortMapping, Protocol};

/// Says that this is the execution inside the host.
const INSIDE: &str = "POD_NETWORK_TEST_HOST";
const LIMIT: Duration = Duration::from_secs(10);

/// Makes a host with an uplink, runs the commands $4 in it, and goes on there as the user $1.
const MAKE_HOST: &str = r#"
set -e
cp "$2" "$5/test"
mknod "$5/tun" c 10 200
chmod 666 "$5/tun"
mount --bind "$5/tun" /dev/net/tun
echo nameserver 192.0.2.10 >"$5/resolv.conf"
mount --bind "$5/resolv.conf" /etc/resolv.conf
ip link set lo up
ip link add up0 type veth peer name far0
ip address add 192.0.2.10/24 dev up0
ip address add 192.0.2.11/24 dev up0
ip address add 2001:db8::10/64 dev up0 nodad
ip link set up0 up
ip link set far0 up
ip route add default via 192.0.2.1
ip route add default via 2001:db8::1
eval "$4"
exec setpriv --reuid "$1" --regid "$1" --clear-groups "$5/test" --exact "$3" --nocapture
"#;

/// Lets ordinary users have all ports, of which the resolver's is one.
const OPEN_PORTS: &str = "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// Runs `work`, the body of the test `name`, as `user` in a host that `commands` complete.
fn in_a_host(name: &str, user: u32, commands: &str, work: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return work();
    }
    if let Err(error) = File::open("/dev/net/tun") {
        // The harness knows no other way to tell it.
        let _ = writeln!(std::io::stderr(), "{name} ignored: cannot open /dev/net/tun: {error}");
        return;
    }
    let dir = TempDir::new().unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new("unshare")
        .args(["--net", "--mount", "sh", "-c", MAKE_HOST, "sh", &user.to_string()])
        .arg(env::current_exe().unwrap())
        .args([&format!("pasta::tests::{name}"), commands])
        .arg(dir.path())
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

const USER: u32 = 12345;
const ROOT: u32 = 0;

/// A program that is killed in the end.
struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it, and waits for its first line.
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut program = Self { child, output };
        program.line();
        program
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers at the ports 80 of TCP and 53 of UDP, once it has been spoken to, with the address of who spoke.
const SERVER: &str = "
import socket, threading
tcp = socket.create_server(('::', 80), family=socket.AF_INET6, dualstack_ipv6=True)
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.bind(('::', 53))
def serve():
    while True:
        client, address = tcp.accept()
        client.recv(1)
        client.sendall(address[0].encode())
        client.close()
threading.Thread(target=serve, daemon=True).start()
print('ready', flush=True)
while True:
    _, address = udp.recvfrom(1)
    udp.sendto(address[0].encode(), address)
";

/// A namespace with one process in it, and what the pod has there.
struct Pod {
    dir: TempDir,
    /// The first process in the namespace.
    pause: Program,
    attached: Option<PastaAttachment>,
}

impl Pod {
    fn new() -> Self {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net"]);
        command.args(["sh", "-c", "echo ready; exec sleep 1000"]);
        Self { dir: TempDir::new().unwrap(), pause: Program::start(&mut command), attached: None }
    }

    fn attach(&mut self, ports: &[PortMapping]) -> Result<&PastaAttachment, NetworkError> {
        let namespace =
            |kind| File::open(format!("/proc/{}/ns/{kind}", self.pause.child.id())).unwrap();
        let (netns, userns) = (namespace("net"), namespace("user"));
        let record = attach(
            &Pasta::find().expect("the package passt is needed"),
            self.dir.path(),
            &pod(ports),
            netns.as_fd(),
            Some(userns.as_fd()),
        )?;
        Ok(self.attached.insert(record))
    }

    fn inside(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--user", "--net", "--preserve-credentials"]);
        command.args(["--target", &self.pause.child.id().to_string(), program]).args(arguments);
        command
    }

    fn tell(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.inside(program, arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The processes whose command line names the pod's directory.
    fn processes(&self) -> usize {
        let dir = self.dir.path().to_str().unwrap();
        let command_lines = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| fs::read_to_string(entry.unwrap().path().join("cmdline")).ok());
        command_lines.filter(|command_line| command_line.contains(dir)).count()
    }

    fn assert_nothing_is_left(&self) {
        assert_eq!(self.processes(), 0);
        assert_eq!(fs::read_dir(&self.dir).unwrap().count(), 0);
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        if let Some(record) = &self.attached {
            let _ = delete(record);
        }
    }
}

fn pod(ports: &[PortMapping]) -> Attachment {
    Attachment {
        id: "4f1c".to_owned(),
        namespace: "default".to_owned(),
        name: "web".to_owned(),
        names: Vec::new(),
        ports: ports.to_vec(),
        hosts: None,
    }
}

fn port(
    protocol: Protocol,
    host_ip: Option<&str>,
    host_port: u16,
    container_port: u16,
) -> PortMapping {
    let host_ip = host_ip.map(|address| address.parse().unwrap());
    PortMapping { protocol, host_ip, host_port, container_port }
}

/// What a server answers that is spoken to from the host's address `from`.
fn ask(protocol: Protocol, from: &str, to: &str) -> String {
    let to: SocketAddr = to.parse().unwrap();
    let from = SocketAddr::new(from.parse().unwrap(), 0);
    let mut answer = Vec::new();
    match protocol {
        Protocol::Tcp => {
            let mut stream = connected(from, to);
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            stream.write_all(b"?").unwrap();
            stream.read_to_end(&mut answer).unwrap();
        }
        Protocol::Udp => {
            let socket = UdpSocket::bind(from).unwrap();
            socket.set_read_timeout(Some(LIMIT)).unwrap();
            socket.send_to(b"?", to).unwrap();
            answer.resize(100, 0);
            let (length, _) = socket.recv_from(&mut answer).unwrap();
            answer.truncate(length);
        }
    }
    let address: IpAddr = String::from_utf8(answer).unwrap().parse().unwrap();
    address.to_canonical().to_string()
}

fn connected(from: SocketAddr, to: SocketAddr) -> TcpStream {
    let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let stream = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&stream);
    bind(number, &SockaddrStorage::from(from)).unwrap();
    connect(number, &SockaddrStorage::from(to)).unwrap();
    stream.into()
}

fn carries_connections_both_ways() {
    let mut pod = Pod::new();
    let ports = [port(Protocol::Tcp, None, 8080, 80), port(Protocol::Udp, None, 5353, 53)];
    let record = pod.attach(&ports).unwrap().clone();
    let text = |addresses: &[IpAddr]| addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>();
    assert_eq!(text(record.addresses()), ["10.0.2.100", "fd00:706f:64::100"]);
    assert_eq!(text(record.nameservers()), ["10.0.2.3"]);
    for address in text(record.addresses()) {
        let shown = pod.tell("ip", &["-o", "address", "show", "dev", "eth0"]);
        assert!(shown.contains(&address), "{shown}");
    }

    let _server = Program::start(&mut pod.inside("python3", &["-c", SERVER]));
    for from in ["192.0.2.10", "192.0.2.11"] {
        assert_eq!(ask(Protocol::Tcp, from, "192.0.2.10:8080"), from);
        assert_eq!(ask(Protocol::Udp, from, "192.0.2.10:5353"), from);
    }
    assert_eq!(ask(Protocol::Tcp, "127.0.0.1", "127.0.0.1:8080"), "127.0.0.1");

    // The same server, as one of the host.
    let _host = Program::start(Command::new("python3").args(["-c", SERVER]));
    let fetch = "import socket, sys
s = socket.create_connection((sys.argv[1], 80), 10)
s.send(b'?')
print(s.recv(100).decode())";
    assert_eq!(pod.tell("python3", &["-c", fetch, "192.0.2.10"]).trim(), "::ffff:192.0.2.10");
    assert_eq!(pod.tell("python3", &["-c", fetch, "2001:db8::10"]).trim(), "2001:db8::10");
    // By now the pod has spoken by IPv6: the version of 2023 does not find it before.
    assert_eq!(ask(Protocol::Tcp, "2001:db8::10", "[2001:db8::10]:8080"), "2001:db8::10");
    let resolve = "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.connect(('10.0.2.3', 53))
s.send(b'?')
print(s.recv(100).decode())";
    assert_eq!(pod.tell("python3", &["-c", resolve]).trim(), "::ffff:192.0.2.10");

    assert_eq!(pod.processes(), 1);
    delete(&record).unwrap();
    pod.assert_nothing_is_left();
    TcpListener::bind("0.0.0.0:8080").expect("the port is free again");
    delete(&record).expect("a second time changes nothing");
}

#[test]
fn the_pod_of_a_user_is_reached_and_reaches_the_host() {
    let name = "the_pod_of_a_user_is_reached_and_reaches_the_host";
    in_a_host(name, USER, OPEN_PORTS, carries_connections_both_ways);
}

#[test]
fn the_pod_of_root_is_reached_and_reaches_the_host() {
    let name = "the_pod_of_root_is_reached_and_reaches_the_host";
    in_a_host(name, ROOT, OPEN_PORTS, carries_connections_both_ways);
}

#[test]
fn an_address_of_the_host_limits_a_port_to_it() {
    in_a_host("an_address_of_the_host_limits_a_port_to_it", USER, "", || {
        let mut pod = Pod::new();
        let tcp = port(Protocol::Tcp, Some("192.0.2.11"), 8080, 80);
        let udp = port(Protocol::Udp, Some("192.0.2.11"), 8080, 53);
        pod.attach(&[tcp, udp]).unwrap();
        let _server = Program::start(&mut pod.inside("python3", &["-c", SERVER]));
        assert_eq!(ask(Protocol::Tcp, "192.0.2.10", "192.0.2.11:8080"), "192.0.2.10");
        assert_eq!(ask(Protocol::Udp, "192.0.2.10", "192.0.2.11:8080"), "192.0.2.10");
        TcpListener::bind("192.0.2.10:8080").expect("no other address is taken");
        UdpSocket::bind("192.0.2.10:8080").expect("no other address is taken");
    });
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_runs() {
    in_a_host("a_port_that_is_taken_is_named_and_nothing_runs", USER, "", || {
        let ports = [port(Protocol::Tcp, None, 8080, 80), port(Protocol::Udp, None, 5353, 53)];
        let mut pod = Pod::new();
        {
            let _listener = TcpListener::bind("127.0.0.1:8080").unwrap();
            let error = pod.attach(&ports).unwrap_err().to_string();
            assert_eq!(error, "TCP port 8080 of the host is taken (0.0.0.0:8080)");
        }
        {
            let _socket = UdpSocket::bind("[::1]:5353").unwrap();
            let error = pod.attach(&ports).unwrap_err().to_string();
            assert_eq!(error, "UDP port 5353 of the host is taken ([::]:5353)");
        }
        pod.assert_nothing_is_left();
        pod.attach(&ports).unwrap();
        let mut other = Pod::new();
        let error = other.attach(&ports[1..]).unwrap_err().to_string();
        assert_eq!(error, "UDP port 5353 of the host is taken (0.0.0.0:5353)");
        other.assert_nothing_is_left();
    });
}

#[test]
fn a_port_that_the_user_may_not_have_is_named() {
    in_a_host("a_port_that_the_user_may_not_have_is_named", USER, "", || {
        let mut pod = Pod::new();
        let error = pod.attach(&[port(Protocol::Tcp, None, 80, 80)]).unwrap_err();
        assert_eq!(error.to_string(), "cannot have TCP port 80 of the host (0.0.0.0:80)");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "EACCES: Permission denied");
        pod.assert_nothing_is_left();
    });
}

#[test]
fn the_record_from_before_ends_it_also_when_the_namespace_has_ended() {
    let name = "the_record_from_before_ends_it_also_when_the_namespace_has_ended";
    in_a_host(name, USER, "", || {
        let mut pod = Pod::new();
        let before = prepare(&Pasta::find().unwrap(), pod.dir.path(), &self::pod(&[]));
        let before: PastaAttachment =
            serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
        pod.attach(&[]).unwrap();
        let mut other = Pod::new();
        other.attach(&[]).unwrap();

        pod.pause.child.kill().unwrap();
        pod.pause.child.wait().unwrap();
        delete(&before).unwrap();
        pod.assert_nothing_is_left();
        assert_eq!(other.processes(), 1, "the process of another pod goes on");
    });
}

#[test]
fn without_an_uplink_or_the_program_the_reason_is_told() {
    let name = "without_an_uplink_or_the_program_the_reason_is_told";
    in_a_host(name, USER, "ip link delete up0", || {
        let mut pod = Pod::new();
        let error = pod.attach(&[]).unwrap_err().to_string();
        assert_eq!(error, "pasta needs a default route, and the host has none");
        pod.assert_nothing_is_left();
    });
}

/// With `program` in the place of `pasta`.
fn attach_with(pod: &Pod, program: &str) -> NetworkError {
    let netns = File::open(format!("/proc/{}/ns/net", pod.pause.child.id())).unwrap();
    let pasta = Pasta { program: program.into() };
    attach(&pasta, pod.dir.path(), &self::pod(&[]), netns.as_fd(), None).unwrap_err()
}

#[test]
fn a_program_that_is_missing_or_fails_is_told() {
    in_a_host("a_program_that_is_missing_or_fails_is_told", USER, "", || {
        let pod = Pod::new();
        assert_eq!(
            attach_with(&pod, "/nowhere/pasta").to_string(),
            "cannot find the program /nowhere/pasta; install passt"
        );
        // It does not know the options.
        let error = attach_with(&pod, "/bin/ls").to_string();
        assert!(error.starts_with("pasta failed: /bin/ls: unrecognized option"), "{error}");
        pod.assert_nothing_is_left();
    });
}

#[test]
fn only_what_is_meant_is_killed() {
    let mut program = Program::start(
        Command::new("sh")
            .args(["-c", "echo ready; read line; echo $line", "mark-a7"])
            .stdin(Stdio::piped()),
    );
    kill(|arguments| arguments.contains(&&b"mark-a6"[..])).unwrap();
    program.child.stdin.take().unwrap().write_all(b"alive\n").unwrap();
    assert_eq!(program.line(), "alive");
}
