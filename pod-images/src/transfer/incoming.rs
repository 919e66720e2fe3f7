//! Takes the files of an archive into the store as they come by.

use std::collections::HashMap;
use std::io::{BufReader, Read};

use super::load::LoadError;
use crate::digest::{Algorithm, Digest};
use crate::manifest::MAX_TEXT;
use crate::store::{BlobError, Session};
use crate::unpack::{Archive, EntryPath, Kind, decoder};

/// The most files of an archive.
const MAX_FILES: usize = 100_000;
/// How many links may lead to each other.
const MAX_LINKS: usize = 8;

/// A file of an archive.
#[derive(Clone, Debug)]
enum Item {
    Text(Vec<u8>),
    Blob { digest: Digest, size: u64 },
    Link(String),
}

/// What an archive of images holds: blobs are in the store, documents at hand.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    items: HashMap<String, Item>,
}

impl Incoming {
    /// Reads an archive to its end, inflating it where it is packed. No more than `most` bytes are taken.
    pub(super) fn read(
        session: &Session,
        input: impl Read + Send,
        most: u64,
    ) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Read { source };
        let input = BufReader::with_capacity(128 << 10, decoder(input).map_err(unreadable)?);
        let mut archive = Archive::new(input);
        let mut incoming = Self::default();
        let mut total = 0u64;
        while let Some(entry) = archive.next().map_err(LoadError::archive)? {
            let path =
                EntryPath::new(&entry.name).map_err(|why| LoadError::entry(&entry.name, why))?;
            // Names that are no text belong to nothing that a document could name.
            let Ok(name) = String::from_utf8(path.as_bytes().to_vec()) else { continue };
            total = total.saturating_add(entry.size);
            if total > most {
                return Err(LoadError::TooLong { most });
            }
            let item = match entry.kind {
                Kind::File if is_document(&name) => {
                    if entry.size > MAX_TEXT {
                        return Err(LoadError::entry(&entry.name, "is longer than 4 MiB"));
                    }
                    let mut text = Vec::new();
                    archive.data(&entry, |_, data| {
                        text.extend_from_slice(data);
                        Ok::<(), LoadError>(())
                    })?;
                    Item::Text(text)
                }
                Kind::File if is_old(&name) => continue,
                Kind::File => {
                    let stated = stated_digest(&name);
                    let algorithm = stated.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
                    let mut spool = session.spool(algorithm)?;
                    archive.data(&entry, |_, data| Ok::<(), LoadError>(spool.write(data)?))?;
                    let (digest, size) = spool.finish_as(stated.as_ref())?;
                    Item::Blob { digest, size }
                }
                Kind::HardLink | Kind::Symlink => {
                    let Some(target) = link_target(&name, &entry.link, entry.kind) else {
                        continue;
                    };
                    Item::Link(target)
                }
                _ => continue,
            };
            if incoming.items.len() == MAX_FILES {
                return Err(LoadError::entry(&entry.name, "is one of more than 100000"));
            }
            incoming.items.insert(name, item);
        }
        Ok(incoming)
    }

    /// A document at the root of the archive.
    pub(super) fn document(&self, name: &str) -> Option<&[u8]> {
        match self.items.get(name) {
            Some(Item::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The blob that a document calls by a path in the archive, be it by way of links.
    pub(super) fn blob(&self, name: &str) -> Result<(&Digest, u64), LoadError> {
        let mut at = name.trim_start_matches("./");
        for _ in 0..MAX_LINKS {
            match self.items.get(at) {
                Some(Item::Blob { digest, size }) => return Ok((digest, *size)),
                Some(Item::Link(target)) => at = target,
                _ => break,
            }
        }
        Err(LoadError::Missing { what: name.chars().take(200).collect() })
    }
}

fn is_document(name: &str) -> bool {
    matches!(name, "index.json" | "manifest.json" | "oci-layout")
}

/// Files for versions of Docker before 1.10, which nothing else points to.
fn is_old(name: &str) -> bool {
    name == "repositories" || name.ends_with("/VERSION") || name.ends_with("/json")
}

/// The digest that a file of an image layout has for its name.
fn stated_digest(name: &str) -> Option<Digest> {
    let mut parts = name.strip_prefix("blobs/")?.splitn(2, '/');
    format!("{}:{}", parts.next()?, parts.next()?).parse().ok()
}

/// Where a link leads, as a path in the archive. Symbolic links count from their directory.
fn link_target(name: &str, link: &[u8], kind: Kind) -> Option<String> {
    let link = std::str::from_utf8(link).ok()?;
    let mut parts: Vec<&str> = match (kind, name.rsplit_once('/')) {
        (Kind::Symlink, Some((dir, _))) => dir.split('/').collect(),
        _ => Vec::new(),
    };
    for part in link.split('/') {
        match part {
            "" | "." => {}
            // Docker writes `../<id>/layer.tar`. Nothing is opened by this name; it is looked for in the table above.
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

impl From<BlobError> for LoadError {
    fn from(error: BlobError) -> Self {
        Self::Commit(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_in_the_archive_only() {
        for (name, link, target) in [
            ("a/layer.tar", "../b/layer.tar", Some("b/layer.tar")),
            ("a/layer.tar", "../../b", None),
            ("x", "/b/./c", Some("b/c")),
        ] {
            assert_eq!(link_target(name, link.as_bytes(), Kind::Symlink).as_deref(), target);
        }
        let hard = link_target("a/x", b"a/layer.tar", Kind::HardLink);
        assert_eq!(hard.as_deref(), Some("a/layer.tar"));
    }
}
