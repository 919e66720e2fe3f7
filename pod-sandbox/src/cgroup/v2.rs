//! Cgroup v2: one hierarchy with all controllers.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::mount::{MsFlags, mount};

use super::devices::DeviceRules;
use super::{Usage, below, failed, number, page_limits, remove_directories, write};
use crate::config::Resources;
use crate::consumption::Consumption;
use crate::error::CgroupError;

/// The controllers that limit and count.
const CONTROLLERS: [&str; 4] = ["cpu", "memory", "pids", "hugetlb"];

/// The unified hierarchy.
#[derive(Debug, Clone)]
pub(crate) struct Hierarchy {
    mount: PathBuf,
}

impl Hierarchy {
    pub(super) fn new(mount: &Path) -> Self {
        Self { mount: mount.to_owned() }
    }

    pub(super) fn create(&self, path: &Path) -> Result<(), CgroupError> {
        let dir = below(&self.mount, path);
        if dir.is_dir() {
            return Ok(());
        }
        let mut at = self.mount.clone();
        for part in path.iter().skip(1) {
            self.delegate(&at)?;
            at.push(part);
            match fs::create_dir(&at) {
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                result => result.map_err(failed("make cgroup", &at))?,
            }
        }
        Ok(())
    }

    /// Hands the controllers that a cgroup has on to its children.
    fn delegate(&self, dir: &Path) -> Result<(), CgroupError> {
        let read = |name: &str| {
            let file = dir.join(name);
            fs::read_to_string(&file).map_err(failed("read", &file))
        };
        let (offered, given) = (read("cgroup.controllers")?, read("cgroup.subtree_control")?);
        let has = |list: &str, name: &str| list.split_whitespace().any(|c| c == name);
        let missing: Vec<String> = CONTROLLERS
            .iter()
            .filter(|c| has(&offered, c) && !has(&given, c))
            .map(|c| format!("+{c}"))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            write(&dir.join("cgroup.subtree_control"), &missing.join(" "))
        }
    }

    pub(super) fn limit_processors(
        &self,
        path: &Path,
        resources: &Resources,
    ) -> Result<(), CgroupError> {
        let dir = below(&self.mount, path);
        if let Some(shares) = resources.cpu_shares {
            write(&dir.join("cpu.weight"), &weight(shares).to_string())?;
        }
        if let Some(quota) = resources.cpu_quota {
            let period = resources.cpu_period.unwrap_or(100_000);
            write(&dir.join("cpu.max"), &format!("{quota} {period}"))?;
        }
        Ok(())
    }

    pub(super) fn limit(&self, path: &Path, resources: &Resources) -> Result<(), CgroupError> {
        let dir = below(&self.mount, path);
        if let Some(memory) = resources.memory {
            write(&dir.join("memory.max"), &memory.to_string())?;
            let swap = dir.join("memory.swap.max");
            if swap.exists() {
                write(&swap, "0")?;
            }
            write(&dir.join("memory.oom.group"), "1")?;
        }
        for (name, value) in page_limits(resources, "max") {
            let file = dir.join(name);
            if file.exists() {
                write(&file, &value.to_string())?;
            }
        }
        match resources.pids {
            Some(pids) => write(&dir.join("pids.max"), &pids.to_string()),
            None => Ok(()),
        }
    }

    pub(super) fn allow_devices(&self, path: &Path, rules: DeviceRules) -> Result<(), CgroupError> {
        let Some(program) = rules.program() else { return Ok(()) };
        let dir = below(&self.mount, path);
        let cgroup = self.open(path)?;
        crate::sys::bpf_load_device_program(&program)
            .and_then(|program| {
                crate::sys::bpf_attach_device_program(cgroup.as_fd(), program.as_fd())
            })
            .map_err(failed("attach device rules to", &dir))
    }

    pub(super) fn open(&self, path: &Path) -> Result<OwnedFd, CgroupError> {
        let dir = below(&self.mount, path);
        File::open(&dir).map(OwnedFd::from).map_err(failed("open", &dir))
    }

    pub(super) fn usage(&self, path: &Path) -> Usage {
        let file = below(&self.mount, path).join("memory.events");
        let text = fs::read_to_string(file).unwrap_or_default();
        let count = text
            .lines()
            .find_map(|l| l.strip_prefix("oom_kill "))
            .and_then(|n| n.trim().parse().ok());
        Usage { oom_kills: count.unwrap_or(0) }
    }

    pub(super) fn consumption(&self, path: &Path) -> Option<Consumption> {
        let read = |name: &str| fs::read_to_string(below(&self.mount, path).join(name)).ok();
        let micros = number(&read("cpu.stat")?, "usage_usec")?;
        let used: u64 = read("memory.current")?.trim().parse().ok()?;
        let inactive = number(&read("memory.stat")?, "inactive_file").unwrap_or(0);
        Some(Consumption {
            cpu: Duration::from_micros(micros),
            memory: used.saturating_sub(inactive),
        })
    }

    pub(super) fn is_populated(&self, path: &Path) -> bool {
        fs::read_to_string(below(&self.mount, path).join("cgroup.events"))
            .is_ok_and(|text| text.lines().any(|l| l == "populated 1"))
    }

    pub(super) fn kill(&self, path: &Path) -> Result<(), CgroupError> {
        write(&below(&self.mount, path).join("cgroup.kill"), "1")
    }

    pub(super) fn remove(&self, path: &Path) -> Result<(), CgroupError> {
        remove_directories(&below(&self.mount, path))
    }

    pub(super) fn mount_view(&self) -> Result<(), CgroupError> {
        let root = Path::new(super::MOUNT);
        let flags =
            MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | MsFlags::MS_RDONLY;
        mount(Some("cgroup2"), root, Some("cgroup2"), flags, None::<&str>)
            .map_err(|e| failed("mount cgroup2 at", root)(e.into()))
    }
}

/// The v2 weight, 1 to 10000, of v1 shares, 2 to 262144, by the formula that runc and crun agreed on: a curve through
/// (2, 1), (1024, 100) and (262144, 10000).
fn weight(shares: u64) -> u64 {
    if shares <= 2 {
        return 1;
    }
    if shares >= 262_144 {
        return 10_000;
    }
    let l = (shares as f64).log2();
    let exponent = (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0;
    (10f64.powf(exponent).ceil() as u64).clamp(1, 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_follow_the_agreed_curve() {
        assert_eq!([0, 2, 1024, 262_144, 1_000_000].map(weight), [1, 1, 100, 10_000, 10_000]);
        assert!(weight(512) < weight(1024) && weight(1024) < weight(2048));
    }
}
