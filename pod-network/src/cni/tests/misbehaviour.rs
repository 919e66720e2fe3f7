//! Plugins that do what they should not.

use std::env;
use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Installation, has_ended, pod, told};
use crate::cni::attachment::{CniAttachment, complete, delete, prepare};
use crate::netns::lab::new_namespace;
use crate::{Cni, NetworkError};

fn with(script: &str) -> Installation {
    let installation = Installation::new();
    installation.configure(
        "10-x.conflist",
        r#"{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "one"}]}"#,
    );
    installation.install("one", &format!("[ $CNI_COMMAND = ADD ] || exit 0\n{script}"));
    installation
}

fn add(installation: &Installation, limit: Duration) -> Result<CniAttachment, NetworkError> {
    let mut record = prepare(&installation.cni()).unwrap();
    record.limit = limit;
    complete(record, &pod("1"), new_namespace().as_fd())
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn one_that_hangs_is_killed_with_its_children_and_undone() {
    let installation = with(
        "trap '' TERM INT\nsleep 1000 & echo $! >$dir/child\necho $$ >$dir/self\nwait\nsleep 1000",
    );
    let limit = Duration::from_secs(2);
    let error = add(&installation, limit).unwrap_err();
    assert_eq!(
        told(&error),
        "the CNI plugin `one` failed at ADD: it was killed after 2 seconds without an end"
    );
    assert!(has_ended(&installation.path("self"), LONG));
    assert!(has_ended(&installation.path("child"), LONG));
    assert_eq!(installation.log(), ["ADD one", "DEL one"]);
}

#[test]
fn one_that_writes_without_end_is_stopped() {
    let installation = with("exec yes");
    let begin = Instant::now();
    let error = add(&installation, LONG).unwrap_err();
    assert!(
        told(&error).ends_with("it was killed for writing more than 1048576 bytes"),
        "{}",
        told(&error)
    );
    assert!(begin.elapsed() < LONG);

    // Also one that has ended by then.
    let installation = with("head -c 100000000 /dev/zero; echo done >$dir/done");
    assert!(told(&add(&installation, LONG).unwrap_err()).contains("more than 1048576 bytes"));
    assert!(!installation.path("done").exists());
}

#[test]
fn complaints_are_cut_and_do_not_stop_it() {
    let installation = with("head -c 100000000 /dev/zero | tr '\\0' x >&2\nexit 7");
    let text = told(&add(&installation, LONG).unwrap_err());
    assert!(text.ends_with("): exit status: 7"), "{text}");
    assert_eq!(text.matches('x').count(), 4096 + "exit".matches('x').count());

    let installation = with("head -c 100000000 /dev/zero >&2\necho '{}'");
    add(&installation, LONG).unwrap();
}

#[test]
fn what_is_not_a_result_is_refused_and_undone() {
    let cases = [
        ("echo garbage", "its result cannot be read: expected value at line 1 column 1"),
        ("true", "its result cannot be read: EOF while parsing a value at line 1 column 0"),
        (r#"echo '{"ips": [{"address": "10.0.0.300/8"}]}'"#, "its result cannot be read: invalid"),
        (
            r#"echo '{"ips": [{"address": "10.0.0.3/8", "interface": 1}]}'"#,
            "its result gives an address to interface 1 of 0",
        ),
        ("kill -9 $$", "signal: 9 (SIGKILL)"),
        ("echo garbage; exit 5", "exit status: 5"),
    ];
    for (script, fault) in cases {
        let installation = with(script);
        let text = told(&add(&installation, LONG).unwrap_err());
        assert!(
            text.starts_with(&format!("the CNI plugin `one` failed at ADD: {fault}")),
            "{text}"
        );
        assert_eq!(installation.log(), ["ADD one", "DEL one"]);
    }
}

#[test]
fn a_child_that_is_left_behind_is_not_waited_for() {
    // It holds the pipe of the standard output.
    let installation = with("sleep 1000 & echo $! >$dir/child\necho '{}'");
    let begin = Instant::now();
    add(&installation, LONG).unwrap();
    assert!(begin.elapsed() < LONG);
    let child = installation.path("child");
    assert!(
        !has_ended(&child, Duration::ZERO),
        "what a plugin that succeeds leaves is its own affair"
    );
    let pid = fs::read_to_string(child).unwrap().trim().parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();

    let installation = with("sleep 1000 & echo $! >$dir/child\nexit 1");
    add(&installation, LONG).unwrap_err();
    assert!(
        has_ended(&installation.path("child"), LONG),
        "a plugin that fails leaves nothing running"
    );
}

#[test]
fn one_dies_with_who_executes_it_and_is_undone_by_who_comes_next() {
    const INSIDE: &str = "POD_NETWORK_TEST_DIRECTORY";
    let cni = |dir: &Path| Cni { conf_dir: dir.join("conf"), bin_dirs: vec![dir.join("bin")] };
    if let Some(dir) = env::var_os(INSIDE) {
        let _ = super::add(&cni(dir.as_ref()), &pod("1"), new_namespace().as_fd());
        return;
    }
    let installation = with("echo $$ >$dir/self\necho >$dir/begun\nexec sleep 1000");
    let record = prepare(&installation.cni()).unwrap();
    let begun = installation.path("begun");
    assert!(Command::new("mkfifo").arg(&begun).status().unwrap().success());
    let name = "one_dies_with_who_executes_it_and_is_undone_by_who_comes_next";
    let mut other = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("cni::tests::misbehaviour::{name}")])
        .env(INSIDE, installation.path(""))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    fs::read(begun).unwrap();
    assert!(!has_ended(&installation.path("self"), Duration::ZERO));
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(has_ended(&installation.path("self"), LONG));

    delete(&record, &pod("1"), None).unwrap();
    assert_eq!(installation.log(), ["ADD one", "DEL one"]);
}
