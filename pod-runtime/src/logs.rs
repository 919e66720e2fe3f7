//! Reading what containers wrote, from the files that the keeper keeps, over rotation and restarts.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pod_spec::{PodStatus, Time};

use crate::error::RuntimeError;
use crate::handle::PodHandle;
use crate::notify::Changed;

/// Most that is read from a file at once.
const CHUNK: usize = 64 << 10;

/// What of a container's output is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// Whether to wait for more, over restarts, until the container has ended for good.
    pub follow: bool,
    /// Whether the instance before the current one is meant.
    pub previous: bool,
    /// Only this many of the last lines that are there.
    pub tail: Option<usize>,
    /// Only what was written at this moment or later.
    pub since: Option<Time>,
}

/// Which of its outputs a container wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of a container's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was read from the container, in RFC 3339 with nanoseconds.
    pub time: String,
    /// Where it was written to.
    pub stream: OutputStream,
    /// The line, without its end.
    pub text: Vec<u8>,
    /// Whether it is a piece of a longer line, which goes on in the next one.
    pub partial: bool,
}

impl LogLine {
    /// Reads a line of the CRI log format; `None` when it is none.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let mut parts = line.splitn(4, |b| *b == b' ');
        let time = String::from_utf8(parts.next()?.to_vec()).ok()?;
        let stream = match parts.next()? {
            b"stdout" => OutputStream::Stdout,
            b"stderr" => OutputStream::Stderr,
            _ => return None,
        };
        let partial = parts.next()?.split(|b| *b == b':').next()? == b"P";
        Some(Self { time, stream, text: parts.next().unwrap_or_default().to_vec(), partial })
    }

    /// Whether it was written then or later.
    fn is_from(&self, moment: Time) -> bool {
        Time::parse(&self.time).is_ok_and(|time| time >= moment)
    }
}

/// The lines of one container's output.
#[derive(Debug)]
pub struct LogStream {
    pod: PodHandle,
    container: String,
    options: LogOptions,
    dir: PathBuf,
    attempt: u32,
    file: Option<File>,
    /// The beginning of a line whose end has not been read.
    rest: Vec<u8>,
    lines: VecDeque<LogLine>,
    changed: Option<Changed>,
    /// Whether the container had ended for good before the file was last read to its end.
    ended: bool,
}

impl LogStream {
    pub(crate) fn open(
        pod: PodHandle,
        container: &str,
        options: LogOptions,
    ) -> Result<Self, RuntimeError> {
        let dir = pod.plan().dirs.container_logs(container);
        let context = || RuntimeError::io(format!("read the log of container `{container}`"));
        let changed = if options.follow {
            Some(Changed::of_state_and_logs(&pod.state(), &dir).map_err(context())?)
        } else {
            None
        };
        let newest = attempts(&dir).into_iter().max();
        let attempt = match (options.previous, newest) {
            (true, Some(n)) if n > 0 => n - 1,
            (true, _) => {
                return Err(RuntimeError::NotRunning {
                    pod: pod.name().to_owned(),
                    container: container.to_owned(),
                    state: "it has not been restarted, so there is no previous log".to_owned(),
                });
            }
            (false, newest) => newest.unwrap_or(0),
        };
        let mut stream = Self {
            pod,
            container: container.to_owned(),
            options,
            dir,
            attempt,
            file: None,
            rest: Vec::new(),
            lines: VecDeque::new(),
            changed,
            ended: false,
        };
        if let Some(tail) = options.tail {
            while stream.read().map_err(context())? {
                let surplus = stream.lines.len().saturating_sub(tail);
                stream.lines.drain(..surplus);
            }
        }
        Ok(stream)
    }

