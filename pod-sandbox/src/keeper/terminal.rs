//! The terminals of containers' processes.
//!
//! Each is made in the container's own `/dev/pts`, by a process that is in its mount namespace, so that the container's
//! programs find it under its name. The inner side is opened by the outer one and not by a path, so nothing that the
//! container does to `/dev` leads elsewhere.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::sys::stat::fstat;
use nix::sys::statfs::{FsType, fstatfs};
use nix::unistd::{Uid, fchown, setsid};

use super::entry;
use super::mounts::{self, MountError};
use crate::sys;
use crate::terminal::TerminalSize;

/// Where a container has the device that makes terminals.
const PTMX: &str = "/dev/pts/ptmx";
/// The file system that terminals lie in, which libc has no name for.
const DEVPTS: FsType = FsType(0x1cd1);

/// Both sides of a terminal.
#[derive(Debug)]
pub(super) struct Pair {
    /// Does not block.
    pub outer: OwnedFd,
    pub inner: OwnedFd,
}

impl Pair {
    /// Makes a terminal for a user, in the container that the calling process is in.
    pub fn open(uid: u32) -> io::Result<Self> {
        let how = OpenHow::new()
            .flags(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)
            .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let outer = openat2(AT_FDCWD, PTMX, how)?;
        let device = fstat(&outer)?.st_rdev;
        if device != nix::libc::makedev(5, 2) || fstatfs(&outer)?.filesystem_type() != DEVPTS {
            return Err(io::Error::other(format!("{PTMX} is something else in it")));
        }
        sys::unlock_terminal(outer.as_fd())?;
        let inner = sys::inner_terminal(outer.as_fd())?;
        fchown(&inner, Some(Uid::from_raw(uid)), None)?;
        Ok(Self { outer, inner })
    }

    pub fn resize(&self, size: TerminalSize) -> io::Result<()> {
        sys::set_window_size(self.outer.as_fd(), size.rows, size.columns)
    }

    /// Has it at the container's `/dev/console`, too.
    pub fn mount_as_console(&self) -> Result<(), MountError> {
        let at = Path::new("/dev/console");
        let mount = sys::open_tree(self.inner.as_fd(), c"", false);
        mounts::place(&mount.map_err(mounts::failed("take hold of the terminal"))?, at)
    }

    /// Makes it the controlling terminal and the standard descriptors of this process.
    pub fn take_over(&self) -> io::Result<()> {
        match setsid() {
            // It leads a session already.
            Ok(_) | Err(Errno::EPERM) => {}
            Err(e) => return Err(e.into()),
        }
        sys::control_terminal(self.inner.as_fd())?;
        Ok(entry::set_stdio(&self.inner, &self.inner, &self.inner)?)
    }
}

/// Sends a packet with descriptors to the keeper.
pub(super) fn send(line: &OwnedFd, text: &[u8], fds: &[&OwnedFd]) -> nix::Result<()> {
    let raw: Vec<_> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let data = [io::IoSlice::new(text)];
    sendmsg::<()>(line.as_raw_fd(), &data, &rights, MsgFlags::MSG_NOSIGNAL, None).map(drop)
}

/// What the programs of a terminal are told of it unless the environment says something else.
pub(super) const TERM: &str = "TERM=xterm";

/// The root of a process, as a place to look paths up in.
pub(super) fn root_of(pid: nix::unistd::Pid) -> io::Result<OwnedFd> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
    let mut options = fs::OpenOptions::new();
    options.read(true).custom_flags(flags.bits());
    options.open(format!("/proc/{pid}/root")).map(OwnedFd::from)
}
