//! What images there are: lists, looks at one, and names.

use serde::Serialize;

use crate::access::Access;
use crate::images::Images;
use crate::store::{self, FileError, ImageRecord, NameRecord, Sharing};
use crate::{Digest, HOST_IMAGE, Platform, Reference};

/// The fewest digits of an id that are taken for one.
const MIN_ID: usize = 4;

/// An image as it stands in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImageSummary {
    /// The digest of its configuration.
    pub id: Digest,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Its whole names with tags, in order.
    pub tags: Vec<String>,
    /// Its names with digests, as registries have it, in order.
    pub repo_digests: Vec<String>,
    /// What it is made for.
    pub platform: Platform,
    /// When it was made, in the form of RFC 3339.
    pub created: Option<String>,
    /// The length of its blobs, in bytes. Other images may share them.
    pub packed: u64,
    /// The length of the files in its layers, in bytes. Other images may share them.
    pub unpacked: u64,
}

/// An image with its documents as they were fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// What a list shows.
    #[serde(flatten)]
    pub summary: ImageSummary,
    /// The manifest.
    pub document: serde_json::Value,
    /// The configuration.
    pub configuration: serde_json::Value,
    /// Who holds the image.
    pub holders: Vec<String>,
}

/// Why an image is not found, or not named.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// There is no such image.
    #[error("there is no image \"{}\" on this machine", query.escape_debug())]
    NotFound {
        /// What was asked for.
        query: String,
    },
    /// Several images' ids begin like this.
    #[error("\"{query}\" is the start of several images' ids: give more digits")]
    Ambiguous {
        /// What was asked for.
        query: String,
    },
    /// The name is the host's, or has a digest, which says what is named.
    #[error("\"{name}\" cannot be given to an image: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file of the store cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Images {
    /// The images of this machine, those with names first and in their order.
    ///
    /// # Errors
    ///
    /// When the store cannot be used.
    pub fn list(&self) -> Result<Vec<ImageSummary>, CatalogError> {
        let names = self.names()?;
        let mut images: Vec<_> =
            self.records()?.into_iter().map(|record| summary(record, &names)).collect();
        images.sort_by(|a, b| {
            let key = |image: &ImageSummary| (image.tags.is_empty(), image.repo_digests.is_empty());
            (key(a), &a.tags, &a.repo_digests, &a.id).cmp(&(
                key(b),
                &b.tags,
                &b.repo_digests,
                &b.id,
            ))
        });
        Ok(images)
    }

    /// One image: by a name, or by its id or the first digits of that.
    ///
    /// # Errors
    ///
    /// When there is none, or more than one.
    pub fn inspect(&self, query: &str) -> Result<Inspection, CatalogError> {
        let record = self.find(query)?;
        let document = |digest: &Digest| -> Result<serde_json::Value, CatalogError> {
            Ok(store::read_json(&self.store.layout.blob(digest))?.unwrap_or_default())
        };
        let (id, manifest) = (document(&record.id)?, document(&record.manifest)?);
        let holders = self.holders_of(record.id.as_str())?;
        let summary = summary(record, &self.names()?);
        Ok(Inspection { summary, document: manifest, configuration: id, holders })
    }

    /// Gives an image another name, which an image that has it loses. Who may use it by one of its names may by this.
    ///
    /// # Errors
    ///
    /// When there is no such image, or when the name has a digest or is the host's.
    pub fn tag(&self, query: &str, name: &Reference) -> Result<(), CatalogError> {
        let refuse = |why| Err(CatalogError::Name { name: name.to_string(), why });
        if name.is_host() {
            return refuse("it is the machine's own");
        }
        if name.digest().is_some() {
            return refuse("a digest cannot be chosen");
        }
        let absent = || CatalogError::NotFound { query: query.to_owned() };
        let layout = &self.store.layout;
        if !layout.names().is_dir() {
            return Err(absent());
        }
        let _names = store::lock(&layout.names_lock(), Sharing::Exclusive)?;
        let record = self.find(query)?;
        let name = name.canonical();
        let own = self.names()?.into_iter().filter(|name| name.manifest == record.manifest);
        let access = Access::of_all(own.map(|name| name.access));
        let named =
            NameRecord { name: name.clone(), manifest: record.manifest, repo_digest: None, access };
        Ok(store::write_json(&layout.name(&name), &layout.temporaries(), &named)?)
    }

    /// The image that a name, an id or the start of one stands for.
    pub(crate) fn find(&self, query: &str) -> Result<ImageRecord, CatalogError> {
        let absent = || CatalogError::NotFound { query: query.chars().take(300).collect() };
        if query == HOST_IMAGE {
            return Err(absent());
        }
        if let Ok(reference) = query.parse::<Reference>() {
            let name = self.store.layout.name(&reference.canonical());
            if let Some(name) = store::read_json::<NameRecord>(&name)? {
                return self.record(&name.manifest)?.ok_or_else(absent);
            }
        }
        // An id may read like a name, "cafe" or "sha256:00", but a name that there is counts more.
        let digits = query.strip_prefix("sha256:").unwrap_or(query);
        if digits.len() < MIN_ID || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(absent());
        }
        let mut found = self.records()?;
        found.retain(|record| {
            record.id.hex().starts_with(digits) || record.manifest.hex() == digits
        });
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found.dedup_by(|a, b| a.id == b.id);
        match found.len() {
            0 | 1 => found.pop().ok_or_else(absent),
            _ => Err(CatalogError::Ambiguous { query: query.to_owned() }),
        }
    }

    /// All names of all images.
    pub(crate) fn names(&self) -> Result<Vec<NameRecord>, FileError> {
        store::read_all(&self.store.layout.names())
    }

    /// All images.
    pub(crate) fn records(&self) -> Result<Vec<ImageRecord>, FileError> {
        store::read_all(&self.store.layout.images())
    }
}

fn summary(record: ImageRecord, names: &[NameRecord]) -> ImageSummary {
    let own = || names.iter().filter(|name| name.manifest == record.manifest);
    let mut tags: Vec<_> =
        own().map(|n| &n.name).filter(|name| !name.contains('@')).cloned().collect();
    tags.sort();
    let mut repo_digests: Vec<_> = own().filter_map(|name| name.repo_digest.clone()).collect();
    repo_digests.sort();
    repo_digests.dedup();
    ImageSummary {
        id: record.id,
        manifest: record.manifest,
        tags,
        repo_digests,
        platform: record.platform,
        created: record.created,
        packed: record.packed,
        unpacked: record.unpacked,
    }
}
