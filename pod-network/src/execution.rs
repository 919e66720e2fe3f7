//! Runs a helper program to its end, within bounds of time and output.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};

use crate::sys;

/// What a program may write to its standard output.
const STDOUT_LIMIT: usize = 1 << 20;
/// What is kept of its standard error; more is read and forgotten.
const STDERR_LIMIT: usize = 4 << 10;
/// What is read at once, which is what a pipe usually holds.
const CHUNK: usize = 64 << 10;

/// Why a helper program did not come to its own end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutionError {
    /// It could not be started.
    #[error("cannot start it")]
    Start(#[source] io::Error),
    /// It could not be watched, and was killed.
    #[error("cannot watch it")]
    Watch(#[source] io::Error),
    /// It took too long and was killed.
    #[error("it was killed after {} seconds without an end", .0.as_secs_f32())]
    Deadline(Duration),
    /// It wrote too much and was killed.
    #[error("it was killed for writing more than {STDOUT_LIMIT} bytes")]
    Output,
}

/// The first of `dirs` that has an executable file `name`.
pub(crate) fn find(dirs: &[PathBuf], name: &str) -> Option<PathBuf> {
    let executable = |path: &PathBuf| {
        path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    dirs.iter().map(|dir| dir.join(name)).find(executable)
}

/// How a program ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ended {
    pub outcome: Result<ExitStatus, ExecutionError>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// Starts `command` with `input` on its standard input, and waits for its end for `limit` at most.
///
/// It runs in a process group of its own, which is killed as a whole when the program fails, takes too long, or
/// writes too much. What a program leaves behind that succeeds lives on, and is not waited for. A program is killed
/// when the calling thread dies.
pub(crate) fn run(command: Command, input: &[u8], limit: Duration) -> Ended {
    let mut stdout = Stream::new(STDOUT_LIMIT);
    let mut stderr = Stream::new(STDERR_LIMIT);
    let outcome = start(command, input, &mut stdout, &mut stderr)
        .map_err(ExecutionError::Start)
        .and_then(|child| {
            let followed = follow(&child, &mut stdout, &mut stderr, limit);
            end(child, followed)
        });
    let stderr = String::from_utf8_lossy(&stderr.kept).trim().to_owned();
    Ended { outcome, stdout: stdout.kept, stderr }
}

fn start(
    mut command: Command,
    input: &[u8],
    stdout: &mut Stream,
    stderr: &mut Stream,
) -> io::Result<Child> {
    command
        .stdin(in_memory(input)?)
        .stdout(stdout.write_end()?)
        .stderr(stderr.write_end()?)
        .process_group(0);
    sys::die_with_parent(&mut command);
    // The write ends are closed here along with `command`.
    command.spawn()
}

/// A file with `content` that is read from its start. Unlike a pipe, it takes everything without a reader.
fn in_memory(content: &[u8]) -> io::Result<Stdio> {
    let mut file = std::fs::File::from(memfd_create("input", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    io::Seek::rewind(&mut file)?;
    Ok(file.into())
}

/// What comes out of one end of a pipe.
#[derive(Debug)]
struct Stream {
    source: Option<io::PipeReader>,
    kept: Vec<u8>,
    limit: usize,
    exceeded: bool,
}

impl Stream {
    fn new(limit: usize) -> Self {
        Self { source: None, kept: Vec::new(), limit, exceeded: false }
    }

    fn write_end(&mut self) -> io::Result<Stdio> {
        let (source, sink) = io::pipe()?;
        self.source = Some(source);
        Ok(sink.into())
    }

    /// Reads once; it blocks unless there is something to read.
    fn read(&mut self) -> io::Result<()> {
        let Some(source) = &mut self.source else { return Ok(()) };
        let mut chunk = [0; CHUNK];
        let length = match source.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            read => read?,
        };
        if length == 0 {
            self.source = None;
        }
        let room = self.limit - self.kept.len();
        self.exceeded |= length > room;
        self.kept.extend_from_slice(&chunk[..length.min(room)]);
        Ok(())
    }
}

/// Reads what the program writes until it ends, and then what is left in the pipes.
fn follow(
    child: &Child,
    stdout: &mut Stream,
    stderr: &mut Stream,
    limit: Duration,
) -> Result<(), ExecutionError> {
    let deadline = Instant::now() + limit;
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty())
        .map_err(|e| ExecutionError::Watch(e.into()))?;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let ready = wait(Some(&pidfd), stdout, stderr, left).map_err(ExecutionError::Watch)?;
        if ready.program {
            return drain(stdout, stderr).map_err(ExecutionError::Watch);
        }
        ready.read(stdout, stderr).map_err(ExecutionError::Watch)?;
        if stdout.exceeded {
            return Err(ExecutionError::Output);
        }
        // Also for a program that writes without a pause.
        if left.is_zero() {
            return Err(ExecutionError::Deadline(limit));
        }
    }
}

/// Takes what is in the pipes. Whoever else holds them, a child that was left behind, may go on writing.
fn drain(stdout: &mut Stream, stderr: &mut Stream) -> io::Result<()> {
    for _ in 0..STDOUT_LIMIT.div_ceil(CHUNK) {
        let ready = wait(None, stdout, stderr, Duration::ZERO)?;
        if !ready.stdout && !ready.stderr {
            break;
        }
        ready.read(stdout, stderr)?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, Default)]
struct Ready {
    program: bool,
    stdout: bool,
    stderr: bool,
}

impl Ready {
    fn read(self, stdout: &mut Stream, stderr: &mut Stream) -> io::Result<()> {
        if self.stdout {
            stdout.read()?;
        }
        if self.stderr {
            stderr.read()?;
        }
        Ok(())
    }
}

fn wait(
    pidfd: Option<&OwnedFd>,
    stdout: &Stream,
    stderr: &Stream,
    limit: Duration,
) -> io::Result<Ready> {
    let sources = [
        pidfd.map(AsFd::as_fd),
        stdout.source.as_ref().map(AsFd::as_fd),
        stderr.source.as_ref().map(AsFd::as_fd),
    ];
    let mut fds: Vec<_> =
        sources.iter().flatten().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
    match poll(&mut fds, Some(&limit)) {
        Err(rustix::io::Errno::INTR) => return Ok(Ready::default()),
        polled => polled?,
    };
    let mut answers = fds.iter().map(|fd| !fd.revents().is_empty());
    let [program, stdout, stderr] =
        sources.map(|source| source.is_some() && answers.next().unwrap_or(false));
    Ok(Ready { program, stdout, stderr })
}

/// Reaps the program, after what is left of its group has been killed unless it succeeded.
fn end(
    mut child: Child,
    followed: Result<(), ExecutionError>,
) -> Result<ExitStatus, ExecutionError> {
    // Not reaped yet, it still keeps the number of the group from being given to another.
    if followed.is_err() || !succeeded(&child) {
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    }
    let status = child.wait().map_err(ExecutionError::Watch)?;
    followed.map(|()| status)
}

/// Whether the program, which has ended and is not reaped, ended with code 0.
fn succeeded(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    waitid(WaitId::Pid(Pid::from_child(child)), options)
        .is_ok_and(|status| status.and_then(|s| s.exit_status()) == Some(0))
}
