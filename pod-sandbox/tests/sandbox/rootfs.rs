//! Root file systems and mounts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use pod_sandbox::{Mount, RootFs, Tmpfs};

use crate::harness::tests;
use crate::world::{World, id, sh};

tests![
    b176_readonly_mounts_give_erofs,
    a_readonly_root_gives_erofs,
    the_host_s_root_is_there_without_what_is_private,
    masked_directories_of_the_host_are_empty,
    mounts_below_the_host_s_root_are_there_and_readonly,
    what_is_written_stays_in_the_layer,
    a_layer_with_files_in_it_is_refused_and_left_alone,
    layers_lie_on_each_other,
    a_directory_is_used_as_it_is,
    b176_mounts_of_files_and_missing_places,
    tmpfs_of_the_sandbox_are_seen_in_it_only,
    a_bad_mount_or_root_is_a_create_error_with_nothing_left,
    a_root_directory_may_have_any_name,
    a_readonly_root_may_have_writable_places,
    a_hundred_layers_are_not_too_many,
    a_link_in_the_place_of_dev_is_not_followed,
];

fn tmpfs(at: &Path) {
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), None::<&str>).expect("mounts");
}

fn b176_readonly_mounts_give_erofs(w: &World) {
    let s = w.sandbox("a");
    // What is mounted below a read-only mount is read-only as well.
    let inner = w.dir.join("shared/inner");
    fs::create_dir(&inner).expect("makes");
    let script = "echo x >/ro/f; mkdir /ro/d; echo x >/rw/f && echo written";
    let mut config = w.container(&s, "c1", sh(script));
    for (name, readonly) in [("/ro", true), ("/rw", false)] {
        config.mounts.push(Mount {
            source: w.dir.join("shared"),
            destination: name.into(),
            readonly,
            ..Mount::default()
        });
    }
    let done = w.run_config(&s, &config);
    assert_eq!(done.out, "written\n");
    assert_eq!(done.err.matches("Read-only file system").count(), 2, "{done:?}");
}

fn a_readonly_root_gives_erofs(w: &World) {
    let s = w.sandbox("a");
    let mut config =
        w.container(&s, "c1", sh("echo x >/f; echo x >/tmp/f; echo x >/dev/shm/f && echo shm"));
    config.readonly_rootfs = true;
    let done = w.run_config(&s, &config);
    assert_eq!(
        (done.err.matches("Read-only file system").count(), done.out.as_str()),
        (2, "shm\n"),
        "{done:?}"
    );
}

fn the_host_s_root_is_there_without_what_is_private(w: &World) {
    let s = w.sandbox("a");
    let script = "for d in /tmp /run /root /home; do ls -A $d; stat -c '%n %a %u' $d; echo x >$d/f && cat $d/f; done; \
                  cmp /etc/passwd /etc/passwd && echo etc";
    let mut config = w.container(&s, "c1", sh(script));
    config.mounts.clear();
    let done = w.run_config(&s, &config);
    assert_eq!(
        done.out, "/tmp 1777 0\nx\n/run 755 0\nx\n/root 700 0\nx\n/home 755 0\nx\netc\n",
        "{done:?}"
    );
}

fn masked_directories_of_the_host_are_empty(w: &World) {
    let s = w.sandbox("a");
    tmpfs(Path::new("/srv"));
    fs::create_dir("/srv/secret").expect("makes");
    fs::write("/srv/secret/key", "k").expect("writes");
    fs::write("/srv/open", "o").expect("writes");
    // The sandbox above was made before the mount: its own view begins with it.
    let s2 = w.sandbox("b");
    let mut config = w.container(&s2, "c1", sh("ls -A /var/lib; ls -A /srv /srv/secret; ls /none"));
    config.rootfs = RootFs::Host {
        layer: w.layer(&s2, "c1"),
        mask: ["/var/lib", "/srv/secret", "/none"].map(PathBuf::from).to_vec(),
    };
    let done = w.run_config(&s2, &config);
    assert_eq!(done.out, "/srv:\nopen\nsecret\n\n/srv/secret:\n", "{done:?}");
    assert!(done.err.contains("/none"));
    drop(s);
    w.runtime.remove(&w.config("a").id).expect("goes");
    w.runtime.remove(&w.config("b").id).expect("goes");
    nix::mount::umount("/srv").expect("unmounts");
}

fn mounts_below_the_host_s_root_are_there_and_readonly(w: &World) {
    tmpfs(Path::new("/srv"));
    fs::write("/srv/f", "f").expect("writes");
    fs::create_dir("/srv/deep er").expect("makes");
    tmpfs(Path::new("/srv/deep er"));
    fs::write("/srv/deep er/g", "g").expect("writes");
    let s = w.sandbox("a");
    let done = w.run(
        &s,
        "c1",
        "cat /srv/f '/srv/deep er/g'; echo x >/srv/f; echo x >'/srv/deep er/g'; rm /srv/f",
    );
    assert_eq!(done.out, "fg\n", "{done:?}");
    assert_eq!(done.err.matches("Read-only file system").count(), 3, "{done:?}");
    w.runtime.remove(&w.config("a").id).expect("goes");
    nix::mount::umount("/srv/deep er").expect("unmounts");
    nix::mount::umount("/srv").expect("unmounts");
}

