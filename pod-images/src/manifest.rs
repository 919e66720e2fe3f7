//! Manifests and indexes: what a registry or an archive says an image consists of.
//!
//! Both families are read, OCI's and Docker's, which differ in their media types alone.
//! The text is not trusted: it is bounded, and everything in it is checked here.

use serde::Deserialize;

use crate::digest::Digest;
use crate::platform::Platform;

/// The longest manifest, index or configuration that is read, in bytes: 4 MiB, as registries have it.
pub(crate) const MAX_TEXT: u64 = 4 << 20;
/// The most layers of an image, as with Docker; an overlay takes no more in one mount option.
pub(crate) const MAX_LAYERS: usize = 127;
/// How many indexes may stand in each other.
const MAX_NESTING: usize = 4;
/// The most entries of an index.
const MAX_ENTRIES: usize = 4096;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// With `+gzip` or `+zstd` when it is packed.
pub(crate) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1";

/// The media types of manifests and indexes that are understood, as an `Accept` header has them.
pub(crate) const MANIFEST_TYPES: [&str; 4] =
    [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];

/// Why a manifest, an index or an image's configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is longer than what is read.
    #[error("the {what} has {size} bytes, more than the {MAX_TEXT} that are read")]
    TooLong {
        /// Manifest, index or configuration.
        what: &'static str,
        /// Its length in bytes.
        size: u64,
    },
    /// It is not the JSON that it should be.
    #[error("the {what} is not valid")]
    Syntax {
        /// Manifest, index or configuration.
        what: &'static str,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The registry still has the image in the form that Docker gave up in 2017.
    #[error(
        "the image has a manifest of schema version 1, which is not supported: \
         push it again with a current tool"
    )]
    Schema1,
    /// It is an artifact and not an image.
    #[error(
        "\"{media_type}\" is not the media type of an image: the reference names something else"
    )]
    NotAnImage {
        /// What it says it is.
        media_type: String,
    },
    /// The layers are not what can be unpacked.
    #[error("layer {digest} is {kind}, which is not supported")]
    Layer {
        /// The layer.
        digest: Digest,
        /// What is the matter with it.
        kind: String,
    },
    /// There are more layers, or entries, than are accepted.
    #[error("the {what} has {count} {of}, more than the {most} that are accepted")]
    TooMany {
        /// Manifest or index.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// Layers or entries.
        of: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// The image is not made for machines such as this one.
    #[error("the image is not made for {wanted}, only for {}", list(.there))]
    Platform {
        /// This machine.
        wanted: Platform,
        /// What it is made for.
        there: Vec<Platform>,
    },
    /// An index holds itself, or too many in one another.
    #[error("index {digest} {why}")]
    Nesting {
        /// The index that is too much.
        digest: Digest,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The configuration and the manifest do not agree.
    #[error("the configuration names {configured} layers and the manifest {listed}")]
    LayerCount {
        /// As the configuration has it.
        configured: usize,
        /// As the manifest has it.
        listed: usize,
    },
}

fn list(platforms: &[Platform]) -> String {
    let names: Vec<String> = platforms.iter().take(32).map(Platform::to_string).collect();
    if names.is_empty() { "nothing that it names".to_owned() } else { names.join(", ") }
}

/// A blob that is pointed to: its digest and size are checked when it is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default)]
    pub platform: Option<Platform>,
    #[serde(default)]
    pub annotations: std::collections::BTreeMap<String, String>,
}

/// How a layer is compressed, as its media type says. What it is in truth, its first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// A layer of an image as its manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layer {
    pub digest: Digest,
    pub size: u64,
    pub compression: Compression,
}

/// A manifest: one image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub config: Descriptor,
    /// The lowest first.
    pub layers: Vec<Layer>,
}

/// An index: the same image for several platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub entries: Vec<Descriptor>,
}

/// What a text turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    Manifest(Manifest),
    Index(Index),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

/// Reads a manifest or an index.
///
/// `content_type` is what the sender says it is. What the text itself says counts more, and what it holds counts most:
/// an index has `manifests`, a manifest has `config` and `layers`.
pub(crate) fn parse(text: &[u8], content_type: Option<&str>) -> Result<Document, ManifestError> {
    let wire: Wire = json("manifest", text)?;
    let stated = content_type.map(|t| t.split(';').next().unwrap_or(t).trim());
    let media_type = wire.media_type.as_deref().or(stated).unwrap_or_default();
    if wire.schema_version == Some(1) || media_type.starts_with(SCHEMA1) {
        return Err(ManifestError::Schema1);
    }
    match (wire.config, wire.layers, wire.manifests) {
        (Some(config), Some(layers), None) if !matches!(media_type, OCI_INDEX | DOCKER_LIST) => {
            manifest(config, layers).map(Document::Manifest)
        }
        (None, None, Some(entries)) if !matches!(media_type, OCI_MANIFEST | DOCKER_MANIFEST) => {
            let (count, most) = (entries.len(), MAX_ENTRIES);
            if count > most {
                return Err(ManifestError::TooMany { what: "index", count, of: "entries", most });
            }
            Ok(Document::Index(Index { entries }))
        }
        _ => Err(ManifestError::NotAnImage { media_type: shorten(media_type) }),
    }
}

