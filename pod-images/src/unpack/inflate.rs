//! Inflates a blob and hashes what comes out, on a thread of its own.
//!
//! Inflating and hashing take about as long as making the files, so the two run beside each other. The chunks between
//! them are a few, and are used again.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use flate2::bufread::MultiGzDecoder;

use crate::digest::{Digest, Hasher};
use crate::manifest::Compression;

const CHUNK: usize = 256 << 10;
/// How many chunks may wait to be read.
const AHEAD: usize = 8;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The first bytes of a frame to be skipped, the lowest four bits of the first one left out.
const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// The inflated bytes, to be read as they come.
#[derive(Debug)]
pub(crate) struct Inflating {
    chunks: Receiver<io::Result<Vec<u8>>>,
    used: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
    thread: Option<JoinHandle<Digest>>,
}

/// Says in an error that more came out than may.
pub(crate) const TOO_LONG: &str = "it is inflated to more bytes than are accepted";

/// How something is packed, by its first four bytes.
pub(crate) fn compression(start: &[u8]) -> Compression {
    if start.starts_with(&GZIP) {
        return Compression::Gzip;
    }
    let skippable =
        start.first().is_some_and(|b| b & 0xf0 == 0x50) && start.get(1..4) == Some(&ZSTD_SKIPPABLE);
    if start.starts_with(&ZSTD) || skippable { Compression::Zstd } else { Compression::None }
}

/// A reader of what `packed` is when inflated, whatever it is said to be.
pub(crate) fn decoder<'a>(
    mut packed: impl Read + Send + 'a,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    let mut start = Vec::new();
    // A pipe may give less than four bytes at once.
    (&mut packed).take(4).read_to_end(&mut start)?;
    let kind = compression(&start);
    let packed = BufReader::with_capacity(128 << 10, io::Cursor::new(start).chain(packed));
    Ok(match kind {
        Compression::Gzip => Box::new(MultiGzDecoder::new(packed)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
        Compression::None => Box::new(packed),
    })
}

impl Inflating {
    /// Starts to inflate `packed`, up to `most` bytes, and to hash as `expected` was.
    pub(crate) fn start(
        packed: impl Read + Send + 'static,
        expected: &Digest,
        most: u64,
    ) -> io::Result<Self> {
        let (sender, chunks) = sync_channel(AHEAD);
        let (used, free) = channel();
        let hasher = Hasher::new(expected.algorithm());
        let thread = std::thread::Builder::new()
            .name("inflate".to_owned())
            .spawn(move || run(packed, hasher, most, &sender, &free))?;
        Ok(Self { chunks, used, chunk: Vec::new(), at: 0, thread: Some(thread) })
    }

    /// Reads what is left, and tells the digest of all that was inflated.
    pub(crate) fn finish(mut self) -> io::Result<Digest> {
        loop {
            match self.fill_buf()?.len() {
                0 => break,
                count => self.consume(count),
            }
        }
        let thread = self.thread.take().ok_or_else(ended)?;
        thread.join().map_err(|_| ended())
    }
}

fn ended() -> io::Error {
    io::Error::other("the thread that inflates has ended")
}

fn run(
    packed: impl Read + Send,
    mut hasher: Hasher,
    most: u64,
    sender: &SyncSender<io::Result<Vec<u8>>>,
    free: &Receiver<Vec<u8>>,
) -> Digest {
    let mut bytes = 0;
    let inflate = || -> io::Result<()> {
        let mut reader = decoder(packed)?;
        loop {
            let mut chunk = free.try_recv().unwrap_or_default();
            chunk.resize(CHUNK, 0);
            let count = fill(&mut reader, &mut chunk)?;
            chunk.truncate(count);
            bytes += count as u64;
            if bytes > most {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, TOO_LONG));
            }
            hasher.update(&chunk);
            // Nobody reads any more when the archive was refused.
            if count == 0 || sender.send(Ok(chunk)).is_err() {
                return Ok(());
            }
        }
    };
    if let Err(error) = inflate() {
        // The same: nobody is left who could be told.
        let _ = sender.send(Err(error));
    }
    hasher.finish()
}

/// Reads until `chunk` is full or nothing is left.
fn fill(reader: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < chunk.len() {
        match reader.read(&mut chunk[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(count)
}

impl BufRead for Inflating {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.chunk.len() {
            let next = match self.chunks.recv() {
                Ok(chunk) => chunk?,
                Err(_) => Vec::new(),
            };
            let used = std::mem::replace(&mut self.chunk, next);
            self.at = 0;
            // At the end nobody takes it back.
            let _ = self.used.send(used);
        }
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at = self.chunk.len().min(self.at + count);
    }
}

impl Read for Inflating {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}