fn what_is_written_stays_in_the_layer(w: &World) {
    let s = w.sandbox("a");
    w.run(&s, "c1", "echo x >/etc/written; rm -rf /usr/share/doc; echo y >>/etc/hostname");
    assert!(!Path::new("/etc/written").exists() && Path::new("/usr/share/doc").exists());
    let layer = w.layer(&s, "c1");
    assert_eq!(fs::read_to_string(layer.join("upper/etc/written")).ok(), Some("x\n".to_owned()));
    assert_eq!(
        fs::metadata(&layer).expect("there").permissions().mode() & 0o077,
        0,
        "nobody else looks in"
    );
    s.remove_container(&id("c1")).expect("goes");
    assert!(!layer.exists());
}

fn a_layer_with_files_in_it_is_refused_and_left_alone(w: &World) {
    let s = w.sandbox("a");
    let config = w.container(&s, "c1", sh("true"));
    let layer = w.layer(&s, "c1");
    fs::create_dir(&layer).expect("makes");
    fs::write(layer.join("precious"), "x").expect("writes");
    let refused = s.create_container(&config).expect_err("refused").to_string();
    assert!(refused.contains("is not empty"), "{refused}");
    assert!(layer.join("precious").exists());
    fs::remove_file(layer.join("precious")).expect("removes");
    assert_eq!(w.run_config(&s, &config).exit.code, 0, "an empty one is taken");
}

fn layers_lie_on_each_other(w: &World) {
    let s = w.sandbox("a");
    let (top, below) = (w.dir.join("top,odd:name"), w.dir.join("below"));
    for (dir, files) in [(&top, &["both", "top"][..]), (&below, &["both", "below"])] {
        fs::create_dir_all(dir.join("layers")).expect("makes");
        for file in files {
            fs::write(dir.join("layers").join(file), file_text(dir)).expect("writes");
        }
    }
    let mut config =
        w.container(&s, "c1", sh("cd /layers; echo *; read x <both; echo $x; echo n >new; echo *"));
    root_directory(&below);
    fs::create_dir(below.join("mnt")).expect("makes");
    let lower = vec![top.clone(), below.clone()];
    config.rootfs = RootFs::Layers { layer: w.layer(&s, "c1"), lower };
    let done = w.run_config(&s, &config);
    assert_eq!(done.out, "below both top\ntop\nbelow both new top\n", "{done:?}");
    assert!(!below.join("layers/new").exists() && !top.join("layers/new").exists());
}

fn file_text(dir: &Path) -> &'static str {
    if dir.ends_with("below") { "below\n" } else { "top\n" }
}

/// A root directory in which a shell runs.
fn root_directory(at: &Path) {
    fs::create_dir_all(at.join("bin")).expect("makes");
    fs::copy("/usr/bin/busybox", at.join("bin/sh")).unwrap_or_else(|_| {
        std::panic::panic_any(crate::harness::Ignore(
            "no /usr/bin/busybox, or not a static one".to_owned(),
        ))
    });
}

fn a_directory_is_used_as_it_is(w: &World) {
    let s = w.sandbox("a");
    let root = w.dir.join("root");
    root_directory(&root);
    let mut config = w.container(&s, "c1", sh("echo x >/f; echo /*"));
    config.rootfs = RootFs::Directory(root.clone());
    let done = w.run_config(&s, &config);
    assert_eq!(done.out, "/bin /dev /f /mnt /proc /sys\n", "{done:?}");
    s.remove_container(&id("c1")).expect("goes");
    assert_eq!(
        fs::read_to_string(root.join("f")).ok(),
        Some("x\n".to_owned()),
        "it is not ours to remove"
    );
}

fn a_root_directory_may_have_any_name(w: &World) {
    let s = w.sandbox("a");
    let root = w.dir.join("a b,c:d\\e");
    root_directory(&root);
    let mut config = w.container(&s, "c1", sh("echo in"));
    config.rootfs = RootFs::Layers { layer: w.dir.join("layers/x y,z:w"), lower: vec![root] };
    assert_eq!(w.run_config(&s, &config).out, "in\n");
}

fn b176_mounts_of_files_and_missing_places(w: &World) {
    let s = w.sandbox("a");
    let file = w.dir.join("shared/file");
    fs::write(&file, "content\n").expect("writes");
    let mut config =
        w.container(&s, "c1", sh("cat /etc/new/deep/file /etc/hosts; echo more >>/etc/hosts"));
    for destination in ["/etc/new/deep/file", "/etc/hosts"] {
        config.mounts.push(Mount {
            source: file.clone(),
            destination: destination.into(),
            readonly: false,
            ..Mount::default()
        });
    }
    assert_eq!(w.run_config(&s, &config).out, "content\ncontent\n");
    assert_eq!(fs::read_to_string(&file).expect("reads"), "content\nmore\n");
}

