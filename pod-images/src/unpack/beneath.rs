//! Entries of open directories, reached by names that lead nowhere else.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// Opens a directory beneath another one; a link anywhere on the way is an error.
pub(super) fn open_beneath(dir: BorrowedFd<'_>, path: &[u8]) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW)
        .resolve(
            ResolveFlag::RESOLVE_BENEATH
                | ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_MAGICLINKS,
        );
    openat2(dir, OsStr::from_bytes(path), how)
}

pub(super) fn stat(dir: BorrowedFd<'_>, name: &OsStr) -> nix::Result<FileStat> {
    fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)
}

pub(super) fn is(stat: &FileStat, kind: SFlag) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == kind.bits()
}

pub(super) fn is_whiteout(stat: &FileStat) -> bool {
    is(stat, SFlag::S_IFCHR) && stat.st_rdev == 0
}

/// Removes an entry with all that is in it. Links are removed and not followed.
///
/// The depth of the tree, and so that of the recursion, is bounded by [`EntryPath`](super::name::EntryPath).
pub(super) fn remove(dir: BorrowedFd<'_>, name: &OsStr) -> nix::Result<()> {
    match unlinkat(dir, name, UnlinkatFlags::NoRemoveDir) {
        Err(Errno::EISDIR) => {}
        done => return done,
    }
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut below = Dir::openat(dir, name, flags, Mode::empty())?;
    let names: Vec<_> = below
        .iter()
        .map(|entry| entry.map(|entry| entry.file_name().to_owned()))
        .collect::<nix::Result<_>>()?;
    for name in names.iter().filter(|name| !matches!(name.to_bytes(), b"." | b"..")) {
        let name = OsStr::from_bytes(name.to_bytes());
        remove(below.as_fd(), name)?;
    }
    unlinkat(dir, name, UnlinkatFlags::RemoveDir)
}
