//! Leases: what keeps an image that is in use.

use crate::images::Images;
use crate::store::{self, FileError, LeaseRecord, Sharing};
use crate::{Digest, HOST_IMAGE};

const MAX_HOLDER: usize = 1024;

/// Why an image is not held.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// There is no such image any more.
    #[error("image {id} is not present: it was removed before it could be held, pull it again")]
    NotPresent {
        /// The image.
        id: String,
    },
    /// The holder's name is empty, or longer than 1024 bytes, or holds control characters.
    #[error("\"{}\" cannot be the name of a holder of images", holder.escape_debug())]
    Holder {
        /// The name, or the start of it.
        holder: String,
    },
    /// A file of the store cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Images {
    /// Holds an image for `holder`, so that it is not removed until [`release`](Self::release). That outlives the process.
    ///
    /// `id` is [`Image::id`](crate::Image::id). The holder's name is the caller's to choose, such as `namespace/name` of a
    /// pod; it may hold several images, and the same one is held once.
    ///
    /// # Errors
    ///
    /// [`LeaseError::NotPresent`] when the image was removed after it had been resolved.
    pub fn lease(&self, id: &str, holder: &str) -> Result<(), LeaseError> {
        if holder.is_empty() || holder.len() > MAX_HOLDER || holder.chars().any(char::is_control) {
            return Err(LeaseError::Holder { holder: holder.chars().take(100).collect() });
        }
        if id == HOST_IMAGE {
            return Ok(());
        }
        let absent = || LeaseError::NotPresent { id: id.to_owned() };
        let layout = &self.store.layout;
        if !layout.names().is_dir() {
            return Err(absent());
        }
        let _names = store::lock(&layout.names_lock(), Sharing::Exclusive)?;
        if !self.records()?.iter().any(|record| record.id.as_str() == id) {
            return Err(absent());
        }
        let path = layout.lease(holder);
        let mut lease: LeaseRecord = store::read_json(&path)?
            .unwrap_or_else(|| LeaseRecord { holder: holder.to_owned(), images: Vec::new() });
        if !lease.images.iter().any(|held| held == id) {
            lease.images.push(id.to_owned());
            store::write_json(&path, &layout.temporaries(), &lease)?;
        }
        Ok(())
    }

    /// Lets go of all images that `holder` holds. It is no error when there are none.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    pub fn release(&self, holder: &str) -> Result<(), LeaseError> {
        let layout = &self.store.layout;
        if layout.names().is_dir() {
            let _names = store::lock(&layout.names_lock(), Sharing::Exclusive)?;
            store::remove(&layout.lease(holder))?;
        }
        Ok(())
    }

    /// Who holds an image, in order of their names.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    pub fn holders(&self, id: &str) -> Result<Vec<String>, LeaseError> {
        Ok(self.holders_of(id)?)
    }

    pub(crate) fn holders_of(&self, id: &str) -> Result<Vec<String>, FileError> {
        let mut holders: Vec<String> = self
            .leases()?
            .into_iter()
            .filter(|lease| lease.images.iter().any(|held| held == id))
            .map(|lease| lease.holder)
            .collect();
        holders.sort();
        Ok(holders)
    }

    pub(crate) fn leases(&self) -> Result<Vec<LeaseRecord>, FileError> {
        store::read_all(&self.store.layout.leases())
    }

    /// Whether somebody holds the image of this configuration.
    pub(crate) fn is_held(&self, id: &Digest) -> Result<bool, FileError> {
        Ok(!self.holders_of(id.as_str())?.is_empty())
    }
}
