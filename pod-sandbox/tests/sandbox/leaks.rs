//! What a test must not leave: processes, namespaces, mounts, cgroups, links, descriptors and files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::world::World;

/// How long processes that were killed may take to go.
const DEADLINE: Duration = Duration::from_secs(5);

/// What there was before the test.
#[derive(Debug)]
pub struct Leaks {
    mounts: String,
    links: Vec<String>,
    descriptors: usize,
}

impl Leaks {
    /// Makes this process the host of a test: orphans of what it starts come to it, and its mounts and links are its own.
    pub fn begin() -> Self {
        set_child_subreaper(true).expect("a subreaper");
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET).expect("namespaces");
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
            .expect("private");
        Self { mounts: mounts(), links: links(), descriptors: descriptors() }
    }

    /// Everything that is left, after what the test made has been removed.
    pub fn check(self, world: World) -> Vec<String> {
        let mut left = world.remove_sandboxes();
        left.extend(wait_for_children());
        let dir = world.remove_files(&mut left);
        left.extend(processes(&dir));
        left.extend(cgroups(world.tag()));
        drop(world);
        if mounts() != self.mounts {
            left.push(format!("mounts, now {}", mounts()));
        }
        if links() != self.links {
            left.push(format!("links, now {:?}", links()));
        }
        if descriptors() != self.descriptors {
            left.push(format!("descriptors, {} instead of {}", descriptors(), self.descriptors));
        }
        left
    }
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").expect("mountinfo")
}

/// The names in this network namespace, without the counters behind them.
fn links() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/net/dev").expect("net/dev");
    text.lines().filter_map(|l| l.split_once(':')).map(|(name, _)| name.trim().to_owned()).collect()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("fd").count()
}

/// Every process of the test is a child of this one by now, or of one that is.
fn wait_for_children() -> Vec<String> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(_) => return Vec::new(),
            Ok(WaitStatus::StillAlive) if Instant::now() > deadline => break,
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(2)),
            Ok(_) => {}
        }
    }
    let own = std::process::id().to_string();
    let parent = |pid: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        text.lines().find_map(|l| l.strip_prefix("PPid:")).map(|p| p.trim().to_owned())
    };
    let name = |pid: &str| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let children: Vec<String> =
        pids().into_iter().filter(|p| parent(p).as_ref() == Some(&own)).collect();
    for pid in children.iter().filter_map(|p| p.parse().ok()) {
        let _ = nix::sys::signal::kill(Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
    children.iter().map(|p| format!("process {p} {}", name(p).trim())).collect()
}

fn pids() -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("proc").flatten();
    entries
        .filter_map(|e| e.file_name().into_string().ok())
        .filter(|n| n.parse::<i32>().is_ok())
        .collect()
}

/// Processes that see a mount below `dir`.
///
/// A namespace or mount lives as long as a process or mount that holds it. Processes are accounted for as children, and
/// the numbers of namespaces mean nothing afterwards, since the kernel gives them again.
fn processes(dir: &Path) -> Vec<String> {
    let dir = dir.to_string_lossy();
    let sees = |pid: &String| {
        fs::read_to_string(format!("/proc/{pid}/mountinfo")).is_ok_and(|text| text.contains(&*dir))
    };
    pids().into_iter().filter(sees).map(|pid| format!("a mount, in process {pid}")).collect()
}

/// Cgroups of the test in any hierarchy.
fn cgroups(tag: &str) -> Vec<String> {
    let hierarchies =
        fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|e| e.path());
    let parents: Vec<PathBuf> =
        hierarchies.map(|p| p.join("pod")).chain([PathBuf::from("/sys/fs/cgroup/pod")]).collect();
    let entries = parents.iter().flat_map(fs::read_dir).flatten().flatten();
    let ours = entries.filter(|e| e.file_name().to_string_lossy().starts_with(tag));
    ours.map(|e| format!("cgroup {}", e.path().display())).collect()
}
