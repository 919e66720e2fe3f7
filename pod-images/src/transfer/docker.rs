//! What `docker save` writes: a list of images, each a configuration and layers by their paths in the archive.

use std::io::Read;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::incoming::Incoming;
use super::load::{LoadError, Loaded, commit};
use crate::manifest::{self, Compression};
use crate::store::Session;
use crate::{Digest, Reference};

/// An image in `manifest.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DockerImage {
    pub config: String,
    pub repo_tags: Option<Vec<String>>,
    pub layers: Option<Vec<String>>,
}

/// Loads the images of a list.
pub(super) fn load(
    session: &Session,
    incoming: &Incoming,
    list: &[u8],
) -> Result<Vec<Loaded>, LoadError> {
    let images: Vec<DockerImage> = manifest::json("list of images", list)?;
    let mut loaded = Vec::new();
    for image in images {
        let manifest = describe(session, incoming, &image)?;
        let tags = image.repo_tags.unwrap_or_default();
        let names: Vec<Reference> = tags.iter().map(|tag| tag.parse()).collect::<Result<_, _>>()?;
        loaded.push(commit(session, &manifest, &names)?);
    }
    if loaded.is_empty() { Err(LoadError::NoImage) } else { Ok(loaded) }
}

/// Writes the manifest that these archives do not have.
fn describe(
    session: &Session,
    incoming: &Incoming,
    image: &DockerImage,
) -> Result<Digest, LoadError> {
    let descriptor = |media_type: &str, (digest, size): (&Digest, u64)| json!({ "mediaType": media_type, "digest": digest, "size": size });
    let config = descriptor(manifest::OCI_CONFIG, incoming.blob(&image.config)?);
    let mut layers = Vec::new();
    for path in image.layers.iter().flatten() {
        let (digest, size) = incoming.blob(path)?;
        let media_type = match compression(session, digest)? {
            Compression::None => manifest::OCI_LAYER.to_owned(),
            Compression::Gzip => format!("{}+gzip", manifest::OCI_LAYER),
            Compression::Zstd => format!("{}+zstd", manifest::OCI_LAYER),
        };
        layers.push(descriptor(&media_type, (digest, size)));
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": manifest::OCI_MANIFEST,
        "config": config,
        "layers": layers,
    });
    Ok(session.put_new(manifest.to_string().as_bytes())?)
}

/// How a blob of the store is packed, by its first bytes.
fn compression(session: &Session, digest: &Digest) -> Result<Compression, LoadError> {
    let mut start = Vec::new();
    let read = session.open(digest)?.take(4).read_to_end(&mut start);
    read.map_err(|source| LoadError::Read { source })?;
    Ok(crate::unpack::compression(&start))
}
