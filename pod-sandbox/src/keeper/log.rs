//! Container output, from pipes to files in the CRI log format.
//!
//! Each line becomes `<RFC 3339 time> <stdout|stderr> <F|P> <text>`; `P` marks a piece of a line longer than 16 KiB.
//! The pipe is read whatever happens to the file: a container never waits for a full disk, its lines are counted as
//! lost instead.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use nix::errno::Errno;
use nix::unistd::read;

use crate::log_files::rotated_logs;

/// A file is put aside when it has grown to this many bytes (the kubelet's containerLogMaxSize).
const MAX_SIZE: u64 = 10 << 20;
/// Files of one container instance, the growing one among them (the kubelet's containerLogMaxFiles).
const MAX_FILES: usize = 5;
/// A longer line is written in pieces.
const MAX_LINE: usize = 16 << 10;
/// Most that is read before other work has its turn.
const READ_AT_ONCE: usize = 1 << 20;

/// One of a container's output streams.
#[derive(Debug)]
pub(super) struct Stream {
    pipe: Option<OwnedFd>,
    name: &'static str,
    /// The beginning of a line whose end has not been read.
    partial: Vec<u8>,
}

impl Stream {
    /// `pipe` must not block.
    pub fn new(pipe: OwnedFd, name: &'static str) -> Self {
        Self { pipe: Some(pipe), name, partial: Vec::new() }
    }

    /// The pipe to wait on, until it has ended.
    pub fn pipe(&self) -> Option<&OwnedFd> {
        self.pipe.as_ref()
    }

    /// The beginning of a line that is not in the log yet.
    pub fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Moves what the pipe holds to the log, and shows it to `copy`.
    pub fn pump(&mut self, log: &mut Log, buffer: &mut [u8], mut copy: impl FnMut(&[u8])) {
        let mut total = 0;
        while let Some(pipe) = self.pipe.as_ref().filter(|_| total < READ_AT_ONCE) {
            match read(pipe.as_fd(), buffer) {
                Ok(0) => {
                    self.pipe = None;
                    self.flush(log);
                }
                Ok(n) => {
                    total += n;
                    self.take(&buffer[..n], log);
                    copy(&buffer[..n]);
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(_) => self.pipe = None,
            }
        }
    }

    /// Reads no more.
    pub fn close(&mut self) {
        self.pipe = None;
    }

    /// Writes an unfinished line as a finished one, as at the end of the stream.
    pub fn flush(&mut self, log: &mut Log) {
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            log.append(|out, time| entry(out, time, self.name, b'F', &line));
        }
    }

    fn take(&mut self, mut bytes: &[u8], log: &mut Log) {
        let (name, partial) = (self.name, &mut self.partial);
        log.append(|out, time| {
            while let Some(end) = memchr(b'\n', bytes) {
                let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
                bytes = rest;
                if partial.is_empty() {
                    pieces(out, time, name, line);
                } else {
                    partial.extend_from_slice(line);
                    pieces(out, time, name, partial);
                    partial.clear();
                }
            }
            partial.extend_from_slice(bytes);
            let whole = partial.len() / MAX_LINE * MAX_LINE;
            for piece in partial[..whole].chunks(MAX_LINE) {
                entry(out, time, name, b'P', piece);
            }
            partial.drain(..whole);
        });
    }
}

fn memchr(byte: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|b| *b == byte)
}

/// A whole line, cut where it is too long.
fn pieces(out: &mut Vec<u8>, time: &str, stream: &str, line: &[u8]) {
    let mut rest = line;
    while rest.len() > MAX_LINE {
        entry(out, time, stream, b'P', &rest[..MAX_LINE]);
        rest = &rest[MAX_LINE..];
    }
    entry(out, time, stream, b'F', rest);
}

fn entry(out: &mut Vec<u8>, time: &str, stream: &str, tag: u8, text: &[u8]) {
    out.extend_from_slice(time.as_bytes());
    out.push(b' ');
    out.extend_from_slice(stream.as_bytes());
    out.extend_from_slice(&[b' ', tag, b' ']);
    out.extend_from_slice(text);
    out.push(b'\n');
}

/// The log file of one container instance.
#[derive(Debug, Default)]
pub(super) struct Log {
    file: Option<(PathBuf, File)>,
    size: u64,
    out: Vec<u8>,
    lost: u64,
}

