//! The users of a sandbox that are not the host's: a user namespace, which the pause process is born in
//! (`docs/design/users.md`).

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::AT_FDCWD;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::fstat;
use nix::unistd::{Gid, Pid, Uid, setgroups, setresgid, setresuid};

use crate::config::IdRange;
use crate::sys;

/// A user namespace, and what its ids are on the host.
#[derive(Debug)]
pub(super) struct Users {
    pub ids: IdRange,
    namespace: OwnedFd,
}

impl Users {
    /// Gives ids to the namespace in which a process was born that waits for them.
    pub fn give(pid: Pid, ids: IdRange) -> io::Result<Self> {
        let map = format!("0 {} {}", ids.first, ids.count);
        for file in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{pid}/{file}"), &map)?;
        }
        let namespace = File::open(format!("/proc/{pid}/ns/user"))?.into();
        Ok(Self { ids, namespace })
    }

    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { ids: self.ids, namespace: self.namespace.try_clone()? })
    }

    /// Makes the calling process root among them and nobody on the host, with a copy of its mounts and a view of its
    /// cgroups that belong to them.
    pub fn take_over(&self) -> io::Result<()> {
        setns(&self.namespace, CloneFlags::CLONE_NEWUSER)?;
        become_root()?;
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWCGROUP)?;
        reopen_null()
    }

    /// Has files show their own owners to these users through a detached mount.
    pub fn map(&self, mount: BorrowedFd<'_>) -> io::Result<()> {
        sys::map_owners(mount, self.namespace.as_fd()).map_err(|e| match e.raw_os_error() {
            Some(nix::libc::EINVAL) => io::Error::other("its file system cannot map owners"),
            _ => e,
        })
    }

    /// Mounts what lies at `path` of this process's mount namespace once more at `target`, for these users.
    pub fn show(&self, path: &Path, target: &Path) -> io::Result<()> {
        let at = sys::c_string(path.as_os_str().as_encoded_bytes());
        let mount = sys::open_tree(AT_FDCWD, &at, false)?;
        self.map(mount.as_fd())?;
        sys::attach_mount(mount.as_fd(), File::open(target)?.as_fd())
    }
}

/// Has an empty standard input be of the mounts that this process sees now.
fn reopen_null() -> io::Result<()> {
    let null = File::open("/dev/null")?;
    if fstat(io::stdin())?.st_rdev == fstat(&null)?.st_rdev {
        sys::duplicate_to(null.as_fd(), 0)?;
    }
    Ok(())
}

/// Makes the calling process root of the user namespace that it is in, which its capabilities alone do not.
pub(super) fn become_root() -> nix::Result<()> {
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)
}
