//! Makes the entries of a layer below an open directory, in the form of an overlay's lower layer.
//!
//! Nothing outside of that directory can be reached: names are checked, parents are opened by the kernel beneath the root
//! without following any link, and each step after that is a single component below an open directory.
//!
//! A layer lies in a directory of its own, so what it removes from the layers below is written as overlayfs has it: a
//! whiteout becomes a character device 0/0, a directory that hides those below it gets an attribute.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, UtimensatFlags};
use nix::sys::stat::{fchmodat, futimens, makedev, mkdirat, mknodat, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{fchownat, linkat, symlinkat};

use super::archive::{Archive, Entry, Kind};
use super::beneath::{self, is, is_whiteout, open_beneath, stat};
use super::fault::{TreeError, failed, parent_failed, refused};
use super::limits::{BOMB_FROM, BOMB_RATIO, Limits, MAX_FILE, MAX_NAMES};
use super::metadata::{owner, set_metadata, set_opaque, time, write_with_holes};
use super::name::EntryPath;

const WHITEOUT: &[u8] = b".wh.";
/// Names of aufs' own files, which docker's archives had long ago.
const RESERVED: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What a layer came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub entries: u64,
    /// Bytes of the files' data, without holes.
    pub bytes: u64,
}

/// A directory that a layer is being unpacked to.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
    limits: Limits,
    /// The length of the packed layer, for the ratio.
    packed: u64,
    /// The directory that the last entry lay in: the next one mostly lies there too.
    parent: Option<(Vec<u8>, OwnedFd)>,
    /// The times of directories, which would change with each entry that is made in them.
    times: Vec<(Vec<u8>, TimeSpec)>,
    names: usize,
    totals: Totals,
}

type Result<T> = std::result::Result<T, TreeError>;

impl Tree {
    /// Unpacks to the empty directory `root` what was packed into so many bytes.
    pub(crate) fn new(root: OwnedFd, packed: u64, limits: Limits) -> Self {
        let totals = Totals::default();
        Self { root, limits, packed, parent: None, times: Vec::new(), names: 0, totals }
    }

    /// Unpacks a whole archive.
    pub(crate) fn unpack<R: io::BufRead>(mut self, archive: &mut Archive<R>) -> Result<Totals> {
        while let Some(entry) = archive.next()? {
            self.totals.entries += 1;
            if self.totals.entries > self.limits.entries {
                return Err(TreeError::Limit("has more entries than are accepted"));
            }
            self.entry(&entry, archive)?;
        }
        self.set_times()?;
        Ok(self.totals)
    }

