//! Open directories, in which nothing is reached but by a single name, and no link is followed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

/// How often a path may change while it is looked up.
const MAX_ATTEMPTS: usize = 64;

/// A file, directory or whatever else, opened without reading from it.
#[derive(Debug)]
pub(super) struct Directory(OwnedFd);

/// What lies at a path, looked up in one go.
pub(super) fn look_up(
    at: BorrowedFd<'_>,
    path: &Path,
    flags: OFlag,
    resolve: ResolveFlag,
) -> io::Result<Directory> {
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC | flags).resolve(resolve);
    for _ in 0..MAX_ATTEMPTS {
        match openat2(at, path, how) {
            // Something was renamed meanwhile, and the kernel cannot tell whether it is still within.
            Err(Errno::EAGAIN) => {}
            result => return Ok(Directory(result?)),
        }
    }
    Err(io::Error::other("it keeps changing"))
}

pub(super) fn is_directory(file: &Directory) -> io::Result<bool> {
    Ok(file.kind()? == SFlag::S_IFDIR)
}

impl Directory {
    /// A directory of this machine.
    pub fn open(at: BorrowedFd<'_>, path: &Path) -> io::Result<Self> {
        look_up(at, path, OFlag::O_DIRECTORY, ResolveFlag::empty())
    }

    pub fn stat(&self) -> io::Result<FileStat> {
        Ok(fstat(&self.0)?)
    }

    pub fn kind(&self) -> io::Result<SFlag> {
        Ok(SFlag::from_bits_truncate(self.stat()?.st_mode & SFlag::S_IFMT.bits()))
    }

    /// What has this name in it, without following a link.
    pub fn entry(&self, name: &OsStr) -> nix::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&self.0, name, flags, Mode::empty()).map(Self)
    }

    /// The directory that has this name in it.
    pub fn directory(&self, name: &OsStr) -> nix::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        openat(&self.0, name, flags, Mode::empty()).map(Self)
    }

    /// The same, made when it is missing; says whether it was.
    pub fn make_directory(&self, name: &OsStr) -> nix::Result<(Self, bool)> {
        match mkdirat(&self.0, name, Mode::from_bits_truncate(0o700)) {
            Ok(()) => Ok((self.directory(name)?, true)),
            Err(Errno::EEXIST) => Ok((self.directory(name)?, false)),
            Err(e) => Err(e),
        }
    }

    /// The names in it.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(self.path())?.map(|entry| Ok(entry?.file_name())).collect()
    }

    /// Opens it for real. It must be a file or a directory.
    pub fn reopen(&self, options: &mut OpenOptions) -> io::Result<File> {
        options.custom_flags(OFlag::O_NONBLOCK.bits()).open(self.path())
    }

    /// A path by which the kernel finds exactly this file.
    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.0.as_raw_fd())
    }

    /// Where it leads, when it is a link.
    pub fn target(&self) -> nix::Result<OsString> {
        readlinkat(&self.0, "")
    }

    /// Makes a file of a new name, for writing.
    pub fn create(&self, name: &OsStr) -> nix::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        let mode = Mode::from_bits_truncate(0o600);
        openat(&self.0, name, flags | OFlag::O_CLOEXEC, mode).map(File::from)
    }

    pub fn create_link(&self, target: &OsStr, name: &OsStr) -> nix::Result<()> {
        symlinkat(target, &self.0, name)
    }

    /// Gives what lies in another directory a second name in this one.
    pub fn create_hard_link(&self, from: &Self, old: &OsStr, name: &OsStr) -> nix::Result<()> {
        linkat(&from.0, old, &self.0, name, AtFlags::empty())
    }

    /// Puts one entry in the place of another, which must not be a mount.
    pub fn replace(&self, name: &OsStr, with: &OsStr) -> io::Result<()> {
        self.refuse_mount(name)?;
        Ok(renameat(&self.0, with, &self.0, name)?)
    }

    /// Refuses what has something mounted on it: the kernel would unmount that, since it is another namespace's.
    fn refuse_mount(&self, name: &OsStr) -> io::Result<()> {
        let entry = match self.entry(name) {
            Err(Errno::ENOENT) => return Ok(()),
            entry => entry?,
        };
        if entry.mount()? == self.mount()? {
            return Ok(());
        }
        let name = Path::new(name).display();
        Err(io::Error::other(format!("{name} is a mount of its own, which cannot be replaced")))
    }

    /// The mount that it lies on.
    fn mount(&self) -> io::Result<String> {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", self.0.as_raw_fd()))?;
        let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:"));
        id.map(|id| id.trim().to_owned()).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Removes an entry of a name that was made here.
    pub fn remove(&self, name: &OsStr) -> nix::Result<()> {
        unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
