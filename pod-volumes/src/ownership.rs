//! Gives all that is in a volume to a group: `fsGroup`.
//!
//! What is in it belongs to containers, which may change it meanwhile. So each step is one name in an open directory, no
//! link is followed, and a mount point is not entered.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, fchownat};

use crate::below::{names, open_dir};

/// What the group may do with a file.
const GROUP_FILE: u32 = 0o660;

/// What it may do with a directory, besides; and that what is made in it is the group's too.
const GROUP_DIR: u32 = 0o2110;

/// How deep a tree is gone into, which bounds the directories that are open at once.
const MAX_DEPTH: usize = 512;

/// The group that a volume is given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The group's number.
    pub group: u32,
    /// When.
    pub change: GroupChange,
}

/// When all that is in a volume is given to its group: `fsGroupChangePolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupChange {
    /// Each time.
    #[default]
    Always,
    /// When the volume's root directory is not the group's already.
    OnRootMismatch,
}

impl Ownership {
    /// Gives the directory `dir` and all that is in it to the group, which may read and write it from then on. The
    /// directory itself comes last, so that one that was cut short is begun again.
    ///
    /// # Errors
    ///
    /// The first thing that could not be given away. What is removed meanwhile is no error.
    pub fn apply(&self, dir: BorrowedFd<'_>) -> io::Result<()> {
        let root = File::from(dir.try_clone_to_owned()?);
        if self.change == GroupChange::OnRootMismatch && self.has(&root.metadata()?) {
            return Ok(());
        }
        self.below(dir, 0)?;
        self.give(&root.into())
    }

    /// Whether a directory is the group's.
    fn has(&self, root: &Metadata) -> bool {
        let allowed = GROUP_FILE | GROUP_DIR;
        root.gid() == self.group && root.mode() & allowed == allowed
    }

    fn below(&self, dir: BorrowedFd<'_>, depth: usize) -> io::Result<()> {
        if depth > MAX_DEPTH {
            return Err(io::Error::other("a directory lies too deep"));
        }
        for name in names(dir)? {
            match self.entry(dir, &name, depth) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => result?,
            }
        }
        Ok(())
    }

    fn entry(&self, parent: BorrowedFd<'_>, name: &OsStr, depth: usize) -> io::Result<()> {
        match open_dir(parent, name) {
            Ok(inner) => self.below(inner.as_fd(), depth + 1)?,
            // Something is mounted on it: it is none of the volume's.
            Err(Errno::EXDEV) => return Ok(()),
            Err(Errno::ENOTDIR | Errno::ELOOP) => {}
            Err(errno) => return Err(errno.into()),
        }
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        self.give(&openat(parent, name, flags, Mode::empty())?)
    }

    /// Gives one thing, whatever its name has come to mean.
    fn give(&self, thing: &OwnedFd) -> io::Result<()> {
        let before = File::from(thing.try_clone()?).metadata()?;
        let group = Some(Gid::from_raw(self.group));
        fchownat(thing, "", None, group, AtFlags::AT_EMPTY_PATH)?;
        if before.is_symlink() {
            return Ok(());
        }
        let added = if before.is_dir() { GROUP_FILE | GROUP_DIR } else { GROUP_FILE };
        // A descriptor of this kind has a mode only by way of its path.
        let path = format!("/proc/self/fd/{}", thing.as_raw_fd());
        fs::set_permissions(path, Permissions::from_mode(before.mode() & 0o7777 | added))
    }
}
