//! Ways into what is private, for `fuzz/`. No part of the interface.

use std::fs::File;
use std::path::Path;

use crate::manifest::Document;
use crate::unpack::{Archive, Limits, Tree, repair_checksums};
use crate::{Platform, config, manifest};

/// Reads a text as a manifest or an index, and as a configuration.
pub fn manifest(text: &[u8]) {
    let here = Platform::here();
    match manifest::parse(text, None) {
        Ok(Document::Manifest(manifest)) => {
            assert!(manifest.layers.len() <= manifest::MAX_LAYERS);
            // What a list of layers cannot be too long for.
            let _ = config::parse(text, manifest.layers.len());
        }
        Ok(Document::Index(index)) => match index.choose(&here) {
            Ok(entry) => assert!(index.entries.contains(entry)),
            Err(error) => drop(error.to_string()),
        },
        Err(error) => drop(error.to_string()),
    }
    if let Ok(configuration) = config::parse(text, 1) {
        assert_eq!(configuration.diff_ids.len(), 1);
    }
}

/// Unpacks an archive to the empty directory `root`, in this process.
///
/// The checksums of its headers are set right first, or hardly any input would come past them.
pub fn layer(archive: &[u8], root: &Path) {
    let mut archive = archive.to_vec();
    repair_checksums(&mut archive);
    let Ok(root) = File::open(root) else { return };
    let limits = Limits { entries: 1000, ..Limits::default() };
    let tree = Tree::new(root.into(), archive.len() as u64, limits);
    if let Err(error) = tree.unpack(&mut Archive::new(&archive[..])) {
        drop(error.to_string());
    }
}
