//! Files of the store: written whole or not at all, and locked by the kernel.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file or directory of the store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}", path.display())]
pub struct FileError {
    step: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// What was to be done with `path`, for `map_err`.
    pub(crate) fn at<E: Into<io::Error>>(
        step: &'static str,
        path: &Path,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self { step, path: path.to_owned(), source: source.into() }
    }
}

/// A lock that goes with the process at the latest.
pub(crate) type Lock = Flock<File>;

/// Who else may hold a lock at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Others that share it.
    Shared,
    /// Nobody.
    Exclusive,
}

/// Takes the lock that `path` is, which is made when it is missing, and waits for it.
pub(crate) fn lock(path: &Path, sharing: Sharing) -> Result<Lock, FileError> {
    match take(path, sharing, true)? {
        Some(lock) => Ok(lock),
        // Cannot be: a lock that is waited for is got.
        None => Err(FileError::at("lock", path)(io::Error::from(io::ErrorKind::WouldBlock))),
    }
}

/// Takes the lock that `path` is, unless somebody holds it.
pub(crate) fn try_lock(path: &Path, sharing: Sharing) -> Result<Option<Lock>, FileError> {
    take(path, sharing, false)
}

fn take(path: &Path, sharing: Sharing, wait: bool) -> Result<Option<Lock>, FileError> {
    let kind = match (sharing, wait) {
        (Sharing::Shared, true) => FlockArg::LockShared,
        (Sharing::Shared, false) => FlockArg::LockSharedNonblock,
        (Sharing::Exclusive, true) => FlockArg::LockExclusive,
        (Sharing::Exclusive, false) => FlockArg::LockExclusiveNonblock,
    };
    loop {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(FileError::at("open", path))?;
        let mut file = file;
        let lock = loop {
            match Flock::lock(file, kind) {
                Ok(lock) => break lock,
                Err((_, nix::errno::Errno::EWOULDBLOCK)) if !wait => return Ok(None),
                Err((again, nix::errno::Errno::EINTR)) => file = again,
                Err((_, errno)) => return Err(FileError::at("lock", path)(errno)),
            }
        };
        // While we waited the file may have been removed or renamed; then what we hold is a lock on nothing.
        let ours = lock.metadata().map_err(FileError::at("look at", path))?;
        match fs::metadata(path) {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                return Ok(Some(lock));
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(FileError::at("look at", path)(e)),
        }
    }
}

/// Makes a directory that is root's alone, with those above it.
pub(crate) fn make_dir(path: &Path) -> Result<(), FileError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(FileError::at("make", path))
}

/// Has the names in a directory survive a loss of power.
pub(crate) fn sync_dir(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(FileError::at("write", path))
}

/// A name in `dir` that no other thread or process uses.
pub(crate) fn temporary(dir: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    dir.join(format!("{}.{count}", std::process::id()))
}

/// Makes `path` hold `bytes`, all of them or what it held before. `temporaries` is a directory beside it.
pub(crate) fn write(path: &Path, temporaries: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let temporary = temporary(temporaries);
    let written = || -> io::Result<()> {
        // A process of the same number may have left one behind.
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    written().map_err(|source| {
        // It failed already, and a leftover is swept.
        let _ = fs::remove_file(&temporary);
        FileError::at("write", path)(source)
    })?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes `path` hold `value` as JSON.
pub(crate) fn write_json(
    path: &Path,
    temporaries: &Path,
    value: &impl Serialize,
) -> Result<(), FileError> {
    let bytes = serde_json::to_vec(value).map_err(FileError::at("write", path))?;
    write(path, temporaries, &bytes)
}

/// What `path` holds, up to `most` bytes; `None` when it is missing.
pub(crate) fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, FileError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(FileError::at("read", path)(e)),
    };
    let mut bytes = Vec::new();
    let read = (&mut file).take(most + 1).read_to_end(&mut bytes);
    read.map_err(FileError::at("read", path))?;
    if bytes.len() as u64 > most {
        return Err(FileError::at("read", path)(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    Ok(Some(bytes))
}

/// What `path` holds as JSON; `None` when it is missing.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    // Configurations may hold megabytes of labels, and are part of records.
    let Some(bytes) = read(path, 16 << 20)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(FileError::at("understand", path))
}

/// What all the files of a directory hold as JSON. One that is removed meanwhile is left out.
pub(crate) fn read_all<T: DeserializeOwned>(dir: &Path) -> Result<Vec<T>, FileError> {
    let mut all = Vec::new();
    for name in names(dir)? {
        all.extend(read_json(&dir.join(name))?);
    }
    Ok(all)
}

/// Removes a file, whether it is there or not.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FileError::at("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Removes a directory with all that is in it, whether it is there or not.
pub(crate) fn remove_tree(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(FileError::at("remove", path)(e)),
        _ => Ok(()),
    }
}

/// The names in a directory; none when it is missing.
pub(crate) fn names(path: &Path) -> Result<Vec<String>, FileError> {
    let entries = match fs::read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(FileError::at("list", path))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(FileError::at("list", path))?;
        // Ours are plain text; what is not was put there by somebody else.
        names.extend(entry.file_name().into_string().ok());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_on_the_file_that_has_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = lock(&path, Sharing::Exclusive).unwrap();
        assert!(try_lock(&path, Sharing::Shared).unwrap().is_none());
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || lock(&path, Sharing::Exclusive).unwrap().metadata().unwrap().ino()
        });
        fs::remove_file(&path).unwrap();
        drop(first);
        let held = waiting.join().unwrap();
        assert_eq!(held, fs::metadata(&path).unwrap().ino());
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.json");
        assert_eq!(read_json::<Vec<u8>>(&path).unwrap(), None);
        for value in [vec![1, 2, 3], vec![4]] {
            write_json(&path, dir.path(), &value).unwrap();
            assert_eq!(read_json(&path).unwrap(), Some(value));
        }
        assert_eq!(names(dir.path()).unwrap(), ["record.json"]);
        fs::write(&path, "{").unwrap();
        let error = read_json::<Vec<u8>>(&path).unwrap_err();
        assert!(error.to_string().starts_with("cannot understand /"), "{error}");
    }
}
