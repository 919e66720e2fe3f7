//! Limits, logs and what happens when something runs out.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use pod_sandbox::{Mount, Process, Sandbox};

use crate::harness::{Ignore, tests};
use crate::world::{PROBE, World, fifo, id, sh, stream};

tests![
    limits_are_written,
    b223_huge_pages_are_limited,
    b202_memory_over_the_limit_is_an_oom_kill,
    processes_over_the_limit_are_refused,
    b211_output_is_in_the_log,
    b213_a_chatty_container_s_log_is_rotated,
    a_full_disk_loses_lines_and_stops_nothing,
    what_is_written_at_the_end_is_in_the_log,
];

pub fn v2() -> bool {
    Path::new("/sys/fs/cgroup/cgroup.controllers").exists()
}

/// A file of a container's or sandbox's cgroup.
fn cgroup_file(w: &World, controller: &str, cgroup: &str, name: &str) -> String {
    let base = if v2() {
        PathBuf::from("/sys/fs/cgroup")
    } else {
        Path::new("/sys/fs/cgroup").join(controller)
    };
    let path = base.join("pod").join(format!("{}-{cgroup}", w.tag())).join(name);
    fs::read_to_string(&path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .trim()
        .to_owned()
}

/// What stands in place of a quota.
fn unlimited() -> Option<&'static str> {
    Some(if v2() { "max" } else { "-1" })
}

fn limits_are_written(w: &World) {
    let s = w.sandbox_with("a", |c| c.resources.memory = Some(256 << 20));
    let mut config = w.container(&s, "c1", Process::new(["sleep", "1000"]));
    config.resources.cpu_shares = Some(512);
    config.resources.cpu_quota = Some(25_000);
    config.resources.memory = Some(128 << 20);
    config.resources.pids = Some(99);
    let file = |controller, cgroup, v1, v2_name| {
        cgroup_file(w, controller, cgroup, if v2() { v2_name } else { v1 })
    };
    s.create_container(&config).expect("creates");
    // The processors are the program's to wait for, not ours.
    assert_eq!(file("cpu", "a/c1", "cpu.cfs_quota_us", "cpu.max").split(' ').next(), unlimited());
    s.start(&config.id).expect("starts");
    assert_eq!(file("memory", "a", "memory.limit_in_bytes", "memory.max"), (256 << 20).to_string());
    assert_eq!(
        file("memory", "a/c1", "memory.limit_in_bytes", "memory.max"),
        (128 << 20).to_string()
    );
    assert_eq!(file("pids", "a/c1", "pids.max", "pids.max"), "99");
    if v2() {
        assert_eq!(file("", "a/c1", "", "cpu.max"), "25000 100000");
        assert_eq!(file("", "a/c1", "", "cpu.weight"), "59");
        assert_eq!(file("", "a/c1", "", "memory.oom.group"), "1");
    } else {
        assert_eq!(file("cpu", "a/c1", "cpu.shares", ""), "512");
        assert_eq!(file("cpu", "a/c1", "cpu.cfs_quota_us", ""), "25000");
        assert_eq!(file("cpu", "a/c1", "cpu.cfs_period_us", ""), "100000");
    }
}

