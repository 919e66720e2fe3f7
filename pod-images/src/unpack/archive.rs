//! Reads a tar archive as a stream, in bounded memory, whatever stands in it.
//!
//! The `tar` crate decodes single headers. Walking from one to the next is done here, for three reasons: that crate reads
//! long names and extended headers into memory whatever length they claim, it splits extended headers at newlines, which
//! occur in binary attributes, and it knows one of the four forms of sparse files.
//!
//! Where writers of archives differ, Go's reader is followed, since Docker, podman and containerd read with it:
//! extended headers for the whole archive mean nothing, and links, directories and devices have no data.

mod sparse;

use std::io::{self, BufRead, Read};

use tar::Header;

use super::pax::Pax;

const BLOCK: u64 = 512;
/// The longest extended header or long name, in bytes.
const MAX_EXTENSION: u64 = 1 << 20;

/// What is wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("a header has the wrong checksum")]
    Checksum,
    #[error("a header holds something else where a number should be")]
    Number,
    #[error("an extended header is broken")]
    Pax,
    #[error("an extended header or a name is longer than 1 MiB")]
    LongExtension,
    #[error("the map of a sparse file is broken")]
    Sparse,
    #[error("an entry is of the unknown type {0}")]
    Type(u8),
    #[error("it ends in the middle of an entry")]
    Truncated,
}

/// Why an archive cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("the archive is malformed at byte {at}: {what}")]
    Malformed { at: u64, what: Malformed },
    #[error("cannot read the archive")]
    Read { source: io::Error },
}

/// What an entry makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    HardLink,
    Symlink,
    Directory,
    Character { major: u64, minor: u64 },
    Block { major: u64, minor: u64 },
    Fifo,
}

/// One entry, nothing of it checked but that it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub name: Vec<u8>,
    pub kind: Kind,
    /// Where a link leads.
    pub link: Vec<u8>,
    /// The permissions, with the set-user-id, set-group-id and sticky bits.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    /// Seconds and nanoseconds.
    pub mtime: (i64, u32),
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The length of a file, with its holes.
    pub size: u64,
    /// Offsets and lengths of the data of a sparse file, ascending.
    extents: Option<Vec<(u64, u64)>>,
}

/// Reads entries one after the other.
#[derive(Debug)]
pub(crate) struct Archive<R> {
    input: R,
    /// Bytes that have been read.
    at: u64,
    /// Bytes of the current entry's data that have not been read, and those that fill up its last block.
    left: u64,
    padding: u64,
    ended: bool,
}

/// What precedes an entry and belongs to it.
#[derive(Default)]
struct Extensions {
    pax: Pax,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl<R: BufRead> Archive<R> {
    pub(crate) fn new(input: R) -> Self {
        Self { input, at: 0, left: 0, padding: 0, ended: false }
    }

    /// Hands the input back, wherever it stands.
    pub(crate) fn into_inner(self) -> R {
        self.input
    }

    /// The next entry; `None` at the end. Data of the last one that was not asked for is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, ArchiveError> {
        self.skip_data()?;
        let mut extensions = Extensions::default();
        while let Some(header) = self.header()? {
            let size = self.number(&header.as_old().size)?;
            match header.as_old().linkflag[0] {
                b'x' => {
                    extensions.pax = Pax::default();
                    let records = self.extension(size)?;
                    extensions.pax.extend(&records).map_err(|what| self.malformed(what))?;
                }
                b'L' => extensions.name = Some(until_nul(self.extension(size)?)),
                b'K' => extensions.link = Some(until_nul(self.extension(size)?)),
                b'g' | b'V' => {
                    self.expect_data(size);
                    self.skip_data()?;
                }
                flag => return self.entry(&header, flag, extensions).map(Some),
            }
        }
        Ok(None)
    }

