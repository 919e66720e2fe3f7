//! The store on disk: blobs by their digest, unpacked layers, and the records and names that point to them.

mod blob;
mod file;
mod layer;
mod layout;
mod progress;
mod record;
mod session;
mod sweep;

pub use blob::BlobError;
pub(crate) use blob::{Begin, PartialBlob};
pub use file::FileError;
pub(crate) use file::{Sharing, lock, read_all, read_json, remove, try_lock, write_json};
pub use layer::LayerError;
pub(crate) use layout::LayerId;
pub(crate) use progress::ProgressFile;
pub use progress::{LayerProgress, LayerState, Progress};
pub(crate) use record::{ImageRecord, LeaseRecord, NameRecord};
pub use session::CommitError;
pub(crate) use session::{Session, Store};
pub(crate) use sweep::{Reachable, unreachable as sweep_unreachable};
