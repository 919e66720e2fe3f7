//! The root filesystem of a container: an overlay over the host's, and its mounts.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, makedev, mknod, umask};
use nix::unistd::{chdir, pivot_root};

use super::error::{FloorError, Step};

const DEVICES: [(&str, u64, u64); 6] = [
    ("dev/null", 1, 3),
    ("dev/zero", 1, 5),
    ("dev/full", 1, 7),
    ("dev/random", 1, 8),
    ("dev/urandom", 1, 9),
    ("dev/tty", 5, 0),
];
const LINKS: [(&str, &str); 5] = [
    ("pts/ptmx", "dev/ptmx"),
    ("/proc/self/fd", "dev/fd"),
    ("/proc/self/fd/0", "dev/stdin"),
    ("/proc/self/fd/1", "dev/stdout"),
    ("/proc/self/fd/2", "dev/stderr"),
];
/// Hidden as the kubelet has it; an absent one is skipped.
const MASKED_FILES: [&str; 6] = [
    "proc/interrupts",
    "proc/kcore",
    "proc/keys",
    "proc/latency_stats",
    "proc/timer_list",
    "proc/sched_debug",
];
const MASKED_DIRS: [&str; 5] =
    ["proc/asound", "proc/acpi", "proc/scsi", "sys/firmware", "sys/devices/virtual/powercap"];
const READ_ONLY: [&str; 5] = ["proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"];

/// What every container of a pod is given: the file beside the layers, and where it is seen.
const FILES: [(&str, &str); 4] = [
    ("hosts", "etc/hosts"),
    ("hostname", "etc/hostname"),
    ("resolv.conf", "etc/resolv.conf"),
    ("termination-log", "dev/termination-log"),
];

const NONE: Option<&str> = None;

/// The directories a container's root is made of, all below one directory.
#[derive(Debug)]
pub(super) struct Layers {
    dir: PathBuf,
    options: String,
    merged: PathBuf,
    volume: PathBuf,
}

impl Layers {
    /// Makes the directories below `dir`.
    pub(super) fn make(dir: &Path) -> std::io::Result<Self> {
        let [upper, work, merged, volume] =
            ["upper", "work", "merged", "volume"].map(|name| dir.join(name));
        for made in [dir, &upper, &work, &merged, &volume] {
            fs::create_dir(made)?;
        }
        for (file, _) in FILES {
            fs::write(dir.join(file), "floor\n")?;
        }
        let (upper, work) = (upper.display(), work.display());
        let options = format!("lowerdir=/,upperdir={upper},workdir={work}");
        Ok(Self { dir: dir.to_owned(), options, merged, volume })
    }

    /// Mounts everything in the mount namespace of the calling process, which is new,
    /// and makes it the process's root.
    pub(super) fn enter(&self, cgroups: &[PathBuf]) -> Result<(), FloorError> {
        umask(Mode::empty());
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(NONE, "/", NONE, private, NONE).step("make the mounts private")?;
        let options = Some(self.options.as_str());
        mount(Some("overlay"), &self.merged, Some("overlay"), MsFlags::empty(), options)
            .step("mount the overlay")?;
        // From here on every path is below the new root.
        chdir(&self.merged).step("enter the overlay")?;
        kernel_filesystems()?;
        devices()?;
        control_groups(cgroups)?;
        fs::create_dir("volume").step("make the volume's mount point")?;
        mount(Some(&self.volume), "volume", NONE, MsFlags::MS_BIND, NONE)
            .step("mount the volume")?;
        self.files()?;
        mask()?;
        pivot_root(".", ".").step("pivot the root")?;
        umount2(".", MntFlags::MNT_DETACH).step("detach the old root")?;
        chdir("/").step("enter the new root")
    }

    /// Mounts the files that every container of a pod is given.
    fn files(&self) -> Result<(), FloorError> {
        for (file, at) in FILES {
            if !Path::new(at).exists() {
                fs::write(at, "").step("make a mount point for a file")?;
            }
            mount(Some(&self.dir.join(file)), at, NONE, MsFlags::MS_BIND, NONE)
                .step("mount a file")?;
        }
        Ok(())
    }
}

fn kernel_filesystems() -> Result<(), FloorError> {
    let strict = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let no_exec = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let no_suid = MsFlags::MS_NOSUID | MsFlags::MS_STRICTATIME;
    new("proc", "proc", strict, "")?;
    new("tmpfs", "dev", no_suid, "mode=755,size=65536k")?;
    for dir in ["dev/pts", "dev/shm", "dev/mqueue"] {
        fs::create_dir(dir).step("make a mount point in /dev")?;
    }
    new("devpts", "dev/pts", no_exec, "newinstance,ptmxmode=0666,mode=0620,gid=5")?;
    new("tmpfs", "dev/shm", strict, "mode=1777,size=65536k")?;
    new("mqueue", "dev/mqueue", strict, "")?;
    new("sysfs", "sys", strict | MsFlags::MS_RDONLY, "")
}

fn new(kind: &str, target: &str, flags: MsFlags, data: &str) -> Result<(), FloorError> {
    mount(Some(kind), target, Some(kind), flags, Some(data)).step("mount a kernel file system")
}

fn devices() -> Result<(), FloorError> {
    let mode = Mode::from_bits_truncate(0o666);
    for (path, major, minor) in DEVICES {
        mknod(path, SFlag::S_IFCHR, mode, makedev(major, minor)).step("make a device")?;
    }
    for (target, link) in LINKS {
        symlink(target, link).step("make a link in /dev")?;
    }
    Ok(())
}

/// Shows the container its own cgroup in each hierarchy, read-only.
fn control_groups(cgroups: &[PathBuf]) -> Result<(), FloorError> {
    let target = Path::new("sys/fs/cgroup");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    if let [unified] = cgroups {
        return bind_read_only(unified, target).step("mount the cgroup");
    }
    mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some("mode=755"))
        .step("mount the directory of cgroups")?;
    for dir in cgroups {
        // <mount>/<hierarchy>/<pod>/<container>
        let Some(hierarchy) = dir.iter().nth(4) else { continue };
        let at = target.join(hierarchy);
        fs::create_dir(&at).step("make a mount point for a cgroup")?;
        bind_read_only(dir, &at).step("mount a cgroup")?;
    }
    Ok(())
}

fn mask() -> Result<(), FloorError> {
    for file in MASKED_FILES {
        absent_is_fine(mount(Some("dev/null"), file, NONE, MsFlags::MS_BIND, NONE))
            .step("mask a file")?;
    }
    for dir in MASKED_DIRS {
        let masked = mount(Some("tmpfs"), dir, Some("tmpfs"), MsFlags::MS_RDONLY, Some("size=0k"));
        absent_is_fine(masked).step("mask a directory")?;
    }
    for path in READ_ONLY {
        absent_is_fine(bind_read_only(Path::new(path), Path::new(path)))
            .step("make a path read-only")?;
    }
    Ok(())
}

fn bind_read_only(from: &Path, to: &Path) -> Result<(), Errno> {
    let strict = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some(from), to, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)?;
    let again = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | strict;
    mount(NONE, to, NONE, again, NONE)
}

fn absent_is_fine(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}
