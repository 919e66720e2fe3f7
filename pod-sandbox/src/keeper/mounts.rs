//! What is mounted in a container: the standard file systems, the sandbox's `/dev/shm`, what the configuration names, and
//! what hides or protects parts of `/proc` and `/sys`.
//!
//! In two steps. The container's first process takes hold of the sources while it sees the host ([`Mounts::open`]), and
//! puts them in place when its root is its own ([`Mounts::attach`]). No link can lead out of the root then, and
//! proc, sysfs and mqueue show the namespaces that it has joined. libcontainer would do the same with many times the
//! system calls (`docs/design/mounts.md`).

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::mount::{MsFlags, mount};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use super::rootfs::{self, RootFsError};
use super::source;
use super::spec::Shared;
use super::users::Users;
use crate::cgroup::Hierarchy;
use crate::config::ContainerConfig;
use crate::error::CgroupError;
use crate::sys;

/// What of `/proc` and `/sys` an unprivileged container does not see (the kubelet's default list).
const MASKED: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// What of `/proc` an unprivileged container can only read.
const READONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The flags of file systems that hold neither programs nor devices.
const PLAIN: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NOEXEC).union(MsFlags::MS_NODEV);

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum MountError {
    #[error("cannot {action}")]
    Io { action: String, source: io::Error },
    #[error("cannot find `{}` in the volume", sub_path.display())]
    SubPath { sub_path: PathBuf, destination: PathBuf, source: io::Error },
    #[error("cannot mount it at {} for users of the sandbox's own", destination.display())]
    Users { destination: PathBuf, source: io::Error },
    #[error(transparent)]
    Image(#[from] RootFsError),
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
}

pub(super) fn failed<E: Into<io::Error>>(
    action: impl Into<String>,
) -> impl FnOnce(E) -> MountError {
    let action = action.into();
    move |e| MountError::Io { action, source: e.into() }
}

/// Everything that will be mounted in a container.
#[derive(Debug)]
pub(super) struct Mounts {
    /// Who mounts all of it, when that is not the host's root.
    users: Option<Users>,
    shm: OwnedFd,
    bound: Vec<(OwnedFd, PathBuf)>,
    /// Hidden; `None` in a container that sees all.
    masked: Option<Vec<String>>,
    readonly_sys: bool,
    readonly_root: bool,
    /// What stays writable all the same.
    writable: Vec<PathBuf>,
}

impl Mounts {
    /// Takes hold of the sources. Images are put together in directories that are made in `dir`.
    pub fn open(
        config: &ContainerConfig,
        shared: &Shared<'_>,
        dir: &Path,
    ) -> Result<Self, MountError> {
        let bound = config.mounts.iter().enumerate().map(|(n, mount)| {
            let held = if mount.layers.is_empty() {
                source::hold(mount, shared.host, shared.users)
            } else {
                let image = rootfs::image(&mount.layers, &dir.join(format!("image{n}")))?;
                source::hold_image(mount, &image)
            };
            held.map(|held| (held, mount.destination.clone()))
        });
        let thermal = shared.thermal.iter().cloned();
        let masked = || MASKED.iter().map(|p| (*p).to_owned()).chain(thermal);
        let users = shared.users.map(Users::try_clone).transpose();
        Ok(Self {
            users: users.map_err(failed("take hold of the users"))?,
            shm: source::copy(shared.shm)?,
            bound: bound.collect::<Result<_, _>>()?,
            masked: (!config.privileged && !config.unmasked).then(|| masked().collect()),
            readonly_sys: !config.privileged,
            readonly_root: config.readonly_rootfs,
            writable: config.writable.clone(),
        })
    }

    /// Mounts all of it, for a process that is in the container's root and in all its namespaces.
    pub fn attach(&self, hierarchy: &Hierarchy) -> Result<(), MountError> {
        let ro = if self.readonly_sys {
            MountAttrFlags::MOUNT_ATTR_RDONLY
        } else {
            MountAttrFlags::empty()
        };
        // While this process is the host's root: others have to see the host's own to make them.
        let proc = kernel("proc", MountAttrFlags::empty())?;
        let sys = kernel("sysfs", ro)?;
        if let Some(users) = &self.users {
            users.take_over().map_err(failed("enter the users of the sandbox"))?;
        }
        put(&proc, "proc", "/proc")?;
        let pts = "newinstance,ptmxmode=0666,mode=0620,gid=5";
        special("devpts", "/dev/pts", MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, Some(pts))?;
        special("mqueue", "/dev/mqueue", PLAIN, None)?;
        put(&sys, "sysfs", "/sys")?;
        place(&self.shm, Path::new("/dev/shm"))?;
        hierarchy.mount_view()?;
        for path in &self.writable {
            keep_writable(path, self.readonly_root)?;
        }
        for (mount, destination) in &self.bound {
            place(mount, destination)?;
        }
        if let Some(masked) = &self.masked {
            protect(masked)?;
        }
        if self.readonly_root {
            let root = open_place(Path::new("/"), ResolveFlag::empty());
            root.map_err(io::Error::from)
                .and_then(|root| sys::make_readonly(root.as_fd(), false))
                .map_err(failed("make the root read-only"))?;
        }
        Ok(())
    }
}

/// Mounts the container's `/dev` in its root, for devices to be made in; before the root is entered.
///
/// An image decides what lies at `/dev`, so a link there is not followed.
pub(super) fn device_directory(root: &Path, users: Option<&Users>) -> Result<(), MountError> {
    let at = root.join("dev");
    let owner = users.map_or(0, |users| users.ids.first);
    let options = format!("mode=755,size=65536k,uid={owner},gid={owner}");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_STRICTATIME;
    let make = || -> io::Result<()> {
        match DirBuilder::new().mode(0o755).create(&at) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        if !fs::symlink_metadata(&at)?.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        Ok(mount(Some("tmpfs"), &at, Some("tmpfs"), flags, Some(options.as_str()))?)
    };
    make().map_err(failed("mount tmpfs at /dev"))
}

/// Makes one of the kernel's own file systems, of the namespaces that this process is in, detached.
fn kernel(kind: &str, attributes: MountAttrFlags) -> Result<OwnedFd, MountError> {
    let plain = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NOEXEC
        | MountAttrFlags::MOUNT_ATTR_NODEV;
    let make = || -> io::Result<OwnedFd> {
        let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(&context)?;
        Ok(fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, plain | attributes)?)
    };
    make().map_err(failed(format!("make {kind}")))
}

