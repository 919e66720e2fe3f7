//! The examples run, as their readers would run them.

use std::path::PathBuf;
use std::process::Command;

/// An example of this crate, which cargo has built beside this test.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this test is a file");
    let target =
        test.parent().and_then(|deps| deps.parent()).expect("it lies in target/PROFILE/deps");
    target.join("examples").join(name)
}

#[test]
fn web_runs_a_pod_from_a_program_full_of_threads() {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root: run it with sudo");
    let dir = std::env::temp_dir().join(format!("pod-example-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("can be made");
    let manifest = dir.join("web.yaml");
    let text = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {terminationGracePeriodSeconds: 0, containers: \
                [{name: app, image: pod.local/host, command: [sleep, '1000']}]}}";
    std::fs::write(&manifest, text).expect("can be written");
    for round in 0..5 {
        let out = Command::new(example("web"))
            .arg(&manifest)
            .arg(dir.join("root"))
            .output()
            .expect("runs");
        let (stdout, stderr) =
            (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "round {round}: {stderr}");
        assert!(stdout.starts_with("uid=0(root) gid=0(root)"), "round {round}: {stdout}");
        assert!(stdout.ends_with(" Failed\n"), "it is killed without grace: {stdout}");
    }
    std::fs::remove_dir_all(&dir).expect("nothing is left that could not be removed");
}

#[test]
fn volumes_are_measured() {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root: run it with sudo");
    let out = Command::new(example("volumes")).arg("1").output().expect("runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let table = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(table.lines().count(), 4, "{table}");
}
