//! The seam between the volumes of a pod and the kinds there are.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::stat::{Mode, mkdirat};

use crate::below::open_dir;
use crate::{DriverError, RemoveError, Source, remove_tree};

/// One kind of volume.
///
/// A driver that leaves anything to be undone makes the volume's directory with
/// [`VolumeContext::make_dir`]: at tear-down, perhaps in another process, those
/// directories are the record of which volumes there are.
pub trait Driver: fmt::Debug + Send + Sync {
    /// What the driver is found by, a qualified name such as `example.com/scratch`.
    fn kind(&self) -> &str;

    /// Makes the volume ready and says what is to be mounted.
    ///
    /// It may be called again for a volume that is there already, which then has to
    /// be left with its content.
    ///
    /// # Errors
    ///
    /// Whatever kept the volume from being made. [`tear_down`](Driver::tear_down) is
    /// then called if the volume's directory is new.
    fn prepare(
        &self,
        context: &VolumeContext<'_>,
        source: &Source,
    ) -> Result<MountSource, DriverError>;

    /// Undoes [`prepare`](Driver::prepare) and removes the volume's directory.
    ///
    /// # Errors
    ///
    /// It goes on after an error and returns them all.
    fn tear_down(&self, context: &VolumeContext<'_>) -> Result<(), Vec<DriverError>> {
        context.remove_dir()
    }
}

/// A driver that several hold.
impl<D: Driver + ?Sized> Driver for Arc<D> {
    fn kind(&self) -> &str {
        (**self).kind()
    }

    fn prepare(
        &self,
        context: &VolumeContext<'_>,
        source: &Source,
    ) -> Result<MountSource, DriverError> {
        (**self).prepare(context, source)
    }

    fn tear_down(&self, context: &VolumeContext<'_>) -> Result<(), Vec<DriverError>> {
        (**self).tear_down(context)
    }
}

/// What is to be mounted for a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MountSource {
    /// A directory or file, to be bind mounted.
    Path(PathBuf),
    /// A tmpfs, to be mounted once for the pod, in the pod's own mount namespace.
    Tmpfs {
        /// The directory to mount it on.
        path: PathBuf,
        /// Its size in bytes; none for the kernel's default, half of the memory.
        size: Option<u64>,
        /// The mode of its root directory.
        mode: u32,
        /// The group of its root directory; none for root's.
        group: Option<u32>,
        /// The size of its huge pages in bytes: it is to be a hugetlbfs then.
        page_size: Option<u64>,
    },
    /// A directory of a tmpfs that several volumes share, which is to be mounted once for
    /// the pod, in the pod's own mount namespace. Nobody has to see it but root: mode 0700.
    Files {
        /// The directory to mount the tmpfs on.
        tmpfs: PathBuf,
        /// The volume's directory right below it, to be bind mounted, which is made when its
        /// files are written: [`Payload::write_to`](crate::Payload::write_to).
        path: PathBuf,
    },
}

/// A volume that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Its name.
    pub name: String,
    /// What is to be mounted.
    pub source: MountSource,
}

/// The volume a driver works on, and the one directory it may use.
#[derive(Clone, Copy, Debug)]
pub struct VolumeContext<'a> {
    pub(crate) base: BorrowedFd<'a>,
    pub(crate) base_path: &'a Path,
    pub(crate) kind_dir: &'a str,
    pub(crate) name: &'a str,
    pub(crate) group: Option<u32>,
}

/// What the group of a pod's volumes may do with a directory, and that what is made in it is the group's too.
const GROUP_DIR: u32 = 0o2770;