    fn entry(
        &mut self,
        header: &Header,
        flag: u8,
        extensions: Extensions,
    ) -> Result<Entry, ArchiveError> {
        let Extensions { mut pax, name, link } = extensions;
        let old = header.as_old();
        let or = |stated: Option<u64>, field: &[u8]| stated.map_or_else(|| self.number(field), Ok);
        let (uid, gid) = (or(pax.uid, &old.uid)?, or(pax.gid, &old.gid)?);
        let stored = or(pax.size, &old.size)?;
        let mtime = match pax.mtime {
            Some(mtime) => mtime,
            // Before the epoch, in GNU's form, it is the complement of two.
            None => (self.number(&old.mtime)?.cast_signed(), 0),
        };
        let name = pax
            .sparse
            .name
            .take()
            .or(pax.path.take())
            .or(name)
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let kind = match flag {
            b'0' | 0 | b'7' if name.ends_with(b"/") => Kind::Directory,
            b'0' | 0 | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' | b'4' => {
                let device = header.as_ustar().map(|u| (&u.dev_major, &u.dev_minor));
                let device = device.or(header.as_gnu().map(|g| (&g.dev_major, &g.dev_minor)));
                let (major, minor) = device.ok_or_else(|| self.malformed(Malformed::Number))?;
                let (major, minor) = (self.number(major)?, self.number(minor)?);
                if flag == b'3' {
                    Kind::Character { major, minor }
                } else {
                    Kind::Block { major, minor }
                }
            }
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => return Err(self.malformed(Malformed::Type(other))),
        };
        let mut entry = Entry {
            name,
            kind,
            link: pax.link.take().or(link).unwrap_or_else(|| {
                header.link_name_bytes().map_or_else(Vec::new, |link| link.into_owned())
            }),
            mode: (self.number(&old.mode)? & 0o7777) as u32,
            uid,
            gid,
            mtime,
            xattrs: pax.xattrs,
            size: 0,
            extents: None,
        };
        if kind == Kind::File {
            entry.size = stored;
            self.expect_data(stored);
            if flag == b'S' {
                self.gnu_sparse(header, &mut entry)?;
            } else {
                self.pax_sparse(&pax.sparse, &mut entry)?;
            }
        }
        Ok(entry)
    }

    /// Passes the data of the current entry on, piece by piece with the offset of each in the file.
    pub(crate) fn data<E: From<ArchiveError>>(
        &mut self,
        entry: &Entry,
        mut sink: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let whole = [(0, entry.size)];
        for (offset, length) in entry.extents.as_deref().unwrap_or(&whole) {
            let (mut offset, mut length) = (*offset, *length);
            while length > 0 {
                let buffer = fill(&mut self.input, self.at)?;
                let most = usize::try_from(length.min(self.left)).unwrap_or(usize::MAX);
                let count = buffer.len().min(most);
                sink(offset, &buffer[..count])?;
                self.input.consume(count);
                self.at += count as u64;
                self.left -= count as u64;
                offset += count as u64;
                length -= count as u64;
                if self.left == 0 && length > 0 {
                    return Err(self.malformed(Malformed::Truncated).into());
                }
            }
        }
        Ok(())
    }

    fn expect_data(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK - size % BLOCK) % BLOCK;
    }

    fn skip_data(&mut self) -> Result<(), ArchiveError> {
        // The sum may be beyond 64 bits, for the length is a stranger's.
        for rest in [self.left, self.padding] {
            let mut rest = rest;
            while rest > 0 {
                let there = fill(&mut self.input, self.at)?.len();
                let count = there.min(usize::try_from(rest).unwrap_or(usize::MAX));
                self.input.consume(count);
                self.at += count as u64;
                rest -= count as u64;
            }
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    /// The next header; `None` at the end of the archive, which is marked by zeros or by nothing.
    fn header(&mut self) -> Result<Option<Header>, ArchiveError> {
        if self.ended {
            return Ok(None);
        }
        let mut header = Header::new_old();
        let first = self.input.fill_buf().map_err(|source| ArchiveError::Read { source })?;
        if first.is_empty() {
            self.ended = true;
            return Ok(None);
        }
        let bytes = header.as_mut_bytes();
        self.fill_block(bytes)?;
        if bytes.iter().all(|b| *b == 0) {
            self.ended = true;
            return Ok(None);
        }
        let stated = self.number(&header.as_old().cksum)?;
        let bytes = header.as_bytes();
        // The field itself counts as eight spaces.
        let rest = bytes[..148].iter().chain(&bytes[156..]);
        let sum = rest.fold(8 * u64::from(b' '), |sum, byte| sum + u64::from(*byte));
        if sum != stated {
            return Err(self.malformed(Malformed::Checksum));
        }
        Ok(Some(header))
    }

    fn fill_block(&mut self, block: &mut [u8; BLOCK as usize]) -> Result<(), ArchiveError> {
        self.input.read_exact(block).map_err(|source| self.read_failed(source))?;
        self.at += BLOCK;
        Ok(())
    }

    /// The data of an entry that says something about the next one.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > MAX_EXTENSION {
            return Err(self.malformed(Malformed::LongExtension));
        }
        self.expect_data(size);
        let mut bytes = Vec::new();
        (&mut self.input)
            .take(size)
            .read_to_end(&mut bytes)
            .map_err(|source| ArchiveError::Read { source })?;
        self.at += bytes.len() as u64;
        self.left -= bytes.len() as u64;
        // Reports an end that came too early.
        self.skip_data()?;
        Ok(bytes)
    }

    /// A number as it stands in a header: octal digits, or the bytes of a large one. An empty field is zero.
    fn number(&self, field: &[u8]) -> Result<u64, ArchiveError> {
        number(field).ok_or_else(|| self.malformed(Malformed::Number))
    }

    fn malformed(&self, what: Malformed) -> ArchiveError {
        ArchiveError::Malformed { at: self.at, what }
    }

    fn read_failed(&self, source: io::Error) -> ArchiveError {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            self.malformed(Malformed::Truncated)
        } else {
            ArchiveError::Read { source }
        }
    }
}

/// What is there to be read, of which there must be something.
fn fill<R: BufRead>(input: &mut R, at: u64) -> Result<&[u8], ArchiveError> {
    match input.fill_buf() {
        Ok([]) => Err(ArchiveError::Malformed { at, what: Malformed::Truncated }),
        Ok(buffer) => Ok(buffer),
        Err(source) => Err(ArchiveError::Read { source }),
    }
}

/// Sets the checksum of each block that stands where a header may stand.
#[cfg(feature = "fuzzing")]
pub(crate) fn repair_checksums(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(BLOCK as usize) {
        if block.iter().any(|b| *b != 0) {
            block[148..156].fill(b' ');
            let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|b| *b == 0) {
        bytes.truncate(end);
    }
    bytes
}

fn number(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        // Big-endian, of which eight bytes are enough for all that is not refused anyway.
        let tail = field.len().saturating_sub(8);
        let negative = field[0] == 0xff;
        let filled = |byte: &u8| *byte == if negative { 0xff } else { 0 } || *byte == 0x80;
        if !field[..tail].iter().all(filled) {
            return None;
        }
        let mut value = if negative { u64::MAX } else { 0 };
        for (n, byte) in field[tail..].iter().enumerate() {
            let byte = if n == 0 && tail == 0 { byte & 0x7f } else { *byte };
            value = value << 8 | u64::from(byte);
        }
        return Some(value);
    }
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    field[..end].trim_ascii().iter().try_fold(0u64, |number, digit| {
        let digit = matches!(digit, b'0'..=b'7').then(|| u64::from(digit - b'0'))?;
        number.checked_mul(8)?.checked_add(digit)
    })
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
