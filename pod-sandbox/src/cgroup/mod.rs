//! Cgroups of sandboxes and containers, on v1 and v2.
//!
//! This is our own code and not libcgroups': joins made by the process itself cost a hundredth of joins made for it
//! (`docs/design/cgroups.md`), and device rules are enforced on v2 as well.

mod devices;
mod v1;
mod v2;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use devices::DeviceRules;

use crate::config::Resources;
use crate::consumption::Consumption;
use crate::dirs::CGROUP_ROOT;
use crate::error::CgroupError;

/// Where keepers and their companions live: outside every pod's limits.
pub(crate) const KEEPERS: &str = "/pod/keepers";

/// Where the hierarchies are mounted.
pub(crate) const MOUNT: &str = "/sys/fs/cgroup";
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// The cgroup hierarchies of this machine.
#[derive(Debug, Clone)]
pub(crate) enum Hierarchy {
    V1(v1::Hierarchies),
    V2(v2::Hierarchy),
}

/// What the out-of-memory killer and the accounting say of a cgroup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// How many processes the out-of-memory killer ended.
    pub oom_kills: u64,
}

impl Hierarchy {
    /// Finds out what the machine has.
    pub(crate) fn detect() -> Result<Self, CgroupError> {
        let mount = Path::new(MOUNT);
        if mount.join("cgroup.controllers").exists() {
            return Ok(Self::V2(v2::Hierarchy::new(mount)));
        }
        v1::Hierarchies::detect(mount).map(Self::V1)
    }

    /// Makes a cgroup, its missing parents and their controllers.
    pub(crate) fn create(&self, path: &Path) -> Result<(), CgroupError> {
        check(path)?;
        match self {
            Self::V1(h) => h.create(path),
            Self::V2(h) => h.create(path),
        }
    }

    /// Makes a cgroup that is removed later with everything in it, and so must have nobody else in it.
    pub(crate) fn claim(&self, path: &Path) -> Result<(), CgroupError> {
        check(path)?;
        if self.is_populated(path) {
            return Err(CgroupError::InUse { path: path.to_owned() });
        }
        self.create(path)
    }

    /// Sets limits on a cgroup that exists, apart from those of the processors.
    pub(crate) fn limit(&self, path: &Path, resources: &Resources) -> Result<(), CgroupError> {
        check(path)?;
        match self {
            Self::V1(h) => h.limit(path, resources),
            Self::V2(h) => h.limit(path, resources),
        }
    }

    /// Sets the limits of the processors on a cgroup that exists.
    pub(crate) fn limit_processors(
        &self,
        path: &Path,
        resources: &Resources,
    ) -> Result<(), CgroupError> {
        check(path)?;
        match self {
            Self::V1(h) => h.limit_processors(path, resources),
            Self::V2(h) => h.limit_processors(path, resources),
        }
    }

    /// Says which devices the processes of a cgroup may use.
    pub(crate) fn allow_devices(&self, path: &Path, rules: DeviceRules) -> Result<(), CgroupError> {
        check(path)?;
        match self {
            Self::V1(h) => h.allow_devices(path, rules),
            Self::V2(h) => h.allow_devices(path, rules),
        }
    }

    /// The directory to clone a process into, where the kernel can do that.
    pub(crate) fn clone_target(&self, path: &Path) -> Result<Option<OwnedFd>, CgroupError> {
        check(path)?;
        match self {
            Self::V1(_) => Ok(None),
            Self::V2(h) => h.open(path).map(Some),
        }
    }

    /// Moves the calling, single-threaded process in. Without effect where it was cloned in.
    pub(crate) fn join(&self, path: &Path) -> Result<(), CgroupError> {
        check(path)?;
        match self {
            Self::V1(h) => h.join(path),
            Self::V2(_) => Ok(()),
        }
    }

    /// The directory to clone a keeper into; it joins the rest itself. In the unified hierarchy of a hybrid machine, too,
    /// a process that is cloned in spares the kernel a grace period, 10 ms long.
    pub(crate) fn keepers_target(&self) -> Result<Option<OwnedFd>, CgroupError> {
        let keepers = Path::new(KEEPERS);
        match self {
            Self::V1(h) => h.open_unified(keepers),
            Self::V2(h) => {
                h.create(keepers)?;
                h.open(keepers).map(Some)
            }
        }
    }

    /// Moves the calling process out of the caller's cgroups, into the keepers'.
    pub(crate) fn join_keepers(&self) -> Result<(), CgroupError> {
        match self {
            Self::V1(h) => h.join_all(Path::new(KEEPERS)),
            Self::V2(_) => Ok(()),
        }
    }

    /// What the kernel counted.
    pub(crate) fn usage(&self, path: &Path) -> Usage {
        match self {
            Self::V1(h) => h.usage(path),
            Self::V2(h) => h.usage(path),
        }
    }

    /// What the processes of a cgroup have consumed; `None` when it is not there.
    pub(crate) fn consumption(&self, path: &Path) -> Option<Consumption> {
        match self {
            Self::V1(h) => h.consumption(path),
            Self::V2(h) => h.consumption(path),
        }
    }

    /// Whether any process is in the cgroup or below it.
    pub(crate) fn is_populated(&self, path: &Path) -> bool {
        match self {
            Self::V1(h) => !h.pids(path).is_empty(),
            Self::V2(h) => h.is_populated(path),
        }
    }