fn manifest(config: Descriptor, layers: Vec<Descriptor>) -> Result<Manifest, ManifestError> {
    // Helm charts, signatures and the like are manifests too, with another kind of configuration.
    let is_image = config.media_type.is_empty()
        || config.media_type == "application/octet-stream"
        || config.media_type.starts_with("application/vnd.oci.image.config.")
        || config.media_type.starts_with("application/vnd.docker.container.image.");
    if !is_image {
        return Err(ManifestError::NotAnImage { media_type: shorten(&config.media_type) });
    }
    let (count, most) = (layers.len(), MAX_LAYERS);
    if count > most {
        return Err(ManifestError::TooMany { what: "manifest", count, of: "layers", most });
    }
    let layers = layers.into_iter().map(layer).collect::<Result<_, _>>()?;
    Ok(Manifest { config, layers })
}

fn layer(descriptor: Descriptor) -> Result<Layer, ManifestError> {
    let Descriptor { media_type, digest, size, .. } = descriptor;
    let refuse =
        |digest: Digest, kind: &str| Err(ManifestError::Layer { digest, kind: kind.into() });
    if media_type.contains("nondistributable") || media_type.contains(".foreign.") {
        return refuse(digest, "kept elsewhere (a foreign layer)");
    }
    if media_type.contains("+encrypted") {
        return refuse(digest, "encrypted");
    }
    let compression = match media_type.rsplit(['+', '.']).next() {
        Some("gzip") => Compression::Gzip,
        Some("zstd") => Compression::Zstd,
        _ if media_type.is_empty() || media_type.contains("tar") => Compression::None,
        _ => return refuse(digest, &format!("of media type \"{}\"", shorten(&media_type))),
    };
    Ok(Layer { digest, size, compression })
}

/// Parses text that must not be longer than [`MAX_TEXT`].
pub(crate) fn json<'a, T: Deserialize<'a>>(
    what: &'static str,
    text: &'a [u8],
) -> Result<T, ManifestError> {
    let size = text.len() as u64;
    if size > MAX_TEXT {
        return Err(ManifestError::TooLong { what, size });
    }
    serde_json::from_slice(text).map_err(|source| ManifestError::Syntax { what, source })
}

/// What somebody else wrote, at a length that is fit for a message.
fn shorten(text: &str) -> String {
    text.chars().take(120).collect()
}

impl Index {
    /// The entry for `platform`: of those that fit, the one that uses most of the processor; the first among equals.
    ///
    /// An entry may be an index itself.
    pub(crate) fn choose(&self, platform: &Platform) -> Result<&Descriptor, ManifestError> {
        let named = self.entries.iter().filter_map(|entry| {
            let rank = entry.platform.as_ref()?.rank_on(platform)?;
            Some((rank, entry))
        });
        // The first of the highest rank, where `max_by_key` would give the last.
        let best = named.reduce(|best, next| if next.0 > best.0 { next } else { best });
        if let Some((_, entry)) = best {
            return Ok(entry);
        }
        // An index of one entry that says nothing of a platform; the configuration is checked anyway.
        if let [only @ Descriptor { platform: None, .. }] = &self.entries[..] {
            return Ok(only);
        }
        let mut there: Vec<Platform> = self
            .entries
            .iter()
            .filter_map(|entry| entry.platform.clone())
            // Attestations are entries for an unknown system.
            .filter(|platform| !platform.is_unknown())
            .collect();
        there.sort();
        there.dedup();
        Err(ManifestError::Platform { wanted: platform.clone(), there })
    }
}

/// The way down from an index to a manifest, which must end.
#[derive(Debug, Default)]
pub(crate) struct Descent {
    seen: Vec<Digest>,
}

impl Descent {
    /// Notes that the index `digest` is entered; refused when it has been before, or when it is too deep.
    pub(crate) fn enter(&mut self, digest: &Digest) -> Result<(), ManifestError> {
        let refuse = |why| Err(ManifestError::Nesting { digest: digest.clone(), why });
        if self.seen.contains(digest) {
            return refuse("points to itself");
        }
        if self.seen.len() == MAX_NESTING {
            return refuse("stands in too many others");
        }
        self.seen.push(digest.clone());
        Ok(())
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
