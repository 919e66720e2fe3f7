//! Sessions at a real terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::unistd::Pid;

use crate::host::{Host, end, run, script, server};

/// How long a text may take to appear, in milliseconds.
const LIMIT_MS: u16 = 60_000;

/// A command at a terminal of its own, and who sits at it.
struct Seat {
    child: Child,
    screen: File,
    /// The side that the command has.
    terminal: File,
    seen: String,
}

impl Seat {
    /// Runs a command in a session of its own, controlled by the terminal.
    fn new(host: &Host, args: &[&str]) -> Self {
        let pty = openpty(None, None).expect("a terminal");
        let (screen, terminal) = (File::from(pty.master), File::from(pty.slave));
        let command = host.command(args);
        let own = || Stdio::from(terminal.try_clone().expect("a copy"));
        let mut seated = Command::new("setsid");
        seated.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => seated.env(name, value),
                None => seated.env_remove(name),
            };
        }
        let child = seated.stdin(own()).stdout(own()).stderr(own()).spawn();
        let mut seat =
            Self { child: child.expect("it runs"), screen, terminal, seen: String::new() };
        seat.set_size(24, 80);
        seat
    }

    /// Changes the size, which the kernel tells the command.
    fn set_size(&mut self, rows: u16, columns: u16) {
        let (rows, columns) = (rows.to_string(), columns.to_string());
        let args = ["rows", rows.as_str(), "cols", columns.as_str()];
        let terminal = Stdio::from(self.terminal.try_clone().expect("a copy"));
        let set = Command::new("stty").args(args).stdin(terminal).status().expect("it runs");
        assert!(set.success());
    }

    fn keys(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).expect("there is room");
    }

    /// Waits until a text is shown, after what was waited for before.
    fn expect(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let mut fds = [PollFd::new(self.screen.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut fds, PollTimeout::from(LIMIT_MS)).expect("waits");
            assert!(ready > 0, "{text:?} did not come; there is {:?}", self.seen);
            let mut chunk = [0; 4096];
            let n = self.screen.read(&mut chunk).expect("its terminal can be read");
            self.seen.push_str(&String::from_utf8_lossy(&chunk[..n]));
        }
        let at = self.seen.find(text).expect("it is there") + text.len();
        self.seen.drain(..at);
    }

    fn settings(&self) -> Termios {
        tcgetattr(&self.terminal).expect("it is a terminal")
    }

    /// Whether keys are passed on as they are typed.
    fn is_raw(&self) -> bool {
        !self.settings().local_flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("it is there");
    }

    /// Waits for the command's end, which leaves the terminal as it was.
    fn end(mut self) -> i32 {
        let status: ExitStatus = self.child.wait().expect("it ends");
        assert!(!self.is_raw(), "the terminal was not put back");
        status.code().unwrap_or(-1)
    }
}

#[test]
fn a_program_has_the_terminal_of_the_command() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let mut seat = Seat::new(&host, &["exec", "web", "-c", "app", "-i", "-t", "--", "sh"]);
    seat.expect("# ");
    assert!(seat.is_raw());
    seat.keys("tty; stty size; echo $TERM\r");
    seat.expect("/dev/pts/");
    seat.expect("24 80");
    seat.expect("xterm");
    seat.set_size(30, 90);
    // The new size is there when the program has been told of it.
    seat.keys("until [ \"$(stty size)\" = '30 90' ]; do :; done; echo re''sized\r");
    seat.expect("resized");
    seat.keys("sh -c 'echo beg''un; exec sleep 1000'\r");
    seat.expect("begun");
    seat.keys("\x03");
    seat.expect("# ");
    seat.keys("exit 5\r");
    assert_eq!(seat.end(), 5);
    assert_eq!(host.pod("delete web --force").code, 0);
}

#[test]
fn the_terminal_is_put_back_whatever_happens() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGHUP, 129), (Signal::SIGINT, 130)] {
        let mut seat = Seat::new(&host, &["exec", "-it", "web", "--", "sh"]);
        seat.expect("# ");
        seat.signal(signal);
        assert_eq!(seat.end(), code, "{signal}");
    }
    let mut seat = Seat::new(&host, &["exec", "-it", "--detach-keys=ctrl-x,q", "web", "--", "sh"]);
    seat.expect("# ");
    seat.keys("\x18q");
    assert_eq!(seat.end(), 0);
    let mut seat = Seat::new(&host, &["exec", "-it", "web", "--", "sh"]);
    seat.expect("# ");
    assert_eq!(host.pod("delete web --force").code, 0);
    assert_eq!(seat.end(), 137);
}

#[test]
fn without_a_terminal_there_is_none_to_give() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let ran = host.pod_with_input("exec -it web -- cat", b"piped\n");
    let said = "Unable to use a TTY - input is not a terminal or the right kind of file\n";
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "piped\n", said));
    assert_eq!(host.pod("exec -itq web -- true").err, "");
    assert_eq!(host.pod("delete web --force").code, 0);
}

