//! What a volume is asked to be.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::{EmptyDir, Files, HostPath};

/// One volume of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSpec {
    /// Its name, unique in the pod.
    pub name: String,
    /// What is in it.
    pub source: Source,
}

/// What a volume holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A directory that starts empty and ends with the pod.
    EmptyDir {
        /// What it is stored on.
        medium: Medium,
        /// The most it may hold, in bytes. For memory it becomes the size of the file
        /// system; on disk nothing enforces it here, the caller has to measure.
        size_limit: Option<u64>,
    },
    /// A path of the host.
    HostPath {
        /// The absolute path.
        path: PathBuf,
        /// What has to be there, or is made.
        kind: HostPathKind,
    },
    /// Files that are given: see [`Payload`](crate::Payload).
    Files(FilesKind),
    /// A volume for a driver that another program has added.
    Custom {
        /// The [`Driver::kind`](crate::Driver::kind) it is for.
        kind: String,
        /// What the driver makes of it.
        parameters: BTreeMap<String, String>,
    },
}

impl Source {
    /// The [`Driver::kind`](crate::Driver::kind) of the driver that prepares this.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::EmptyDir { .. } => EmptyDir::KIND,
            Self::HostPath { .. } => HostPath::KIND,
            Self::Files(kind) => Files(*kind).kind(),
            Self::Custom { kind, .. } => kind,
        }
    }
}

/// What an emptyDir is stored on: `emptyDir.medium`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Medium {
    /// The disk the pod's data is on.
    #[default]
    Disk,
    /// Memory, by a tmpfs.
    Memory,
    /// Memory in huge pages, by a hugetlbfs.
    HugePages {
        /// The size of a page, in bytes.
        page_size: u64,
    },
}

/// What the files of a volume are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilesKind {
    /// The keys of a ConfigMap: `configMap`.
    ConfigMap,
    /// The keys of a Secret: `secret`.
    Secret,
    /// Fields of the pod: `downwardAPI`.
    DownwardApi,
    /// Several of these: `projected`.
    Projected,
}

impl FilesKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ConfigMap, Self::Secret, Self::DownwardApi, Self::Projected];
}

/// What has to be at a host path: `hostPath.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostPathKind {
    /// Anything: no check is made. Where there is nothing, a directory is made, with mode 0755, parents included.
    #[default]
    Unset,
    /// A directory, made with mode 0755 where there is nothing, parents included.
    DirectoryOrCreate,
    /// A directory.
    Directory,
    /// A regular file, made empty with mode 0644 where there is nothing; its parent
    /// has to exist.
    FileOrCreate,
    /// A regular file.
    File,
    /// A unix socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl fmt::Display for HostPathKind {
    /// The kind in the words of the kubelet's messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unset => "path",
            Self::DirectoryOrCreate | Self::Directory => "directory",
            Self::FileOrCreate | Self::File => "file",
            Self::Socket => "socket file",
            Self::CharDevice => "character device",
            Self::BlockDevice => "block device",
        })
    }
}
