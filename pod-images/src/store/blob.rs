//! Blobs: fetched piece by piece, checked against their digest, and then whole for ever.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::file::{self, FileError, Lock, Sharing};
use super::layout::Layout;
use crate::digest::{Algorithm, Digest, Hasher};

/// Why a blob does not get into the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// What was fetched is not what was asked for. Nothing of it is left.
    #[error("blob {expected} is in truth {found}: it was changed on its way, or at its source")]
    Mismatch {
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// More came than there should be. Nothing of it is left.
    #[error("blob {digest} is longer than the {size} bytes that it should have")]
    TooLong {
        /// The blob.
        digest: Digest,
        /// Its length as it was said to be, in bytes.
        size: u64,
    },
    /// Less came than there should be. What came is kept.
    #[error("blob {digest} ended after {found} of {size} bytes")]
    TooShort {
        /// The blob.
        digest: Digest,
        /// Its length as it was said to be, in bytes.
        size: u64,
        /// What there is of it.
        found: u64,
    },
    /// The same blob was said to have another length before, and that was true.
    #[error("blob {digest} has {found} bytes, and not {size}")]
    Length {
        /// The blob.
        digest: Digest,
        /// Its length as it was said to be now.
        size: u64,
        /// Its length.
        found: u64,
    },
    /// A file of the store cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// How the fetching of a blob begins.
#[derive(Debug)]
pub(crate) enum Begin {
    /// There is nothing to be fetched.
    Present,
    /// To be gone on with from [`PartialBlob::offset`].
    Partial(Box<PartialBlob>),
}

/// A blob of which a part is there. Nobody else fetches it for as long as this value lives; what was written stays when
/// it is dropped.
#[derive(Debug)]
pub(crate) struct PartialBlob {
    lock: Lock,
    part: PathBuf,
    place: PathBuf,
    digest: Digest,
    size: u64,
    offset: u64,
    hasher: Hasher,
}

/// Begins with a blob, or goes on with it. `None` when another fetches it and `wait` is not set.
pub(super) fn begin(
    layout: &Layout,
    digest: &Digest,
    size: u64,
    wait: bool,
) -> Result<Option<Begin>, BlobError> {
    let (part, place) = (layout.ingest(digest), layout.blob(digest));
    if is_present(&place, digest, size)? {
        return Ok(Some(Begin::Present));
    }
    let lock = match wait {
        true => file::lock(&part, Sharing::Exclusive)?,
        false => match file::try_lock(&part, Sharing::Exclusive)? {
            Some(lock) => lock,
            None => return Ok(None),
        },
    };
    // Whoever held the lock may have finished it.
    if is_present(&place, digest, size)? {
        file::remove(&part)?;
        return Ok(Some(Begin::Present));
    }
    let (digest, hasher) = (digest.clone(), Hasher::new(digest.algorithm()));
    let mut blob = PartialBlob { lock, part, place, digest, size, offset: 0, hasher };
    blob.read_part()?;
    Ok(Some(Begin::Partial(Box::new(blob))))
}

fn is_present(place: &PathBuf, digest: &Digest, size: u64) -> Result<bool, BlobError> {
    match fs::metadata(place) {
        Ok(there) if there.len() == size => Ok(true),
        Ok(there) => Err(BlobError::Length { digest: digest.clone(), size, found: there.len() }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(FileError::at("look at", place)(e).into()),
    }
}

impl PartialBlob {
    /// How many bytes there are; the next ones to be written follow them.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes there are to be in the end.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Hashes what an earlier attempt has left, so that the rest can be added.
    fn read_part(&mut self) -> Result<(), BlobError> {
        let mut read = || -> io::Result<()> {
            if self.lock.metadata()?.len() > self.size {
                self.lock.set_len(0)?;
            }
            let mut buffer = vec![0; 256 << 10];
            loop {
                match self.lock.read(&mut buffer)? {
                    0 => return Ok(()),
                    count => {
                        self.hasher.update(&buffer[..count]);
                        self.offset += count as u64;
                    }
                }
            }
        };
        let done = read();
        Ok(done.map_err(FileError::at("read", &self.part))?)
    }

    /// Starts again from nothing, as for a server that does not send parts.
    pub(crate) fn restart(&mut self) -> Result<(), BlobError> {
        let restart = self.lock.set_len(0).and_then(|()| self.lock.seek(SeekFrom::Start(0)));
        restart.map_err(FileError::at("empty", &self.part))?;
        self.offset = 0;
        self.hasher = Hasher::new(self.digest.algorithm());
        Ok(())
    }

    /// Adds bytes. When these are more than there should be, all is removed.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        if bytes.len() as u64 > self.size - self.offset {
            file::remove(&self.part)?;
            return Err(BlobError::TooLong { digest: self.digest.clone(), size: self.size });
        }
        self.lock.write_all(bytes).map_err(FileError::at("write", &self.part))?;
        self.hasher.update(bytes);
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Checks the blob, and makes it one of the store's.
    ///
    /// # Errors
    /// When something is missing, which can be added another time, or when the blob is another one, which is removed.
    pub(crate) fn finish(self) -> Result<(), BlobError> {
        let Self { digest, size, offset: found, .. } = self;
        if found < size {
            return Err(BlobError::TooShort { digest, size, found });
        }
        let found = self.hasher.finish();
        if found != digest {
            file::remove(&self.part)?;
            return Err(BlobError::Mismatch { expected: digest, found });
        }
        self.lock.sync_all().map_err(FileError::at("write", &self.part))?;
        fs::rename(&self.part, &self.place).map_err(FileError::at("write", &self.place))?;
        Ok(())
    }
}

/// A blob whose digest and length are known only when all of it is there, as in an archive. Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    path: PathBuf,
    layout: Layout,
    size: u64,
    hasher: Hasher,
}

