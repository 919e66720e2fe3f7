//! The files of a container's log: the one that grows, and those that were put aside for it.

use std::fs;
use std::path::{Path, PathBuf};

/// The files that were put aside for the log at `path`, oldest first: its name with a dot and the moment. None when the
/// directory cannot be read.
pub fn rotated_logs(path: &Path) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let prefix = format!("{}.", name.to_string_lossy());
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|e| e.file_name().to_string_lossy().starts_with(&prefix))
        .map(|e| e.path())
        .collect();
    found.sort();
    found
}
