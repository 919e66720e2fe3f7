//! Writes the files of a volume so that whoever reads them sees all of the old ones or
//! all of the new ones: the layout that the kubelet made known.
//!
//! ```text
//! volume/
//!   ..1795319516000000000/   the files
//!   ..data -> ..1795319516000000000
//!   app.conf -> ..data/app.conf
//!   tls -> ..data/tls
//! ```
//!
//! Each step is one name in an open directory, and no link is followed on the way.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::symlinkat;

use crate::below::{is_plain_name, names, open_dir};
use crate::driver::give;
use crate::{Payload, PayloadError, PayloadFile, remove_tree};

/// The link that is switched.
const DATA: &str = "..data";

/// The link that it is switched by.
const NEW_DATA: &str = "..data_tmp";

/// The mode of a volume: whoever a container runs as may look in, as in the kubelet. Nobody
/// may write: it is to be mounted read-only.
const MODE: u32 = 0o777;

/// The mode of directories below a volume.
const DIR_MODE: u32 = 0o755;

/// What the group of a volume that is only read may do with a file and a directory.
const GROUP_FILE: u32 = 0o440;
const GROUP_DIR: u32 = 0o2550;

impl Payload {
    /// Makes the directory `name` of `parent`, which is a volume, hold exactly these files, in
    /// one step for whoever reads them. It is made with mode 0777 if it is not there. What is
    /// there already is left as it is.
    ///
    /// With a `group`, which is `fsGroup`, all of it belongs to the group, which may read it.
    ///
    /// Says whether a file has changed.
    ///
    /// # Errors
    ///
    /// [`PayloadError::Io`], also when `name` is a path, or a link or a file is in its place.
    /// The files are the old ones or the new ones then, and the next call takes away what
    /// this one has left.
    pub fn write_to(
        &self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        group: Option<u32>,
    ) -> Result<bool, PayloadError> {
        let dir = volume_dir(parent, name, group).map_err(failed("make", name))?;
        let volume = Volume { dir: dir.as_fd(), group };
        let current = volume.current().map_err(failed("read", DATA))?;
        let wanted = volume.as_written(self);
        let changed = match &current {
            Some(name) => volume.read(name).map_err(failed("read", name))? != wanted,
            None => true,
        };
        let name = match current.filter(|_| !changed) {
            Some(name) => name,
            None => volume.switch(&wanted)?,
        };
        volume.show(self).map_err(failed("link", "files"))?;
        volume.tidy(self, &name)?;
        Ok(changed)
    }
}

fn failed<E: Into<io::Error>>(
    action: &'static str,
    path: impl AsRef<Path>,
) -> impl FnOnce(E) -> PayloadError {
    move |source| PayloadError::Io { action, path: path.as_ref().to_owned(), source: source.into() }
}

/// Opens the directory of a volume, and makes it if it is not there.
fn volume_dir(parent: BorrowedFd<'_>, name: &OsStr, group: Option<u32>) -> io::Result<File> {
    if !is_plain_name(name) {
        return Err(Errno::EINVAL.into());
    }
    match mkdirat(parent, name, Mode::S_IRWXU) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let dir = File::from(open_dir(parent, name)?);
    give(&dir, MODE, group)?;
    Ok(dir)
}

/// The directory of a volume, and whom it belongs to.
struct Volume<'a> {
    dir: BorrowedFd<'a>,
    group: Option<u32>,
}