    /// Kills everything in a cgroup and below it; returns without waiting.
    pub(crate) fn kill(&self, path: &Path) -> Result<(), CgroupError> {
        check(path)?;
        match self {
            Self::V1(h) => h.kill(path),
            Self::V2(h) => h.kill(path),
        }
    }

    /// Kills everything in a cgroup and below it, waits until all of it has ended, and removes the cgroups.
    ///
    /// Missing cgroups are fine. The caller must not itself be in there.
    pub(crate) fn destroy(&self, path: &Path) -> Result<(), CgroupError> {
        check(path)?;
        let deadline = Instant::now() + KILL_DEADLINE;
        let mut pause = Duration::from_micros(50);
        while self.is_populated(path) {
            self.kill(path)?;
            if Instant::now() > deadline {
                return Err(CgroupError::StillPopulated {
                    path: path.to_owned(),
                    after: KILL_DEADLINE,
                });
            }
            // The kernel offers no descriptor that tells on v1 that the last process has left.
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        match self {
            Self::V1(h) => h.remove(path),
            Self::V2(h) => h.remove(path),
        }
    }

    /// Mounts the calling process's own view of its cgroups read-only at `/sys/fs/cgroup` of its root.
    ///
    /// The process must be in a cgroup namespace of its own.
    pub(crate) fn mount_view(&self) -> Result<(), CgroupError> {
        match self {
            Self::V1(h) => h.mount_view(),
            Self::V2(h) => h.mount_view(),
        }
    }
}

/// Refuses a path that is not strictly below [`CGROUP_ROOT`]: an empty one would mean the machine's own root cgroup.
fn check(path: &Path) -> Result<(), CgroupError> {
    let mut parts = path.components();
    let below = parts.next() == Some(Component::RootDir)
        && parts.next() == Some(Component::Normal(OsStr::new(CGROUP_ROOT.trim_start_matches('/'))))
        && parts.clone().next().is_some()
        && parts.all(|c| matches!(c, Component::Normal(_)));
    if below { Ok(()) } else { Err(CgroupError::OutsideRoot { path: path.to_owned() }) }
}

/// The limits on huge pages, by the files that hold them: one on what is used, and one on what is reserved, so that who asks
/// for too much is told so, and is not killed later.
fn page_limits(resources: &Resources, file: &str) -> Vec<(String, u64)> {
    let of_size = |(size, limit): (&u64, &u64)| {
        let size = page_size(*size);
        [format!("hugetlb.{size}.{file}"), format!("hugetlb.{size}.rsvd.{file}")]
            .map(|name| (name, *limit))
    };
    resources.huge_pages.iter().flat_map(of_size).collect()
}

/// The size of a page in the words of the kernel: `2MB`.
fn page_size(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{}KB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{}MB", bytes >> 20),
        _ => format!("{}GB", bytes >> 30),
    }
}

/// The number behind a name in a file of names and numbers.
fn number(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(key, _)| *key == name).and_then(|(_, value)| value.trim().parse().ok())
}

/// `path` below the mount point of a hierarchy.
fn below(mount: &Path, path: &Path) -> PathBuf {
    mount.join(path.strip_prefix("/").unwrap_or(path))
}

fn failed(action: impl Into<String>, path: &Path) -> impl FnOnce(io::Error) -> CgroupError {
    let action = action.into();
    move |source| CgroupError::Io { action, path: path.to_owned(), source }
}

fn write(path: &Path, value: &str) -> Result<(), CgroupError> {
    fs::write(path, value).map_err(failed(format!("write {value} to"), path))
}

/// Removes a cgroup directory and all below it, deepest first; missing is fine.
fn remove_directories(dir: &Path) -> Result<(), CgroupError> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        result => result.map_err(failed("read", dir))?,
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            remove_directories(&entry.path())?;
        }
    }
    // A process that has just ended may hold its cgroup for a moment longer, and on a machine that is overloaded moments
    // are long.
    let deadline = Instant::now() + KILL_DEADLINE;
    loop {
        match fs::remove_dir(dir) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) if e.raw_os_error() == Some(nix::libc::EBUSY) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(e) => return Err(failed("remove", dir)(e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b223_page_sizes_are_named_as_the_kernel_does() {
        let named = [64 << 10, 2 << 20, 512 << 20, 1 << 30, 16 << 30].map(page_size);
        assert_eq!(named, ["64KB", "2MB", "512MB", "1GB", "16GB"]);
        let huge_pages = [(2 << 20, 4 << 20)].into();
        let limits = page_limits(&Resources { huge_pages, ..Resources::default() }, "max");
        let name = |name: &str| (name.to_owned(), 4 << 20);
        assert_eq!(limits, [name("hugetlb.2MB.max"), name("hugetlb.2MB.rsvd.max")]);
    }

    #[test]
    fn only_paths_strictly_below_our_root_are_taken() {
        for bad in [
            "",
            "/",
            "/pod",
            "/pod/",
            "pod/x",
            "/pods/x",
            "/pod/../x",
            "/pod/x/../..",
            "/kubepods/x",
        ] {
            assert!(check(Path::new(bad)).is_err(), "{bad:?}");
        }
        for good in ["/pod/x", "/pod/burstable/pod1/c"] {
            assert!(check(Path::new(good)).is_ok(), "{good:?}");
        }
    }
}
