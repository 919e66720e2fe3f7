//! Passes bytes on in both directions until the program has ended, or somebody leaves.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{read, write};
use pod_runtime::{Exit, RuntimeError, Streams, Terminal, TerminalSize};
use tokio::signal::unix::{SignalKind, signal};

use super::keys::DetachKeys;
use super::raw::RawMode;
use crate::error::CliError;

/// Most that is passed on at once: a pipe that can be written to has room for this.
const CHUNK: usize = 4096;
/// The signal that tells of a terminal's new size.
const RESIZED: i32 = nix::libc::SIGWINCH;
/// Those that end this process; the terminal is put back first.
const ENDING: [i32; 4] =
    [nix::libc::SIGTERM, nix::libc::SIGHUP, nix::libc::SIGINT, nix::libc::SIGQUIT];

/// A program to be led to this process's standard descriptors.
#[derive(Debug)]
pub struct Session {
    pub streams: Streams,
    /// Whether this process's terminal is the program's.
    pub raw: bool,
    pub detach: Option<DetachKeys>,
    /// Whether the end of our input ends the session; else it ends the program's input.
    pub ends_with_input: bool,
}

/// How a session ended.
#[derive(Debug)]
pub enum End {
    /// The program has ended.
    Exited(Exit),
    /// The keys for it were typed.
    Detached,
    /// Our input has ended.
    InputEnded,
    /// This process was asked to end, by a signal of this number.
    Signalled(i32),
}

impl Session {
    /// Runs it to its end. What the program left running may hold its output open for good, and is not waited for.
    pub async fn run(self) -> Result<End, CliError> {
        let (sender, signals) = UnixStream::pair().map_err(CliError::io("make a socket"))?;
        let listening = if self.raw { listen(&sender)? } else { Vec::new() };
        let ended = tokio::task::spawn_blocking(move || Loop::run(self, signals)).await;
        listening.into_iter().for_each(|task| task.abort());
        ended.map_err(CliError::io("pass the input and output on"))?
    }
}

/// Has signals told through a socket, by their numbers, in place of what they do by themselves.
fn listen(sender: &UnixStream) -> Result<Vec<tokio::task::JoinHandle<()>>, CliError> {
    let mut tasks = Vec::new();
    for number in ENDING.into_iter().chain([RESIZED]) {
        let mut signals =
            signal(SignalKind::from_raw(number)).map_err(CliError::io("listen for signals"))?;
        let sender = sender.try_clone().map_err(CliError::io("listen for signals"))?;
        tasks.push(tokio::task::spawn_local(async move {
            while signals.recv().await.is_some() {
                // Without a reader the session is over.
                let _ = write(&sender, &[number as u8]);
            }
        }));
    }
    Ok(tasks)
}

/// One direction: from one descriptor to another.
struct Flow {
    source: OwnedFd,
    sink: OwnedFd,
    /// What has been read and not been written yet.
    pending: Vec<u8>,
}

impl Flow {
    fn new(source: OwnedFd, sink: OwnedFd) -> Self {
        Self { source, sink, pending: Vec::new() }
    }

    fn waits_for(&self) -> (BorrowedFd<'_>, PollFlags) {
        if self.pending.is_empty() {
            (self.source.as_fd(), PollFlags::POLLIN)
        } else {
            (self.sink.as_fd(), PollFlags::POLLOUT)
        }
    }

    /// Reads some, or writes what has been read; `false` when there is nothing more to read or nobody to write to.
    fn pass(&mut self, filter: impl FnOnce(&[u8]) -> Vec<u8>) -> nix::Result<bool> {
        if self.pending.is_empty() {
            let mut chunk = [0; CHUNK];
            return match read(&self.source, &mut chunk) {
                // A terminal's end.
                Ok(0) | Err(Errno::EIO) => Ok(false),
                Ok(n) => {
                    self.pending = filter(&chunk[..n]);
                    Ok(true)
                }
                Err(Errno::EINTR | Errno::EAGAIN) => Ok(true),
                Err(e) => Err(e),
            };
        }
        let length = self.pending.len().min(CHUNK);
        match write(&self.sink, &self.pending[..length]) {
            Ok(n) => {
                self.pending.drain(..n);
                Ok(true)
            }
            Err(Errno::EINTR | Errno::EAGAIN) => Ok(true),
            Err(Errno::EPIPE | Errno::EIO) => Ok(false),
            Err(e) => Err(e),
        }
    }
}

struct Loop {
    input: Option<Flow>,
    outputs: [Option<Flow>; 2],
    terminal: Option<Terminal>,
    ended: pod_runtime::ExitCall,
    signals: UnixStream,
    detach: Option<DetachKeys>,
    ends_with_input: bool,
}

