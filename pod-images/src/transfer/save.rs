//! Writes images as an archive that docker, podman, skopeo and this crate can read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write};

use serde_json::json;

use super::docker::DockerImage;
use crate::catalog::CatalogError;
use crate::images::Images;
use crate::manifest::{self};
use crate::store::{FileError, ImageRecord};
use crate::{Digest, Reference};

/// Why images cannot be saved. What was written until then is worthless.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// There is no such image.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A blob of the image is not in the store.
    #[error("cannot read blob {digest} of the image: pull it again")]
    Blob {
        /// The blob.
        digest: Digest,
        /// What the kernel said.
        source: io::Error,
    },
    /// The archive cannot be written.
    #[error("cannot write the archive")]
    Write {
        /// What the kernel said.
        source: io::Error,
    },
    /// A file of the store cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Images {
    /// Writes images as one archive: an OCI image layout with Docker's list of images beside it.
    ///
    /// An image that is asked for by a name has that name in the archive; one that is asked for by its id has none.
    ///
    /// # Errors
    ///
    /// [`SaveError`], also when an image is removed while it is being written.
    pub fn save(&self, queries: &[&str], out: impl Write) -> Result<(), SaveError> {
        let mut images: BTreeMap<Digest, (ImageRecord, BTreeSet<String>)> = BTreeMap::new();
        for query in queries {
            let record = self.find(query)?;
            let entry = images.entry(record.manifest.clone());
            let (_, names) = entry.or_insert_with(|| (record.clone(), BTreeSet::new()));
            names.extend(self.name_of(query, &record)?);
        }
        let mut archive = tar::Builder::new(out);
        let mut blobs: BTreeSet<&Digest> = BTreeSet::new();
        for (record, _) in images.values() {
            blobs.extend([&record.manifest, &record.id]);
            blobs.extend(record.layers.iter().map(|layer| &layer.blob));
        }
        let layout = json!({ "imageLayoutVersion": "1.0.0" });
        add(&mut archive, "oci-layout", layout.to_string().as_bytes())?;
        for digest in blobs {
            self.add_blob(&mut archive, digest)?;
        }
        let index = self.index(&images)?;
        add(&mut archive, "index.json", index.to_string().as_bytes())?;
        let list: Vec<DockerImage> = images.values().map(docker_image).collect();
        let list = serde_json::to_vec(&list).map_err(|e| SaveError::Write { source: e.into() })?;
        add(&mut archive, "manifest.json", &list)?;
        let mut out = archive.into_inner().map_err(|source| SaveError::Write { source })?;
        out.flush().map_err(|source| SaveError::Write { source })
    }

    /// The tag that was asked for; an id and a digest are none.
    fn name_of(&self, query: &str, record: &ImageRecord) -> Result<Option<String>, SaveError> {
        let asked = query.parse().map(|name: Reference| name.canonical());
        let mut own = self.names()?.into_iter().filter(|name| name.manifest == record.manifest);
        let name = own.find(|name| asked.as_ref().is_ok_and(|asked| *asked == name.name));
        Ok(name.map(|name| name.name).filter(|name| !name.contains('@')))
    }

    fn add_blob<W: Write>(
        &self,
        archive: &mut tar::Builder<W>,
        digest: &Digest,
    ) -> Result<(), SaveError> {
        let unreadable = |source| SaveError::Blob { digest: digest.clone(), source };
        let file = File::open(self.store.layout.blob(digest)).map_err(unreadable)?;
        let mut header = header(file.metadata().map_err(unreadable)?.len());
        let done = archive.append_data(&mut header, blob_path(digest), file);
        done.map_err(|source| SaveError::Write { source })
    }

    /// One entry for each name, or one without.
    fn index(
        &self,
        images: &BTreeMap<Digest, (ImageRecord, BTreeSet<String>)>,
    ) -> Result<serde_json::Value, SaveError> {
        let mut entries = Vec::new();
        for (digest, (record, names)) in images {
            let text = self.store.text(digest)?.unwrap_or_default();
            // The type that the manifest itself states, since readers compare.
            let stated: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
            let media_type = stated.get("mediaType").and_then(|t| t.as_str());
            let mut entry = json!({
                "mediaType": media_type.unwrap_or(manifest::OCI_MANIFEST),
                "digest": digest,
                "size": text.len(),
            });
            if !record.platform.is_unknown() {
                entry["platform"] = json!({
                    "os": record.platform.os,
                    "architecture": record.platform.architecture,
                });
            }
            if names.is_empty() {
                entries.push(entry.clone());
            }
            for name in names {
                entry["annotations"] = json!({
                    "io.containerd.image.name": name,
                    "org.opencontainers.image.ref.name": name,
                });
                entries.push(entry.clone());
            }
        }
        Ok(json!({ "schemaVersion": 2, "mediaType": manifest::OCI_INDEX, "manifests": entries }))
    }
}

fn docker_image((record, names): &(ImageRecord, BTreeSet<String>)) -> DockerImage {
    DockerImage {
        config: blob_path(&record.id),
        repo_tags: Some(names.iter().cloned().collect()).filter(|n: &Vec<_>| !n.is_empty()),
        layers: Some(record.layers.iter().map(|layer| blob_path(&layer.blob)).collect()),
    }
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}", digest.as_str().replace(':', "/"))
}

/// The same for everybody and at any time, so that the same images make the same archive.
fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(size);
    header
}

fn add<W: Write>(archive: &mut tar::Builder<W>, name: &str, bytes: &[u8]) -> Result<(), SaveError> {
    let done = archive.append_data(&mut header(bytes.len() as u64), name, bytes);
    done.map_err(|source| SaveError::Write { source })
}
