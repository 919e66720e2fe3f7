//! A time in which images are added to the store.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::blob::{self, Begin, BlobError, Spool};
use super::file::{self, FileError, Lock, Sharing};
use super::layer::{self, LayerError, LayerRecord};
use super::layout::Layout;
use super::progress::{self, Progress, ProgressFile};
use super::record::{ImageLayer, ImageRecord, NameRecord};
use super::sweep;
use crate::access::Access;
use crate::config::{self, Configuration};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::manifest::{self, Document, MAX_TEXT, Manifest, ManifestError};
use crate::platform::Platform;
use crate::registry::OwnedLogin;
use crate::unpack::Limits;

/// How many layers are unpacked at the same time, at most.
const MAX_UNPACKING: usize = 4;

/// A store: a directory that any number of processes use at the same time.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub layout: Layout,
    /// The program that unpacks; our own when none is named.
    pub helper: Option<PathBuf>,
    pub limits: Limits,
}

/// Why an image does not get into the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The manifest or the configuration cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A layer is not there unpacked.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A blob is not there.
    #[error("blob {digest} is missing in the store")]
    Missing {
        /// The blob.
        digest: Digest,
    },
    /// A blob cannot be used.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A file of the store cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Keeps what is added from being removed as something that nothing points to. It blocks nobody who adds, too.
#[derive(Debug)]
pub(crate) struct Session {
    store: Store,
    _lock: Lock,
}

impl Store {
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Self { layout: Layout::new(dir), helper: None, limits: Limits::default() }
    }

    /// Begins to add. Makes the directories, and sweeps up what killed processes have left.
    pub(crate) fn session(&self) -> Result<Session, FileError> {
        self.layout.make()?;
        let path = self.layout.lock();
        if let Some(alone) = file::try_lock(&path, Sharing::Exclusive)? {
            sweep::temporaries(&self.layout)?;
            drop(alone);
        }
        let lock = file::lock(&path, Sharing::Shared)?;
        Ok(Session { store: self.clone(), _lock: lock })
    }

    /// How far the pull of the image `name` is; `None` when none is going on.
    pub(crate) fn progress(&self, name: &str) -> Result<Option<Progress>, FileError> {
        progress::read(&self.layout, name)
    }

    /// A small blob, if it is there: a manifest or a configuration.
    pub(crate) fn text(&self, digest: &Digest) -> Result<Option<Vec<u8>>, FileError> {
        file::read(&self.layout.blob(digest), MAX_TEXT)
    }
}

impl Session {
    /// Begins with a blob of `size` bytes, or goes on with it; waits while another fetches it.
    pub(crate) fn begin(&self, digest: &Digest, size: u64) -> Result<Begin, BlobError> {
        loop {
            // With `wait` there is always an answer.
            if let Some(begin) = blob::begin(&self.store.layout, digest, size, true)? {
                return Ok(begin);
            }
        }
    }

    /// The same, but `None` at once while another fetches the blob.
    pub(crate) fn try_begin(&self, digest: &Digest, size: u64) -> Result<Option<Begin>, BlobError> {
        blob::begin(&self.store.layout, digest, size, false)
    }

    /// Where to write how far the pull of the image `name` is, unless another pull of it does.
    pub(crate) fn progress_file(&self, name: &str) -> Result<Option<ProgressFile>, FileError> {
        ProgressFile::try_new(&self.store.layout, name)
    }

    /// Puts a blob into the store whose content is at hand, and checks it.
    pub(crate) fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<(), BlobError> {
        match self.begin(digest, bytes.len() as u64)? {
            Begin::Present => Ok(()),
            Begin::Partial(mut blob) => {
                blob.restart()?;
                blob.write(bytes)?;
                blob.finish()
            }
        }
    }

    /// The same for a blob whose digest is not known yet.
    pub(crate) fn put_new(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = Hasher::digest(bytes);
        self.put(&digest, bytes)?;
        Ok(digest)
    }

    /// A blob to be written whose digest comes out in the end.
    pub(crate) fn spool(&self, algorithm: Algorithm) -> Result<Spool, FileError> {
        Spool::new(&self.store.layout, algorithm)
    }

    /// A blob of the store, to be read.
    pub(crate) fn open(&self, digest: &Digest) -> Result<File, FileError> {
        let path = self.store.layout.blob(digest);
        File::open(&path).map_err(FileError::at("open", &path))
    }

    /// A small blob, if it is there.
    pub(crate) fn text(&self, digest: &Digest) -> Result<Option<Vec<u8>>, FileError> {
        self.store.text(digest)
    }

    /// Whether the layer is there unpacked, in which case its blob need not be.
    pub(crate) fn has_layer(&self, diff_id: &Digest) -> Result<bool, LayerError> {
        Ok(layer::find(&self.store.layout, diff_id)?.is_some())
    }

    /// Unpacks a blob of the store as the layer `diff_id`, unless that is there. It takes its time: async callers have a
    /// thread for it, and the process that unpacks dies with that thread.
    pub(crate) fn unpack(
        &self,
        blob: &Digest,
        diff_id: &Digest,
    ) -> Result<LayerRecord, LayerError> {
        let Store { layout, helper, limits } = &self.store;
        layer::unpack(layout, helper.as_deref(), blob, diff_id, *limits)
    }