    /// The next line; `None` at the end, which a stream that follows reaches when the container has ended for good.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn next(&mut self) -> Result<Option<LogLine>, RuntimeError> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Some(line));
            }
            let context =
                RuntimeError::io(format!("read the log of container `{}`", self.container));
            if self.read().map_err(context)? {
                continue;
            }
            let Some(changed) = &mut self.changed else { return Ok(None) };
            if self.ended {
                return Ok(None);
            }
            self.ended = has_ended(&self.pod, &self.container)?;
            if !self.ended {
                let woken =
                    tokio::time::timeout(std::time::Duration::from_secs(2), changed.next()).await;
                if let Ok(result) = woken {
                    result.map_err(RuntimeError::io("watch the logs"))?;
                }
            }
        }
    }

    /// Reads some more; `false` at the end of all that is there.
    fn read(&mut self) -> io::Result<bool> {
        loop {
            let Some(file) = &mut self.file else {
                match self.first_file()? {
                    Some(file) => self.file = Some(file),
                    None => return Ok(false),
                }
                continue;
            };
            let mut chunk = vec![0; CHUNK];
            let n = file.read(&mut chunk)?;
            if n > 0 {
                self.take(&chunk[..n]);
                return Ok(true);
            }
            match self.file_after()? {
                Some(next) => self.file = Some(next),
                None => return Ok(false),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let Some(end) = self.rest.iter().rposition(|b| *b == b'\n') else { return };
        let rest = self.rest.split_off(end + 1);
        let whole = std::mem::replace(&mut self.rest, rest);
        let since = self.options.since;
        let lines = whole.split(|b| *b == b'\n').filter_map(LogLine::parse);
        self.lines.extend(lines.filter(|line| since.is_none_or(|since| line.is_from(since))));
    }

    /// The oldest file of the current instance.
    fn first_file(&self) -> io::Result<Option<File>> {
        match files(&self.dir, self.attempt).into_iter().next() {
            Some(path) => open(&path),
            None => Ok(None),
        }
    }

    /// The file that follows the one that has been read to its end: a newer one of this instance, or the next instance's.
    fn file_after(&mut self) -> io::Result<Option<File>> {
        let Some(file) = &self.file else { return Ok(None) };
        let inode = file.metadata()?.ino();
        let all = files(&self.dir, self.attempt);
        let at = all.iter().position(|path| fs::metadata(path).is_ok_and(|m| m.ino() == inode));
        let next = match at {
            Some(at) => all.get(at + 1),
            // It was removed as the oldest: what is oldest now follows it.
            None => all.first(),
        };
        if let Some(path) = next {
            return open(path);
        }
        if !self.options.follow || self.options.previous {
            return Ok(None);
        }
        let Some(attempt) = attempts(&self.dir).into_iter().filter(|n| *n > self.attempt).min()
        else {
            return Ok(None);
        };
        self.attempt = attempt;
        self.rest.clear();
        self.first_file()
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// The instances that have a log.
fn attempts(dir: &Path) -> Vec<u32> {
    let names = fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.file_name());
    names.filter_map(|n| n.to_str()?.strip_suffix(".log")?.parse().ok()).collect()
}

/// The files of one instance, oldest first; the growing one is last.
fn files(dir: &Path, attempt: u32) -> Vec<PathBuf> {
    let current = dir.join(format!("{attempt}.log"));
    let mut found = pod_sandbox::rotated_logs(&current);
    if current.exists() {
        found.push(current);
    }
    found
}

/// The end of what an instance has written to both its streams: so many lines, and so many bytes of them, at most.
pub(crate) fn end(dir: &Path, attempt: u32, lines: usize, bytes: usize) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for path in files(dir, attempt).iter().rev() {
        let Some(file) = open(path)? else { continue };
        text = [written(&last_bytes(file, CHUNK)?), text].concat();
        if text.len() > bytes || text.iter().filter(|b| **b == b'\n').count() > lines {
            break;
        }
    }
    Ok(last_lines(&text, lines, bytes).to_vec())
}

/// The last bytes of a file.
pub(crate) fn last_bytes(mut file: File, most: usize) -> io::Result<Vec<u8>> {
    let most = most as u64;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the lines of a log say. The first may be the end of one, which says nothing.
fn written(log: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for line in log.split(|b| *b == b'\n').filter_map(LogLine::parse) {
        text.extend(line.text);
        if !line.partial {
            text.push(b'\n');
        }
    }
    text
}

fn last_lines(text: &[u8], lines: usize, bytes: usize) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut ends = (0..text.len()).rev().filter(|at| text[*at] == b'\n');
    let text = ends.nth(lines.saturating_sub(1)).map_or(text, |end| &text[end + 1..]);
    &text[text.len().saturating_sub(bytes)..]
}

/// Whether a container will write nothing any more.
fn has_ended(pod: &PodHandle, container: &str) -> Result<bool, RuntimeError> {
    let status: PodStatus = match pod.status() {
        Err(RuntimeError::NotFound { .. }) => return Ok(true),
        result => result?,
    };
    if status.phase.is_terminal() {
        return Ok(true);
    }
    let spec = pod.pod().spec();
    let policy = spec.restart_policy.unwrap_or_default();
    let ended =
        |c: &pod_spec::status::ContainerStatus| c.state.terminated.as_ref().map(|t| t.exit_code);
    if let Some(init) = status.init_container_statuses.iter().find(|c| c.name == container) {
        return Ok(!spec.is_sidecar(container) && ended(init) == Some(0));
    }
    let main = status.container_statuses.iter().find(|c| c.name == container);
    Ok(match (main.and_then(ended), policy) {
        (Some(_), pod_spec::RestartPolicy::Never)
        | (Some(0), pod_spec::RestartPolicy::OnFailure) => true,
        (Some(_) | None, _) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_cri_format_are_read() {
        let line = LogLine::parse(b"2026-01-02T03:04:05.000000006Z stderr P a b").expect("a line");
        assert_eq!(
            (line.stream, line.partial, line.text.as_slice()),
            (OutputStream::Stderr, true, &b"a b"[..])
        );
        assert_eq!(LogLine::parse(b"t stdout F").expect("an empty line").text, b"");
        let at = |text| line.is_from(Time::parse(text).expect("a moment"));
        assert!(at("2026-01-02T03:04:05Z") && !at("2026-01-02T03:04:06Z"));
        assert_eq!(LogLine::parse(b"t stdlog F x"), None);
        assert_eq!(LogLine::parse(b""), None);
    }

    #[test]
    fn b203_the_end_of_a_log_is_so_many_lines_and_bytes() {
        let log = b"ut F torn\n1 stdout F a\n2 stderr P b\n3 stderr F c\n4 stdout F d\n";
        let text = written(log);
        assert_eq!(text, b"a\nbc\nd\n");
        for (lines, bytes, end) in
            [(80, 2048, "a\nbc\nd"), (2, 2048, "bc\nd"), (1, 2048, "d"), (80, 3, "c\nd")]
        {
            assert_eq!(last_lines(&text, lines, bytes), end.as_bytes(), "{lines} {bytes}");
        }
        assert_eq!(last_lines(b"", 80, 2048), b"");
    }
}
