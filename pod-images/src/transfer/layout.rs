//! OCI image layouts: an index, and blobs by their digest.

use std::fs::File;
use std::io::Read;

use super::load::{LoadError, Loaded, commit};
use crate::manifest::{self, Descent, Descriptor, Document, Index, ManifestError};
use crate::store::{Begin, Session};
use crate::{Digest, Platform, Reference};

/// The name as `docker save` and containerd write it, which is a whole one.
const IMAGE_NAME: &str = "io.containerd.image.name";
/// The name as the specification has it: a tag or a whole name, as the writer sees fit.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Brings a blob of so many bytes into the store, or makes sure that it is there.
pub(super) type Fetch<'a> = dyn Fn(&Session, &Digest, u64) -> Result<(), LoadError> + 'a;

/// Loads the images of an index that are for this machine.
pub(super) fn load(
    session: &Session,
    index: &[u8],
    fetch: &Fetch<'_>,
) -> Result<Vec<Loaded>, LoadError> {
    let Document::Index(index) = manifest::parse(index, None)? else {
        let media_type = "a manifest where the index should be".to_owned();
        return Err(ManifestError::NotAnImage { media_type }.into());
    };
    let here = Platform::here();
    let fits = |entry: &&Descriptor| {
        entry.platform.as_ref().is_none_or(|platform| platform.rank_on(&here).is_some())
    };
    let mut loaded: Vec<Loaded> = Vec::new();
    for entry in index.entries.iter().filter(fits) {
        let manifest = descend(session, entry, &here, fetch)?;
        let one = commit(session, &manifest, &name(entry)?)?;
        // One entry for each name, as Docker writes it.
        match loaded.iter_mut().find(|other| other.id == one.id) {
            Some(other) => other.names.extend(one.names),
            None => loaded.push(one),
        }
    }
    if loaded.is_empty() {
        // Says what there is.
        Index::choose(&index, &here)?;
        return Err(LoadError::NoImage);
    }
    Ok(loaded)
}

/// Fetches an image with all its blobs, through indexes if need be, and tells the digest of its manifest.
fn descend(
    session: &Session,
    entry: &Descriptor,
    here: &Platform,
    fetch: &Fetch<'_>,
) -> Result<Digest, LoadError> {
    let mut descent = Descent::default();
    let mut entry = entry.clone();
    loop {
        let text = text(session, &entry, "manifest", fetch)?;
        match manifest::parse(&text, Some(&entry.media_type))? {
            Document::Index(index) => {
                descent.enter(&entry.digest)?;
                entry = index.choose(here)?.clone();
            }
            Document::Manifest(manifest) => {
                text_of(session, &manifest.config, fetch)?;
                for layer in &manifest.layers {
                    fetch(session, &layer.digest, layer.size)?;
                }
                return Ok(entry.digest);
            }
        }
    }
}

fn text_of(session: &Session, entry: &Descriptor, fetch: &Fetch<'_>) -> Result<Vec<u8>, LoadError> {
    text(session, entry, "configuration", fetch)
}

fn text(
    session: &Session,
    entry: &Descriptor,
    what: &'static str,
    fetch: &Fetch<'_>,
) -> Result<Vec<u8>, LoadError> {
    let Descriptor { digest, size, .. } = entry;
    if *size > manifest::MAX_TEXT {
        return Err(ManifestError::TooLong { what, size: *size }.into());
    }
    fetch(session, digest, *size)?;
    session.text(digest)?.ok_or_else(|| LoadError::Missing { what: digest.to_string() })
}

/// The name that an entry gives its image, if any. A tag alone names nothing.
fn name(entry: &Descriptor) -> Result<Vec<Reference>, LoadError> {
    let annotations = &entry.annotations;
    let name = annotations.get(IMAGE_NAME).or_else(|| annotations.get(REF_NAME));
    match name.filter(|name| name.contains(['/', ':'])) {
        Some(name) => Ok(vec![name.parse()?]),
        None => Ok(Vec::new()),
    }
}

/// Copies a blob from a file, unless it is in the store.
pub(super) fn copy(
    session: &Session,
    digest: &Digest,
    size: u64,
    open: impl FnOnce() -> Result<File, LoadError>,
) -> Result<(), LoadError> {
    let Begin::Partial(mut blob) = session.begin(digest, size)? else { return Ok(()) };
    let mut file = open()?;
    blob.restart()?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer).map_err(|source| LoadError::Read { source })? {
            0 => break,
            count => blob.write(&buffer[..count])?,
        }
    }
    Ok(blob.finish()?)
}
