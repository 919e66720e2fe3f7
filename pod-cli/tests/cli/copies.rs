//! Files copied into containers and out of them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Stdio;

use crate::host::{Host, run, script, server};

/// What a shell command in the pod's container prints.
fn shell(host: &Host, script: &str) -> String {
    let ran = host.pod_args(&["exec", "web", "--", "sh", "-c", script]);
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.out
}

#[test]
fn files_and_directories_are_copied_both_ways() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let own = host.path("own");
    let at = |name: &str| own.join(name).to_str().expect("it is UTF-8").to_owned();
    fs::create_dir_all(own.join("tree/sub")).expect("a directory");
    fs::write(own.join("tree/sub/run.sh"), "echo ran\n").expect("a file");
    fs::set_permissions(own.join("tree/sub/run.sh"), fs::Permissions::from_mode(0o750))
        .expect("a mode");
    symlink("/etc/hostname", own.join("tree/link")).expect("a link");

    assert_eq!(host.pod_args(&["cp", &at("tree"), "default/web:/tmp"]).code, 0);
    assert_eq!(
        shell(&host, "/tmp/tree/sub/run.sh; readlink /tmp/tree/link"),
        "ran\n/etc/hostname\n"
    );
    assert_eq!(shell(&host, "stat -c %a:%u /tmp/tree/sub/run.sh"), "750:0\n");
    assert_eq!(
        host.pod_args(&["cp", "--no-preserve", &at("tree/sub/run.sh"), "web:/tmp/plain"]).code,
        0
    );
    assert_eq!(shell(&host, "stat -c %a /tmp/plain"), "644\n");

    shell(&host, "mkfifo /tmp/tree/pipe; chmod 4755 /tmp/plain");
    let ran = host.pod_args(&["cp", "web:/tmp/tree", &at("back"), "-c", "app"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.starts_with("back/pipe is neither"), "{ran:?}");
    assert_eq!(fs::read_to_string(at("back/sub/run.sh")).expect("a file"), "echo ran\n");
    assert_eq!(fs::read_link(at("back/link")).expect("a link").to_str(), Some("/etc/hostname"));
    assert_eq!(host.pod_args(&["cp", "web:/tmp/plain", &at("")]).code, 0);
    let mode = fs::metadata(at("plain")).expect("a file").mode();
    assert_eq!(mode & 0o7777, 0o755, "what is copied out is not setuid");

    let packed = host.command(["cp", "web:/tmp/tree", "-"]).output().expect("it runs").stdout;
    shell(&host, "mkdir /tmp/new");
    let unpacked = run(host.command(["cp", "-", "web:/tmp/new"]).stdin(Stdio::piped()), &packed);
    assert_eq!(unpacked.code, 0, "{unpacked:?}");
    assert_eq!(
        shell(&host, "/tmp/new/tree/sub/run.sh; readlink /tmp/new/tree/link"),
        "ran\n/etc/hostname\n"
    );

    for (args, words) in [
        (["web:/no/such", "/tmp/x"], "cannot copy from /no/such of container `app`"),
        (["/no/such", "web:/tmp"], "No such file"),
        (["/etc/hostname", "web:/no/such/dir"], "no such directory"),
        (["/etc/hostname", "web:/etc/hosts"], "mount of its own"),
        (["/a", "/b"], "one of the two places"),
    ] {
        let ran = host.pod_args(&["cp", args[0], args[1]]);
        assert!(ran.code != 0 && ran.err.contains(words), "{args:?}: {ran:?}");
    }
    assert_eq!(host.pod("delete web --force").code, 0);
}

#[test]
fn what_is_copied_keeps_its_times() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let at = |name: &str| host.path(name).to_str().expect("it is UTF-8").to_owned();
    fs::create_dir(at("tree")).expect("a directory");
    fs::write(at("tree/file"), "old").expect("a file");
    symlink("file", at("tree/link")).expect("a link");
    let names = ["tree/file", "tree/link", "tree"];
    for (name, second) in names.iter().zip(1..) {
        let touched = std::process::Command::new("touch")
            .args(["-h", "-d", &format!("@100000000{second}.25"), &at(name)])
            .status();
        assert!(touched.expect("touch runs").success());
    }
    let want = "1000000001 1000000002 1000000003\n";
    let times = "echo $(stat -c %Y tree/file tree/link tree)";

    assert_eq!(host.pod_args(&["cp", "--no-preserve", &at("tree"), "web:/tmp"]).code, 0);
    assert_eq!(shell(&host, &format!("cd /tmp; {times}")), want);
    let nanoseconds = shell(&host, "stat -c %y /tmp/tree/file");
    assert!(nanoseconds.contains(":41.250000000 "), "{nanoseconds}");
    let packed = host.command(["cp", "web:/tmp/tree", "-"]).output().expect("it runs").stdout;
    shell(&host, "mkdir /tmp/new");
    let unpacked = run(host.command(["cp", "-", "web:/tmp/new"]).stdin(Stdio::piped()), &packed);
    assert_eq!(unpacked.code, 0, "{unpacked:?}");
    assert_eq!(shell(&host, &format!("cd /tmp/new; {times}")), want);
    assert_eq!(host.pod_args(&["cp", "web:/tmp/tree", &at("back")]).code, 0);
    for (name, second) in ["back/file", "back/link", "back"].iter().zip(1..) {
        let metadata = fs::symlink_metadata(at(name)).expect("it is there");
        assert_eq!(metadata.mtime(), 1_000_000_000 + second, "{name}");
    }
    assert_eq!(host.pod("delete web --force").code, 0);
}

#[test]
fn links_of_a_container_lead_nowhere_else() {
    let host = Host::new();
    let outside = host.path("outside");
    fs::create_dir_all(&outside).expect("a directory");
    fs::write(outside.join("secret"), "of this machine").expect("a file");
    let outside = outside.to_str().expect("it is UTF-8").to_owned();
    // It swaps a directory for a link without an end, and has links that lead to this machine by name and by climbing.
    let swap = format!(
        "mkdir -p /tmp/a/dir; echo inside >/tmp/a/dir/secret; ln -s {outside} /tmp/out; \
         ln -s ../../../../../../../../{outside} /tmp/up; ln -s /proc/1/root /tmp/magic; \
         cd /tmp/a; touch /tmp/ready; while :; do mv dir away; ln -s {outside} dir; rm dir; mv away dir; done"
    );
    assert_eq!(host.pod_on("apply", &script(&swap, "Always")).code, 0);
    crate::host::eventually("it swaps", || host.pod("exec web -- test -e /tmp/ready").code == 0);
    let back = host.path("back").to_str().expect("it is UTF-8").to_owned();
    for path in ["/tmp/out/secret", "/tmp/up/secret", &format!("/tmp/magic{outside}/secret")] {
        let ran = host.pod_args(&["cp", &format!("web:{path}"), &back]);
        assert_eq!(ran.code, 1, "{path}: {ran:?}");
    }
    for _ in 0..100 {
        // Whatever it found, it was the container's.
        host.pod_args(&["cp", "/etc/hostname", "web:/tmp/a/dir/secret"]);
        if host.pod_args(&["cp", "web:/tmp/a/dir/secret", &back]).code == 0 {
            assert_ne!(fs::read_to_string(&back).expect("a file"), "of this machine");
        }
    }
    assert_eq!(fs::read_to_string(format!("{outside}/secret")).expect("a file"), "of this machine");
    assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 1);
    assert_eq!(host.pod("delete web --force").code, 0);
}
