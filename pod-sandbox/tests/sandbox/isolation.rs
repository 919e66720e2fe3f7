//! What containers of a sandbox share, and what they do not.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use pod_sandbox::{IdRange, Mount, RequestError, Sandbox, SandboxConfig, SandboxError};

use crate::harness::tests;
use crate::world::{PROBE, World, id, sh};

tests![
    localhost_is_shared_in_a_sandbox_and_a_port_is_free_in_another,
    b193_the_hosts_network_is_used_when_asked_for,
    a_given_network_namespace_is_held,
    kernel_parameters_are_set_for_the_sandbox_alone,
    a_kernel_parameter_that_cannot_be_set_is_told,
    what_is_held_is_open_until_the_sandbox_ends,
    the_host_name_is_shared,
    sysv_ipc_is_shared_in_a_sandbox_only,
    posix_queues_are_shared_in_a_sandbox_only,
    dev_shm_is_shared_in_a_sandbox_only,
    files_outside_mounts_are_not_shared,
    b192_each_container_has_its_own_pids,
    b192_pids_are_shared_when_asked_for,
    b214_a_container_may_enter_the_pids_of_another,
    orphans_are_reaped_in_a_shared_pid_namespace,
    processes_beside_the_first_end_with_it_in_a_shared_pid_namespace,
];

