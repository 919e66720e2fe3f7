//! How far a pull is, in a small file that any process can read.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::file::{self, FileError, Lock, Sharing};
use super::layout::Layout;
use crate::digest::Digest;

/// How far the pull of an image is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Progress {
    /// The layers of the image, the lowest first. Empty until the manifest is there.
    pub layers: Vec<LayerProgress>,
}

/// How far a layer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LayerProgress {
    /// The blob that is fetched.
    pub digest: Digest,
    /// The blob's length in bytes.
    pub size: u64,
    /// How many bytes of it there are.
    pub fetched: u64,
    /// What is being done with it.
    pub state: LayerState,
}

/// What is being done with a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LayerState {
    /// It is its turn later, or another pull fetches it.
    Waiting,
    /// It comes from the registry.
    Fetching,
    /// It is here, and is being unpacked or waits for that.
    Unpacking,
    /// It can be used.
    Done,
}

/// The file of one pull, which only its holder writes. It goes when this value does.
#[derive(Debug)]
pub(crate) struct ProgressFile {
    path: PathBuf,
    temporaries: PathBuf,
    lock_path: PathBuf,
    _lock: Lock,
}

impl ProgressFile {
    /// The file of the pull of the image `name`; `None` when another pull of it has that.
    ///
    /// The caller is in a session, since the file lies among the temporary ones.
    pub(super) fn try_new(layout: &Layout, name: &str) -> Result<Option<Self>, FileError> {
        let path = layout.progress(name);
        let lock_path = path.with_extension("lock");
        let lock = file::try_lock(&lock_path, Sharing::Exclusive)?;
        let temporaries = layout.temporaries();
        Ok(lock.map(|lock| Self { path, temporaries, lock_path, _lock: lock }))
    }

    /// Writes how far the pull is. It need not survive a loss of power, as the pull does not.
    pub(crate) fn write(&self, progress: &Progress) -> Result<(), FileError> {
        let failed = FileError::at("write", &self.path);
        let temporary = file::temporary(&self.temporaries);
        let written = serde_json::to_vec(progress)
            .map_err(std::io::Error::from)
            .and_then(|bytes| fs::write(&temporary, bytes))
            .and_then(|()| fs::rename(&temporary, &self.path));
        written.map_err(failed)
    }
}

impl Drop for ProgressFile {
    fn drop(&mut self) {
        // What cannot be removed is swept, and nobody takes it for true without the lock.
        let _ = file::remove(&self.path);
        let _ = file::remove(&self.lock_path);
    }
}

/// How far the pull of the image `name` is; `None` when none is going on.
pub(super) fn read(layout: &Layout, name: &str) -> Result<Option<Progress>, FileError> {
    let path = layout.progress(name);
    // A file that a killed pull has left says nothing that is still true. Only a lock file
    // that is there is tried, so that to look makes nothing.
    let lock_path = path.with_extension("lock");
    if !lock_path.exists() {
        return Ok(None);
    }
    match file::try_lock(&lock_path, Sharing::Shared)? {
        Some(_) => Ok(None),
        None => file::read_json(&path),
    }
}
