//! How much of a disk a directory tree takes.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};

use crate::below::{names, open_dir};

/// The bytes that `dir` and what is below it take on their disk.
///
/// A file with several names is counted once. Links are not followed, and what is mounted within is not counted. The depth
/// of the tree costs neither file descriptors nor stack. Whatever is changed meanwhile may be counted or not.
///
/// # Errors
///
/// When `dir` itself cannot be read.
pub fn disk_usage(dir: &Path) -> io::Result<u64> {
    let top = OwnedFd::from(File::open(dir)?);
    let found = fstat(&top)?;
    let mut usage = Usage { blocks: found.st_blocks.unsigned_abs(), ..Usage::default() };
    let level = Level { name: OsString::new(), identity: identity(&found), left: usage.add(&top)? };
    usage.walk(top, level)?;
    Ok(usage.blocks * 512)
}

/// A directory on the way to where the walk is.
struct Level {
    /// In the one above.
    name: OsString,
    identity: (u64, u64),
    /// The directories in it that are still to be looked at.
    left: Vec<OsString>,
}

#[derive(Default)]
struct Usage {
    /// Of 512 bytes each, whatever the file system.
    blocks: u64,
    /// The files with several names that have been counted.
    counted: BTreeSet<(u64, u64)>,
}

impl Usage {
    /// Counts what is below the top, with two directories open. What has gone, or cannot be looked at, takes nothing.
    fn walk(&mut self, top: OwnedFd, level: Level) -> io::Result<()> {
        let mut levels = vec![level];
        let mut dir = top.try_clone()?;
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.left.pop() else {
                levels.pop();
                dir = back(&top, &dir, &mut levels)?;
                continue;
            };
            // A mount point is not opened, and not counted.
            let Ok(inner) = open_dir(&dir, &name) else { continue };
            let (Ok(found), Ok(left)) = (fstat(&inner), self.add(&inner)) else { continue };
            self.blocks += found.st_blocks.unsigned_abs();
            levels.push(Level { name, identity: identity(&found), left });
            dir = inner;
        }
        Ok(())
    }

    /// Counts the entries of a directory but for the directories among them, whose names it returns.
    fn add(&mut self, dir: &OwnedFd) -> io::Result<Vec<OsString>> {
        let mut dirs = Vec::new();
        for name in names(dir)? {
            let Ok(found) = fstatat(dir, &*name, AtFlags::AT_SYMLINK_NOFOLLOW) else { continue };
            let kind = SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits());
            if kind == SFlag::S_IFDIR {
                dirs.push(name);
            } else if found.st_nlink < 2 || self.counted.insert(identity(&found)) {
                self.blocks += found.st_blocks.unsigned_abs();
            }
        }
        Ok(dirs)
    }
}

/// The last of the levels, from a directory within it. When that has been moved elsewhere meanwhile it is looked for from the
/// top, and the levels that are not found any more are left out.
fn back(top: &OwnedFd, dir: &OwnedFd, levels: &mut Vec<Level>) -> io::Result<OwnedFd> {
    let is =
        |dir: &OwnedFd, level: &Level| fstat(dir).is_ok_and(|f| identity(&f) == level.identity);
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    if let (Some(level), Ok(above)) =
        (levels.last(), openat(dir, OsStr::new(".."), flags, Mode::empty()))
        && is(&above, level)
    {
        return Ok(above);
    }
    let mut found = top.try_clone()?;
    let mut depth = 1;
    while let Some(level) = levels.get(depth)
        && let Ok(inner) = open_dir(&found, &level.name)
        && is(&inner, level)
    {
        found = inner;
        depth += 1;
    }
    levels.truncate(depth);
    Ok(found)
}

/// What tells a file from all others of the machine.
fn identity(found: &FileStat) -> (u64, u64) {
    (found.st_dev, found.st_ino)
}