impl Log {
    /// Opens `path` for appending, making it and its directory; `None` drops everything.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let file = open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file: Some((path.to_owned(), file)), size, ..Self::default() })
    }

    /// How long the file is.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Lines that could not be written so far.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    fn append(&mut self, fill: impl FnOnce(&mut Vec<u8>, &str)) {
        let now =
            DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Nanos, true);
        self.out.clear();
        fill(&mut self.out, &now);
        let Some((path, file)) = &mut self.file else { return };
        if self.out.is_empty() {
            return;
        }
        let (written, error) = write(file, &self.out);
        self.size += written as u64;
        if let Some(error) = error {
            // What was written of the line that did not fit goes, so that the next one begins at the start of a line.
            let _ = file.set_len(self.size);
            if self.lost == 0 {
                tracing::warn!(%error, path = %path.display(), "log lines are lost");
            }
            self.lost += self.out[written..].iter().filter(|b| **b == b'\n').count() as u64;
        }
        if self.size >= MAX_SIZE {
            let path = path.clone();
            match rotate(&path) {
                Ok(file) => {
                    self.size = 0;
                    self.file = Some((path, file));
                }
                Err(error) => tracing::warn!(%error, path = %path.display(), "cannot rotate"),
            }
        }
        if self.out.capacity() > 4 * MAX_LINE {
            self.out = Vec::new();
        }
    }
}

/// Writes lines; returns how long those are that were written whole, and why there are not more of them.
fn write(file: &mut File, lines: &[u8]) -> (usize, Option<io::Error>) {
    let mut written = 0;
    while written < lines.len() {
        match file.write(&lines[written..]) {
            Ok(n) if n > 0 => written += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => {
                let error = result.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                let whole = lines[..written].iter().rposition(|byte| *byte == b'\n');
                return (whole.map_or(0, |end| end + 1), Some(error));
            }
        }
    }
    (written, None)
}

fn open(path: &Path) -> io::Result<File> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC;
    OpenOptions::new().create(true).append(true).mode(0o640).custom_flags(flags).open(path)
}

/// Puts a full file aside under the time of day and opens a new one; removes the oldest.
fn rotate(path: &Path) -> io::Result<File> {
    let mut time = SystemTime::now();
    let aside = loop {
        let stamp = DateTime::<Utc>::from(time).format("%Y%m%d-%H%M%S");
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{stamp}"));
        let name = PathBuf::from(name);
        if !name.exists() {
            break name;
        }
        // Two in one second: the names must still sort by age.
        time += Duration::from_secs(1);
    };
    fs::rename(path, &aside)?;
    let mut old = rotated_logs(path);
    let surplus = (old.len() + 1).saturating_sub(MAX_FILES);
    for path in old.drain(..surplus) {
        fs::remove_file(path)?;
    }
    open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("pod-log-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("makes");
            Self(path)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn lines_of(input: &[&[u8]], dir: &Dir) -> Vec<String> {
        let path = dir.0.join("0.log");
        let mut log = Log::open(Some(&path)).expect("opens");
        let (mut writer, reader) = UnixStream::pair().expect("a pair");
        reader.set_nonblocking(true).expect("sets");
        let mut stream = Stream::new(reader.into(), "stdout");
        let mut buffer = vec![0; 64 << 10];
        for chunk in input {
            writer.write_all(chunk).expect("writes");
            stream.pump(&mut log, &mut buffer, |_| {});
        }
        drop(writer);
        stream.pump(&mut log, &mut buffer, |_| {});
        assert!(stream.pipe().is_none());
        let text = fs::read_to_string(path).expect("reads");
        text.lines().map(|l| l.split_once(' ').expect("a time").1.to_owned()).collect()
    }

    #[test]
    fn b211_lines_are_written_in_the_cri_format() {
        let dir = Dir::new("lines");
        let got = lines_of(&[b"one\ntw", b"o\n\nlast"], &dir);
        assert_eq!(got, ["stdout F one", "stdout F two", "stdout F ", "stdout F last"]);
    }

    #[test]
    fn long_lines_come_in_pieces() {
        let dir = Dir::new("long");
        let long = vec![b'x'; MAX_LINE * 2 + 5];
        let got = lines_of(&[&long, b"\nend\n"], &dir);
        let shape: Vec<_> = got.iter().map(|l| (l[7..8].to_owned(), l.len() - 9)).collect();
        let want =
            [("P", MAX_LINE), ("P", MAX_LINE), ("F", 5), ("F", 3)].map(|(t, n)| (t.to_owned(), n));
        assert_eq!(shape, want);
    }

    #[test]
    fn b213_a_full_file_is_put_aside_and_the_oldest_goes() {
        let dir = Dir::new("rotate");
        let path = dir.0.join("0.log");
        let mut log = Log::open(Some(&path)).expect("opens");
        let line = vec![b'x'; 8 << 10];
        for _ in 0..(MAX_SIZE * 7 / line.len() as u64) {
            log.append(|out, time| entry(out, time, "stdout", b'F', &line));
        }
        assert_eq!(rotated_logs(&path).len(), MAX_FILES - 1);
        assert!(fs::metadata(&path).expect("there").len() < MAX_SIZE);
    }

    #[test]
    fn a_full_disk_counts_lost_lines() {
        let mut log = Log {
            file: Some((
                "/dev/full".into(),
                OpenOptions::new().write(true).open("/dev/full").expect("opens"),
            )),
            ..Log::default()
        };
        log.append(|out, time| {
            entry(out, time, "stdout", b'F', b"a");
            entry(out, time, "stdout", b'F', b"b");
        });
        assert_eq!(log.lost(), 2);
    }
}
