//! `pod port-forward`, as a user calls it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::host::{Host, LinesFrom, end, lines_from, read_until};

const SERVER: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: app
    image: pod.local/host
    command: [python3, -u, -m, http.server, '8000', --bind, 127.0.0.1, --directory, /usr/share/common-licenses]
    ports: [{name: http, containerPort: 8000}]
";

/// A running `port-forward`.
struct Forward {
    child: Child,
    lines: LinesFrom<ChildStdout>,
}

impl Forward {
    /// Begins, and reads until it has said what it listens at.
    fn begin(host: &Host, arguments: &str, lines: usize) -> (Self, Vec<String>) {
        let line = format!("port-forward {arguments}");
        let mut command = host.command(line.split_whitespace());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be executed");
        let mut lines_of = lines_from(child.stdout.take().expect("it is piped"));
        let said = lines_of.by_ref().take(lines).map(|line| line.expect("UTF-8")).collect();
        (Self { child, lines: lines_of }, said)
    }

    fn signal(self, signal: Signal) -> i32 {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("it runs");
        end(self.child).code
    }
}

/// The local address of a line `Forwarding from ADDRESS -> PORT`.
fn local(line: &str) -> &str {
    let words = line.strip_prefix("Forwarding from ").expect(line);
    words.split(" -> ").next().expect(line)
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("it takes the request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text
}

#[test]
fn several_ports_lead_to_the_pod() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", SERVER).code, 0);
    let up = "until curl -sf -o /dev/null http://127.0.0.1:8000/; do :; done";
    assert_eq!(host.pod_args(&["exec", "web", "--", "sh", "-c", up]).code, 0);
    let (mut forward, said) = Forward::begin(&host, "pod/web :8000 18080:http 8000", 6);
    let want = ["-> 8000"; 6];
    for (line, want) in said.iter().zip(want) {
        assert!(line.ends_with(want), "{said:?}");
    }
    assert_eq!(local(&said[2]), "127.0.0.1:18080");
    assert_eq!(local(&said[3]), "[::1]:18080");
    assert_eq!(local(&said[5]), "[::1]:8000");
    // The port that was chosen for one address is that of the other.
    let port = |line: &str| local(line).rsplit_once(':').expect("a port").1.to_owned();
    assert_eq!(port(&said[0]), port(&said[1]));
    for line in &said {
        assert!(get(local(line), "/GPL-2").contains("GNU GENERAL PUBLIC LICENSE"), "{line}");
    }
    let handled = format!("Handling connection for {}", port(&said[0]));
    read_until(&mut forward.lines, |line| line == handled);
    assert_eq!(forward.signal(Signal::SIGINT), 0);
    assert_eq!(host.pod("delete web").code, 0);
}

#[test]
fn it_ends_with_the_pod() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", SERVER).code, 0);
    let (forward, said) = Forward::begin(&host, "web 18081:8000 --address 127.0.0.1", 1);
    assert_eq!(local(&said[0]), "127.0.0.1:18081");
    assert_eq!(host.pod("delete web").code, 0);
    let ended = end(forward.child);
    assert_eq!(ended.code, 1);
    assert_eq!(ended.err, "error: lost connection to pod `web`: it is over\n");
}

#[test]
fn what_cannot_be_forwarded_is_told() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", SERVER).code, 0);
    let busy = std::net::TcpListener::bind("127.0.0.1:18082").expect("binds");
    for (arguments, code, words) in [
        ("web 18082:8000", 1, "error: cannot listen at 127.0.0.1:18082: Address already in use"),
        ("web nope", 2, "error: pod `web` has no port named `nope`"),
        ("none 80", 4, "none"),
        (
            "web 80 --address example.org",
            2,
            "`example.org` is neither an IP address nor `localhost`",
        ),
    ] {
        let ran = host.pod(&format!("port-forward {arguments}"));
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }
    drop(busy);
    // Nothing listens in the pod: told, and the next connection is taken all the same.
    let (forward, said) = Forward::begin(&host, "web :9 --address 127.0.0.1", 1);
    for _ in 0..2 {
        assert_eq!(get_nothing(local(&said[0])), "");
    }
    kill(Pid::from_raw(forward.child.id() as i32), Signal::SIGTERM).expect("it runs");
    let ended = end(forward.child);
    assert_eq!(
        ended.err.matches("cannot connect to port 9 of pod `web`: Connection refused").count(),
        2,
        "{ended:?}"
    );
    assert_eq!(host.pod("delete web").code, 0);
}

fn get_nothing(address: &str) -> String {
    let mut text = String::new();
    // It is closed, in one way or the other.
    let _ = TcpStream::connect(address).expect("it listens").read_to_string(&mut text);
    text
}