/// Attaches one of them.
fn put(mount: &OwnedFd, kind: &str, at: &str) -> Result<(), MountError> {
    let put = || sys::attach_mount(mount.as_fd(), fixed_place(at)?.as_fd());
    put().map_err(failed(format!("mount {kind} at {at}")))
}

/// Mounts one of the kernel's own file systems that anybody may make.
fn special(kind: &str, at: &str, flags: MsFlags, options: Option<&str>) -> Result<(), MountError> {
    let make = || -> io::Result<()> {
        fixed_place(at)?;
        Ok(mount(Some(kind), at, Some(kind), flags, options)?)
    };
    make().map_err(failed(format!("mount {kind} at {at}")))
}

/// A directory that is made when it is missing. What an image has put there must not lead to another place.
fn fixed_place(at: &str) -> io::Result<OwnedFd> {
    match DirBuilder::new().mode(0o755).create(at) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    Ok(open_place(Path::new(at), ResolveFlag::RESOLVE_NO_SYMLINKS)?)
}

fn open_place(path: &Path, resolve: ResolveFlag) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(resolve | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(AT_FDCWD, path, how)
}

/// Attaches a detached mount at `destination`, which is made when it is missing.
pub(super) fn place(mount: &OwnedFd, destination: &Path) -> Result<(), MountError> {
    let attach = || -> io::Result<()> {
        let target = match open_place(destination, ResolveFlag::empty()) {
            Err(Errno::ENOENT) => {
                let directory = File::from(mount.try_clone()?).metadata()?.is_dir();
                make_place(destination, directory)?;
                open_place(destination, ResolveFlag::empty())?
            }
            result => result?,
        };
        sys::attach_mount(mount.as_fd(), target.as_fd())
    };
    attach().map_err(failed(format!("mount at {}", destination.display())))
}

/// Makes a directory, with a mount of its own where the root will be read-only, so that it does not become so too.
fn keep_writable(path: &Path, readonly_root: bool) -> Result<(), MountError> {
    make_place(path, true).map_err(failed(format!("make {}", path.display())))?;
    if readonly_root {
        place(&source::copy(path)?, path)?;
    }
    Ok(())
}

fn make_place(path: &Path, directory: bool) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o755);
    if directory {
        return builder.create(path);
    }
    if let Some(parent) = path.parent() {
        builder.create(parent)?;
    }
    fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(path).map(drop)
}

/// Hides what a container must not see, and protects what it may only read.
fn protect(masked: &[String]) -> Result<(), MountError> {
    let bind = MsFlags::MS_BIND;
    for path in READONLY {
        let remount = bind | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | PLAIN;
        let none = None::<&str>;
        match mount(Some(path), path, none, bind | MsFlags::MS_REC, none)
            .and_then(|()| mount(none, path, none, remount, none))
        {
            Err(Errno::ENOENT) => {}
            result => result.map_err(failed(format!("make {path} read-only")))?,
        }
    }
    let null = fs::symlink_metadata("/dev/null").map_err(failed("find /dev/null"))?;
    if null.rdev() != nix::libc::makedev(1, 3) {
        return Err(failed("hide parts of /proc: /dev/null is something else")(Errno::ENODEV));
    }
    for path in masked {
        hide(path).map_err(failed(format!("hide {path}")))?;
    }
    Ok(())
}

/// Looks at what it hides: a mount that is refused waits for the kernel's other processors, half a millisecond long.
fn hide(path: &str) -> io::Result<()> {
    let is_dir = match fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?.is_dir(),
    };
    if is_dir {
        let flags = MsFlags::MS_RDONLY | PLAIN;
        mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some("size=4k"))?;
    } else {
        mount(Some("/dev/null"), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    }
    Ok(())
}
