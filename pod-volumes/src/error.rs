//! What can go wrong with the volumes of a pod.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::{HostPathKind, RemoveError};

/// Why the volumes of a pod could not be prepared or torn down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// The directory for the volumes is one that must not be removed later.
    #[error(
        "{path:?} cannot hold the volumes of a pod: \
         it must be absolute, not the root and without `..`"
    )]
    UnsafeBase {
        /// The directory.
        path: PathBuf,
    },
    /// The directory for the volumes cannot be made, opened or removed.
    #[error("cannot {action} {path:?}")]
    Base {
        /// What was tried.
        action: &'static str,
        /// The directory.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A name that cannot be the name of a directory.
    #[error("{name:?} cannot be the name of a volume")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// Two volumes have the same name.
    #[error("there are two volumes {name:?}")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// There is no driver for this kind of volume.
    #[error("volume {volume:?} is of kind {kind:?}, for which there is no driver")]
    NoDriver {
        /// The volume's name.
        volume: String,
        /// The kind it asks for.
        kind: String,
    },
    /// A driver could not prepare a volume.
    #[error("MountVolume.SetUp failed for volume {volume:?}")]
    SetUp {
        /// The volume's name.
        volume: String,
        /// What the driver said.
        source: DriverError,
    },
    /// A driver could not tear a volume down.
    #[error("UnmountVolume.TearDown failed for volume {volume:?}")]
    TearDown {
        /// The volume's name.
        volume: String,
        /// What the driver said.
        source: DriverError,
    },
    /// Something left below the directory for the volumes cannot be removed.
    #[error(transparent)]
    Remove(RemoveError),
}

/// Why a driver could not do its work for one volume.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// What is at the host path is not what was asked for.
    #[error("hostPath type check failed: {} is not a {expected}", path.display())]
    HostPathType {
        /// The path on the host.
        path: PathBuf,
        /// What was asked for.
        expected: HostPathKind,
    },
    /// The host path is relative or climbs.
    #[error("hostPath {path:?} must be absolute and without `..`")]
    HostPathForm {
        /// The path as written.
        path: PathBuf,
    },
    /// A file or directory cannot be made or read.
    #[error("cannot {action} {path:?}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Something in the volume's directory cannot be removed.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// The driver was handed a source of another kind.
    #[error("the driver {kind:?} was given a volume of another kind")]
    WrongSource {
        /// The driver's kind.
        kind: String,
    },
    /// A driver of another program failed in a way of its own.
    #[error(transparent)]
    Custom(Box<dyn Error + Send + Sync>),
}

/// Why the files of a volume could not be made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The object that they are made of is not there.
    #[error("{kind} {name:?} not found")]
    NoObject {
        /// Its kind, in the words of messages.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The object has no such key.
    #[error("references non-existent {kind} key: {key}")]
    NoKey {
        /// The object's kind, in the words of messages.
        kind: &'static str,
        /// The key.
        key: String,
    },
    /// A path that no file of a volume can have.
    #[error(
        "{path:?} cannot be the path of a file: \
         it must be relative, and neither begin with `..` nor climb"
    )]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {path:?}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where, relative to the volume.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// What was written before cannot be removed.
    #[error("cannot remove what was written before: {}", first(errors))]
    Remove {
        /// Every entry that is left.
        errors: Vec<RemoveError>,
    },
}

fn first(errors: &[RemoveError]) -> String {
    errors.first().map(ToString::to_string).unwrap_or_default()
}
