//! What containers of a sandbox share, and what they do not.

use std::io::{BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::process::Command;

use pod_sandbox::{Mount, Sandbox};

use crate::harness::tests;
use crate::world::{PROBE, World, id, sh};

tests![
    localhost_is_shared_in_a_sandbox_and_a_port_is_free_in_another,
    the_host_name_is_shared,
    sysv_ipc_is_shared_in_a_sandbox_only,
    posix_queues_are_shared_in_a_sandbox_only,
    dev_shm_is_shared_in_a_sandbox_only,
    files_outside_mounts_are_not_shared,
    b192_each_container_has_its_own_pids,
    b192_pids_are_shared_when_asked_for,
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
    let shared =
        Mount { source: w.dir.join("shared"), destination: "/data".into(), readonly: false };
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