fn bring_loopback_up(sandbox: &Sandbox) {
    let namespace = sandbox.network_namespace().expect("a namespace");
    let path = format!("/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd());
    let args = [format!("--net={path}")];
    let done = Command::new("nsenter")
        .args(args)
        .args(["ip", "link", "set", "lo", "up"])
        .status()
        .expect("runs");
    assert!(done.success());
}

fn localhost_is_shared_in_a_sandbox_and_a_port_is_free_in_another(w: &World) {
    let [a, b] = ["a", "b"].map(|name| {
        let s = w.sandbox(name);
        bring_loopback_up(&s);
        w.idle(&s, "server");
        w.idle(&s, "client");
        s
    });
    // The same port in both: neither is in the other's way, and each client reaches its own.
    let servers = [&a, &b].map(|s| {
        let mut server =
            s.exec(&id("server"), [PROBE, "probe", "listen", "8080"], false).expect("executes");
        let mut line = String::new();
        let mut out =
            BufReader::new(std::fs::File::from(server.stdout.try_clone().expect("a copy")));
        out.read_line(&mut line).expect("reads");
        assert_eq!(line, "ready\n", "{}", crate::world::read(&mut server.stderr));
        server
    });
    for s in [&a, &b] {
        assert_eq!(w.exec(s, "client", &[PROBE, "probe", "connect", "8080"]).out, "hello\n");
    }
    for server in servers {
        assert_eq!(server.wait().expect("ends").code, 0);
    }
}

fn a_given_network_namespace_is_held(w: &World) {
    let link = |namespace: &OwnedFd| {
        std::fs::read_link(format!("/proc/self/fd/{}", namespace.as_raw_fd())).expect("a link")
    };
    let given = new_network_namespace();
    let shown = link(&given);
    let copy = || given.try_clone().expect("a copy");
    for change in [
        |c: &mut SandboxConfig| c.host_network = true,
        |c: &mut SandboxConfig| c.users = Some(IdRange { first: 3 << 16, count: 1 << 16 }),
    ] {
        let mut config = w.config("refused");
        change(&mut config);
        let prepared = w.runtime.prepare(&config.id).expect("begins");
        let error = prepared.with_network_namespace(copy()).create(&config).expect_err("cannot");
        assert!(error.to_string().contains("network namespace"), "{error}");
    }
    let config = w.config("a");
    let prepared = w.runtime.prepare(&config.id).expect("begins");
    let s = prepared.with_network_namespace(copy()).create(&config).expect("a sandbox");
    assert_eq!(link(&s.network_namespace().expect("a namespace")), shown);
    let seen = w.run(&s, "c1", "readlink /proc/self/ns/net").out;
    assert_eq!(std::path::Path::new(seen.trim_end()), shown);
}

/// One of which nobody else knows.
fn new_network_namespace() -> OwnedFd {
    let make = || {
        unshare(CloneFlags::CLONE_NEWNET).expect("needs root");
        File::open("/proc/thread-self/ns/net").expect("opens").into()
    };
    std::thread::spawn(make).join().expect("makes")
}

fn b193_the_hosts_network_is_used_when_asked_for(w: &World) {
    let own = std::fs::read_link("/proc/self/ns/net").expect("a namespace");
    for (name, host_network) in [("a", true), ("b", false)] {
        let s = w.sandbox_with(name, |c| c.host_network = host_network);
        let seen = w.run(&s, "c1", "readlink /proc/self/ns/net").out;
        assert_eq!(seen.trim_end() == own.to_str().expect("text"), host_network, "{seen}");
        let namespace = s.network_namespace().expect("a namespace");
        let held = std::fs::read_link(format!("/proc/self/fd/{}", namespace.as_raw_fd()));
        assert_eq!(held.expect("a link") == own, host_network);
    }
}

fn kernel_parameters_are_set_for_the_sandbox_alone(w: &World) {
    let files = "/proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced";
    let host = || Command::new("sh").args(["-c", &format!("cat {files}")]).output().expect("runs");
    let before = host().stdout;
    let s = w.sandbox_with("a", |c| {
        c.sysctls.insert("net/ipv4/ip_unprivileged_port_start".into(), "80".into());
        c.sysctls.insert("kernel.shm_rmid_forced".into(), "1".into());
    });
    assert_eq!(w.run(&s, "c1", &format!("cat {files}")).out, "80\n1\n");
    assert_eq!(host().stdout, before);
    assert_ne!(before, b"80\n1\n");
}

fn a_kernel_parameter_that_cannot_be_set_is_told(w: &World) {
    for (name, value, want) in [
        ("net.ipv4.no_such_thing", "1", "net.ipv4.no_such_thing"),
        ("net.ipv4.ip_unprivileged_port_start", "many", "ip_unprivileged_port_start to \"many\""),
        ("kernel.core_pattern", "x", "the kernel parameter `kernel.core_pattern` is the host's"),
    ] {
        let mut config = w.config("a");
        config.sysctls.insert(name.into(), value.into());
        let error = w.runtime.create(&config).expect_err(name);
        let text =
            format!("{error}: {:?}", std::error::Error::source(&error).map(|e| e.to_string()));
        assert!(text.contains(want), "{text}");
    }
}

fn what_is_held_is_open_until_the_sandbox_ends(w: &World) {
    let s = w.sandbox("a");
    let _lo = Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("runs");
    // More than fit into one message.
    let sockets: Vec<TcpListener> =
        (0..9).map(|_| TcpListener::bind("127.0.0.1:0").expect("binds")).collect();
    let at: Vec<_> = sockets.iter().map(|l| l.local_addr().expect("an address")).collect();
    let fds: Vec<OwnedFd> = sockets.into_iter().map(OwnedFd::from).collect();
    s.hold(&fds).expect("held");
    drop(fds);
    for address in &at {
        let taken = TcpListener::bind(address).expect_err("taken").kind();
        assert_eq!(taken, std::io::ErrorKind::AddrInUse);
    }
    // No container sees them.
    let seen = w.exec(&s, w.idle(&s, "c1").as_str(), &[PROBE, "probe", "descriptors"]).out;
    assert_eq!(seen, "[0, 1, 2]\n");
    s.remove().expect("goes");
    at.iter().for_each(|address| drop(TcpListener::bind(address).expect("free again")));
}

fn the_host_name_is_shared(w: &World) {
    let s = w.sandbox_with("a", |c| c.hostname = "web-0".to_owned());
    for name in ["c1", "c2"] {
        assert_eq!(
            w.run(&s, name, "uname -n; cat /proc/sys/kernel/hostname").out,
            "web-0\nweb-0\n"
        );
    }
}

fn sysv_ipc_is_shared_in_a_sandbox_only(w: &World) {
    let (a, b) = (w.sandbox("a"), w.sandbox("b"));
    let made = w.run(&a, "c1", "ipcmk -M 4096 && ipcmk -Q && ipcmk -S 1");
    assert_eq!(made.exit.code, 0, "{made:?}");
    let count = "for k in shm msg sem; do tail -n +2 /proc/sysvipc/$k | wc -l; done";
    assert_eq!(w.run(&a, "c2", count).out, "1\n1\n1\n");
    assert_eq!(w.run(&b, "c1", count).out, "0\n0\n0\n");
}

fn posix_queues_are_shared_in_a_sandbox_only(w: &World) {
    let (a, b) = (w.sandbox("a"), w.sandbox("b"));
    w.run(&a, "c1", "touch /dev/mqueue/q");
    assert_eq!(w.run(&a, "c2", "ls /dev/mqueue").out, "q\n");
    assert_eq!(w.run(&b, "c1", "ls /dev/mqueue").out, "");
}

fn dev_shm_is_shared_in_a_sandbox_only(w: &World) {
    let a = w.sandbox_with("a", |c| c.shm_size = 1 << 20);
    let b = w.sandbox("b");
    w.run(&a, "c1", "echo x >/dev/shm/f; stat -c %a /dev/shm");
    assert_eq!(w.run(&a, "c2", "cat /dev/shm/f").out, "x\n");
    assert_eq!(w.run(&b, "c1", "ls /dev/shm").out, "");
    // A container that fills it or takes it away changes nothing for the host or another sandbox.
    let full = w.run(&a, "c3", "head -c 2M /dev/zero >/dev/shm/big; mv /dev/shm/f /dev/shm/g; rm -rf /dev/shm; ls /dev/shm");
    assert!(full.err.contains("No space left"), "{full:?}");
    assert_eq!(w.run(&b, "c2", "echo y >/dev/shm/f && cat /dev/shm/f").out, "y\n");
    assert!(!std::path::Path::new("/dev/shm/f").exists());
    assert_eq!(w.run(&a, "c4", "echo again >/dev/shm/f; cat /dev/shm/f").out, "again\n");
}

fn files_outside_mounts_are_not_shared(w: &World) {
    let s = w.sandbox("a");
    let shared = Mount {
        source: w.dir.join("shared"),
        destination: "/data".into(),
        readonly: false,
        ..Mount::default()
    };
    let mut first =
        w.container(&s, "c1", sh("echo x >/data/f; echo x >/f; echo x >/tmp/f; echo x >/etc/f"));
    first.mounts.push(shared.clone());
    assert_eq!(w.run_config(&s, &first).err, "");
    let mut second = w.container(&s, "c2", sh("cat /data/f; ls /f /tmp/f /etc/f 2>/dev/null"));
    second.mounts.push(shared);
    assert_eq!(w.run_config(&s, &second).out, "x\n");
    assert!(!std::path::Path::new("/f").exists() && !std::path::Path::new("/etc/f").exists());
}

fn b192_each_container_has_its_own_pids(w: &World) {
    let s = w.sandbox("a");
    w.idle(&s, "other");
    let seen = w.run(&s, "c1", "echo $$; for d in /proc/[0-9]*; do cat $d/comm; done");
    let mut lines: Vec<&str> = seen.out.lines().collect();
    assert_eq!(lines.remove(0), "1");
    assert!(lines.iter().all(|l| ["sh", "cat"].contains(l)), "{lines:?}");
}

fn b192_pids_are_shared_when_asked_for(w: &World) {
    let s = w.sandbox_with("a", |c| c.share_pid = true);
    w.idle(&s, "other");
    let seen = w.run(&s, "c1", "cat /proc/1/comm; test $$ != 1 && cat /proc/[0-9]*/comm");
    assert!(seen.out.starts_with("pause\n"), "{seen:?}");
    assert!(seen.out.lines().any(|l| l == "probe"), "{seen:?}");
    let pause = w.run(&s, "c2", "grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs):' /proc/1/status");
    let expected = "Uid:\t65535\t65535\t65535\t65535\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n";
    assert_eq!(pause.out, expected);
}

fn b214_a_container_may_enter_the_pids_of_another(w: &World) {
    let s = w.sandbox("a");
    let other = w.idle(&s, "other");
    w.idle(&s, "third");
    let entering = |name: &str, script: &str| {
        let mut config = w.container(&s, name, sh(script));
        config.pid_of = Some(other.clone());
        config
    };
    let look = "cat /proc/1/comm; test $$ != 1 && cat /proc/[0-9]*/comm | grep -c probe";
    let seen = w.run_config(&s, &entering("c1", look));
    assert_eq!(seen.out, "probe\n1\n", "{seen:?}");

    let ends = entering("c2", "exec sleep 1000");
    w.start(&s, &ends).expect("starts");
    s.signal(&other, nix::libc::SIGKILL).expect("is killed");
    assert_eq!(s.wait(&ends.id).expect("ends").signal, Some(nix::libc::SIGKILL));
    s.wait(&other).expect("ends");
    match s.create_container(&entering("c3", "true")) {
        Err(SandboxError::Request(RequestError::WrongState { id, .. })) => assert_eq!(id, "other"),
        other => panic!("{other:?}"),
    }
}

fn orphans_are_reaped_in_a_shared_pid_namespace(w: &World) {
    let s = w.sandbox_with("a", |c| c.share_pid = true);
    // The inner shell ends first, so its child is left to pause; the loop ends when that one has been reaped.
    let script = "pid=$(sh -c 'true & echo $!'); while [ -e /proc/$pid ]; do :; done; \
                  for d in /proc/[0-9]*; do grep -H '^State:.*Z' $d/status; done";
    let done = w.run(&s, "c1", script);
    assert_eq!((done.exit.code, done.out.as_str()), (1, ""), "{done:?}");
}

fn processes_beside_the_first_end_with_it_in_a_shared_pid_namespace(w: &World) {
    let s = w.sandbox_with("a", |c| c.share_pid = true);
    let observer = w.idle(&s, "observer");
    // A session of its own, so that no terminal or group takes it along; it holds the log's pipes open too.
    w.run(&s, "c1", "setsid sleep 1000 & setsid sleep 1000 & exit 0");
    let wait = "while grep -q ^sleep$ /proc/[0-9]*/comm; do :; done; echo gone";
    assert_eq!(w.exec_sh(&s, observer.as_str(), wait).out, "gone\n");
    s.remove_container(&id("c1")).expect("goes");
}