    /// Unpacks the layers of an image, several at a time. After an error no other one is begun.
    pub(crate) fn unpack_all(
        &self,
        manifest: &Manifest,
        configuration: &Configuration,
    ) -> Result<(), LayerError> {
        let work: Vec<_> = manifest.layers.iter().zip(&configuration.diff_ids).collect();
        let next = AtomicUsize::new(0);
        let unpack_some = || -> Result<(), LayerError> {
            while let Some((layer, diff_id)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                let unpacked = self.unpack(&layer.digest, diff_id);
                if unpacked.is_err() {
                    // The others need not begin with another one.
                    next.store(work.len(), Ordering::Relaxed);
                }
                unpacked?;
            }
            Ok(())
        };
        // Each of them uses more than one processor for a part of the time.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = processors.clamp(1, MAX_UNPACKING).min(work.len());
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(unpack_some)).collect();
            threads.into_iter().try_for_each(|thread| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })
    }

    /// Reads the manifest and the configuration of an image, which must be in the store.
    pub(crate) fn describe(
        &self,
        digest: &Digest,
    ) -> Result<(Manifest, Configuration), CommitError> {
        let missing = |digest: &Digest| CommitError::Missing { digest: digest.clone() };
        let text = self.text(digest)?.ok_or_else(|| missing(digest))?;
        let Document::Manifest(manifest) = manifest::parse(&text, None)? else {
            let media_type = "an index".to_owned();
            return Err(ManifestError::NotAnImage { media_type }.into());
        };
        let id = &manifest.config.digest;
        let text = self.text(id)?.ok_or_else(|| missing(id))?;
        let configuration = config::parse(&text, manifest.layers.len())?;
        let here = Platform::here();
        // Archives of old name no system; of those that do, only our own can run.
        if !configuration.platform.is_unknown() && configuration.platform.rank_on(&here).is_none() {
            let there = vec![configuration.platform];
            return Err(ManifestError::Platform { wanted: here, there }.into());
        }
        Ok((manifest, configuration))
    }

    /// Makes an image of what is in the store, and gives it names. `repo_digest` is `repository@digest` as a registry has
    /// it, if it comes from one, and `shown` the login that it was given for.
    ///
    /// Everything must be there: the manifest, the configuration, and the layers, unpacked.
    pub(crate) fn commit(
        &self,
        manifest_digest: &Digest,
        names: &[String],
        repo_digest: Option<&str>,
        shown: Option<&OwnedLogin>,
    ) -> Result<ImageRecord, CommitError> {
        let (manifest, configuration) = self.describe(manifest_digest)?;
        let layout = &self.store.layout;
        let mut unpacked = 0;
        let mut layers = Vec::new();
        let mut packed = manifest.config.size;
        for (layer, diff_id) in manifest.layers.iter().zip(configuration.diff_ids) {
            let record = layer::find(layout, &diff_id)?;
            let record = record.ok_or_else(|| CommitError::Missing { digest: diff_id.clone() })?;
            unpacked += record.bytes;
            packed += layer.size;
            layers.push(ImageLayer { blob: layer.digest.clone(), diff_id });
        }
        let record = ImageRecord {
            id: manifest.config.digest,
            manifest: manifest_digest.clone(),
            config: configuration.config,
            layers,
            platform: configuration.platform,
            created: configuration.created,
            packed,
            unpacked,
        };
        // Blobs were renamed into place one by one; what points to them comes after them.
        for dir in ["sha256", "sha512"] {
            file::sync_dir(&layout.blobs().join(dir))?;
        }
        let temporaries = layout.temporaries();
        // Somebody who removes the image by another name sees both, or neither.
        let _names = file::lock(&layout.names_lock(), Sharing::Exclusive)?;
        file::write_json(&layout.image(manifest_digest), &temporaries, &record)?;
        for name in names {
            let path = layout.name(name);
            // Who may use what the name stood for before need not be given what it stands for now.
            let same = file::read_json::<NameRecord>(&path)?
                .filter(|before| before.manifest == *manifest_digest);
            let access = same.map_or_else(
                || Access::of(shown),
                |mut before| {
                    before.access.admit(shown);
                    before.access
                },
            );
            let record = NameRecord {
                name: name.clone(),
                manifest: manifest_digest.clone(),
                repo_digest: repo_digest.map(str::to_owned),
                access,
            };
            file::write_json(&path, &temporaries, &record)?;
        }
        Ok(record)
    }

    /// Lets those use an image by a name who have the login that a registry was `shown` when it said that the name still
    /// stands for `repo_digest`. When it does not any more on this machine, nothing changes.
    pub(crate) fn admit(
        &self,
        name: &str,
        repo_digest: &str,
        shown: Option<&OwnedLogin>,
    ) -> Result<(), FileError> {
        let layout = &self.store.layout;
        let path = layout.name(name);
        let _names = file::lock(&layout.names_lock(), Sharing::Exclusive)?;
        let Some(before) = file::read_json::<NameRecord>(&path)? else { return Ok(()) };
        let mut after = before.clone();
        after.access.admit(shown);
        if after == before || before.repo_digest.as_deref() != Some(repo_digest) {
            return Ok(());
        }
        file::write_json(&path, &layout.temporaries(), &after)
    }
}
