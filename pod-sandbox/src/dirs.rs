//! Where a sandbox keeps its files, and its cgroups.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// All cgroups made by this crate lie below this one.
pub const CGROUP_ROOT: &str = "/pod";

/// The file in a container's directory that names its writable layer.
pub(crate) const LAYER: &str = "layer";

/// The directory of one sandbox. It is 0700, and so nobody else reaches the socket in it.
#[derive(Debug, Clone)]
pub(crate) struct SandboxDir(PathBuf);

impl SandboxDir {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What was asked for.
    pub fn config(&self) -> PathBuf {
        self.0.join("config.json")
    }

    /// The last [`SandboxStatus`](crate::SandboxStatus).
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.json")
    }

    /// What the keeper warns of.
    pub fn keeper_log(&self) -> PathBuf {
        self.0.join("keeper.log")
    }

    /// Held by the keeper while it lives.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Mount point of the shared `/dev/shm`, in the keeper's mount namespace only.
    pub fn shm(&self) -> PathBuf {
        self.0.join("shm")
    }

    /// Mount point of the pause process's root, in its mount namespace only.
    pub fn pause_root(&self) -> PathBuf {
        self.0.join("pause")
    }

    /// Parent of the containers' directories.
    pub fn containers(&self) -> PathBuf {
        self.0.join("containers")
    }

    /// Calls `with` on a short name for the keeper's socket: a socket's path may be 107 bytes long, ours is as long as
    /// the user's `--root` makes it.
    pub fn with_socket_path<T>(&self, with: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        let dir = File::open(&self.0)?;
        with(Path::new(&format!("/proc/self/fd/{}/keeper.sock", dir.as_raw_fd())))
    }
}
