//! Images that are made for a test: manifests and blobs in memory.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// What a registry holds: blobs and documents by digest, documents by tag too.
#[derive(Clone, Debug, Default)]
pub struct Content {
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// Media type and text.
    pub documents: BTreeMap<String, (&'static str, Vec<u8>)>,
}

/// An image in a [`Content`].
#[derive(Clone, Debug)]
pub struct Made {
    pub digest: String,
    pub size: usize,
    pub layers: Vec<String>,
}

pub fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Bytes that no compression makes fewer, the same each time.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2) + 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(next());
    }
    bytes.truncate(length);
    bytes
}

impl Content {
    fn add_blob(&mut self, bytes: Vec<u8>) -> String {
        let digest = digest(&bytes);
        self.blobs.insert(digest.clone(), bytes);
        digest
    }

    pub fn add_document(&mut self, tag: Option<&str>, kind: &'static str, value: &Value) -> Made {
        let text = serde_json::to_vec(value).unwrap();
        let made = Made { digest: digest(&text), size: text.len(), layers: Vec::new() };
        for name in [Some(made.digest.as_str()), tag].into_iter().flatten() {
            self.documents.insert(name.to_owned(), (kind, text.clone()));
        }
        made
    }

    /// An image with one layer for each list of files, each of a path and its content.
    pub fn add_image(&mut self, tag: Option<&str>, layers: &[&[(&str, &[u8])]]) -> Made {
        self.add_image_for(tag, layers, architecture())
    }

    pub fn add_image_for(
        &mut self,
        tag: Option<&str>,
        layers: &[&[(&str, &[u8])]],
        architecture: &str,
    ) -> Made {
        let mut descriptors = Vec::new();
        let mut diff_ids = Vec::new();
        let mut names = Vec::new();
        for files in layers {
            let tar = tar(files);
            diff_ids.push(digest(&tar));
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&tar).unwrap();
            let packed = encoder.finish().unwrap();
            let size = packed.len();
            let digest = self.add_blob(packed);
            descriptors.push(json!({"mediaType": LAYER, "digest": digest, "size": size}));
            names.push(digest);
        }
        let config = json!({
            "os": "linux",
            "architecture": architecture,
            "config": {"Cmd": ["/bin/busybox", "true"], "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = serde_json::to_vec(&config).unwrap();
        let size = config.len();
        let config = json!({"mediaType": CONFIG, "digest": self.add_blob(config), "size": size});
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors,
        });
        Made { layers: names, ..self.add_document(tag, MANIFEST, &manifest) }
    }

    /// An index of images for architectures.
    pub fn add_index(&mut self, tag: &str, entries: &[(&Made, &str)]) -> Made {
        let entries: Vec<_> = entries
            .iter()
            .map(|(made, architecture)| {
                json!({
                    "mediaType": MANIFEST, "digest": made.digest, "size": made.size,
                    "platform": {"os": "linux", "architecture": architecture},
                })
            })
            .collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        self.add_document(Some(tag), INDEX, &index)
    }

    /// Writes it as an OCI layout, with the document `tag` by that name.
    pub fn write_layout(&self, dir: &Path, tag: &str) {
        let blobs = dir.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let documents = self.documents.iter().map(|(name, (_, text))| (name, text));
        for (name, bytes) in self.blobs.iter().chain(documents) {
            if let Some(hex) = name.strip_prefix("sha256:") {
                fs::write(blobs.join(hex), bytes).unwrap();
            }
        }
        let (kind, text) = &self.documents[tag];
        let entry = json!({
            "mediaType": kind, "digest": digest(text), "size": text.len(),
            "annotations": {"org.opencontainers.image.ref.name": tag},
        });
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        fs::write(dir.join("index.json"), index.to_string()).unwrap();
        fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    }
}

/// This machine's, in the words of images.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.set_mtime(1);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}
