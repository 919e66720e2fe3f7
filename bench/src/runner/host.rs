//! Makes the machine fit for every subject, without changing it.

use std::fs;
use std::io;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

const UNIFIED: &str = "/sys/fs/cgroup/unified";
const CAP_SYS_RESOURCE: u32 = 24;

/// Moves this process into a mount namespace of its own, where what the subjects
/// mount ends with them.
///
/// crun refuses a v1 machine on which v2 has controllers as well; there the v2
/// hierarchy is hidden, which no subject needs.
pub(super) fn enter_private_mounts() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
    let controllers = fs::read_to_string(format!("{UNIFIED}/cgroup.controllers"));
    if controllers.is_ok_and(|names| !names.trim().is_empty()) {
        umount2(UNIFIED, MntFlags::MNT_DETACH)?;
    }
    Ok(())
}

/// Makes a directory in memory, as `/run` is on a machine: where subjects keep what need not outlive a boot.
pub(super) fn make_run_directory(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    Ok(mount(Some("tmpfs"), dir, Some("tmpfs"), flags, Some("mode=755"))?)
}

/// Gives its memory back, so that the directory can be removed with the one that it is in.
pub(super) fn empty_run_directory(dir: &Path) {
    // It may never have been made.
    let _ = umount2(dir, MntFlags::MNT_DETACH);
}

/// Whether this process may raise hard limits, as podman does by default.
pub(super) fn may_raise_limits() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << CAP_SYS_RESOURCE) != 0)
}

/// The kernel's release and the number of processors, for the heading.
pub(super) fn describe() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!("Linux {}, {processors} processors", kernel.trim())
}
