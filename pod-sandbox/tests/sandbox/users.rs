//! Sandboxes with users of their own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::unistd::Pid;
use pod_sandbox::{
    Capabilities, ContainerState, IdRange, Mount, Propagation, RequestError, RootFs, Sandbox,
    SandboxError, SandboxState, Seccomp, Tmpfs,
};

use crate::harness::tests;
use crate::resources::v2;
use crate::world::{World, sh};

tests![
    b195_ids_are_others_on_the_host,
    b195_root_has_its_rights_over_the_sandbox_alone,
    b195_files_show_the_owners_that_they_have,
    b195_a_root_of_layers_belongs_to_its_users,
    b195_a_directory_is_a_root_of_its_users,
    b195_what_exec_brings_is_of_the_same_users,
    b195_pids_are_shared_among_users_of_their_own,
    b195_a_lost_sandbox_is_made_again_with_its_users,
    b195_what_its_users_cannot_have_is_named,
    b195_ids_that_cannot_be_are_refused,
    b191_nothing_of_proc_is_hidden_when_asked_for,
];

const USERS: IdRange = IdRange { first: 3 << 16, count: 1 << 16 };

fn sandbox(w: &World, name: &str) -> Sandbox {
    w.sandbox_with(name, |c| c.users = Some(USERS))
}

fn b195_ids_are_others_on_the_host(w: &World) {
    let s = sandbox(w, "a");
    let script = "cat /proc/self/uid_map /proc/self/gid_map; id -u; stat -c %u:%g /proc/1 /tmp /etc/passwd /dev/shm \
                  /dev /sys/fs/cgroup /proc/sys/net/ipv4";
    let seen = w.run(&s, "c1", script);
    let lines: Vec<Vec<&str>> = seen.out.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["0", "196608", "65536"], "{seen:?}");
    assert_eq!(lines[1], lines[0]);
    assert_eq!(lines[2], ["0"]);
    let owners: Vec<&str> = lines[3..].iter().map(|l| l[0]).collect();
    // On v2 it is the kernel's own directory, which belongs to the host's root and can be read alone.
    let cgroup = if v2() { "65534:65534" } else { "0:0" };
    assert_eq!(owners, ["0:0", "0:0", "0:0", "0:0", "0:0", cgroup, "0:0"], "{seen:?}");

    let idle = w.idle(&s, "c2");
    let pid = s.status().expect("known").containers.iter().find(|c| c.id == idle).and_then(|c| {
        match c.state {
            ContainerState::Running { pid, .. } => Some(pid),
            _ => None,
        }
    });
    let status = fs::read_to_string(format!("/proc/{}/status", pid.expect("runs"))).expect("reads");
    assert!(status.contains("\nUid:\t196608\t196608\t196608\t196608\n"), "{status}");
    let written = w.run(&s, "c3", "echo x >/made; echo y >/dev/shm/made; exec sleep 0");
    assert_eq!(written.err, "");
    let made = fs::metadata(w.layer(&s, "c3").join("upper/made")).expect("made");
    assert_eq!((made.uid(), made.gid()), (USERS.first, USERS.first));
}

fn b195_root_has_its_rights_over_the_sandbox_alone(w: &World) {
    let s = w.sandbox_with("a", |c| {
        c.users = Some(USERS);
        c.sysctls.insert("net.ipv4.ip_unprivileged_port_start".into(), "1024".into());
        c.sysctls.insert("kernel.shm_rmid_forced".into(), "1".into());
    });
    let mut root = w.container(
        &s,
        "c1",
        sh("ip link set lo up && ip link add d0 type veth peer d1 && ip addr add 10.0.0.1/24 dev d0 && \
            ip -br addr show d0 | grep -q 10.0.0.1 && echo network; mkdir /m && mount -t tmpfs none /m && touch /m/x && echo mounts; hostname other && echo name; \
            cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced; \
            mknod /n c 1 3 2>/dev/null || echo no device; date -s @0 2>/dev/null >&2 || echo no clock; \
            umount /proc/kcore 2>/dev/null; head -c1 /proc/kcore 2>/dev/null | wc -c"),
    );
    root.process.capabilities = Capabilities::all();
    let seen = w.run_config(&s, &root);
    assert_eq!(seen.out, "network\nmounts\nname\n1024\n1\nno device\nno clock\n0\n", "{seen:?}");
}

