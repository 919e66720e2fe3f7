//! Cgroup v1: one hierarchy for each controller, and a hybrid machine's unified one for the keepers only.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::devices::DeviceRules;
use super::{Usage, below, failed, number, page_limits, remove_directories, write};
use crate::config::Resources;
use crate::consumption::Consumption;
use crate::error::CgroupError;

/// The controllers that limit and count; a pod has a cgroup in each.
const CONTROLLERS: [&str; 6] = ["cpu", "cpuacct", "memory", "devices", "pids", "hugetlb"];

/// One mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mounted {
    /// Such as `cpu` and `cpuacct`; `name=systemd` for one without a controller.
    controllers: Vec<String>,
    path: PathBuf,
}

impl Mounted {
    fn is_unified(&self) -> bool {
        self.controllers.is_empty()
    }
}

/// The hierarchies of a v1 or hybrid machine.
#[derive(Debug, Clone)]
pub(crate) struct Hierarchies {
    /// Those that a pod needs.
    used: Vec<Mounted>,
    /// All others, with the unified one: a keeper leaves the caller's session in them too.
    others: Vec<Mounted>,
}

impl Hierarchies {
    pub(super) fn detect(root: &Path) -> Result<Self, CgroupError> {
        let file = Path::new("/proc/self/mountinfo");
        let text = fs::read_to_string(file).map_err(failed("read", file))?;
        let (used, others): (Vec<_>, Vec<_>) = parse(&text, root)
            .into_iter()
            .partition(|m| m.controllers.iter().any(|c| CONTROLLERS.contains(&c.as_str())));
        if used.is_empty() { Err(CgroupError::NotMounted) } else { Ok(Self { used, others }) }
    }

    /// The file of a controller in a cgroup, when the controller is mounted.
    fn file(&self, controller: &str, path: &Path, name: &str) -> Option<PathBuf> {
        let mounted = self.used.iter().find(|m| m.controllers.iter().any(|c| c == controller))?;
        Some(below(&mounted.path, path).join(name))
    }

    pub(super) fn create(&self, path: &Path) -> Result<(), CgroupError> {
        for mounted in &self.used {
            let dir = below(&mounted.path, path);
            fs::create_dir_all(&dir).map_err(failed("make cgroup", &dir))?;
        }
        Ok(())
    }

    /// Writes a value to the file of a controller, when there are both.
    fn set(
        &self,
        path: &Path,
        (controller, name): (&str, &str),
        value: Option<impl ToString>,
    ) -> Result<(), CgroupError> {
        match value.zip(self.file(controller, path, name)) {
            Some((value, file)) => write(&file, &value.to_string()),
            None => Ok(()),
        }
    }

    pub(super) fn limit_processors(
        &self,
        path: &Path,
        resources: &Resources,
    ) -> Result<(), CgroupError> {
        self.set(path, ("cpu", "cpu.shares"), resources.cpu_shares)?;
        if let Some(quota) = resources.cpu_quota {
            let period = resources.cpu_period.unwrap_or(100_000);
            self.set(path, ("cpu", "cpu.cfs_period_us"), Some(period))?;
            self.set(path, ("cpu", "cpu.cfs_quota_us"), Some(quota))?;
        }
        Ok(())
    }

    pub(super) fn limit(&self, path: &Path, resources: &Resources) -> Result<(), CgroupError> {
        self.set(path, ("memory", "memory.limit_in_bytes"), resources.memory)?;
        if resources.memory.is_some()
            && let Some(file) = self.file("memory", path, "memory.memsw.limit_in_bytes")
            && file.exists()
        {
            self.set(path, ("memory", "memory.memsw.limit_in_bytes"), resources.memory)?;
        }
        for (name, value) in page_limits(resources, "limit_in_bytes") {
            if let Some(file) = self.file("hugetlb", path, &name).filter(|file| file.exists()) {
                write(&file, &value.to_string())?;
            }
        }
        self.set(path, ("pids", "pids.max"), resources.pids)
    }