#[test]
fn an_init_container_can_be_looked_into_while_it_runs() {
    let host = Host::new();
    let pod = script("exit 0", "Never").replace(
        "  containers:",
        "  initContainers:\n  - {name: wait, image: pod.local/host, command: [sh, -c, \"read line\"], stdin: true}\n  containers:",
    );
    let file = host.manifest(&pod);
    let mut apply = host.command(["apply", "-f", &file]);
    let applying = apply.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    crate::host::eventually("the init container runs", || {
        host.pod("exec web -c wait -- true").code == 0
    });
    let mut seat = Seat::new(&host, &["exec", "-it", "web", "-c", "wait", "--", "sh"]);
    seat.expect("# ");
    seat.keys("exit 4\r");
    assert_eq!(seat.end(), 4);
    assert_eq!(host.pod("delete web --force").code, 0);
    assert_ne!(end(applying).code, 0, "its pod was deleted");
}

/// A pod whose container answers each line of its input.
fn answering(fields: &str) -> String {
    script("while read -r line; do echo \"[$line]\"; done; echo over", "Always")
        .replace("{name: app,", &format!("{{name: app, stdin: true, {fields}"))
}

#[test]
fn b215_lines_are_passed_on_to_a_container() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &answering("")).code, 0);
    for turn in ["one", "two"] {
        let mut child = host
            .command(["attach", "-i", "web"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(format!("{turn}\n").as_bytes()).expect("there is room");
        let mut answer = [0; 6];
        child.stdout.as_mut().expect("it is piped").read_exact(&mut answer).expect("it answers");
        assert_eq!(String::from_utf8_lossy(&answer), format!("[{turn}]\n"));
        drop(stdin);
        assert_eq!(end(child).code, 0, "our input has ended, and the container's has not");
    }
    assert_eq!(host.pod("delete web --force").code, 0);
}

#[test]
fn b215_a_container_ends_with_its_only_input() {
    let host = Host::new();
    let once = answering("stdinOnce: true, ").replace("Always", "Never");
    assert_eq!(host.pod_on("apply", &once).code, 0);
    let ran = run(
        host.command(["attach", "-i", "pod/web", "-c", "app"]).stdin(Stdio::piped()),
        b"one\ntwo\n",
    );
    assert_eq!((ran.code, ran.out.as_str()), (0, "[one]\n[two]\nover\n"), "{ran:?}");
    assert_eq!(host.pod("attach web").code, 1, "it does not run any more");
    assert_eq!(host.pod("delete web").code, 0);
}

#[test]
fn b215_two_sit_at_the_terminal_of_a_container() {
    let host = Host::new();
    let shell = "exec sh -i";
    let pod = script(shell, "Always").replace("{name: app,", "{name: app, stdin: true, tty: true,");
    assert_eq!(host.pod_on("apply", &pod).code, 0);
    let mut one = Seat::new(&host, &["attach", "-it", "web"]);
    one.expect("If you don't see a command prompt, try pressing enter.");
    one.expect("# ");
    let mut other = Seat::new(&host, &["attach", "web", "-c", "app", "-i", "-t"]);
    other.expect("# ");
    one.keys("echo $((6 * 7))\r");
    for seat in [&mut one, &mut other] {
        seat.expect("42");
    }
    other.keys("\x10\x11");
    other.expect(
        "Session ended, resume using 'pod attach web -c app -i -t' command when the pod is running",
    );
    assert_eq!(other.end(), 0);
    one.keys("exit 3\r");
    assert_eq!(one.end(), 3);
    assert_eq!(host.pod("delete web --force").code, 0);
}

#[test]
fn b215_a_pod_is_made_to_be_sat_at() {
    let host = Host::new();
    let line = [
        "run",
        "--image=pod.local/host",
        "-it",
        "--restart=Never",
        "--rm",
        "client",
        "--command",
        "--",
        "sh",
    ];
    let mut seat = Seat::new(&host, &line);
    seat.expect("# ");
    seat.keys("echo $((6 * 7))\r");
    seat.expect("42");
    seat.keys("exit 4\r");
    seat.expect("pod \"client\" deleted");
    assert_eq!(seat.end(), 4);
    assert_eq!(host.pod("get pod client").code, 4, "it is gone");

    // Nothing is lost of what is over soon, nor of what is piped in.
    let soon =
        "run --image=pod.local/host --attach -q --restart=Never --rm soon --command -- echo out";
    let ran = host.pod(soon);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "out\n", ""));
    let piped = "run --image=pod.local/host -i -q --restart=Never --rm piped --command -- cat";
    let ran = host.pod_with_input(piped, b"in\n");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "in\n", ""));
    for wrong in ["run web --image=pod.local/host --rm", "run web --image=pod.local/host -t"] {
        assert_eq!(host.pod(wrong).code, 2, "{wrong}");
    }
}