fn b195_files_show_the_owners_that_they_have(w: &World) {
    let source = w.dir.join("shared/volume");
    fs::create_dir(&source).expect("makes");
    for (name, owner) in [("root", 0), ("user", 1000)] {
        fs::write(source.join(name), "x").expect("writes");
        chown(source.join(name), Some(owner), Some(owner)).expect("gives");
        fs::set_permissions(source.join(name), fs::Permissions::from_mode(0o640)).expect("sets");
    }
    let memory = w.dir.join("shared/memory");
    fs::create_dir(&memory).expect("makes");
    let s = w.sandbox_with("a", |c| {
        c.users = Some(USERS);
        let tmpfs = Tmpfs {
            path: memory.clone(),
            size: None,
            mode: 0o2770,
            group: Some(7),
            page_size: None,
        };
        c.tmpfs.push(tmpfs);
    });
    let script = "stat -c '%n %u:%g %a' /v/* /m; echo x >/v/made; chown 5:6 /v/made; echo x >/m/f && stat -c %u:%g /m/f; \
                  setpriv --reuid 1000 --regid 1000 --clear-groups sh -c 'cat /v/user; cat /v/root 2>/dev/null || echo no'";
    let mut config = w.container(&s, "c1", sh(script));
    for (source, at, sub_path) in
        [(&source, "/v", ""), (&memory, "/m", ""), (&source, "/p", "part")]
    {
        config.mounts.push(Mount {
            source: source.clone(),
            destination: at.into(),
            sub_path: sub_path.into(),
            ..Mount::default()
        });
    }
    let seen = w.run_config(&s, &config);
    let want = "/v/part 0:0 755\n/v/root 0:0 640\n/v/user 1000:1000 640\n/m 0:7 2770\n0:7\nxno\n";
    assert_eq!(seen.out, want, "{seen:?}");
    let made = fs::metadata(source.join("made")).expect("made");
    assert_eq!((made.uid(), made.gid()), (5, 6));
}

fn b195_a_root_of_layers_belongs_to_its_users(w: &World) {
    let (below, above) = (w.dir.join("shared/below"), w.dir.join("shared/above"));
    for (layer, files) in [(&below, ["kept", "gone"]), (&above, ["own", "own"])] {
        fs::create_dir_all(layer.join("etc")).expect("makes");
        for name in files {
            fs::write(layer.join("etc").join(name), "x").expect("writes");
        }
    }
    chown(below.join("etc/kept"), Some(33), Some(34)).expect("gives");
    mknod(&above.join("etc/gone"), SFlag::S_IFCHR, Mode::empty(), 0).expect("makes");
    for link in ["bin", "lib", "lib64"] {
        symlink(format!("usr/{link}"), below.join(link)).expect("links");
    }
    let s = sandbox(w, "a");
    let lower = vec![above, below];
    let script = "stat -c %u:%g / /etc/kept /image/etc/kept /dev /mnt; cat /etc/gone /image/etc/gone; \
                  touch /etc/new && stat -c %u:%g /etc/new; touch /image/new || true";
    let mut config = w.container(&s, "c1", sh(script));
    config.rootfs = RootFs::Layers { layer: w.layer(&s, "c1"), lower: lower.clone() };
    config.mounts.push(Mount { layers: lower, destination: "/image".into(), ..Mount::default() });
    config.mounts.push(usr());
    let seen = w.run_config(&s, &config);
    let missing = ["/etc/gone", "/image/etc/gone"];
    assert!(missing.iter().all(|path| seen.err.contains(&format!("{path}: No such"))), "{seen:?}");
    assert!(seen.err.contains("/image/new': Read-only"), "{seen:?}");
    assert_eq!(seen.out, "0:0\n33:34\n33:34\n0:0\n0:0\n0:0\n", "{seen:?}");
}

fn b195_a_directory_is_a_root_of_its_users(w: &World) {
    let root = w.dir.join("shared/root");
    fs::create_dir_all(root.join("usr")).expect("makes");
    for link in ["bin", "lib", "lib64"] {
        symlink(format!("usr/{link}"), root.join(link)).expect("links");
    }
    let s = sandbox(w, "a");
    let script = "touch /new; stat -c %u:%g / /new /dev; readlink /proc/self/fd/0";
    let mut config = w.container(&s, "c1", sh(script));
    config.rootfs = RootFs::Directory(root.clone());
    config.mounts.push(usr());
    let seen = w.run_config(&s, &config);
    assert_eq!(seen.out, "0:0\n0:0\n0:0\n/dev/null\n", "{seen:?}");
    assert_eq!(fs::metadata(root.join("new")).expect("made").uid(), 0);
}

/// The programs of this machine.
fn usr() -> Mount {
    Mount { source: "/usr".into(), destination: "/usr".into(), readonly: true, ..Mount::default() }
}

