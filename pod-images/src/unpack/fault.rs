//! Why a layer is not unpacked, as the process that does it finds out.

use std::io;

use nix::errno::Errno;

use super::archive::{ArchiveError, Entry};

/// How much of a name is shown, in bytes.
const MAX_SHOWN: usize = 200;

/// Why a layer cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TreeError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The archive asks for something that it does not get.
    #[error("entry \"{}\" {why}", shown(name))]
    Refused { name: Vec<u8>, why: &'static str },
    /// The layer comes to more than it may.
    #[error("the layer {0}")]
    Limit(&'static str),
    /// The kernel refused.
    #[error("cannot {step} \"{}\"", shown(name))]
    System { step: &'static str, name: Vec<u8>, source: io::Error },
}

/// A name at a length that is fit for a message, with nothing in it that a terminal would act on.
fn shown(name: &[u8]) -> String {
    let short = &name[..name.len().min(MAX_SHOWN)];
    format!("{}{}", short.escape_ascii(), if short.len() < name.len() { "…" } else { "" })
}

pub(super) fn refused(entry: &Entry, why: &'static str) -> TreeError {
    TreeError::Refused { name: entry.name.clone(), why }
}

/// Turns what the kernel said about an entry into an error.
pub(super) fn failed<E: Into<io::Error>>(
    step: &'static str,
    entry: &Entry,
) -> impl Fn(E) -> TreeError {
    move |source| TreeError::System { step, name: entry.name.clone(), source: source.into() }
}

pub(super) fn parent_failed(entry: &Entry, errno: Errno) -> TreeError {
    match errno {
        Errno::ELOOP | Errno::ENOTDIR | Errno::EXDEV => {
            refused(entry, "lies below something that is a link or no directory in the same layer")
        }
        errno => failed("open the directory of", entry)(errno),
    }
}
