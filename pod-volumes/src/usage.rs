//! How much of a disk a directory tree takes.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::fcntl::AtFlags;
use nix::sys::stat::{SFlag, fstatat};

use crate::below::{names, open_dir};

/// How deep a tree is looked at, which bounds the directories that are open at once.
const MAX_DEPTH: usize = 128;

/// The bytes that `dir` and what is below it take on their disk.
///
/// A file with several names is counted once. Links are not followed, and neither what is
/// mounted within nor what lies deeper than 128 directories is counted. Whatever is changed
/// meanwhile may be counted or not.
///
/// # Errors
///
/// When `dir` itself cannot be read.
pub fn disk_usage(dir: &Path) -> io::Result<u64> {
    let top = File::open(dir)?;
    let blocks = top.metadata()?.blocks();
    let mut usage = Usage { blocks, ..Usage::default() };
    usage.add(&top.into(), 0)?;
    Ok(usage.blocks * 512)
}

#[derive(Default)]
struct Usage {
    /// Of 512 bytes each, whatever the file system.
    blocks: u64,
    /// The files with several names that have been counted.
    counted: BTreeSet<(u64, u64)>,
}

impl Usage {
    fn add(&mut self, dir: &OwnedFd, depth: usize) -> io::Result<()> {
        for name in names(dir)? {
            self.add_entry(dir, &name, depth);
        }
        Ok(())
    }

    /// One that has gone, or cannot be looked at, takes nothing.
    fn add_entry(&mut self, dir: &OwnedFd, name: &OsStr, depth: usize) {
        let Ok(found) = fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW) else { return };
        let is_dir =
            SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFDIR;
        if is_dir {
            // A mount point is not opened, and not counted.
            let Ok(inner) = open_dir(dir, name) else { return };
            self.blocks += found.st_blocks.unsigned_abs();
            if depth < MAX_DEPTH {
                let _ = self.add(&inner, depth + 1);
            }
        } else if found.st_nlink < 2 || self.counted.insert((found.st_dev, found.st_ino)) {
            self.blocks += found.st_blocks.unsigned_abs();
        }
    }
}
