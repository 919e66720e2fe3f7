//! `hostPath`: a path of the host, checked and perhaps made, and never removed.

use std::fs::{self, File, FileType, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path};

use nix::fcntl::OFlag;

use crate::{Driver, DriverError, HostPathKind, MountSource, Source, VolumeContext};

const DIR_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// The driver for [`Source::HostPath`].
///
/// Links are followed, as the kubelet does: the path is the administrator's.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostPath;

impl HostPath {
    /// The kubelet's name for the kind.
    pub const KIND: &'static str = "kubernetes.io/host-path";
}

impl Driver for HostPath {
    fn kind(&self) -> &str {
        Self::KIND
    }

    fn prepare(
        &self,
        _context: &VolumeContext<'_>,
        source: &Source,
    ) -> Result<MountSource, DriverError> {
        let Source::HostPath { path, kind } = source else {
            return Err(DriverError::WrongSource { kind: Self::KIND.to_owned() });
        };
        if !path.is_absolute() || path.components().any(|c| c == Component::ParentDir) {
            return Err(DriverError::HostPathForm { path: path.clone() });
        }
        check(path, *kind)?;
        Ok(MountSource::Path(path.clone()))
    }

    /// Nothing is done: what is at a host path stays there.
    fn tear_down(&self, _context: &VolumeContext<'_>) -> Result<(), Vec<DriverError>> {
        Ok(())
    }
}

fn check(path: &Path, kind: HostPathKind) -> Result<(), DriverError> {
    let found = match fs::metadata(path) {
        Ok(metadata) => Some(metadata.file_type()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(_) if kind == HostPathKind::Unset => return Ok(()),
        Err(source) => return Err(failed("look at", path, source)),
    };
    match (kind, found) {
        (HostPathKind::Unset, Some(_)) => Ok(()),
        // The kubelet leaves it to the node's runtime, and those make a directory before they mount.
        (HostPathKind::Unset | HostPathKind::DirectoryOrCreate, None) => {
            make_directories(path).map_err(|e| failed("make directory", path, e))
        }
        (HostPathKind::FileOrCreate, None) => {
            make_file(path).map_err(|e| failed("make file", path, e))
        }
        (kind, Some(found)) if is_of(kind, found) => Ok(()),
        (expected, _) => Err(DriverError::HostPathType { path: path.to_owned(), expected }),
    }
}

fn is_of(kind: HostPathKind, found: FileType) -> bool {
    match kind {
        HostPathKind::Unset => true,
        HostPathKind::DirectoryOrCreate | HostPathKind::Directory => found.is_dir(),
        HostPathKind::FileOrCreate | HostPathKind::File => found.is_file(),
        HostPathKind::Socket => found.is_socket(),
        HostPathKind::CharDevice => found.is_char_device(),
        HostPathKind::BlockDevice => found.is_block_device(),
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> DriverError {
    DriverError::Io { action, path: path.to_owned(), source }
}

/// Makes the missing directories of `path`, each with [`DIR_MODE`].
fn make_directories(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|dir| !dir.exists()).collect();
    for dir in missing.into_iter().rev() {
        match fs::create_dir(dir) {
            Ok(()) => {
                let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
                let made = OpenOptions::new().read(true).custom_flags(flags.bits()).open(dir)?;
                made.set_permissions(Permissions::from_mode(DIR_MODE))?;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes an empty file with [`FILE_MODE`]; one that appears meanwhile is left.
fn make_file(path: &Path) -> io::Result<()> {
    match File::create_new(path) {
        Ok(made) => made.set_permissions(Permissions::from_mode(FILE_MODE)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
