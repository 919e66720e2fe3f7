//! Reads images from archives and directories that other tools have written.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::incoming::Incoming;
use super::{docker, layout};
use crate::images::Images;
use crate::manifest::ManifestError;
use crate::store::{CommitError, FileError, ImageRecord, LayerError, Session};
use crate::unpack::ArchiveError;
use crate::{Digest, Reference, ReferenceError};

/// An image that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// Its id, by which it can be named.
    pub id: Digest,
    /// The whole names it was given; none when the archive has none for it.
    pub names: Vec<String>,
}

/// Why images cannot be loaded. Those that were loaded before the error stay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The archive or directory cannot be read.
    #[error("cannot read the images")]
    Read {
        /// What the kernel said, or the inflating.
        source: io::Error,
    },
    /// A file cannot be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// It is not an archive.
    #[error("cannot load what is not an archive of images: {why}")]
    Malformed {
        /// What is wrong with it, and where.
        why: String,
    },
    /// It is longer than is read.
    #[error("the archive has more than {most} bytes")]
    TooLong {
        /// What is read.
        most: u64,
    },
    /// It is an archive, and holds no image.
    #[error(
        "there is no image in it: expected is an OCI image layout (index.json), or what \
         `docker save` and `podman save` write (manifest.json)"
    )]
    NoImage,
    /// A file is missing.
    #[error("{what} is missing in it")]
    Missing {
        /// The file's path, or the blob's digest.
        what: String,
    },
    /// An image's name is not one.
    #[error(transparent)]
    Name(#[from] ReferenceError),
    /// The image cannot be stored.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl LoadError {
    pub(super) fn archive(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Read { source } => Self::Read { source },
            malformed => Self::Malformed { why: malformed.to_string() },
        }
    }

    pub(super) fn entry(name: &[u8], why: &str) -> Self {
        let name: String = name.escape_ascii().map(char::from).take(300).collect();
        Self::Malformed { why: format!("entry \"{name}\" {why}") }
    }
}

impl From<ArchiveError> for LoadError {
    fn from(error: ArchiveError) -> Self {
        Self::archive(error)
    }
}

impl From<FileError> for LoadError {
    fn from(error: FileError) -> Self {
        Self::Commit(error.into())
    }
}

impl From<ManifestError> for LoadError {
    fn from(error: ManifestError) -> Self {
        Self::Commit(error.into())
    }
}

impl From<LayerError> for LoadError {
    fn from(error: LayerError) -> Self {
        Self::Commit(error.into())
    }
}

impl Images {
    /// Loads all images for this machine from an archive: an OCI image layout, or what `docker save` and `podman save`
    /// write; packed with gzip or zstd, or not. It is read once, from its beginning to its end.
    ///
    /// # Errors
    ///
    /// [`LoadError`]. What was read then lies in the store until it is [pruned](Self::prune).
    pub fn load(&self, archive: impl Read + Send) -> Result<Vec<Loaded>, LoadError> {
        let session = self.store.session()?;
        let incoming = Incoming::read(&session, archive, self.store.limits.inflated)?;
        // Where there are both, the index has the manifests that the image's makers wrote.
        if let Some(index) = incoming.document("index.json") {
            let size_of = |digest: &Digest| {
                let name = format!("blobs/{}", digest.as_str().replace(':', "/"));
                incoming.blob(&name).map(|(_, size)| size)
            };
            layout::load(&session, index, &|_, digest, size| {
                // It is in the store already, under the digest of what it was found to be.
                if size_of(digest)? == size {
                    return Ok(());
                }
                Err(LoadError::Malformed { why: format!("blob {digest} has another length") })
            })
        } else if let Some(manifest) = incoming.document("manifest.json") {
            docker::load(&session, &incoming, manifest)
        } else {
            Err(LoadError::NoImage)
        }
    }

    /// The same from a file, or from a directory that is an OCI image layout.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_path(&self, path: &Path) -> Result<Vec<Loaded>, LoadError> {
        let open = |path: &Path| {
            File::open(path).map_err(|source| LoadError::Open { path: path.to_owned(), source })
        };
        if !path.is_dir() {
            return self.load(open(path)?);
        }
        let session = self.store.session()?;
        let index = path.join("index.json");
        if !index.exists() {
            return Err(LoadError::NoImage);
        }
        let mut text = Vec::new();
        let read = open(&index)?.take(crate::manifest::MAX_TEXT + 1).read_to_end(&mut text);
        read.map_err(|source| LoadError::Open { path: index, source })?;
        layout::load(&session, &text, &|session, digest, size| {
            let blob = path.join(format!("blobs/{}", digest.as_str().replace(':', "/")));
            layout::copy(session, digest, size, || open(&blob))
        })
    }
}

/// Unpacks an image whose blobs are all there, and names it.
pub(super) fn commit(
    session: &Session,
    manifest: &Digest,
    names: &[Reference],
) -> Result<Loaded, LoadError> {
    if let Some(host) = names.iter().find(|name| name.is_host()) {
        return Err(ReferenceError::HostVersion { text: host.to_string() }.into());
    }
    let (layers, configuration) = session.describe(manifest)?;
    session.unpack_all(&layers, &configuration)?;
    // A digest says what is named; an archive cannot give it away.
    let names = names.iter().filter(|name| name.digest().is_none());
    let names: Vec<String> = names.map(Reference::canonical).collect();
    let ImageRecord { id, .. } = session.commit(manifest, &names, None, None)?;
    Ok(Loaded { id, names })
}