impl Loop {
    fn run(session: Session, signals: UnixStream) -> Result<End, CliError> {
        let raw = session.raw;
        let failed = || CliError::io("pass the input and output on");
        let mut this = Self::new(session, signals).map_err(failed())?;
        let guard = raw.then(RawMode::enter).transpose();
        let guard = guard.map_err(CliError::io("use the terminal"))?;
        if raw {
            this.resize();
        }
        let left = this.pass_on().map_err(failed())?;
        drop(guard);
        match left {
            Some(end) => Ok(end),
            None => Ok(End::Exited(this.ended.wait().map_err(RuntimeError::from)?)),
        }
    }

    fn new(session: Session, signals: UnixStream) -> io::Result<Self> {
        let Streams { stdin, stdout, stderr, terminal, ended } = session.streams;
        let own = |fd: BorrowedFd<'_>| fd.try_clone_to_owned();
        let input = match stdin {
            Some(sink) => Some(Flow::new(own(io::stdin().as_fd())?, sink)),
            None => None,
        };
        let out = Flow::new(stdout, own(io::stdout().as_fd())?);
        let err = match stderr {
            Some(source) => Some(Flow::new(source, own(io::stderr().as_fd())?)),
            None => None,
        };
        let (detach, ends_with_input) = (session.detach, session.ends_with_input);
        let outputs = [Some(out), err];
        Ok(Self { input, outputs, terminal, ended, signals, detach, ends_with_input })
    }

    /// Gives the program's terminal the size of ours.
    fn resize(&self) {
        if let (Some(terminal), Ok(size)) = (&self.terminal, TerminalSize::of(io::stdin())) {
            // The program may have ended.
            let _ = terminal.resize(size);
        }
    }

    /// `None` when the program has ended and all that it wrote is through.
    fn pass_on(&mut self) -> io::Result<Option<End>> {
        let (mut over, mut leaves) = (false, None);
        loop {
            let last = over || leaves.is_some();
            let [outputs @ .., input, signals, ended] = self.wait(last)?;
            if last && !outputs.contains(&true) && !self.has_unwritten() {
                return Ok(leaves);
            }
            over |= ended;
            for (flow, ready) in self.outputs.iter_mut().zip(outputs) {
                flow.take_if(|flow| ready && !flow.pass(<[u8]>::to_vec).unwrap_or(false));
            }
            if signals && let Some(signal) = self.signalled()? {
                return Ok(Some(End::Signalled(signal)));
            }
            if input && leaves.is_none() {
                leaves = self.pass_input()?;
            }
        }
    }

    /// Whether output has been read that is not written yet.
    fn has_unwritten(&self) -> bool {
        self.outputs.iter().flatten().any(|flow| !flow.pending.is_empty())
    }

    /// Waits until something can be done: for the two outputs, the input, a signal, the program's end.
    fn wait(&self, over: bool) -> io::Result<[bool; 5]> {
        let [out, err] = &self.outputs;
        let flows = [out, err, &self.input].map(|flow| flow.as_ref().map(Flow::waits_for));
        let ended = (!over).then(|| (self.ended.as_fd(), PollFlags::POLLIN));
        let signals = Some((self.signals.as_fd(), PollFlags::POLLIN));
        let all = flows.into_iter().chain([signals, ended]);
        let mut fds = Vec::new();
        let mut places = [None; 5];
        for (place, wanted) in places.iter_mut().zip(all) {
            if let Some((fd, flags)) = wanted {
                *place = Some(fds.len());
                fds.push(PollFd::new(fd, flags));
            }
        }
        let only_looks = over && !self.has_unwritten();
        let timeout = if only_looks { PollTimeout::ZERO } else { PollTimeout::NONE };
        loop {
            match poll(&mut fds, timeout) {
                Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
                Ok(_) => break,
            }
        }
        Ok(places.map(|place| place.is_some_and(|n| fds[n].any() == Some(true))))
    }

    /// Takes a signal; the one that ends the session, if it is such.
    fn signalled(&mut self) -> io::Result<Option<i32>> {
        let mut number = [0];
        self.signals.read_exact(&mut number)?;
        let number = i32::from(number[0]);
        if number == RESIZED {
            self.resize();
            return Ok(None);
        }
        Ok(Some(number))
    }

    /// Passes input on; how the session ends by it, if it does.
    fn pass_input(&mut self) -> io::Result<Option<End>> {
        let Some(flow) = &mut self.input else { return Ok(None) };
        let mut detached = false;
        let reading = flow.pending.is_empty();
        let filter = |typed: &[u8]| match &mut self.detach {
            Some(keys) => {
                let (passed, complete) = keys.filter(typed);
                detached = complete;
                passed
            }
            None => typed.to_vec(),
        };
        let goes_on = flow.pass(filter)?;
        if detached {
            return Ok(Some(End::Detached));
        }
        if !goes_on {
            self.input = None;
            if reading && self.ends_with_input {
                return Ok(Some(End::InputEnded));
            }
        }
        Ok(None)
    }
}