    fn entry<R: io::BufRead>(&mut self, entry: &Entry, archive: &mut Archive<R>) -> Result<()> {
        let path = EntryPath::new(&entry.name).map_err(|why| refused(entry, why))?;
        if path.is_root() {
            if entry.kind != Kind::Directory {
                return Err(refused(entry, "takes the place of the root"));
            }
            return self.directory(entry, &path, None);
        }
        let (parent, name) = path.split();
        if parent.split(|b| *b == b'/').any(|part| part.starts_with(WHITEOUT)) {
            if parent.split(|b| *b == b'/').any(|part| part.starts_with(RESERVED)) {
                return Ok(());
            }
            return Err(refused(entry, "lies in a directory that is a whiteout"));
        }
        self.open_parent(entry, parent)?;
        if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) {
            return self.whiteout(entry, name, hidden);
        }
        match entry.kind {
            Kind::Directory => return self.directory(entry, &path, Some(name)),
            Kind::File => self.file(entry, name, archive)?,
            Kind::HardLink => return self.hard_link(entry, name),
            Kind::Symlink => self.symlink(entry, name)?,
            Kind::Character { .. } | Kind::Block { .. } | Kind::Fifo => self.node(entry, name)?,
        }
        Ok(())
    }

    /// The directory behind `self.parent`, which is there after [`open_parent`](Self::open_parent).
    fn dir(&self) -> BorrowedFd<'_> {
        self.parent.as_ref().map_or(self.root.as_fd(), |(_, dir)| dir.as_fd())
    }

    /// Makes the entry's directory the current one. What is missing of it is made, 0755 and root's.
    fn open_parent(&mut self, entry: &Entry, parent: &[u8]) -> Result<()> {
        match &self.parent {
            _ if parent.is_empty() => {
                self.parent = None;
                return Ok(());
            }
            Some((known, _)) if known == parent => return Ok(()),
            _ => {}
        }
        let dir = match open_beneath(self.root.as_fd(), parent) {
            Ok(dir) => dir,
            // There may be a whiteout on the way, which is no directory either.
            Err(Errno::ENOENT | Errno::ENOTDIR) => self.make_parents(entry, parent)?,
            Err(errno) => return Err(parent_failed(entry, errno)),
        };
        self.parent = Some((parent.to_vec(), dir));
        Ok(())
    }

    fn make_parents(&self, entry: &Entry, parent: &[u8]) -> Result<OwnedFd> {
        let mut dir: Option<OwnedFd> = None;
        for part in parent.split(|b| *b == b'/') {
            let above = dir.as_ref().map_or(self.root.as_fd(), |dir| dir.as_fd());
            let (name, mode) = (OsStr::from_bytes(part), Mode::from_bits_truncate(0o755));
            let hidden = stat(above, name).is_ok_and(|stat| is_whiteout(&stat));
            if hidden {
                beneath::remove(above, name).map_err(failed("replace the directory of", entry))?;
            }
            match mkdirat(above, name, mode) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(failed("make the directory of", entry)(errno)),
            }
            let next = open_beneath(above, part).map_err(|errno| parent_failed(entry, errno))?;
            if hidden {
                // It shows nothing of what was hidden.
                set_opaque(&next).map_err(failed("make opaque the directory of", entry))?;
            }
            dir = Some(next);
        }
        dir.map_or_else(|| Err(refused(entry, "has no directory")), Ok)
    }

    /// Removes what an earlier entry has made in the place of this one.
    fn clear(&mut self, entry: &Entry, name: &OsStr) -> Result<()> {
        let dir =
            self.dir().try_clone_to_owned().map_err(failed("open the directory of", entry))?;
        // It may be about to lose its name, if it lies in what is replaced.
        self.parent = None;
        beneath::remove(dir.as_fd(), name).map_err(failed("replace", entry))
    }

    fn directory(&mut self, entry: &Entry, path: &EntryPath, name: Option<&OsStr>) -> Result<()> {
        let mut opaque = false;
        let dir = match name {
            None => self.root.try_clone().map_err(failed("open", entry))?,
            Some(name) => {
                let mode = Mode::from_bits_truncate(0o700);
                match mkdirat(self.dir(), name, mode) {
                    Ok(()) => {}
                    Err(Errno::EEXIST) => {
                        let stat = stat(self.dir(), name).map_err(failed("look at", entry))?;
                        if !is(&stat, SFlag::S_IFDIR) {
                            // What was hidden and is there again shows nothing of what lies below.
                            opaque = is_whiteout(&stat);
                            let parent = path.split().0;
                            self.clear(entry, name)?;
                            self.open_parent(entry, parent)?;
                            mkdirat(self.dir(), name, mode).map_err(failed("make", entry))?;
                        }
                    }
                    Err(errno) => return Err(failed("make", entry)(errno)),
                }
                open_beneath(self.dir(), name.as_bytes()).map_err(failed("open", entry))?
            }
        };
        if opaque {
            set_opaque(dir.as_fd()).map_err(failed("make opaque", entry))?;
        }
        set_metadata(entry, &dir)?;
        self.names += path.as_bytes().len() + size_of::<(Vec<u8>, TimeSpec)>();
        if self.names > MAX_NAMES {
            return Err(TreeError::Limit("has more directories than are accepted"));
        }
        self.times.push((path.as_bytes().to_vec(), time(entry)));
        Ok(())
    }

    fn file<R: io::BufRead>(
        &mut self,
        entry: &Entry,
        name: &OsStr,
        archive: &mut Archive<R>,
    ) -> Result<()> {
        if entry.size > MAX_FILE {
            return Err(refused(entry, "is larger than a file may be"));
        }
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let make = |dir: BorrowedFd<'_>| openat(dir, name, flags, Mode::from_bits_truncate(0o600));
        let made = self.making(entry, name, make)?;
        let file = File::from(made);
        let mut end = 0;
        let mut written = 0;
        archive.data(entry, |offset, data| {
            end = offset + data.len() as u64;
            written += write_with_holes(&file, offset, data).map_err(failed("write", entry))?;
            self.check_bomb(written)
        })?;
        self.totals.bytes += written;
        // A hole at the end was not written, nor was anything when there is no data.
        file.set_len(entry.size).map_err(failed("write", entry))?;
        set_metadata(entry, &file)?;
        let time = time(entry);
        futimens(&file, &time, &time).map_err(failed("set the time of", entry))
    }

    fn check_bomb(&self, written: u64) -> Result<()> {
        let bytes = self.totals.bytes + written;
        if bytes > BOMB_FROM && bytes / BOMB_RATIO > self.packed {
            return Err(TreeError::Limit(
                "is inflated to more than 250 times its length, which real data is not",
            ));
        }
        Ok(())
    }

    /// Makes an entry; one of the same name that was there is removed first.
    fn making<T>(
        &mut self,
        entry: &Entry,
        name: &OsStr,
        make: impl Fn(BorrowedFd<'_>) -> nix::Result<T>,
    ) -> Result<T> {
        match make(self.dir()) {
            Err(Errno::EEXIST) => {
                let parent = self.parent.as_ref().map(|(path, _)| path.clone());
                self.clear(entry, name)?;
                self.open_parent(entry, &parent.unwrap_or_default())?;
                make(self.dir()).map_err(failed("make", entry))
            }
            made => made.map_err(failed("make", entry)),
        }
    }

    fn hard_link(&mut self, entry: &Entry, name: &OsStr) -> Result<()> {
        // Some builders write targets as absolute paths; they mean the root of the layer.
        let target = &entry.link[entry.link.iter().take_while(|b| **b == b'/').count()..];
        let target = EntryPath::new(target)
            .ok()
            .filter(|target| !target.is_root())
            .ok_or_else(|| refused(entry, "is a hard link to somewhere outside of the layer"))?;
        let path = EntryPath::new(&entry.name).map_err(|why| refused(entry, why))?;
        if target == path {
            return Err(refused(entry, "is a hard link to itself"));
        }
        let (parent, target_name) = target.split();
        let target_dir = match parent {
            [] => self.root.try_clone().map_err(failed("open", entry))?,
            parent => open_beneath(self.root.as_fd(), parent)
                .map_err(|_| refused(entry, "is a hard link to what is not in the layer"))?,
        };
        match stat(target_dir.as_fd(), target_name) {
            Err(Errno::ENOENT) => {
                return Err(refused(entry, "is a hard link to what is not in the layer"));
            }
            Err(errno) => return Err(failed("look at the target of", entry)(errno)),
            Ok(stat) if is(&stat, SFlag::S_IFDIR) || is_whiteout(&stat) => {
                return Err(refused(entry, "is a hard link to a directory or a whiteout"));
            }
            Ok(_) => {}
        }
        let make =
            |dir: BorrowedFd<'_>| linkat(&target_dir, target_name, dir, name, AtFlags::empty());
        self.making(entry, name, make)
    }

    fn symlink(&mut self, entry: &Entry, name: &OsStr) -> Result<()> {
        if entry.link.is_empty() || entry.link.contains(&0) {
            return Err(refused(entry, "is a link to nothing"));
        }
        let target = OsStr::from_bytes(&entry.link);
        self.making(entry, name, |dir| symlinkat(target, dir, name))?;
        self.set_link_metadata(entry, name)
    }

    fn node(&mut self, entry: &Entry, name: &OsStr) -> Result<()> {
        let (kind, device) = match entry.kind {
            Kind::Character { major: 0, minor: 0 } => {
                return Err(refused(entry, "is the device 0/0, which would hide a file"));
            }
            Kind::Character { major, minor } => (SFlag::S_IFCHR, (major, minor)),
            Kind::Block { major, minor } => (SFlag::S_IFBLK, (major, minor)),
            _ => (SFlag::S_IFIFO, (0, 0)),
        };
        // Twelve bits and twenty, as the kernel has them.
        if device.0 >= 1 << 12 || device.1 >= 1 << 20 {
            return Err(refused(entry, "is a device of a number that cannot be"));
        }
        let number = makedev(device.0, device.1);
        let mode = Mode::from_bits_truncate(0o600);
        self.making(entry, name, |dir| mknodat(dir, name, kind, mode, number))?;
        let mode = Mode::from_bits_truncate(entry.mode);
        let owned = self.set_link_metadata(entry, name);
        // Of the node that was just made; nobody else writes here who could have put a link in its place.
        fchmodat(self.dir(), name, mode, FchmodatFlags::FollowSymlink)
            .map_err(failed("set the mode of", entry))?;
        owned
    }

    /// The owner and time of what has no descriptor.
    fn set_link_metadata(&self, entry: &Entry, name: &OsStr) -> Result<()> {
        let (uid, gid) = owner(entry)?;
        fchownat(self.dir(), name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(failed("set the owner of", entry))?;
        let time = time(entry);
        utimensat(self.dir(), name, &time, &time, UtimensatFlags::NoFollowSymlink)
            .map_err(failed("set the time of", entry))
    }

    fn whiteout(&mut self, entry: &Entry, name: &OsStr, hidden: &[u8]) -> Result<()> {
        if name.as_bytes() == OPAQUE {
            return set_opaque(self.dir_for_xattr()?.as_fd()).map_err(failed("make opaque", entry));
        }
        if name.as_bytes().starts_with(RESERVED) {
            return Ok(());
        }
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(refused(entry, "is a whiteout of nothing"));
        }
        let hidden = OsStr::from_bytes(hidden);
        match mknodat(self.dir(), hidden, SFlag::S_IFCHR, Mode::empty(), 0) {
            Ok(()) => Ok(()),
            // A whiteout concerns the layers below, and this one has something in its place.
            Err(Errno::EEXIST) => match open_beneath(self.dir(), hidden.as_bytes()) {
                Ok(dir) => set_opaque(dir.as_fd()).map_err(failed("make opaque", entry)),
                Err(Errno::ENOTDIR | Errno::ELOOP) => Ok(()),
                Err(errno) => Err(failed("look at", entry)(errno)),
            },
            Err(errno) => Err(failed("make", entry)(errno)),
        }
    }

    fn dir_for_xattr(&self) -> Result<OwnedFd> {
        self.dir().try_clone_to_owned().map_err(|source| TreeError::System {
            step: "open",
            name: Vec::new(),
            source,
        })
    }

    /// Sets the times of all directories that are still what they were.
    fn set_times(&mut self) -> Result<()> {
        for (path, time) in &self.times {
            let step = "set the time of";
            let fail =
                |errno: Errno| TreeError::System { step, name: path.clone(), source: errno.into() };
            let done = match &path[..] {
                [] => futimens(&self.root, time, time),
                path => match open_beneath(self.root.as_fd(), path) {
                    Ok(dir) => futimens(&dir, time, time),
                    // A later entry has replaced it.
                    Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(()),
                    Err(errno) => Err(errno),
                },
            };
            done.map_err(fail)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
