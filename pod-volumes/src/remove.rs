//! Removes a directory tree whose content belongs to somebody else.
//!
//! What containers leave behind is hostile: links that lead to host files, mounts,
//! trees deeper than a path can name, and directories that are swapped for links
//! while they are being removed. So each step is one component below an open
//! directory, a link is removed and never followed, and a mount point is never
//! entered.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::renameat;
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::below::{is_plain_name, open_dir};

/// How deep we descend with directories open before a subtree is moved up, so that
/// the depth of a tree costs neither file descriptors nor stack.
const MAX_DEPTH: usize = 32;

/// How often an entry may change under us, or fill again, before we give up.
const MAX_ATTEMPTS: usize = 16;

/// How many errors are kept; a tree of a million files may give a million.
pub const MAX_ERRORS: usize = 32;

/// Why an entry is still there. Paths begin with the name given to [`remove_tree`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// The name is empty, has several components, or is `.` or `..`.
    #[error("refusing to remove {name:?}: not the name of one entry")]
    UnsafeName {
        /// The name.
        name: OsString,
    },
    /// Something is mounted there; nothing in it was touched.
    #[error("cannot remove {path:?}: it is a mount point")]
    MountPoint {
        /// The mount point.
        path: PathBuf,
    },
    /// Somebody keeps changing the entry.
    #[error("cannot remove {path:?}: it keeps changing")]
    Unstable {
        /// The entry.
        path: PathBuf,
    },
    /// The kernel refused.
    #[error("cannot remove {path:?}")]
    Io {
        /// The entry.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Removes the entry `name` of the directory `parent`, with all that is below it.
///
/// Links are removed and not followed, mount points (also bind mounts of the same
/// file system) are not entered. An absent entry is a success.
///
/// # Errors
///
/// It goes on after an error and returns them all, up to [`MAX_ERRORS`]. What could
/// not be removed, and the directories above it, are left; from deep in the tree it
/// may have been moved up to the top.
pub fn remove_tree(parent: BorrowedFd<'_>, name: &OsStr) -> Result<(), Vec<RemoveError>> {
    if !is_plain_name(name) {
        return Err(vec![RemoveError::UnsafeName { name: name.to_owned() }]);
    }
    let mut removal = Removal::default();
    removal.entry(Place { parent, name, path: Path::new(name), top: None, depth: 0 });
    if removal.failures == 0 { Ok(()) } else { Err(removal.errors) }
}

/// An entry to be removed.
#[derive(Clone, Copy)]
struct Place<'a> {
    parent: BorrowedFd<'a>,
    name: &'a OsStr,
    /// For messages only.
    path: &'a Path,
    /// The directory at the root of the tree; none for that directory itself.
    top: Option<BorrowedFd<'a>>,
    depth: usize,
}

/// What a look at an entry showed.
enum Step {
    Gone,
    Changed,
    Opened(OwnedFd),
    Failed(RemoveError),
}

#[derive(Default)]
struct Removal {
    errors: Vec<RemoveError>,
    failures: u64,
    /// How many subtrees have been moved up to the top.
    moved: u64,
}

impl Removal {
    fn fail(&mut self, error: RemoveError) {
        self.failures += 1;
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }

    fn entry(&mut self, place: Place<'_>) {
        let mut attempts = 0;
        while attempts < MAX_ATTEMPTS {
            attempts += 1;
            let (failures, moved) = (self.failures, self.moved);
            match place.try_remove() {
                Step::Gone => return,
                Step::Changed => continue,
                Step::Failed(error) => return self.fail(error),
                Step::Opened(_) if place.depth >= MAX_DEPTH => return self.move_up(place),
                Step::Opened(dir) => self.clear(place, &dir),
            }
            if self.failures > failures {
                return;
            }
            // Only the top gets what was moved; then another round is due.
            if place.top.is_none() && self.moved > moved {
                attempts = 0;
            }
        }
        self.fail(RemoveError::Unstable { path: place.path.to_owned() });
    }

    /// Removes what is in the open directory `dir`.
    fn clear(&mut self, place: Place<'_>, dir: &OwnedFd) {
        let top = place.top.unwrap_or(dir.as_fd());
        let listed = dir.try_clone().and_then(|copy| Ok(Dir::from_fd(copy)?));
        let mut listing = match listed {
            Ok(listing) => listing,
            Err(source) => return self.fail(place.io(source)),
        };
        for entry in listing.iter() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(errno) => return self.fail(place.io(errno.into())),
            };
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                self.entry(Place {
                    parent: dir.as_fd(),
                    name,
                    path: &place.path.join(name),
                    top: Some(top),
                    depth: place.depth + 1,
                });
            }
        }
    }

    /// Moves a subtree to the top, where the next round removes it.
    fn move_up(&mut self, place: Place<'_>) {
        let Some(top) = place.top else { return };
        for _ in 0..MAX_ATTEMPTS {
            self.moved += 1;
            let name = format!(".removing-{}", self.moved);
            match renameat(place.parent, place.name, top, name.as_str()) {
                Ok(()) | Err(Errno::ENOENT) => return,
                // The name is taken by something that is to be removed as well.
                Err(Errno::EEXIST | Errno::ENOTEMPTY | Errno::ENOTDIR | Errno::EISDIR) => {}
                Err(errno) => return self.fail(place.io(errno.into())),
            }
        }
        self.fail(RemoveError::Unstable { path: place.path.to_owned() });
    }
}

impl Place<'_> {
    fn io(&self, source: io::Error) -> RemoveError {
        RemoveError::Io { path: self.path.to_owned(), source }
    }

    fn mount_point(&self) -> RemoveError {
        RemoveError::MountPoint { path: self.path.to_owned() }
    }

    /// Removes the entry if it is no directory or an empty one, and opens it if not.
    fn try_remove(&self) -> Step {
        match unlinkat(self.parent, self.name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => return Step::Gone,
            Err(Errno::EISDIR) => {}
            Err(Errno::EBUSY) => return Step::Failed(self.mount_point()),
            Err(errno) => return Step::Failed(self.io(errno.into())),
        }
        match unlinkat(self.parent, self.name, UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => return Step::Gone,
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => {}
            Err(Errno::ENOTDIR) => return Step::Changed,
            Err(Errno::EBUSY) => return Step::Failed(self.mount_point()),
            Err(errno) => return Step::Failed(self.io(errno.into())),
        }
        match open_dir(self.parent, self.name) {
            Ok(dir) => Step::Opened(dir),
            Err(Errno::ENOENT) => Step::Gone,
            Err(Errno::ELOOP | Errno::ENOTDIR | Errno::EAGAIN) => Step::Changed,
            Err(Errno::EXDEV) => Step::Failed(self.mount_point()),
            Err(errno) => Step::Failed(self.io(errno.into())),
        }
    }
}
