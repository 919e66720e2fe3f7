//! Terminals, and clients that are attached to containers.

use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pod_sandbox::{
    Attached, ContainerConfig, ContainerId, Mount, RequestError, Sandbox, SandboxError,
    TerminalSize,
};

use crate::harness::tests;
use crate::world::{World, id, sh, stream};

tests![
    a_program_is_executed_in_a_terminal,
    a_terminal_is_told_its_size_and_interrupts,
    a_container_has_a_terminal,
    b215_input_stays_open_for_those_who_attach,
    b215_input_closes_after_the_first_attachment,
    whoever_does_not_read_is_let_go,
    a_container_that_puts_something_else_at_ptmx_gets_no_terminal,
];

const SIZE: TerminalSize = TerminalSize { rows: 33, columns: 77 };

/// Reads until a text has come, and returns all that came.
fn expect(from: impl AsFd, text: &str) -> String {
    let mut all = Vec::new();
    while !String::from_utf8_lossy(&all).contains(text) {
        match read_some(from.as_fd()) {
            Some(bytes) => all.extend(bytes),
            None => panic!("ended after {:?}", String::from_utf8_lossy(&all)),
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads to the end.
fn rest(from: impl AsFd) -> String {
    let mut all = Vec::new();
    while let Some(bytes) = read_some(from.as_fd()) {
        all.extend(bytes);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Waits for some bytes; `None` at the end, which a terminal tells by an error.
fn read_some(from: BorrowedFd<'_>) -> Option<Vec<u8>> {
    let mut fds = [PollFd::new(from, PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::NONE).expect("waits");
    let mut bytes = [0; 4096];
    match nix::unistd::read(from, &mut bytes) {
        Ok(0) | Err(nix::errno::Errno::EIO) => None,
        Ok(n) => Some(bytes[..n].to_vec()),
        Err(e) => panic!("cannot read: {e}"),
    }
}

fn type_in(to: impl AsFd, text: &str) {
    let mut to = fs::File::from(to.as_fd().try_clone_to_owned().expect("a copy"));
    to.write_all(text.as_bytes()).expect("there is room");
}

fn a_program_is_executed_in_a_terminal(w: &World) {
    let s = w.sandbox("s");
    let mut process = sh("exec sleep 1000");
    (process.uid, process.gid) = (1234, 1234);
    let config = w.container(&s, "c1", process);
    w.start(&s, &config).expect("starts");
    let script = "tty; stty size; echo $TERM; stat -c %u $(tty); echo typed: $(head -1); exit 5";
    let (_, terminal, ended) =
        s.exec_in_terminal(&id("c1"), ["sh", "-c", script], SIZE).expect("executes");
    assert!(expect(&terminal, "1234\r\n").starts_with("/dev/pts/0\r\n33 77\r\nxterm\r\n"));
    type_in(&terminal, "abc\n");
    assert!(rest(&terminal).contains("typed: abc\r\n"));
    assert_eq!(ended.wait().expect("ends").code, 5);
}

fn a_terminal_is_told_its_size_and_interrupts(w: &World) {
    let s = w.sandbox("s");
    let first = w.idle(&s, "c1");
    let script = "trap 'stty size' WINCH; trap 'echo interrupted; exit 7' INT; echo ready; \
                  while :; do read -r line; done";
    let (_, terminal, ended) =
        s.exec_in_terminal(&first, ["sh", "-c", script], SIZE).expect("executes");
    expect(&terminal, "ready");
    terminal.resize(TerminalSize { rows: 12, columns: 34 }).expect("resizes");
    // The shell runs the trap when the line has been read.
    type_in(&terminal, "\n");
    expect(&terminal, "12 34");
    type_in(&terminal, "\x03");
    expect(&terminal, "interrupted");
    assert_eq!(ended.wait().expect("ends").code, 7);
}

/// A container that runs a script, with an input that is open.
fn interactive(
    w: &World,
    s: &Sandbox,
    script: &str,
    change: impl FnOnce(&mut ContainerConfig),
) -> ContainerId {
    let mut config = w.container(s, "c1", sh(script));
    config.stdin = true;
    change(&mut config);
    w.start(s, &config).expect("starts");
    config.id
}

fn attach(s: &Sandbox, id: &ContainerId) -> Attached {
    s.attach(id, true).expect("is attached")
}

fn a_container_has_a_terminal(w: &World) {
    let s = w.sandbox("s");
    let script = "tty; test -c /dev/console && echo to the console >/dev/console; \
                  read -r a; echo \"got $a\"; read -r b; stty size; exit 9";
    let c = interactive(w, &s, script, |c| {
        c.tty = true;
        // A terminal's input does not end.
        c.stdin_once = true;
    });
    let first = attach(&s, &c);
    let second = attach(&s, &c);
    assert!(first.stderr.is_none());
    type_in(second.stdin.as_ref().expect("an input"), "one\n");
    for attached in [&first, &second] {
        expect(&attached.stdout, "got one\r\n");
    }
    drop(second);
    let third = attach(&s, &c);
    let size = TerminalSize { rows: 5, columns: 6 };
    first.terminal.as_ref().expect("a terminal").resize(size).expect("resizes");
    type_in(third.stdin.as_ref().expect("an input"), "two\n");
    assert!(rest(&first.stdout).ends_with("two\r\n5 6\r\n"));
    assert_eq!(first.ended.wait().expect("ends").code, 9);
    assert_eq!(third.ended.wait().expect("ends").code, 9);
    let log = fs::read_to_string(w.log(&s, "c1")).expect("reads");
    let log = stream(&log, "stdout");
    for line in ["/dev/pts/0", "to the console", "got one", "5 6"] {
        assert!(log.lines().any(|l| l == line), "{log}");
    }
}

fn b215_input_stays_open_for_those_who_attach(w: &World) {
    let s = w.sandbox("s");
    let script = "printf 'prompt '; while read -r line; do echo \"[$line]\"; done; echo over";
    let c = interactive(w, &s, script, |_| {});
    for turn in ["one", "two", "three"] {
        let attached = attach(&s, &c);
        if turn == "one" {
            // An unfinished line is shown also to one who comes after it.
            expect(&attached.stdout, "prompt ");
        }
        type_in(attached.stdin.as_ref().expect("an input"), &format!("{turn}\n"));
        expect(&attached.stdout, &format!("[{turn}]"));
    }
    let listening = s.attach(&c, false).expect("is attached");
    assert!(listening.stdin.is_none());
    s.signal(&c, 9).expect("sends");
    assert_eq!(rest(&listening.stdout), "");
    assert_eq!(listening.ended.wait().expect("ends").code, 137);
}

fn b215_input_closes_after_the_first_attachment(w: &World) {
    let s = w.sandbox("s");
    let script = "while read -r line; do echo \"[$line]\"; done; echo over >&2; sleep 1000";
    let c = interactive(w, &s, script, |c| c.stdin_once = true);
    // One who does not want the input leaves it to the next.
    let listening = s.attach(&c, false).expect("is attached");
    let first = attach(&s, &c);
    type_in(first.stdin.as_ref().expect("an input"), "one\n");
    expect(&listening.stdout, "[one]");
    drop(first);
    expect(listening.stderr.as_ref().expect("an error output"), "over");
    assert!(attach(&s, &c).stdin.is_none(), "it stays closed");
}

fn whoever_does_not_read_is_let_go(w: &World) {
    let s = w.sandbox("s");
    let script = "while read -r line; do head -c 1000000 /dev/zero | tr '\\0' x; echo; done";
    let c = interactive(w, &s, script, |c| c.log = None);
    let idle = attach(&s, &c);
    let reading = attach(&s, &c);
    let mut read = 0;
    for round in 1..=20 {
        // No more than the one that reads has room for, however slow it is.
        type_in(reading.stdin.as_ref().expect("an input"), "go\n");
        while read <= round * 1_000_000 {
            read += read_some(reading.stdout.as_fd()).expect("more comes").len();
        }
    }
    let lost = idle.ended.wait().expect_err("it is let go");
    let expected = RequestError::Detached { id: "c1".to_owned() };
    assert!(matches!(&lost, SandboxError::Request(e) if *e == expected), "{lost:?}");
}

fn a_container_that_puts_something_else_at_ptmx_gets_no_terminal(w: &World) {
    let s = w.sandbox("s");
    fs::write(w.dir.join("shared/ptmx"), "").expect("writes");
    let mut config = w.container(&s, "c1", sh("exec sleep 1000"));
    config.mounts.push(Mount {
        source: w.dir.join("shared"),
        destination: "/dev/pts".into(),
        ..Mount::default()
    });
    w.start(&s, &config).expect("starts");
    let refused = s.exec_in_terminal(&config.id, ["sh"], SIZE).expect_err("no terminal");
    assert!(refused.to_string().contains("/dev/pts/ptmx is something else"), "{refused}");
}
