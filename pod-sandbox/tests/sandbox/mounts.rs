//! What of the host is mounted in a container, and how.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use pod_sandbox::{Mount, Propagation, RequestError, SandboxError, Tmpfs};

use crate::harness::{Ignore, tests};
use crate::world::{World, sh};

tests![
    a_part_of_a_source_is_mounted,
    b166_missing_parts_are_made_and_files_are_parts_too,
    a_part_that_leads_out_is_refused_with_nothing_left,
    b174_what_is_mounted_within_is_read_only_too_when_asked,
    b177_mounts_are_seen_as_their_propagation_says,
    b177_without_a_shared_mount_there_is_no_bidirectional_one,
    a_tmpfs_can_be_written_from_outside,
    b223_memory_may_be_of_huge_pages,
];

fn mounted(source: impl Into<PathBuf>, at: &str) -> Mount {
    Mount { source: source.into(), destination: at.into(), ..Mount::default() }
}

fn tmpfs(at: &Path) {
    fs::create_dir_all(at).expect("makes");
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), None::<&str>).expect("mounts");
}

fn unmount(at: &Path) {
    umount2(at, MntFlags::MNT_DETACH).expect("unmounts");
}

fn a_part_of_a_source_is_mounted(w: &World) {
    let s = w.sandbox("a");
    fs::create_dir_all(w.dir.join("shared/a/b")).expect("makes");
    fs::write(w.dir.join("shared/a/b/file"), "deep\n").expect("writes");
    let mut config = w.container(&s, "c1", sh("cat /m/file; ls /m; echo new >/m/new"));
    config.mounts.push(Mount { sub_path: "a/b".into(), ..mounted(w.dir.join("shared"), "/m") });
    assert_eq!(w.run_config(&s, &config).out, "deep\nfile\n");
    assert_eq!(fs::read_to_string(w.dir.join("shared/a/b/new")).expect("written"), "new\n");
}

fn b166_missing_parts_are_made_and_files_are_parts_too(w: &World) {
    let s = w.sandbox("a");
    fs::write(w.dir.join("shared/file"), "of a file\n").expect("writes");
    let mut config = w.container(&s, "c1", sh("cat /etc/one; echo x >/m/x"));
    let source = w.dir.join("shared");
    config.mounts.push(Mount { sub_path: "file".into(), ..mounted(&source, "/etc/one") });
    config.mounts.push(Mount { sub_path: "not/there".into(), ..mounted(&source, "/m") });
    assert_eq!(w.run_config(&s, &config).out, "of a file\n");
    assert!(source.join("not/there/x").is_file());
}

fn a_part_that_leads_out_is_refused_with_nothing_left(w: &World) {
    let s = w.sandbox("a");
    std::os::unix::fs::symlink("/etc", w.dir.join("shared/out")).expect("links");
    let mut config = w.container(&s, "c1", sh("true"));
    config.mounts.push(Mount { sub_path: "out".into(), ..mounted(w.dir.join("shared"), "/m") });
    let error = s.create_container(&config).expect_err("refused");
    let SandboxError::Request(RequestError::SubPath { destination, message, .. }) = &error else {
        panic!("{error}");
    };
    assert_eq!(destination, Path::new("/m"));
    assert_eq!(message, "cannot find `out` in the volume: it leads out of the volume");
    assert!(s.status().expect("there").containers.is_empty());
}

fn b174_what_is_mounted_within_is_read_only_too_when_asked(w: &World) {
    let inner = w.dir.join("shared/inner");
    tmpfs(&inner);
    let s = w.sandbox("a");
    let mut config = w.container(
        &s,
        "c1",
        sh("for d in /plain /all; do touch $d/f; touch $d/inner/f && echo $d; done"),
    );
    for (at, recursive_readonly) in [("/plain", false), ("/all", true)] {
        let mount = mounted(w.dir.join("shared"), at);
        config.mounts.push(Mount { readonly: true, recursive_readonly, ..mount });
    }
    let done = w.run_config(&s, &config);
    assert_eq!(done.out, "/plain\n", "{done:?}");
    assert_eq!(done.err.matches("Read-only file system").count(), 3, "{done:?}");
    drop(s);
    unmount(&inner);
}

/// Makes a directory a mount that others can share.
fn share(at: &Path) {
    tmpfs(at);
    mount(None::<&str>, at, None::<&str>, MsFlags::MS_SHARED, None::<&str>).expect("is shared");
}

