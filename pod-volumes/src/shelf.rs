//! Named directories that outlive the pods that use them.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::renameat;
use nix::sys::stat::{Mode, mkdirat};

use crate::below::{is_plain_name, open_dir};
use crate::{DriverError, Ownership, RemoveError, remove_tree};

/// Whoever a container runs as may write, as in directories that provisioners of clusters make on their nodes.
const MODE: u32 = 0o777;

/// A directory of named directories, each of which is a volume that is kept until somebody removes it: what stands behind
/// a `persistentVolumeClaim`.
///
/// ```no_run
/// use pod_volumes::Shelf;
///
/// let shelf = Shelf::new("/var/lib/pod/volumes");
/// let data = shelf.prepare("web-data", None)?;
/// println!("{}", data.display());
/// shelf.remove("web-data").map_err(|errors| format!("{errors:?}"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    dir: PathBuf,
}

impl Shelf {
    /// The directories in `dir`, which is made with the first of them.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where the volume of this name lies, whether or not it has been made.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Makes the volume unless it is there, for anybody to write, and gives it to a group if need be.
    ///
    /// # Errors
    ///
    /// [`DriverError::Io`] when the name is no plain one, a link or a file is in its place, or something in it cannot be
    /// given to the group.
    pub fn prepare(
        &self,
        name: &str,
        ownership: Option<Ownership>,
    ) -> Result<PathBuf, DriverError> {
        let path = self.path(name);
        let failed = |action| {
            let path = path.clone();
            move |source: io::Error| DriverError::Io { action, path, source }
        };
        let dir = self.make(OsStr::new(name)).map_err(failed("make directory"))?;
        if let Some(ownership) = ownership {
            ownership.apply(dir.as_fd()).map_err(failed("give to the group of the pod"))?;
        }
        Ok(path)
    }

    fn make(&self, name: &OsStr) -> io::Result<File> {
        if !is_plain_name(name) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        let shelf = File::open(&self.dir)?;
        match open_dir(&shelf, name) {
            Err(Errno::ENOENT) => {}
            found => return Ok(File::from(found?)),
        }
        // Under its name there is never one that lacks its mode.
        let mut new = OsString::from(".new-");
        new.push(name);
        match mkdirat(&shelf, new.as_os_str(), Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        let dir = File::from(open_dir(&shelf, &new)?);
        dir.set_permissions(Permissions::from_mode(MODE))?;
        renameat(&shelf, new.as_os_str(), &shelf, name)?;
        Ok(dir)
    }

    /// Removes the volume and all that is in it. One that is not there is a success.
    ///
    /// # Errors
    ///
    /// As [`remove_tree`].
    pub fn remove(&self, name: &str) -> Result<(), Vec<RemoveError>> {
        match File::open(&self.dir) {
            Ok(shelf) => remove_tree(shelf.as_fd(), OsStr::new(name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(vec![RemoveError::Io { path: self.dir.clone(), source }]),
        }
    }
}