impl VolumeContext<'_> {
    /// The volume's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// The volume's own directory, whether or not it has been made.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.base_path.join(self.kind_dir).join(self.name)
    }

    /// The group that the pod's volumes belong to, if any: `fsGroup`.
    #[must_use]
    pub fn group(&self) -> Option<u32> {
        self.group
    }

    /// The mode of a directory that is to have `mode` and may belong to the group.
    #[must_use]
    pub fn dir_mode(&self, mode: u32) -> u32 {
        dir_mode(mode, self.group)
    }

    /// Makes the directory that the pod's volumes of this kind have in common, the parent of
    /// [`dir`](Self::dir), and returns it. One that is there already is left as it is.
    ///
    /// # Errors
    ///
    /// [`DriverError::Io`], also when a file is in the way.
    pub(crate) fn make_kind_dir(&self) -> Result<PathBuf, DriverError> {
        let path = self.base_path.join(self.kind_dir);
        self.open_kind_dir().map_err(|errno| failed("make directory", path.clone(), errno))?;
        Ok(path)
    }

    fn open_kind_dir(&self) -> Result<OwnedFd, Errno> {
        make(self.base, self.kind_dir, Mode::S_IRWXU)?;
        open_dir(self.base, OsStr::new(self.kind_dir))
    }

    /// Makes [`dir`](Self::dir) with exactly `mode`, whatever the umask, and returns
    /// it. It belongs to the [group](Self::group), which adds its rights to the mode. One
    /// that is there already keeps its content.
    ///
    /// # Errors
    ///
    /// [`DriverError::Io`], also when a link or a file is in the way.
    pub fn make_dir(&self, mode: u32) -> Result<PathBuf, DriverError> {
        let make_dir = || {
            let kind = self.open_kind_dir()?;
            make(kind.as_fd(), self.name, Mode::S_IRWXU)?;
            open_dir(&kind, OsStr::new(self.name))
        };
        let dir = make_dir().map_err(|errno| failed("make directory", self.dir(), errno))?;
        give(&dir.into(), mode, self.group)
            .map_err(|source| failed("set the mode of", self.dir(), source))?;
        Ok(self.dir())
    }

    /// Removes [`dir`](Self::dir) and all that is in it, as [`remove_tree`] does.
    ///
    /// # Errors
    ///
    /// Every [`RemoveError`] that came up, as [`DriverError::Remove`].
    pub fn remove_dir(&self) -> Result<(), Vec<DriverError>> {
        let removed = match open_dir(self.base, OsStr::new(self.kind_dir)) {
            Ok(kind) => remove_tree(kind.as_fd(), OsStr::new(self.name)),
            Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(vec![RemoveError::Io { path: self.dir(), source: errno.into() }]),
        };
        removed.map_err(|errors| errors.into_iter().map(DriverError::from).collect())
    }

    /// Whether [`dir`](Self::dir) has been made.
    pub(crate) fn exists(&self) -> bool {
        open_dir(self.base, OsStr::new(self.kind_dir))
            .and_then(|kind| open_dir(kind, OsStr::new(self.name)))
            .is_ok()
    }
}

fn failed<E: Into<io::Error>>(action: &'static str, path: PathBuf, source: E) -> DriverError {
    DriverError::Io { action, path, source: source.into() }
}

fn dir_mode(mode: u32, group: Option<u32>) -> u32 {
    if group.is_some() { mode | GROUP_DIR } else { mode }
}

/// Gives a directory to the group, if there is one, which adds its rights to the mode.
pub(crate) fn give(dir: &File, mode: u32, group: Option<u32>) -> io::Result<()> {
    let mode = dir_mode(mode, group);
    if group.is_some() {
        fchown(dir, None, group)?;
    }
    // Left alone when right: setting it would drop a set-group-id bit.
    let bits = if group.is_some() { 0o2777 } else { 0o777 };
    if dir.metadata()?.permissions().mode() & bits != mode {
        dir.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(())
}

fn make(parent: BorrowedFd<'_>, name: &str, mode: Mode) -> Result<(), Errno> {
    match mkdirat(parent, name, mode) {
        Err(errno) if errno != Errno::EEXIST => Err(errno),
        _ => Ok(()),
    }
}
