//! One cgroup for the pod and one below it for each container.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;

const MOUNT: &str = "/sys/fs/cgroup";
const V1_CONTROLLERS: [&str; 5] = ["cpu", "cpuacct", "memory", "pids", "devices"];
const V2_CONTROLLERS: &str = "+cpu +memory +pids";

const V1_LIMITS: [(&str, &str, &str); 6] = [
    ("cpu", "cpu.shares", "512"),
    ("cpu", "cpu.cfs_quota_us", "100000"),
    ("memory", "memory.limit_in_bytes", "134217728"),
    ("pids", "pids.max", "64"),
    ("devices", "devices.deny", "a"),
    ("devices", "devices.allow", "c *:* m"),
];
/// null, zero, full, random, urandom, tty, the ptys and ptmx.
const V1_DEVICES: [&str; 8] = [
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 136:* rwm",
    "c 5:2 rwm",
];
const V2_LIMITS: [(&str, &str); 4] = [
    ("cpu.weight", "50"),
    ("cpu.max", "100000 100000"),
    ("memory.max", "134217728"),
    ("pids.max", "64"),
];

/// The directories of one cgroup: one per v1 hierarchy, or the one of v2.
#[derive(Debug, Default)]
pub(super) struct Cgroup {
    pub(super) dirs: Vec<PathBuf>,
    /// The v2 directory, for a child to be made in.
    fd: Option<OwnedFd>,
}

impl Cgroup {
    /// Makes the cgroup of a pod, without limits of its own.
    pub(super) fn of_pod(name: &str) -> io::Result<Self> {
        let mut cgroup = Self::default();
        if is_v2() {
            cgroup.make(Path::new(MOUNT).join(name))?;
            write(&cgroup.dirs[0].join("cgroup.subtree_control"), V2_CONTROLLERS)?;
            return Ok(cgroup);
        }
        let mut seen = Vec::new();
        for controller in V1_CONTROLLERS {
            let root = Path::new(MOUNT).join(controller);
            // cpu and cpuacct are often one hierarchy under two names.
            let Ok(real) = root.canonicalize() else { continue };
            if !seen.contains(&real) {
                cgroup.make(real.join(name))?;
                seen.push(real);
            }
        }
        Ok(cgroup)
    }

    /// Makes the cgroup of a container, with its limits.
    pub(super) fn of_container(pod: &Self, name: &str) -> io::Result<Self> {
        let mut cgroup = Self::default();
        for dir in &pod.dirs {
            cgroup.make(dir.join(name))?;
        }
        if is_v2() {
            for (file, value) in V2_LIMITS {
                write(&cgroup.dirs[0].join(file), value)?;
            }
            cgroup.fd = Some(File::open(&cgroup.dirs[0])?.into());
            return Ok(cgroup);
        }
        for dir in &cgroup.dirs {
            for (_, file, value) in V1_LIMITS.iter().filter(|(c, _, _)| has_controller(dir, c)) {
                write(&dir.join(file), value)?;
            }
            if has_controller(dir, "devices") {
                for rule in V1_DEVICES {
                    write(&dir.join("devices.allow"), rule)?;
                }
            }
        }
        Ok(cgroup)
    }

    fn make(&mut self, dir: PathBuf) -> io::Result<()> {
        fs::create_dir(&dir)?;
        self.dirs.push(dir);
        Ok(())
    }

    /// What a child of this cgroup is to be made in; none on v1, where it joins.
    pub(super) fn target(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }

    /// Moves the calling thread, the only one of its process, into the cgroup on v1.
    /// Through `tasks`, not `cgroup.procs`, which would wait for a grace period.
    pub(super) fn join(&self) -> io::Result<()> {
        if self.fd.is_some() {
            return Ok(());
        }
        self.dirs.iter().try_for_each(|dir| write(&dir.join("tasks"), "0"))
    }

    /// Removes the cgroup, whose processes have been reaped.
    pub(super) fn remove(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        for dir in self.dirs.drain(..) {
            let mut removed = fs::remove_dir(&dir);
            // A process that was just reaped may still count for a moment.
            for _ in 0..10_000 {
                match &removed {
                    Err(error) if error.kind() == ErrorKind::ResourceBusy => thread::yield_now(),
                    _ => break,
                }
                removed = fs::remove_dir(&dir);
            }
            result = result.and(removed);
        }
        result
    }
}

fn is_v2() -> bool {
    Path::new(MOUNT).join("cgroup.controllers").exists()
}

fn has_controller(dir: &Path, controller: &str) -> bool {
    // <mount>/<hierarchy>/…, the hierarchy named after its controllers.
    dir.strip_prefix(MOUNT)
        .ok()
        .and_then(|rest| rest.iter().next()?.to_str())
        .is_some_and(|hierarchy| hierarchy.split(',').any(|one| one == controller))
}

fn write(file: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(file)?.write_all(value.as_bytes())
}
