//! Unpacked layers: each made once, in a directory of its own, whole when it has its name.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::{self, FileError, Sharing};
use super::layout::{LayerId, Layout};
use crate::digest::Digest;
use crate::unpack::{self, Limits, UnpackError};

/// Why a layer is not there unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// It cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// Another layer has the same short name, which happens to nobody by chance.
    #[error("layer {layer} cannot be kept beside {other}, whose digest begins in the same way")]
    Collision {
        /// The layer.
        layer: Digest,
        /// The one that is there.
        other: Digest,
    },
    /// A file of the store cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What is written beside an unpacked layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerRecord {
    pub diff_id: Digest,
    pub entries: u64,
    /// Bytes of the files' data.
    pub bytes: u64,
}

/// The layer, if it is there.
pub(super) fn find(layout: &Layout, diff_id: &Digest) -> Result<Option<LayerRecord>, LayerError> {
    let id = LayerId::of(diff_id);
    if !layout.layer(&id).is_dir() {
        return Ok(None);
    }
    match file::read_json::<LayerRecord>(&layout.layer_record(&id))? {
        Some(record) if record.diff_id == *diff_id => Ok(Some(record)),
        Some(record) => {
            Err(LayerError::Collision { layer: diff_id.clone(), other: record.diff_id })
        }
        None => Ok(None),
    }
}

/// Unpacks a blob of the store as the layer `diff_id`, unless that is there. Others who want it wait.
pub(super) fn unpack(
    layout: &Layout,
    helper: Option<&Path>,
    blob: &Digest,
    diff_id: &Digest,
    limits: Limits,
) -> Result<LayerRecord, LayerError> {
    if let Some(record) = find(layout, diff_id)? {
        return Ok(record);
    }
    let id = LayerId::of(diff_id);
    let lock_path = layout.temporaries().join(format!("{id}.lock"));
    let lock = file::lock(&lock_path, Sharing::Exclusive)?;
    if let Some(record) = find(layout, diff_id)? {
        file::remove(&lock_path)?;
        return Ok(record);
    }
    let work = layout.temporaries().join(id.to_string());
    let made = make(layout, helper, blob, diff_id, limits, &work);
    if made.is_err() {
        // What cannot be removed is swept; the error that led here says more.
        let _ = file::remove_tree(&work);
    }
    file::remove(&lock_path)?;
    drop(lock);
    made
}

fn make(
    layout: &Layout,
    helper: Option<&Path>,
    blob: &Digest,
    diff_id: &Digest,
    limits: Limits,
    work: &Path,
) -> Result<LayerRecord, LayerError> {
    // Whoever was here before us was killed.
    file::remove_tree(work)?;
    DirBuilder::new().mode(0o755).create(work).map_err(FileError::at("make", work))?;
    // The mode that the umask of our caller left may be another.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(work, open).map_err(FileError::at("open to all", work))?;
    let path = layout.blob(blob);
    let packed = File::open(&path).map_err(FileError::at("open", &path))?;
    let unpack::Unpacked { entries, bytes } =
        unpack::unpack(helper, packed, work, diff_id, limits)?;
    // All files at once, instead of each by itself.
    let dir = File::open(work).map_err(FileError::at("open", work))?;
    nix::unistd::syncfs(&dir).map_err(FileError::at("write", work))?;
    let id = LayerId::of(diff_id);
    let (place, layers) = (layout.layer(&id), layout.layers());
    // One without a record is not counted as there.
    file::remove_tree(&place)?;
    let record = LayerRecord { diff_id: diff_id.clone(), entries, bytes };
    file::write_json(&layout.layer_record(&id), &layout.temporaries(), &record)?;
    fs::rename(work, &place).map_err(FileError::at("make", &place))?;
    file::sync_dir(&layers)?;
    Ok(record)
}
