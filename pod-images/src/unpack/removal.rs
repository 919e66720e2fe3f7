//! Removes what an earlier entry of a layer has made.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};

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
        let name: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(name.to_bytes());
        remove(std::os::fd::AsFd::as_fd(&below), name)?;
    }
    unlinkat(dir, name, UnlinkatFlags::RemoveDir)
}