impl Volume<'_> {
    /// The directory that holds the files now.
    fn current(&self) -> io::Result<Option<OsString>> {
        match readlinkat(self.dir, DATA) {
            Ok(name) => Ok(Some(name).filter(|name| is_plain_name(name))),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The files with the modes that they get here.
    fn as_written(&self, payload: &Payload) -> Payload {
        let mut payload = payload.clone();
        if self.group.is_some() {
            payload.files_mut().for_each(|file| file.mode |= GROUP_FILE);
        }
        payload
    }

    /// What is in a directory of files. One that is not there holds none.
    fn read(&self, name: &OsStr) -> io::Result<Payload> {
        let mut found = Payload::default();
        match open_dir(self.dir, name) {
            Ok(dir) => read_into(&dir, Path::new(""), &mut found)?,
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(found)
    }

    /// Writes the files to a new directory and makes it the current one.
    fn switch(&self, payload: &Payload) -> Result<OsString, PayloadError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("..{}", now.as_nanos());
        let new = self.make_dir(self.dir, OsStr::new(&name)).map_err(failed("make", &name))?;
        for (path, file) in payload.files() {
            self.write(&new, path, file).map_err(failed("write", path))?;
        }
        let switch = || -> io::Result<()> {
            remove_tree(self.dir, OsStr::new(NEW_DATA)).map_err(|_| Errno::EBUSY)?;
            symlinkat(name.as_str(), self.dir, NEW_DATA)?;
            Ok(renameat(self.dir, NEW_DATA, self.dir, DATA)?)
        };
        switch().map_err(failed("switch", DATA))?;
        Ok(name.into())
    }

    fn write(&self, dir: &OwnedFd, path: &Path, file: &PayloadFile) -> io::Result<()> {
        let mut dir = dir.try_clone()?;
        for component in path.parent().into_iter().flat_map(Path::components) {
            dir = match open_dir(&dir, component.as_os_str()) {
                Err(Errno::ENOENT) => self.make_dir(dir.as_fd(), component.as_os_str())?,
                result => result?,
            };
        }
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let name = path.file_name().unwrap_or_default();
        let mut made = File::from(openat(&dir, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
        made.write_all(&file.content)?;
        fchown(&made, None, self.group)?;
        made.set_permissions(Permissions::from_mode(file.mode))
    }

    fn make_dir(&self, parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
        mkdirat(parent, name, Mode::S_IRWXU)?;
        let made = File::from(open_dir(parent, name)?);
        made.set_permissions(Permissions::from_mode(DIR_MODE))?;
        self.own(&made, GROUP_DIR)?;
        Ok(made.into())
    }

    /// Gives something to the group, which may do what `allowed` says.
    fn own(&self, file: &File, allowed: u32) -> io::Result<()> {
        let Some(group) = self.group else { return Ok(()) };
        fchown(file, None, Some(group))?;
        let mode = file.metadata()?.mode() & 0o7777 | allowed;
        file.set_permissions(Permissions::from_mode(mode))
    }

    /// Makes the links by which the files are seen.
    fn show(&self, payload: &Payload) -> io::Result<()> {
        for name in tops(payload) {
            let target = Path::new(DATA).join(name);
            match readlinkat(self.dir, name) {
                Ok(found) if found == target => continue,
                Err(Errno::ENOENT) => {}
                _ => remove_tree(self.dir, name).map_err(|_| Errno::EBUSY)?,
            }
            symlinkat(&target, self.dir, name)?;
        }
        Ok(())
    }

    /// Takes away what is neither shown nor the current directory.
    fn tidy(&self, payload: &Payload, current: &OsStr) -> Result<(), PayloadError> {
        let mut kept = tops(payload);
        kept.extend([OsStr::new(DATA), current]);
        let found = names(self.dir).map_err(failed("read", "the volume"))?;
        for name in found.iter().filter(|name| !kept.contains(name.as_os_str())) {
            remove_tree(self.dir, name).map_err(|errors| PayloadError::Remove { errors })?;
        }
        Ok(())
    }
}

/// The names at the top of the files' paths.
fn tops(payload: &Payload) -> BTreeSet<&OsStr> {
    payload
        .files()
        .filter_map(|(path, _)| path.components().next())
        .map(Component::as_os_str)
        .collect()
}

fn read_into(dir: &OwnedFd, at: &Path, found: &mut Payload) -> io::Result<()> {
    for name in names(dir)? {
        let path: PathBuf = at.join(&name);
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let mut file = File::from(openat(dir, name.as_os_str(), flags, Mode::empty())?);
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            read_into(&file.into(), &path, found)?;
            continue;
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let mode = metadata.mode() & 0o7777;
        found.put(path, PayloadFile { content, mode });
    }
    Ok(())
}
