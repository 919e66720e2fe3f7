//! Removes what killed processes have left.

use super::file::{self, FileError};
use super::layout::Layout;

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
