//! What pods need of this machine, and whether it has it.

use std::fs;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;
use serde::Serialize;

use crate::runtime::Runtime;

/// The oldest kernel that pods run on.
const KERNEL: (u32, u32) = (5, 14);
/// Fewer do not do for a few pods, each of which has some.
const INOTIFY: [(&str, u64); 2] = [("max_user_instances", 128), ("max_user_watches", 8192)];
/// Parts of the kernel that may be modules.
const MODULES: [(&str, &str); 3] = [
    ("bridge", "pods have addresses on a bridge"),
    ("veth", "pods are linked to the bridge"),
    ("nf_tables", "ports of this machine lead to pods"),
];
/// With less than this many bytes images soon find no room.
const LOW_DISK: u64 = 1 << 30;

/// Whether something is as pods need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is.
    Ok,
    /// It is not, or cannot be told; pods run, with limits.
    Warning,
    /// It is not, and pods do not run.
    Missing,
}

/// One thing that pods need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Requirement {
    /// What it is, in a word or two.
    pub name: String,
    /// Whether it is there.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// The command that mends it, or what else does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Requirement {
    fn ok(name: &str, found: impl Into<String>) -> Self {
        Self { name: name.to_owned(), verdict: Verdict::Ok, found: found.into(), mend: None }
    }

    fn not(
        verdict: Verdict,
        name: &str,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let (name, found) = (name.to_owned(), found.into());
        Self { name, verdict, found, mend: Some(mend.into()) }
    }
}

impl Runtime {
    /// Looks whether this machine has what pods need. Nothing is changed.
    pub fn requirements(&self) -> Vec<Requirement> {
        let mut all =
            vec![rights(geteuid().is_root()), kernel(&read("/proc/sys/kernel/osrelease"))];
        all.extend(cgroups(Path::new("/sys/fs/cgroup"), &read("/proc/cgroups")));
        all.push(overlay(&read("/proc/filesystems"), has_module("overlay")));
        all.extend(MODULES.map(|(name, why)| module(name, why, has_module(name))));
        all.push(seccomp(&read("/proc/sys/kernel/seccomp/actions_avail")));
        all.push(user_namespaces(&read("/proc/sys/user/max_user_namespaces")));
        all.extend(INOTIFY.map(|(name, least)| {
            inotify(name, least, &read(&format!("/proc/sys/fs/inotify/{name}")))
        }));
        all.push(disk(free_bytes(&self.dirs().images())));
        all
    }
}

