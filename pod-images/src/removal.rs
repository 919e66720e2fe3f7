//! Removes images, and what no image points to any more.

use std::collections::HashSet;

use crate::catalog::CatalogError;
use crate::images::Images;
use crate::store::{self, FileError, ImageRecord, NameRecord, Reachable, Sharing};

/// Which images [`Images::prune`] removes. Those that somebody holds stay in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    /// Those without a name, which other images have taken over.
    Unnamed,
    /// All that nobody holds.
    Unused,
}

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// Names that are gone.
    pub names: Vec<String>,
    /// Ids of images that are gone.
    pub images: Vec<String>,
    /// Bytes that were freed on the disk, about.
    pub bytes: u64,
}

/// Why an image is not removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// There is no such image, or there are several.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Somebody holds it.
    #[error("image \"{}\" is in use by {}", query.escape_debug(), holders.join(", "))]
    InUse {
        /// The image as it was asked for.
        query: String,
        /// Who holds it.
        holders: Vec<String>,
    },
    /// Images are being pulled or loaded.
    #[error("images are being pulled or loaded: prune when that is done")]
    Busy,
    /// A file of the store cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Images {
    /// Takes a name from an image, and removes the image with its last name; with an id, all names.
    ///
    /// What the image has on the disk goes at once, unless other images are being pulled or loaded: then the next
    /// [`prune`](Self::prune) takes it.
    ///
    /// # Errors
    ///
    /// [`RemoveError::InUse`] when it was the last name of an image that is held. Nothing has changed then.
    pub fn remove(&self, query: &str) -> Result<Removed, RemoveError> {
        let layout = &self.store.layout;
        // Checks that there is a store, too.
        self.find(query)?;
        let alone = store::try_lock(&layout.lock(), Sharing::Exclusive)?;
        let names = store::lock(&layout.names_lock(), Sharing::Exclusive)?;
        let record = self.find(query)?;
        let (own, kept): (Vec<NameRecord>, Vec<NameRecord>) = self
            .names()?
            .into_iter()
            .filter(|name| name.manifest == record.manifest)
            .partition(|name| is_asked_for(name, query));
        // An id was given, which is no name: all of them go.
        let (own, kept) = if own.is_empty() { (kept, Vec::new()) } else { (own, kept) };
        if kept.is_empty() {
            let holders = self.holders_of(record.id.as_str())?;
            if !holders.is_empty() {
                return Err(RemoveError::InUse { query: query.to_owned(), holders });
            }
        }
        let mut removed = Removed::default();
        for name in own {
            store::remove(&layout.name(&name.name))?;
            removed.names.push(name.name);
        }
        if kept.is_empty() {
            store::remove(&layout.image(&record.manifest))?;
            removed.images.push(record.id.to_string());
            if alone.is_some() {
                removed.bytes = self.collect()?;
            }
        }
        drop(names);
        Ok(removed)
    }

    /// Removes images that are not used, and everything in the store that belongs to none: blobs, layers, parts of
    /// blobs that were being fetched.
    ///
    /// # Errors
    ///
    /// [`RemoveError::Busy`] while images are being pulled or loaded.
    pub fn prune(&self, which: Prune) -> Result<Removed, RemoveError> {
        let layout = &self.store.layout;
        if !layout.names().is_dir() {
            return Ok(Removed::default());
        }
        let alone =
            store::try_lock(&layout.lock(), Sharing::Exclusive)?.ok_or(RemoveError::Busy)?;
        let names_lock = store::lock(&layout.names_lock(), Sharing::Exclusive)?;
        let records = self.records()?;
        let mut names = self.names()?;
        let mut removed = Removed::default();
        let mut kept = HashSet::new();
        for record in records {
            let named = names.iter().any(|name| name.manifest == record.manifest);
            let wanted = which == Prune::Unnamed && named;
            if wanted || self.is_held(&record.id)? {
                kept.insert(record.manifest);
            } else {
                store::remove(&layout.image(&record.manifest))?;
                removed.images.push(record.id.to_string());
            }
        }
        names.retain(|name| !kept.contains(&name.manifest));
        for name in names {
            store::remove(&layout.name(&name.name))?;
            removed.names.push(name.name);
        }
        removed.bytes = self.collect()?;
        drop((names_lock, alone));
        Ok(removed)
    }

    /// Removes what no image points to. The caller holds both locks alone.
    fn collect(&self) -> Result<u64, FileError> {
        let mut reachable = Reachable::default();
        for ImageRecord { id, manifest, layers, .. } in self.records()? {
            reachable.blobs.extend([id, manifest]);
            for layer in layers {
                reachable.blobs.insert(layer.blob);
                reachable.layers.insert(layer.diff_id);
            }
        }
        store::sweep_unreachable(&self.store.layout, &reachable)
    }
}

/// Whether a name is the one that was asked for, in whichever way that was written.
fn is_asked_for(name: &NameRecord, query: &str) -> bool {
    query.parse::<crate::Reference>().is_ok_and(|asked| asked.canonical() == name.name)
}
