//! What is written down of an image, so that a container's start reads two small files and nothing else.

use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::config::ImageConfig;
use crate::digest::Digest;
use crate::platform::Platform;

/// An image: all that a start needs, and what a list shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageRecord {
    /// The digest of the configuration, which is the image's id.
    pub id: Digest,
    pub manifest: Digest,
    pub config: ImageConfig,
    /// The lowest first.
    pub layers: Vec<ImageLayer>,
    pub platform: Platform,
    pub created: Option<String>,
    /// Bytes of the blobs.
    pub packed: u64,
    /// Bytes of the files in the unpacked layers.
    pub unpacked: u64,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageLayer {
    pub blob: Digest,
    pub diff_id: Digest,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NameRecord {
    /// The whole name: registry, repository, and tag or digest.
    pub name: String,
    pub manifest: Digest,
    /// `repository@digest`, as the registry has it.
    pub repo_digest: Option<String>,
    /// Who may use the image by this name.
    #[serde(default)]
    pub access: Access,
}

/// What somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeaseRecord {
    pub holder: String,
    /// The ids of images.
    pub images: Vec<String>,
}