fn b177_mounts_are_seen_as_their_propagation_says(w: &World) {
    let shared = w.dir.join("shared/propagated");
    share(&shared);
    for name in ["late", "own"] {
        fs::create_dir(shared.join(name)).expect("makes");
    }
    let s = w.sandbox("a");
    let mounts = "mount -t tmpfs none /m/own && touch /m/own/f";
    let script =
        |first: &str| format!("{first}; echo ready; while [ ! -e /go/on ]; do :; done; ls /m/late");
    let go = w.dir.join("shared/go");
    fs::create_dir(&go).expect("makes");
    let kinds = [
        ("private", Propagation::Private),
        ("slave", Propagation::HostToContainer),
        ("both", Propagation::Bidirectional),
    ];
    for (name, propagation) in kinds {
        let mut config = w.container(&s, name, sh(&script(mounts)));
        config.privileged = true;
        config.process.capabilities = pod_sandbox::Capabilities::all();
        config.process.seccomp = pod_sandbox::Seccomp::Unconfined;
        config.mounts.push(Mount { propagation, ..mounted(&shared, "/m") });
        config.mounts.push(mounted(&go, "/go"));
        w.start(&s, &config).expect("starts");
        let log = w.log(&s, name);
        while !fs::read_to_string(&log).is_ok_and(|log| log.contains("ready")) {
            std::thread::yield_now();
        }
        let seen = shared.join("own/f").exists();
        assert_eq!(seen, propagation == Propagation::Bidirectional, "{name}");
        if seen {
            unmount(&shared.join("own"));
        }
    }
    tmpfs(&shared.join("late"));
    fs::write(shared.join("late/file"), "").expect("writes");
    fs::write(go.join("on"), "").expect("writes");
    for (name, propagation) in kinds {
        s.wait(&crate::world::id(name)).expect("ends");
        let log = fs::read_to_string(w.log(&s, name)).expect("a log");
        assert_eq!(log.contains(" F file"), propagation != Propagation::Private, "{name}: {log}");
    }
    s.remove().expect("goes");
    unmount(&shared.join("late"));
    unmount(&shared);
}

fn b177_without_a_shared_mount_there_is_no_bidirectional_one(w: &World) {
    let alone = w.dir.join("shared/alone");
    tmpfs(&alone);
    mount(None::<&str>, &alone, None::<&str>, MsFlags::MS_PRIVATE, None::<&str>)
        .expect("is private");
    let s = w.sandbox("a");
    let mut config = w.container(&s, "c1", sh("true"));
    let propagation = Propagation::Bidirectional;
    config.mounts.push(Mount { propagation, ..mounted(&alone, "/m") });
    let error = s.create_container(&config).expect_err("refused").to_string();
    assert!(error.contains("not on a shared mount"), "{error}");
    s.remove().expect("goes");
    unmount(&alone);
}

fn a_tmpfs_can_be_written_from_outside(w: &World) {
    let path = w.dir.join("shared/memory");
    fs::create_dir(&path).expect("makes");
    let tmpfs =
        Tmpfs { path: path.clone(), size: None, mode: 0o2777, group: Some(77), page_size: None };
    let s = w.sandbox_with("a", |c| c.tmpfs.push(tmpfs));
    let dir = s.tmpfs(&path).expect("opens");
    let flags = nix::fcntl::OFlag::O_CREAT | nix::fcntl::OFlag::O_WRONLY;
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o644);
    let file = nix::fcntl::openat(&dir, "file", flags, mode).expect("makes");
    nix::unistd::write(&file, b"from outside\n").expect("writes");
    let mut config = w.container(&s, "c1", sh("cat /m/file; stat -c %a:%g /m"));
    config.mounts.push(mounted(&path, "/m"));
    assert_eq!(w.run_config(&s, &config).out, "from outside\n2777:77\n");
    assert!(s.tmpfs(&w.dir.join("shared")).is_err(), "only those that were asked for");
}

fn b223_memory_may_be_of_huge_pages(w: &World) {
    if !Path::new("/sys/kernel/mm/hugepages/hugepages-2048kB").exists() {
        std::panic::panic_any(Ignore("needs a machine with pages of 2 MiB".to_owned()));
    }
    let path = w.dir.join("shared/huge");
    fs::create_dir(&path).expect("makes");
    let (size, page_size) = (Some(4 << 20), Some(2 << 20));
    let huge = Tmpfs { path: path.clone(), size, mode: 0o2777, group: Some(77), page_size };
    let s = w.sandbox_with("a", |c| c.tmpfs.push(huge));
    let mut config = w.container(&s, "c1", sh("stat -c %a:%g /m; grep ' /m ' /proc/mounts"));
    config.mounts.push(mounted(&path, "/m"));
    let out = w.run_config(&s, &config).out;
    let (mode, mount) = out.split_once('\n').expect("two lines");
    assert_eq!(mode, "2777:77");
    assert!(mount.starts_with("hugetlbfs "), "{mount}");
    for option in ["pagesize=2M", "size=4194304"] {
        assert!(mount.contains(option), "{option}: {mount}");
    }
}
