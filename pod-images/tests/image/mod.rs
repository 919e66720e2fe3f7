//! Archives and images for tests, hostile ones among them.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::io::Write;

use serde_json::json;
use sha2::Digest as _;

/// A tar archive in the making. Nothing in it is checked, for that is what tests are about.
#[derive(Clone, Default)]
pub struct Archive(Vec<u8>);

impl Archive {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(b'0', name.as_bytes(), content)
    }

    pub fn dir(self, name: &str) -> Self {
        self.entry(b'5', name.as_bytes(), b"")
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(b'2', name.as_bytes(), target.as_bytes())
    }

    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(b'1', name.as_bytes(), target.as_bytes())
    }

    /// An entry of any type; the content of a link is its target. Long names have an entry of their own, as GNU has it.
    pub fn entry(self, kind: u8, name: &[u8], content: &[u8]) -> Self {
        self.with(kind, name, content, |_| {})
    }

    pub fn with(
        mut self,
        kind: u8,
        name: &[u8],
        content: &[u8],
        change: impl FnOnce(&mut tar::Header),
    ) -> Self {
        if name.len() > 100 {
            self = self.entry(b'L', b"long", &[name, b"\0"].concat());
        }
        let mut header = tar::Header::new_gnu();
        let short = &name[..name.len().min(100)];
        header.as_old_mut().name[..short.len()].copy_from_slice(short);
        header.set_mode(if kind == b'5' { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_600_000_000);
        header.set_device_major(0).unwrap();
        header.set_device_minor(0).unwrap();
        header.set_entry_type(tar::EntryType::new(kind));
        let is_link = matches!(kind, b'1' | b'2');
        if is_link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content);
        }
        header.set_size(if is_link { 0 } else { content.len() as u64 });
        change(&mut header);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        if !is_link {
            self.0.extend_from_slice(content);
            self.0.resize(self.0.len().next_multiple_of(512), 0);
        }
        self
    }

    /// An extended header for the next entry.
    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut content = Vec::new();
        for (key, value) in records {
            let body = key.len() + value.len() + 3;
            let length = (body + 1..).find(|n| *n == body + n.to_string().len()).unwrap();
            content.extend_from_slice(format!("{length} {key}=").as_bytes());
            content.extend_from_slice(value);
            content.push(b'\n');
        }
        self.entry(b'x', b"pax", &content)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }
}

/// An image in the making: an archive of an image with layers.
pub struct ImageArchive {
    name: String,
    layers: Vec<Vec<u8>>,
    diff_ids: Vec<String>,
    packing: &'static str,
}

impl ImageArchive {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), layers: Vec::new(), diff_ids: Vec::new(), packing: "" }
    }

    pub fn layer(self, layer: &Archive) -> Self {
        let bytes = layer.bytes();
        let diff_id = digest(&bytes);
        self.raw_layer(bytes, diff_id)
    }

    /// A layer of any bytes that says to be of any digest.
    pub fn raw_layer(mut self, bytes: Vec<u8>, diff_id: String) -> Self {
        self.layers.push(bytes);
        self.diff_ids.push(diff_id);
        self
    }

    /// Packs all layers so far with `gzip` or `zstd`.
    pub fn packed(mut self, packing: &'static str) -> Self {
        for layer in &mut self.layers {
            *layer = if packing == "gzip" { gzip(layer) } else { zstd(layer) };
        }
        self.packing = packing;
        self
    }

    fn config(&self) -> Vec<u8> {
        let (architecture, os) = (architecture(), "linux");
        json!({
            "architecture": architecture, "os": os, "config": { "Cmd": ["/app"] },
            "rootfs": { "type": "layers", "diff_ids": self.diff_ids },
        })
        .to_string()
        .into_bytes()
    }

    /// An OCI image layout.
    pub fn layout(&self) -> Vec<u8> {
        let mut archive = Archive::new();
        let mut add = |media_type: &str, bytes: &[u8]| {
            let digest = digest(bytes);
            let name = format!("blobs/{}", digest.replace(':', "/"));
            archive = std::mem::take(&mut archive).file(&name, bytes);
            json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
        };
        let mut layer_type = "application/vnd.oci.image.layer.v1.tar".to_owned();
        if !self.packing.is_empty() {
            layer_type = format!("{layer_type}+{}", self.packing);
        }
        let layers: Vec<_> = self.layers.iter().map(|layer| add(&layer_type, layer)).collect();
        let config = add("application/vnd.oci.image.config.v1+json", &self.config());
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": layers });
        let manifest_type = "application/vnd.oci.image.manifest.v1+json";
        let mut entry = add(manifest_type, manifest.to_string().as_bytes());
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": self.name });
        let index = json!({ "schemaVersion": 2, "manifests": [entry] });
        archive.file("index.json", index.to_string().as_bytes()).bytes()
    }

    /// As `docker save` wrote it for ten years.
    pub fn docker(&self) -> Vec<u8> {
        let mut archive = Archive::new();
        let mut paths = Vec::new();
        for (n, layer) in self.layers.iter().enumerate() {
            let path = format!("{n}/layer.tar");
            archive = archive.file(&format!("{n}/VERSION"), b"1.0").file(&path, layer);
            paths.push(path);
        }
        self.docker_list(archive, &paths)
    }

    /// The same, where the last layer is the first one again, and a link.
    pub fn docker_with_links(&self) -> Vec<u8> {
        let mut archive = Archive::new();
        let mut paths = Vec::new();
        for (n, layer) in self.layers.iter().enumerate() {
            let path = format!("{n}/layer.tar");
            archive = if n + 1 == self.layers.len() {
                archive.symlink(&path, "../0/layer.tar")
            } else {
                archive.file(&path, layer)
            };
            paths.push(path);
        }
        self.docker_list(archive, &paths)
    }

    fn docker_list(&self, archive: Archive, paths: &[String]) -> Vec<u8> {
        let list = json!([{ "Config": "c.json", "RepoTags": [self.name], "Layers": paths }]);
        archive
            .file("c.json", &self.config())
            .file("manifest.json", list.to_string().as_bytes())
            .bytes()
    }
}

pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

pub fn digest(bytes: &[u8]) -> String {
    let hash = sha2::Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}