    pub(super) fn allow_devices(&self, path: &Path, rules: DeviceRules) -> Result<(), CgroupError> {
        let (Some(allow), Some(deny)) = (
            self.file("devices", path, "devices.allow"),
            self.file("devices", path, "devices.deny"),
        ) else {
            return Ok(());
        };
        if let Some(list) = rules.listed() {
            write(&deny, "a")?;
            for rule in list {
                write(&allow, &rule.to_string())?;
            }
        }
        Ok(())
    }

    /// `0` is the writing task itself: with one thread that spares the kernel its global lock, which costs milliseconds.
    pub(super) fn join(&self, path: &Path) -> Result<(), CgroupError> {
        self.used.iter().try_for_each(|m| write(&below(&m.path, path).join("tasks"), "0"))
    }

    pub(super) fn unified(&self) -> Option<&Path> {
        self.others.iter().find(|m| m.is_unified()).map(|m| m.path.as_path())
    }

    /// The directory of a cgroup in the unified hierarchy, made when it is missing; `None` on a machine without one.
    pub(super) fn open_unified(&self, path: &Path) -> Result<Option<OwnedFd>, CgroupError> {
        let Some(unified) = self.unified() else { return Ok(None) };
        let dir = below(unified, path);
        fs::create_dir_all(&dir).map_err(failed("make cgroup", &dir))?;
        File::open(&dir).map(|dir| Some(dir.into())).map_err(failed("open", &dir))
    }

    /// Moves the caller in every hierarchy of v1, making the cgroup where it is missing.
    pub(super) fn join_all(&self, path: &Path) -> Result<(), CgroupError> {
        for mounted in self.used.iter().chain(&self.others).filter(|m| !m.is_unified()) {
            let dir = below(&mounted.path, path);
            fs::create_dir_all(&dir).map_err(failed("make cgroup", &dir))?;
            if mounted.controllers.iter().any(|c| c == "cpuset") {
                inherit_cpuset(&dir)?;
            }
            write(&dir.join("tasks"), "0")?;
        }
        Ok(())
    }

    pub(super) fn usage(&self, path: &Path) -> Usage {
        let file = self.file("memory", path, "memory.oom_control");
        let text = file.and_then(|f| fs::read_to_string(f).ok()).unwrap_or_default();
        let count = text
            .lines()
            .find_map(|l| l.strip_prefix("oom_kill "))
            .and_then(|n| n.trim().parse().ok());
        Usage { oom_kills: count.unwrap_or(0) }
    }

    pub(super) fn consumption(&self, path: &Path) -> Option<Consumption> {
        let read = |controller: &str, name: &str| {
            fs::read_to_string(self.file(controller, path, name)?).ok()
        };
        let nanos = read("cpuacct", "cpuacct.usage")?.trim().parse().ok()?;
        let used: u64 = read("memory", "memory.usage_in_bytes")?.trim().parse().ok()?;
        let inactive = number(&read("memory", "memory.stat")?, "total_inactive_file").unwrap_or(0);
        Some(Consumption {
            cpu: Duration::from_nanos(nanos),
            memory: used.saturating_sub(inactive),
        })
    }

    /// All processes in the cgroup and below: a process joins the first hierarchy first.
    pub(super) fn pids(&self, path: &Path) -> Vec<Pid> {
        let mut pids = Vec::new();
        if let Some(mounted) = self.used.first() {
            collect(&below(&mounted.path, path), &mut pids);
        }
        pids
    }

    pub(super) fn kill(&self, path: &Path) -> Result<(), CgroupError> {
        // None of them can outrun this by forking any more.
        if let Some(file) = self.file("pids", path, "pids.max") {
            let _ = fs::write(file, "0");
        }
        for pid in self.pids(path) {
            // It may have ended since; the caller looks again.
            let _ = kill(pid, Signal::SIGKILL);
        }
        Ok(())
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), CgroupError> {
        self.used.iter().try_for_each(|m| remove_directories(&below(&m.path, path)))
    }