fn b195_what_exec_brings_is_of_the_same_users(w: &World) {
    let s = sandbox(w, "a");
    w.idle(&s, "c1");
    let namespaces = "for n in user net ipc uts mnt pid cgroup; do readlink /proc/self/ns/$n; readlink /proc/1/ns/$n; done";
    let seen = w.exec_sh(
        &s,
        "c1",
        &format!("id -u; {namespaces}; grep CapEff /proc/self/status /proc/1/status"),
    );
    let mut lines = seen.out.lines();
    assert_eq!(lines.next(), Some("0"), "{seen:?}");
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 16, "{seen:?}");
    for pair in lines.chunks(2) {
        assert_eq!(pair[0].rsplit(':').next(), pair[1].rsplit(':').next(), "{seen:?}");
    }
    let own = fs::read_link("/proc/self/ns/user").expect("a link");
    assert_ne!(lines[0], own.to_str().expect("text"));
}

fn b195_pids_are_shared_among_users_of_their_own(w: &World) {
    let s = w.sandbox_with("a", |c| {
        c.users = Some(USERS);
        c.share_pid = true;
    });
    let other = w.idle(&s, "other");
    let seen = w.run(
        &s,
        "c1",
        "cat /proc/1/comm; grep -E '^(Uid|CapEff):' /proc/1/status; cat /proc/[0-9]*/comm",
    );
    let pause = "pause\nUid:\t65535\t65535\t65535\t65535\nCapEff:\t0000000000000000\n";
    assert!(seen.out.starts_with(pause) && seen.out.contains("\nprobe\n"), "{seen:?}");
    assert_eq!(w.exec_sh(&s, other.as_str(), "cat /proc/1/comm").out, "pause\n");
}

fn b195_a_lost_sandbox_is_made_again_with_its_users(w: &World) {
    let s = sandbox(w, "a");
    let SandboxState::Ready { pause } = s.status().expect("known").state else {
        panic!("not ready")
    };
    let mut watch = s.watch().expect("watches");
    kill(Pid::from_raw(pause), Signal::SIGKILL).expect("is killed");
    while !matches!(watch.next().expect("news").state, SandboxState::Lost { .. }) {}
    s.make_again().expect("is made again");
    let seen = w.run(&s, "c1", "awk '{print $2}' /proc/self/uid_map; stat -c %u /dev/shm");
    assert_eq!(seen.out, "196608\n0\n", "{seen:?}");
}

fn b195_what_its_users_cannot_have_is_named(w: &World) {
    let s = sandbox(w, "a");
    for (source, propagation, why) in [
        ("/proc/sys", Propagation::Private, "its file system cannot map owners"),
        ("/usr", Propagation::Bidirectional, "the host may not see what they mount"),
    ] {
        let mut config = w.container(&s, "c1", sh("true"));
        let (source, destination) = (source.into(), "/data".into());
        config.mounts.push(Mount { source, destination, propagation, ..Mount::default() });
        match s.create_container(&config) {
            Err(SandboxError::Request(RequestError::Users { destination, message, .. })) => {
                assert_eq!(destination.to_str(), Some("/data"));
                assert!(message.ends_with(why), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(s.status().expect("known").containers.is_empty());
}

fn b195_ids_that_cannot_be_are_refused(w: &World) {
    for (first, count) in [(0, 1 << 16), (1 << 16, 0), (u32::MAX - 3, 4)] {
        let mut config = w.config("a");
        config.users = Some(IdRange { first, count });
        let error = w.runtime.create(&config).expect_err("refused").to_string();
        assert!(error.contains("cannot be the users of a sandbox"), "{error}");
    }
}

fn b191_nothing_of_proc_is_hidden_when_asked_for(w: &World) {
    let s = sandbox(w, "a");
    for unmasked in [true, false] {
        let script = "grep -c ' /proc/' /proc/self/mountinfo";
        let mut config = w.container(&s, if unmasked { "c1" } else { "c2" }, sh(script));
        config.unmasked = unmasked;
        let seen = w.run_config(&s, &config);
        assert_eq!(seen.out == "0\n", unmasked, "{seen:?}");
    }
    // What it is for: a container in the container, with a /proc of its own.
    let nested = |name: &str, unmasked: bool| {
        let mut config =
            w.container(&s, name, sh("unshare -Urpf --mount-proc sh -c 'echo $$' 2>/dev/null"));
        config.unmasked = unmasked;
        config.process.seccomp = Seccomp::Unconfined;
        w.run_config(&s, &config).out
    };
    assert_eq!((nested("c3", true), nested("c4", false)), ("1\n".to_owned(), String::new()));
}
