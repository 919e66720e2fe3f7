//! Copies a tree from one open directory to another.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::{FileStat, Mode, SFlag, UtimensatFlags, fchmod, futimens, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown, fchownat};

use super::Skipped;
use super::directory::Directory;

/// Directories within directories; more would need too many descriptors.
pub(super) const MAX_DEPTH: usize = 200;

/// Whose what is copied is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ownership {
    /// That of the source.
    Kept,
    /// A user's, with the modes of the source or without.
    Users { uid: u32, gid: u32, modes: bool },
    /// The caller's, without setuid and setgid bits.
    Callers,
}

/// The owner and mode of a source, and when it was last written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metadata {
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    pub modified: TimeSpec,
}

impl Metadata {
    fn of(stat: &FileStat) -> Self {
        let modified = TimeSpec::new(stat.st_mtime, stat.st_mtime_nsec);
        Self { uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode, modified }
    }
}

/// A copy that is being made.
#[derive(Debug)]
pub(super) struct Copy {
    ownership: Ownership,
    skipped: Skipped,
}

impl Copy {
    pub fn new(ownership: Ownership) -> Self {
        Self { ownership, skipped: Vec::new() }
    }

    /// Copies a file or a directory with all that it holds.
    pub fn copy(mut self, source: &Directory, to: &Directory, name: &OsStr) -> io::Result<Skipped> {
        self.entry(source, to, name, Path::new(name), 0)?;
        Ok(self.skipped)
    }

    fn entry(
        &mut self,
        source: &Directory,
        to: &Directory,
        name: &OsStr,
        shown: &Path,
        depth: usize,
    ) -> io::Result<()> {
        let metadata = Metadata::of(&source.stat()?);
        match source.kind()? {
            SFlag::S_IFREG => {
                let mut data = source.reopen(OpenOptions::new().read(true))?;
                self.file(&mut data, metadata, to, name)
            }
            SFlag::S_IFLNK => self.link(&source.target()?, metadata, to, name),
            SFlag::S_IFDIR if depth == MAX_DEPTH => {
                Err(io::Error::other(format!("{} lies too deep", shown.display())))
            }
            SFlag::S_IFDIR => {
                let (directory, made) = self.directory(to, name)?;
                for name in source.names()? {
                    match source.entry(&name) {
                        // It has gone meanwhile.
                        Err(Errno::ENOENT) => {}
                        entry => {
                            self.entry(&entry?, &directory, &name, &shown.join(&name), depth + 1)?
                        }
                    }
                }
                // One that was there keeps its mode.
                if made { self.finish_directory(&directory, metadata) } else { Ok(()) }
            }
            _ => {
                self.skipped.push(shown.to_owned());
                Ok(())
            }
        }
    }

    /// The directory of this name, for entries to be copied to, and whether it was missing and has been made.
    pub fn directory(&self, to: &Directory, name: &OsStr) -> io::Result<(Directory, bool)> {
        to.make_directory(name).map_err(|e| match e {
            Errno::ENOTDIR | Errno::ELOOP => io::Error::other(format!(
                "{} is there and is no directory",
                Path::new(name).display()
            )),
            e => e.into(),
        })
    }

    pub fn finish_directory(&self, directory: &Directory, metadata: Metadata) -> io::Result<()> {
        let opened = directory.reopen(OpenOptions::new().read(true))?;
        self.finish(&opened, metadata, 0o755)
    }

    /// Writes a file beside its place and puts it there as a whole.
    pub fn file(
        &self,
        data: &mut impl Read,
        metadata: Metadata,
        to: &Directory,
        name: &OsStr,
    ) -> io::Result<()> {
        let (aside, mut file) = create_aside(to)?;
        let written = io::copy(data, &mut file).and_then(|_| self.finish(&file, metadata, 0o644));
        let placed = written.and_then(|()| to.replace(name, &aside));
        let Err(error) = placed else { return Ok(()) };
        // The reason for the failure is worth more than that it cannot be removed.
        let _ = to.remove(&aside);
        Err(error)
    }

    /// Makes a link, in place of what may be there.
    pub fn link(
        &self,
        target: &OsStr,
        metadata: Metadata,
        to: &Directory,
        name: &OsStr,
    ) -> io::Result<()> {
        let aside = aside_name();
        to.create_link(target, &aside)?;
        let finished = self.finish_link(to, &aside, metadata).map_err(io::Error::from);
        finished.and_then(|()| to.replace(name, &aside)).inspect_err(|_| {
            let _ = to.remove(&aside);
        })
    }

    fn finish_link(&self, to: &Directory, name: &OsStr, metadata: Metadata) -> nix::Result<()> {
        if let Some((uid, gid)) = self.owner(metadata) {
            fchownat(to, name, Some(uid), Some(gid), nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW)?;
        }
        let (read, modified) = (&TimeSpec::UTIME_OMIT, &metadata.modified);
        utimensat(to, name, read, modified, UtimensatFlags::NoFollowSymlink)
    }

    fn owner(&self, metadata: Metadata) -> Option<(Uid, Gid)> {
        let (uid, gid) = match self.ownership {
            Ownership::Kept => (metadata.uid, metadata.gid),
            Ownership::Users { uid, gid, .. } => (uid, gid),
            Ownership::Callers => return None,
        };
        Some((Uid::from_raw(uid), Gid::from_raw(gid)))
    }

    fn finish(&self, file: &File, metadata: Metadata, usual: u32) -> io::Result<()> {
        if let Some((uid, gid)) = self.owner(metadata) {
            fchown(file.as_fd(), Some(uid), Some(gid))?;
        }
        let mode = match self.ownership {
            Ownership::Kept => metadata.mode & 0o7777,
            Ownership::Users { modes: true, .. } | Ownership::Callers => metadata.mode & 0o777,
            Ownership::Users { modes: false, .. } => usual,
        };
        fchmod(file.as_fd(), Mode::from_bits_truncate(mode))?;
        Ok(futimens(file.as_fd(), &TimeSpec::UTIME_OMIT, &metadata.modified)?)
    }
}

/// A name for what is made beside its place.
pub(super) fn aside_name() -> OsString {
    format!(".pod-cp-{}", uuid::Uuid::new_v4().simple()).into()
}

fn create_aside(to: &Directory) -> io::Result<(OsString, File)> {
    let name = aside_name();
    let file = to.create(&name)?;
    Ok((name, file))
}

/// The path without what would lead out of a directory; `None` when there is such.
pub(super) fn plain(path: &Path) -> Option<PathBuf> {
    use std::path::Component;
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(plain)
}