    pub(super) fn mount_view(&self) -> Result<(), CgroupError> {
        let root = Path::new(super::MOUNT);
        let tmpfs = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        let mounted = |action: &str, path: &Path, r: nix::Result<()>| {
            r.map_err(|e| failed(format!("mount {action} at"), path)(e.into()))
        };
        mounted("tmpfs", root, mount(Some("tmpfs"), root, Some("tmpfs"), tmpfs, Some("mode=755")))?;
        for hierarchy in &self.used {
            let options = hierarchy.controllers.join(",");
            let dir = root.join(&options);
            fs::create_dir(&dir).map_err(failed("make", &dir))?;
            let flags = tmpfs | MsFlags::MS_RDONLY;
            mounted(
                "cgroup",
                &dir,
                mount(Some("cgroup"), &dir, Some("cgroup"), flags, Some(options.as_str())),
            )?;
            for alias in hierarchy.controllers.iter().filter(|_| hierarchy.controllers.len() > 1) {
                let link = root.join(alias);
                std::os::unix::fs::symlink(&options, &link).map_err(failed("link", &link))?;
            }
        }
        let flags = tmpfs | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mounted(
            "read-only tmpfs",
            root,
            mount(None::<&str>, root, None::<&str>, flags, Some("mode=755")),
        )
    }
}

/// A new v1 cpuset has no processors and no memory: nothing can join it before it is given its parent's.
fn inherit_cpuset(dir: &Path) -> Result<(), CgroupError> {
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let file = dir.join(name);
        let own = fs::read_to_string(&file).map_err(failed("read", &file))?;
        if own.trim().is_empty()
            && let Some(parent) = dir.parent()
        {
            if parent.join("cpuset.cpus").exists()
                && parent != Path::new(super::MOUNT).join("cpuset")
            {
                inherit_cpuset(parent)?;
            }
            let above = parent.join(name);
            let value = fs::read_to_string(&above).map_err(failed("read", &above))?;
            write(&file, value.trim())?;
        }
    }
    Ok(())
}

fn collect(dir: &Path, pids: &mut Vec<Pid>) {
    let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    pids.extend(text.lines().filter_map(|l| l.parse().ok()).map(Pid::from_raw));
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            collect(&entry.path(), pids);
        }
    }
}

/// The cgroup mounts below `root`, from the text of `/proc/self/mountinfo`.
fn parse(mountinfo: &str, root: &Path) -> Vec<Mounted> {
    let mut found: Vec<Mounted> = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let (mut left, mut right) = (left.split(' '), right.split(' '));
        let (Some(path), Some(kind), Some(options)) = (left.nth(4), right.next(), right.nth(1))
        else {
            continue;
        };
        let path = PathBuf::from(path);
        if path.parent() != Some(root) || found.iter().any(|m| m.path == path) {
            continue;
        }
        let controllers: Vec<String> = match kind {
            "cgroup2" => Vec::new(),
            "cgroup" => options
                .split(',')
                .filter(|o| !matches!(*o, "rw" | "ro" | "xattr" | "clone_children" | "noprefix"))
                .filter(|o| !o.starts_with("release_agent="))
                .map(str::to_owned)
                .collect(),
            _ => continue,
        };
        found.push(Mounted { controllers, path });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_found_in_mountinfo() {
        let text = "\
30 24 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw
33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup systemd rw,xattr,release_agent=/x,name=systemd
34 1 0:29 / /elsewhere/memory rw - cgroup cgroup rw,memory
";
        let found = parse(text, Path::new("/sys/fs/cgroup"));
        let lists: Vec<_> = found.iter().map(|m| m.controllers.join("+")).collect();
        assert_eq!(lists, ["cpu+cpuacct", "", "name=systemd"]);
    }
}
