//! Copies files into containers and out of them, whatever their images hold.
//!
//! Paths are looked up by the kernel within the container's root (`openat2(2)`, `RESOLVE_IN_ROOT`), with its volumes and
//! read-only mounts as the container sees them. From there on each step is one component below an open directory and
//! follows no link, so a container that swaps its files for links meanwhile leads nowhere else.

mod archive;
mod directory;
mod tree;

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, OFlag, ResolveFlag};
use nix::sys::stat::SFlag;
use pod_sandbox::{ContainerId, ContainerRoot, Sandbox};

use crate::error::RuntimeError;
use crate::handle::PodHandle;
use directory::{Directory, is_directory, look_up};
use tree::{Copy, Ownership};

/// The files of a running container. What is copied over a file takes its place as a whole.
#[derive(Debug)]
pub struct ContainerFiles {
    root: ContainerRoot,
    container: String,
}

/// What of a copy was left out: neither file, directory nor link.
pub type Skipped = Vec<PathBuf>;

impl PodHandle {
    /// The files of a running container, as its first process sees them.
    ///
    /// # Errors
    /// When the container does not run.
    pub fn files(&self, container: &str) -> Result<ContainerFiles, RuntimeError> {
        self.known(container)?;
        let act = |sandbox: &Sandbox, id: &ContainerId| sandbox.root(id);
        let (_, root) = self.in_container_now(container, act)?;
        Ok(ContainerFiles { root, container: container.to_owned() })
    }
}

impl ContainerFiles {
    /// Copies a file or directory of this machine into the container: below `to` when that is a directory, else in its
    /// place. Links within are copied as links, and all keeps the times of its last changes. `preserve` keeps modes and, when
    /// the container runs as root, owners; what is not kept is the container's user's.
    ///
    /// # Errors
    /// When something cannot be read or written; what was copied before stays.
    pub fn copy_in(&self, from: &Path, to: &Path, preserve: bool) -> Result<Skipped, RuntimeError> {
        let fault = self.fault("copy to", to);
        let copy = || -> io::Result<Skipped> {
            let source = look_up(AT_FDCWD, from, OFlag::empty(), ResolveFlag::empty());
            let shown = |e| io::Error::other(format!("{}: {e}", from.display()));
            let source = source.map_err(shown)?;
            let (parent, name) = match self.open(to, OFlag::O_DIRECTORY) {
                Ok(directory) => (directory, base_name(from)?),
                Err(_) if ends_with_slash(to) => return Err(io::ErrorKind::NotADirectory.into()),
                Err(_) => self.open_parent(to)?,
            };
            Copy::new(self.ownership(preserve)).copy(&source, &parent, &name)
        };
        copy().map_err(fault)
    }

    /// Copies a file or directory of the container to this machine. A file goes below `to` when that is a directory; what a
    /// directory holds goes to the directory `to`, which is made when it is missing. All is the caller's, without setuid and
    /// setgid bits, and keeps the times of its last changes.
    ///
    /// # Errors
    /// When something cannot be read or written; what was copied before stays.
    pub fn copy_out(&self, from: &Path, to: &Path) -> Result<Skipped, RuntimeError> {
        let copy = || -> io::Result<Skipped> {
            let source = self.open(from, OFlag::empty())?;
            let existing = Directory::open(AT_FDCWD, to).ok();
            let (parent, name) = match existing {
                Some(directory) if !is_directory(&source)? => (directory, base_name(from)?),
                _ => {
                    let parent = to.parent().filter(|p| !p.as_os_str().is_empty());
                    let parent = parent.unwrap_or(Path::new("."));
                    std::fs::create_dir_all(parent)?;
                    let name = to.file_name().unwrap_or(OsStr::new("."));
                    (Directory::open(AT_FDCWD, parent)?, name.to_owned())
                }
            };
            Copy::new(Ownership::Callers).copy(&source, &parent, &name)
        };
        copy().map_err(self.fault("copy from", from))
    }

    /// Writes a file or directory of the container as a tar archive.
    ///
    /// # Errors
    /// When something cannot be read, or the archive not be written.
    pub fn pack(&self, from: &Path, to: impl Write) -> Result<Skipped, RuntimeError> {
        let pack = || -> io::Result<Skipped> {
            let source = self.open(from, OFlag::empty())?;
            let name = base_name(from).unwrap_or_else(|_| ".".into());
            archive::pack(&source, Path::new(&name), to)
        };
        pack().map_err(self.fault("copy from", from))
    }

    /// Unpacks a tar archive into a directory of the container; `preserve` as with [`copy_in`](Self::copy_in).
    ///
    /// # Errors
    /// When it is no archive, an entry of it leads out of the directory, or something cannot be written.
    pub fn unpack(
        &self,
        from: impl Read,
        to: &Path,
        preserve: bool,
    ) -> Result<Skipped, RuntimeError> {
        let unpack = || -> io::Result<Skipped> {
            let directory = self.open(to, OFlag::O_DIRECTORY)?;
            archive::unpack(from, &directory, &Copy::new(self.ownership(preserve)))
        };
        unpack().map_err(self.fault("copy to", to))
    }

    fn ownership(&self, preserve: bool) -> Ownership {
        let (uid, gid) = (self.root.uid, self.root.gid);
        match preserve {
            true if uid == 0 => Ownership::Kept,
            true => Ownership::Users { uid, gid, modes: true },
            false => Ownership::Users { uid, gid, modes: false },
        }
    }

    /// What lies at a path, relative to the working directory of the container's first process.
    fn open(&self, path: &Path, flags: OFlag) -> io::Result<Directory> {
        let path = Path::new("/").join(&self.root.cwd).join(path);
        let within = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        look_up(self.root.dir.as_fd(), &path, flags, within)
    }

    /// The directory of what does not exist yet, and its name there.
    fn open_parent(&self, path: &Path) -> io::Result<(Directory, std::ffi::OsString)> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        let parent = self.open(parent, OFlag::O_DIRECTORY);
        let missing = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => {
                io::Error::other("there is no such directory: make it first")
            }
            _ => e,
        };
        Ok((parent.map_err(missing)?, base_name(path)?))
    }

    fn fault(&self, action: &str, path: &Path) -> impl FnOnce(io::Error) -> RuntimeError + use<> {
        RuntimeError::io(format!("{action} {} of container `{}`", path.display(), self.container))
    }
}

/// Opens a file for reading that lies below a directory, on the same file system; links may lead to it within the directory.
/// `None` when it is no regular file.
pub(crate) fn open_below(dir: BorrowedFd<'_>, path: &Path) -> io::Result<Option<File>> {
    let below = ResolveFlag::RESOLVE_BENEATH
        | ResolveFlag::RESOLVE_NO_XDEV
        | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let found = look_up(dir, path, OFlag::empty(), below)?;
    if found.kind()? != SFlag::S_IFREG {
        return Ok(None);
    }
    found.reopen(OpenOptions::new().read(true)).map(Some)
}

fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

fn base_name(path: &Path) -> io::Result<std::ffi::OsString> {
    if let Some(name) = path.file_name() {
        return Ok(name.to_owned());
    }
    // Such as `.` or `..`, whose names are known only here.
    let whole = std::fs::canonicalize(path)?;
    whole.file_name().map(ToOwned::to_owned).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