fn b223_huge_pages_are_limited(w: &World) {
    let (controllers, file) = if v2() {
        (fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").expect("reads"), "max")
    } else {
        let mounted = Path::new("/sys/fs/cgroup/hugetlb/cgroup.procs").exists();
        (if mounted { "hugetlb".to_owned() } else { String::new() }, "limit_in_bytes")
    };
    if !controllers.contains("hugetlb") {
        std::panic::panic_any(Ignore("needs the cgroup controller hugetlb".to_owned()));
    }
    let limits = [(2 << 20, 4 << 20)];
    let s = w.sandbox_with("a", |c| c.resources.huge_pages = limits.into());
    let mut config = w.container(&s, "c1", Process::new(["sleep", "1000"]));
    config.resources.huge_pages = [(2 << 20, 0)].into();
    w.start(&s, &config).expect("starts");
    for name in ["hugetlb.2MB", "hugetlb.2MB.rsvd"] {
        let name = format!("{name}.{file}");
        assert_eq!(cgroup_file(w, "hugetlb", "a", &name), (4 << 20).to_string(), "{name}");
        assert_eq!(cgroup_file(w, "hugetlb", "a/c1", &name), "0", "{name}");
    }
}

fn b202_memory_over_the_limit_is_an_oom_kill(w: &World) {
    let s = w.sandbox("a");
    let mut config = w.container(&s, "c1", Process::new([PROBE, "probe", "eat", "200"]));
    config.resources.memory = Some(64 << 20);
    let done = w.run_config(&s, &config);
    assert_eq!(
        (done.exit.code, done.exit.signal, done.exit.oom_killed),
        (137, Some(9), true),
        "{done:?}"
    );
    let mut config = w.container(&s, "c2", Process::new([PROBE, "probe", "eat", "8"]));
    config.resources.memory = Some(64 << 20);
    let done = w.run_config(&s, &config);
    assert_eq!((done.exit.code, done.exit.oom_killed), (0, false), "{done:?}");
    // Killed otherwise is not that.
    let first = w.idle(&s, "c3");
    s.signal(&first, 9).expect("sends");
    let exit = s.wait(&first).expect("ends");
    assert_eq!((exit.code, exit.oom_killed), (137, false));
}

fn processes_over_the_limit_are_refused(w: &World) {
    let s = w.sandbox("a");
    let mut config =
        w.container(&s, "c1", sh("for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; echo end"));
    config.resources.pids = Some(5);
    let done = w.run_config(&s, &config);
    assert!(done.err.to_lowercase().contains("cannot fork"), "{done:?}");
}

fn b211_output_is_in_the_log(w: &World) {
    let s = w.sandbox("a");
    let done = w.run(&s, "c1", "echo one; echo two >&2; printf three");
    assert_eq!((done.out.as_str(), done.err.as_str()), ("one\nthree\n", "two\n"));
    let text = fs::read_to_string(w.log(&s, "c1")).expect("reads");
    for line in text.lines() {
        let time = line.split(' ').next().expect("a time");
        assert!(
            time.len() == "2006-01-02T15:04:05.000000000Z".len() && time.ends_with('Z'),
            "{line}"
        );
    }
    s.remove_container(&id("c1")).expect("goes");
    assert!(w.log(&s, "c1").exists(), "the log stays");
}

fn b213_a_chatty_container_s_log_is_rotated(w: &World) {
    let s = w.sandbox("a");
    const LINES: u64 = 250_000;
    let process = Process::new([PROBE, "probe", "lines", "250000", "60"]);
    let config = w.container(&s, "c1", process);
    w.start(&s, &config).expect("starts");
    assert_eq!(s.wait(&config.id).expect("ends").code, 0);
    let mut files: Vec<PathBuf> =
        fs::read_dir(w.dir.join("logs")).expect("reads").flatten().map(|e| e.path()).collect();
    files.sort();
    // The growing one sorts first and is the newest.
    files.rotate_left(1);
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|f| fs::metadata(f).expect("there").len() < 12 << 20));
    let text: String = files.iter().map(|f| fs::read_to_string(f).expect("reads")).collect();
    let numbers = stream(&text, "stdout");
    assert!(
        numbers.lines().map(|l| l.parse::<u64>().expect("a number")).eq(0..LINES),
        "no line is lost or changed"
    );
}

fn lost(s: &Sandbox) -> u64 {
    s.status().expect("there").containers[0].log_lines_lost
}

fn a_full_disk_loses_lines_and_stops_nothing(w: &World) {
    let small = w.dir.join("small");
    fs::create_dir(&small).expect("makes");
    mount(Some("tmpfs"), &small, Some("tmpfs"), MsFlags::empty(), Some("size=64k"))
        .expect("mounts");
    let s = w.sandbox("a");
    let pipes = ["go", "done"].map(|n| w.dir.join("shared").join(n));
    pipes.iter().for_each(|p| fifo(p));
    let script = format!(
        "{PROBE} probe lines 50000 60; echo >/data/done; read x </data/go; echo after; echo again"
    );
    let mut config = w.container(&s, "c1", sh(&script));
    config.mounts.push(Mount {
        source: w.dir.join("shared"),
        destination: "/data".into(),
        readonly: false,
        ..Mount::default()
    });
    config.log = Some(small.join("c1.log"));
    let mut watch = s.watch().expect("watches");
    w.start(&s, &config).expect("starts");
    // It goes on although nothing can be written any more.
    let mut text = String::new();
    File::open(&pipes[1]).expect("opens").read_to_string(&mut text).expect("reads");
    // Each line is in the log or lost, once the keeper has read them all.
    let log = small.join("c1.log");
    let whole = loop {
        let status = watch.next().expect("changes");
        let lost = status.containers.first().map_or(0, |c| c.log_lines_lost);
        let whole = fs::read_to_string(&log).unwrap_or_default();
        if whole.matches('\n').count() as u64 + lost == 50_000 {
            break whole;
        }
    };
    assert!(whole.ends_with('\n'), "{whole}");
    let line = whole.lines().next().map_or(0, str::len) + 1;
    assert!(whole.len() + line > 64 << 10, "{} bytes: as much as there is room for", whole.len());
    // Room again: what comes next is written, from the start of a line.
    mount(None::<&str>, &small, None::<&str>, MsFlags::MS_REMOUNT, Some("size=1m"))
        .expect("remounts");
    File::options().write(true).open(&pipes[0]).expect("opens").write_all(b"x\n").expect("writes");
    let exit = s.wait(&config.id).expect("ends");
    assert_eq!(exit.code, 0);
    let text = fs::read_to_string(&log).expect("reads");
    let written = stream(&text, "stdout");
    assert!(written.ends_with("\nafter\nagain\n"), "{}", &written[written.len() - 200..]);
    assert_eq!(written.lines().count() as u64 + lost(&s), 50_002);
    w.runtime.remove(&w.config("a").id).expect("goes");
    nix::mount::umount(&small).expect("unmounts");
}

fn what_is_written_at_the_end_is_in_the_log(w: &World) {
    let s = w.sandbox("a");
    for n in 0..10 {
        let name = format!("c{n}");
        let done = w.run(
            &s,
            &name,
            "i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); done; printf end; kill -9 $$",
        );
        assert!(done.out.ends_with("\n299\nend\n"), "{:?}", done.exit);
    }
}