/// Bytes that may still be written where a directory is, or will be.
fn free_bytes(dir: &Path) -> Option<u64> {
    let there = dir.ancestors().find(|dir| dir.exists())?;
    statvfs(there).ok().map(|disk| disk.blocks_available() * disk.fragment_size())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn rights(root: bool) -> Requirement {
    if root {
        return Requirement::ok("rights", "root");
    }
    Requirement::not(
        Verdict::Missing,
        "rights",
        "not root",
        "run pod as root, for example with sudo",
    )
}

fn kernel(release: &str) -> Requirement {
    let mut numbers = release.split(['.', '-']).map_while(|n| n.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= KERNEL {
        return Requirement::ok("kernel", release);
    }
    let mend = format!("boot a kernel of version {}.{} or later", KERNEL.0, KERNEL.1);
    Requirement::not(Verdict::Missing, "kernel", release, mend)
}

/// The controllers that limit pods, on either version.
fn cgroups(root: &Path, v1: &str) -> Vec<Requirement> {
    let unified = fs::read_to_string(root.join("cgroup.controllers")).ok();
    let version = match (&unified, root.join("memory").exists() || root.join("pids").exists()) {
        (Some(_), _) => Requirement::ok("cgroups", "version 2"),
        (None, true) => Requirement::ok("cgroups", "version 1"),
        (None, false) => Requirement::not(
            Verdict::Missing,
            "cgroups",
            "not mounted",
            "mount -t cgroup2 none /sys/fs/cgroup",
        ),
    };
    let has = |controller: &str| match &unified {
        Some(controllers) => controllers.split_whitespace().any(|c| c == controller),
        None => v1.lines().any(|line| {
            line.starts_with(&format!("{controller}\t")) && root.join(controller).exists()
        }),
    };
    let controller = |name: &str| {
        let shown = format!("cgroup {name}");
        if has(name) {
            return Requirement::ok(&shown, "there");
        }
        let mend = format!("boot with cgroup_enable={name}");
        Requirement::not(Verdict::Warning, &shown, "not there: such limits do not hold", mend)
    };
    [version].into_iter().chain(["cpu", "memory", "pids"].map(controller)).collect()
}

/// Whether a part of the kernel is there, or can be loaded; `None` when nothing tells.
fn has_module(name: &str) -> Option<bool> {
    if Path::new("/sys/module").join(name).exists() {
        return Some(true);
    }
    let modules = Path::new("/lib/modules").join(read("/proc/sys/kernel/osrelease"));
    let lists =
        ["modules.builtin", "modules.dep"].map(|list| fs::read_to_string(modules.join(list)));
    if lists.iter().all(Result::is_err) {
        return None;
    }
    let file = format!("/{name}.ko");
    Some(lists.iter().flatten().any(|list| list.contains(&file)))
}

fn overlay(file_systems: &str, loadable: Option<bool>) -> Requirement {
    let there = file_systems.lines().any(|line| line.ends_with("\toverlay"));
    if there || loadable == Some(true) {
        return Requirement::ok("overlayfs", "there");
    }
    Requirement::not(Verdict::Missing, "overlayfs", "not there", "modprobe overlay")
}

fn module(name: &str, why: &str, there: Option<bool>) -> Requirement {
    let mend = format!("modprobe {name}");
    match there {
        Some(true) => Requirement::ok(name, "there"),
        Some(false) => {
            let found = format!("not there: {why}, unless they have the machine's network");
            Requirement::not(Verdict::Warning, name, found, mend)
        }
        None => Requirement::ok(name, "not told, there is no list of modules"),
    }
}

fn seccomp(actions: &str) -> Requirement {
    if actions.split_whitespace().any(|action| action == "errno") {
        return Requirement::ok("seccomp", "there");
    }
    let mend = "boot a kernel with CONFIG_SECCOMP_FILTER";
    Requirement::not(Verdict::Missing, "seccomp", "not there", mend)
}

fn user_namespaces(most: &str) -> Requirement {
    match most.parse::<u64>() {
        Ok(most) if most > 0 => Requirement::ok("user namespaces", format!("{most} at most")),
        _ => Requirement::not(
            Verdict::Warning,
            "user namespaces",
            "none can be made",
            "sysctl -w user.max_user_namespaces=15000",
        ),
    }
}

fn inotify(name: &str, least: u64, limit: &str) -> Requirement {
    let shown = format!("inotify {name}");
    match limit.parse::<u64>() {
        Ok(limit) if limit >= least => Requirement::ok(&shown, limit.to_string()),
        _ => Requirement::not(
            Verdict::Warning,
            &shown,
            format!("{limit}, too few for many pods"),
            format!("sysctl -w fs.inotify.{name}={}", least * 4),
        ),
    }
}

fn disk(free: Option<u64>) -> Requirement {
    let megabytes = |bytes: u64| format!("{} MB free", bytes / 1_000_000);
    match free {
        Some(free) if free >= LOW_DISK => Requirement::ok("disk", megabytes(free)),
        Some(free) => {
            Requirement::not(Verdict::Warning, "disk", megabytes(free), "pod system prune --images")
        }
        None => Requirement::not(Verdict::Warning, "disk", "cannot be told", "look at --root"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(requirement: &Requirement) -> Verdict {
        assert_eq!(requirement.mend.is_some(), requirement.verdict != Verdict::Ok);
        requirement.verdict
    }

    #[test]
    fn a_kernel_is_old_or_not() {
        for (release, expected) in [
            ("6.1.0-18-amd64", Verdict::Ok),
            ("5.14.0", Verdict::Ok),
            ("5.4.0-1", Verdict::Missing),
            ("", Verdict::Missing),
        ] {
            assert_eq!(verdict(&kernel(release)), expected, "{release}");
        }
    }

    #[test]
    fn what_is_missing_has_what_mends_it() {
        assert_eq!(verdict(&rights(false)), Verdict::Missing);
        assert_eq!(verdict(&overlay("nodev\tproc\n", None)), Verdict::Missing);
        assert_eq!(verdict(&overlay("nodev\toverlay\n", None)), Verdict::Ok);
        assert_eq!(verdict(&overlay("", Some(true))), Verdict::Ok);
        let bridge = module("bridge", "w", Some(false));
        assert_eq!(bridge.mend.as_deref(), Some("modprobe bridge"));
        assert_eq!(verdict(&seccomp("kill trap")), Verdict::Missing);
        assert_eq!(verdict(&user_namespaces("0")), Verdict::Warning);
        assert_eq!(verdict(&inotify("max_user_instances", 128, "64")), Verdict::Warning);
        assert_eq!(verdict(&disk(Some(5))), Verdict::Warning);
    }

    #[test]
    fn cgroups_are_of_one_version_or_none() {
        let dir = std::env::temp_dir().join(format!("pod-cgroups-{}", std::process::id()));
        let names = |v1: &str| -> Vec<Verdict> { cgroups(&dir, v1).iter().map(verdict).collect() };
        fs::create_dir_all(&dir).expect("a directory");
        let (ok, warning) = (Verdict::Ok, Verdict::Warning);
        assert_eq!(names(""), [Verdict::Missing, warning, warning, warning]);
        fs::create_dir(dir.join("memory")).expect("a directory");
        assert_eq!(names("memory\t1\t2\t1\n"), [ok, warning, ok, warning]);
        fs::write(dir.join("cgroup.controllers"), "cpu pids\n").expect("a file");
        assert_eq!(names(""), [ok, ok, warning, ok]);
        fs::remove_dir_all(&dir).expect("removes");
    }
}