fn tmpfs_of_the_sandbox_are_seen_in_it_only(w: &World) {
    let path = w.dir.join("shared/memory");
    fs::create_dir(&path).expect("makes");
    let tmpfs = Tmpfs {
        path: path.clone(),
        size: Some(1 << 20),
        mode: 0o777,
        group: None,
        page_size: None,
    };
    let s = w.sandbox_with("a", |c| c.tmpfs.push(tmpfs));
    for (name, script, expected) in [
        ("c1", "echo x >/m/f; stat -c %a /m; stat -f -c %T /m", "777\ntmpfs\n"),
        ("c2", "cat /m/f", "x\n"),
    ] {
        let mut config = w.container(&s, name, sh(script));
        config.mounts.push(Mount {
            source: path.clone(),
            destination: "/m".into(),
            readonly: false,
            ..Mount::default()
        });
        assert_eq!(w.run_config(&s, &config).out, expected);
    }
    assert!(!path.join("f").exists());
}

fn a_bad_mount_or_root_is_a_create_error_with_nothing_left(w: &World) {
    let s = w.sandbox("a");
    let before = s.status().expect("there");
    let mut bad_mount = w.container(&s, "c1", sh("true"));
    bad_mount.mounts.push(Mount {
        source: w.dir.join("missing"),
        destination: "/m".into(),
        readonly: false,
        ..Mount::default()
    });
    let mut no_root = w.container(&s, "c2", sh("true"));
    no_root.rootfs = RootFs::Directory(w.dir.join("no root"));
    let mut no_lower = w.container(&s, "c3", sh("true"));
    no_lower.rootfs =
        RootFs::Layers { layer: w.layer(&s, "c3"), lower: vec![w.dir.join("no lower")] };
    let mut no_log = w.container(&s, "c4", sh("true"));
    no_log.log = Some("/dev/null/x".into());
    for (config, words) in
        [(bad_mount, "missing"), (no_root, "no root"), (no_lower, "overlay"), (no_log, "log")]
    {
        let error = s.create_container(&config).expect_err("cannot").to_string();
        assert!(error.contains(words), "{error}");
        assert!(error.contains(&format!("cannot create container `{}`: ", config.id)), "{error}");
        assert!(!w.layer(&s, config.id.as_str()).exists());
        // The name is free again.
        let mut good = w.container(&s, config.id.as_str(), sh("exit 5"));
        good.log = Some(w.log(&s, config.id.as_str()));
        assert_eq!(w.run_config(&s, &good).exit.code, 5);
        s.remove_container(&good.id).expect("goes");
    }
    assert_eq!(s.status().expect("there").containers, before.containers);
}

fn a_readonly_root_may_have_writable_places(w: &World) {
    let s = w.sandbox("a");
    let script =
        "for d in /var/lib /etc/made /etc; do echo x >$d/f && echo $d; done; ls /var/lib/dpkg >&2";
    let mut config = w.container(&s, "c1", sh(script));
    config.readonly_rootfs = true;
    config.writable = vec!["/var/lib".into(), "/etc/made".into()];
    let done = w.run_config(&s, &config);
    assert_eq!(done.out, "/var/lib\n/etc/made\n", "{done:?}");
    assert!(done.err.contains("status"), "what the root has there is seen: {done:?}");
    assert!(!Path::new("/var/lib/f").exists());
}

/// All names of lower directories have to fit on one page.
fn a_hundred_layers_are_not_too_many(w: &World) {
    let s = w.sandbox("a");
    let lower: Vec<PathBuf> = (0..120).map(|n| w.dir.join(format!("layers-of/{n:026}"))).collect();
    for layer in &lower {
        fs::create_dir_all(layer).expect("makes");
        fs::write(layer.join(layer.file_name().expect("named")), "").expect("writes");
    }
    root_directory(&lower[119]);
    fs::create_dir(lower[119].join("mnt")).expect("makes");
    let script = "n=0; for f in /0*; do n=$((n+1)); done; echo $n";
    let mut config = w.container(&s, "c1", sh(script));
    config.rootfs = RootFs::Layers { layer: w.layer(&s, "c1"), lower };
    let done = w.run_config(&s, &config);
    assert_eq!(done.out, "120\n", "{done:?}");
}

fn a_link_in_the_place_of_dev_is_not_followed(w: &World) {
    let s = w.sandbox("a");
    let (root, outside) = (w.dir.join("hostile"), w.dir.join("outside"));
    root_directory(&root);
    fs::create_dir(&outside).expect("makes");
    std::os::unix::fs::symlink(&outside, root.join("dev")).expect("links");
    let mut config = w.container(&s, "c1", sh("true"));
    config.rootfs = RootFs::Layers { layer: w.layer(&s, "c1"), lower: vec![root] };
    let error = s.create_container(&config).expect_err("is refused").to_string();
    assert!(error.contains("/dev"), "{error}");
    assert_eq!(fs::read_dir(&outside).expect("is there").count(), 0);
}