impl Spool {
    pub(super) fn new(layout: &Layout, algorithm: Algorithm) -> Result<Self, FileError> {
        let path = file::temporary(&layout.temporaries());
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&path).map_err(FileError::at("make", &path))?;
        let hasher = Hasher::new(algorithm);
        Ok(Self { file, path, layout: layout.clone(), size: 0, hasher })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file.write_all(bytes).map_err(FileError::at("write", &self.path))?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Makes it a blob of the store, and tells its digest and length. It has to be the one that is stated, if any.
    pub(crate) fn finish_as(self, stated: Option<&Digest>) -> Result<(Digest, u64), BlobError> {
        let found = self.hasher.clone().finish();
        if let Some(stated) = stated.filter(|stated| **stated != found) {
            return Err(BlobError::Mismatch { expected: stated.clone(), found });
        }
        let place = self.layout.blob(&found);
        if !place.exists() {
            self.file.sync_all().map_err(FileError::at("write", &self.path))?;
            fs::rename(&self.path, &place).map_err(FileError::at("write", &place))?;
        }
        Ok((found, self.size))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // Gone already when it has become a blob; swept when it cannot be removed.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    const TEXT: &[u8] = b"the content of a blob";

    fn partial(begin: Begin) -> PartialBlob {
        match begin {
            Begin::Partial(blob) => *blob,
            Begin::Present => panic!("it is there"),
        }
    }

    #[test]
    fn a_blob_is_gone_on_with_where_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let session = Store::new(dir.path()).session().unwrap();
        let (digest, size) = (Hasher::digest(TEXT), TEXT.len() as u64);
        let mut blob = partial(session.begin(&digest, size).unwrap());
        blob.write(&TEXT[..8]).unwrap();
        assert!(session.try_begin(&digest, size).unwrap().is_none(), "it is being fetched");
        assert!(matches!(blob.finish(), Err(BlobError::TooShort { found: 8, .. })));
        let mut blob = partial(session.begin(&digest, size).unwrap());
        assert_eq!(blob.offset(), 8);
        blob.write(&TEXT[8..]).unwrap();
        blob.finish().unwrap();
        assert!(matches!(session.begin(&digest, size).unwrap(), Begin::Present));
        assert_eq!(session.text(&digest).unwrap().as_deref(), Some(TEXT));
        let error = session.begin(&digest, 7).unwrap_err();
        assert!(matches!(error, BlobError::Length { found, .. } if found == size), "{error}");
    }

    #[test]
    fn what_is_not_the_blob_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let session = Store::new(dir.path()).session().unwrap();
        let (digest, size) = (Hasher::digest(TEXT), TEXT.len() as u64);
        let error = session.put(&digest, b"another content, 21 b").unwrap_err();
        let found = Hasher::digest(b"another content, 21 b");
        assert!(matches!(&error, BlobError::Mismatch { expected, found: f }
            if *expected == digest && *f == found));
        let mut blob = partial(session.begin(&digest, size).unwrap());
        assert_eq!(blob.offset(), 0);
        assert!(matches!(blob.write(&[0; 22]), Err(BlobError::TooLong { .. })));
        drop(blob);
        assert_eq!(partial(session.begin(&digest, size).unwrap()).offset(), 0);
    }

    #[test]
    fn a_part_that_is_too_long_is_begun_again() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path());
        let session = store.session().unwrap();
        let (digest, size) = (Hasher::digest(TEXT), TEXT.len() as u64);
        fs::write(store.layout.ingest(&digest), [0; 100]).unwrap();
        let mut blob = partial(session.begin(&digest, size).unwrap());
        assert_eq!(blob.offset(), 0);
        blob.write(TEXT).unwrap();
        blob.finish().unwrap();
        assert_eq!(fs::read_dir(store.layout.ingests()).unwrap().count(), 0);
    }
}
