//! Removes what killed processes have left, and what nothing points to.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::file::{self, FileError};
use super::layer::LayerRecord;
use super::layout::{LayerId, Layout};
use crate::digest::Digest;

/// Removes all temporary files and directories. The caller holds the store's lock alone, so nobody uses them.
pub(super) fn temporaries(layout: &Layout) -> Result<(), FileError> {
    let dir = layout.temporaries();
    for name in file::names(&dir)? {
        let path = dir.join(name);
        if path.is_dir() && !path.is_symlink() {
            file::remove_tree(&path)?;
        } else {
            file::remove(&path)?;
        }
    }
    Ok(())
}

/// What images point to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reachable {
    pub blobs: HashSet<Digest>,
    /// By the digest of what was inflated.
    pub layers: HashSet<Digest>,
}

/// Removes everything else, and tells how many bytes that was. The caller holds the store's lock alone.
pub(crate) fn unreachable(layout: &Layout, reachable: &Reachable) -> Result<u64, FileError> {
    let mut bytes = 0;
    let kept: HashSet<String> =
        reachable.blobs.iter().map(|digest| digest.as_str().replace(':', "/")).collect();
    for algorithm in ["sha256", "sha512"] {
        let dir = layout.blobs().join(algorithm);
        for name in file::names(&dir)? {
            if !kept.contains(&format!("{algorithm}/{name}")) {
                bytes += remove_file(&dir.join(name))?;
            }
        }
    }
    for name in file::names(&layout.ingests())? {
        bytes += remove_file(&layout.ingests().join(name))?;
    }
    let kept: HashSet<String> =
        reachable.layers.iter().map(|diff_id| LayerId::of(diff_id).to_string()).collect();
    for name in file::names(&layout.layers())? {
        if name.ends_with(".json") || kept.contains(&name) {
            continue;
        }
        let record = layout.layers().join(format!("{name}.json"));
        if let Some(LayerRecord { bytes: length, .. }) = file::read_json(&record)? {
            bytes += length;
        }
        // Under its name it is whole; what is removed half way has none.
        let place = layout.layers().join(&name);
        let away = file::temporary(&layout.temporaries());
        fs::rename(&place, &away).map_err(FileError::at("remove", &place))?;
        file::remove(&record)?;
    }
    for name in file::names(&layout.layers())? {
        let id = name.strip_suffix(".json");
        if id.is_some_and(|id| !kept.contains(id)) {
            file::remove(&layout.layers().join(name))?;
        }
    }
    temporaries(layout)?;
    Ok(bytes)
}

fn remove_file(path: &Path) -> Result<u64, FileError> {
    let length = fs::metadata(path).map_or(0, |file| file.len());
    file::remove(path)?;
    Ok(length)
}
