//! Where things lie in the store.

use std::fmt;
use std::path::{Path, PathBuf};

use super::file::{self, FileError};
use crate::digest::{Digest, Hasher};

/// The directory of a store and the names in it.
#[derive(Clone, Debug)]
pub(crate) struct Layout(PathBuf);

impl Layout {
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Self(dir.into())
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.0
    }

    /// Makes the directories that are missing.
    pub(crate) fn make(&self) -> Result<(), FileError> {
        for dir in
            ["blobs/sha256", "blobs/sha512", "ingest", "layers", "names", "images", "leases", "tmp"]
        {
            file::make_dir(&self.0.join(dir))?;
        }
        Ok(())
    }

    /// Held shared by whoever adds, and alone by whoever removes what nothing points to.
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Held for the moment in which names and leases change.
    pub(crate) fn names_lock(&self) -> PathBuf {
        self.0.join("names.lock")
    }

    /// Temporary files and directories; none outlives the holders of [`lock`](Self::lock).
    pub(crate) fn temporaries(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Whole blobs by algorithm and hash.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.0.join("blobs")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.0.join(format!("blobs/{}", digest.as_str().replace(':', "/")))
    }

    /// Parts of blobs that are being fetched, or were.
    pub(crate) fn ingests(&self) -> PathBuf {
        self.0.join("ingest")
    }

    pub(crate) fn ingest(&self, digest: &Digest) -> PathBuf {
        self.0.join(format!("ingest/{}", digest.as_str().replace(':', "-")))
    }

    /// How far the pull of an image is.
    pub(crate) fn progress(&self, name: &str) -> PathBuf {
        self.0.join(format!("tmp/pull-{}.json", Hasher::digest(name.as_bytes()).hex()))
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.0.join("layers")
    }

    /// An unpacked layer.
    pub(crate) fn layer(&self, id: &LayerId) -> PathBuf {
        self.0.join(format!("layers/{id}"))
    }

    /// What is known of an unpacked layer.
    pub(crate) fn layer_record(&self, id: &LayerId) -> PathBuf {
        self.0.join(format!("layers/{id}.json"))
    }

    /// One record for each image.
    pub(crate) fn images(&self) -> PathBuf {
        self.0.join("images")
    }

    pub(crate) fn image(&self, manifest: &Digest) -> PathBuf {
        self.0.join(format!("images/{}.json", manifest.as_str().replace(':', "-")))
    }

    /// One file for each name.
    pub(crate) fn names(&self) -> PathBuf {
        self.0.join("names")
    }

    pub(crate) fn name(&self, name: &str) -> PathBuf {
        self.0.join(format!("names/{}.json", Hasher::digest(name.as_bytes()).hex()))
    }

    /// One file for each holder.
    pub(crate) fn leases(&self) -> PathBuf {
        self.0.join("leases")
    }

    pub(crate) fn lease(&self, holder: &str) -> PathBuf {
        self.0.join(format!("leases/{}.json", Hasher::digest(holder.as_bytes()).hex()))
    }
}

/// The name of an unpacked layer's directory: 16 characters, made from the digest of the inflated layer.
///
/// It is short since all the layers of an image have to fit into the options of one mount. That it stands for 80 bits only
/// does no harm: the whole digest is written beside the directory and compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LayerId(String);

impl LayerId {
    pub(crate) fn of(diff_id: &Digest) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        // Five digits of four bits are four of five.
        let number = u128::from_str_radix(&diff_id.hex()[..20], 16).unwrap_or(0);
        let digit = |n: u32| char::from(ALPHABET[(number >> (5 * n) & 31) as usize]);
        Self((0..16).rev().map(digit).collect())
    }
}

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_stay_in_the_store() {
        let digest: Digest = format!("sha256:{}", "0f".repeat(32)).parse().unwrap();
        let layout = Layout::new("/s");
        assert_eq!(LayerId::of(&digest).to_string(), "b4hq6dypb4hq6dyp");
        assert_eq!(layout.blob(&digest), Path::new("/s/blobs/sha256").join("0f".repeat(32)));
        let lease = layout.lease("../../etc/passwd");
        assert_eq!(lease.parent(), Some(layout.leases().as_path()));
    }
}
