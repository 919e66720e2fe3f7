//! Unpacking layers: archives from strangers, made into directories.

mod archive;
mod beneath;
mod fault;
mod inflate;
mod limits;
mod metadata;
mod name;
mod pax;
mod process;
mod role;
mod tree;

pub(crate) use archive::{Archive, ArchiveError, Kind};
pub(crate) use inflate::{compression, decoder};
pub use limits::Limits;
pub(crate) use name::EntryPath;
pub use process::UnpackError;
pub(crate) use process::{Unpacked, unpack};
pub(crate) use role::{ROLE, run};

#[cfg(feature = "fuzzing")]
pub(crate) use {archive::repair_checksums, tree::Tree};
