//! One container, from the keeper's side.
//!
//! ```text
//! Creating ──created──▶ Created ──start──▶ Starting ──started──▶ Running ──exit──▶ Exited
//!     └──failed──▶ (gone)   │                    └──failed──▶ Exited with its start error
//!                           └──exit──▶ Exited with its start error
//! ```

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;

use super::attach::Tap;
use super::entry::Entry;
use super::first::{First, Job, Line, remove_files};
use super::log::{Log, Stream};
use super::spec::Shared;
use super::terminal::{self, Pair};
use super::tether::Tether;
use crate::cgroup::Hierarchy;
use crate::config::ContainerConfig;
use crate::dirs::LAYER;
use crate::error::{CgroupError, chain};
use crate::seccomp::Filter;
use crate::status::{ContainerState, ContainerStatus, Exit};

/// A creation that takes longer is given up (the kubelet's request timeout).
const CREATE_DEADLINE: Duration = Duration::from_secs(120);
/// A pipe between a container and its log holds this much.
const PIPE_SIZE: i32 = 256 << 10;

/// Where a container is in its life.
#[derive(Debug)]
pub(super) enum State {
    /// Without a deadline once that is over.
    Creating {
        first: First,
        line: Line,
        deadline: Option<Instant>,
    },
    Created {
        first: First,
        line: Line,
    },
    Starting {
        first: First,
        line: Line,
    },
    Running {
        first: First,
        started_at: i64,
    },
    Exited(Exit),
}

impl State {
    /// What clients are told.
    pub fn status(&self) -> ContainerState {
        match self {
            Self::Creating { .. } => ContainerState::Creating,
            Self::Created { first, .. } | Self::Starting { first, .. } => {
                ContainerState::Created { pid: first.pid.as_raw() }
            }
            Self::Running { first, started_at } => {
                ContainerState::Running { pid: first.pid.as_raw(), started_at: *started_at }
            }
            Self::Exited(exit) => ContainerState::Exited(exit.clone()),
        }
    }
}

/// A container.
#[derive(Debug)]
pub(super) struct Container {
    pub config: ContainerConfig,
    pub state: State,
    pub cgroup: PathBuf,
    dir: PathBuf,
    pub log: Log,
    pub streams: [Stream; 2],
    /// The other end of its standard input, where that stays open.
    input: Option<OwnedFd>,
    terminal: Option<Pair>,
    /// The clients that wait for its creation, start or removal.
    pub waiting: Vec<usize>,
    /// The client that has asked for its start, while it was still being created.
    pub start_asked: Option<usize>,
    /// Whether it goes as soon as it has ended.
    pub removing: bool,
}

/// What a client is given that attaches to a container.
#[derive(Debug)]
pub(super) struct Attaching {
    pub taps: [Option<Tap>; 2],
    /// The terminal, standard input, output and error, as far as there are such.
    pub ends: Vec<OwnedFd>,
    pub terminal: bool,
    pub stdin: bool,
}

/// A container whose creation has begun.
struct Spawned {
    first: First,
    line: Line,
    log: Log,
    streams: [Stream; 2],
    input: Option<OwnedFd>,
}

/// A step of a container's creation that failed in the keeper.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpawnError {
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    #[error("the writable layer {} is not empty", path.display())]
    LayerInUse { path: PathBuf },
    #[error("cannot {action}")]
    Io { action: String, source: io::Error },
}

impl SpawnError {
    fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}

/// Where a container comes to be.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub hierarchy: &'a Hierarchy,
    pub sandbox_cgroup: &'a Path,
    /// Its directory, which does not exist yet.
    pub dir: PathBuf,
    pub shared: Shared<'a>,
    pub tether: &'a Tether,
}

impl Container {
    /// Begins to create one; nothing is left when that fails.
    pub fn spawn(
        config: ContainerConfig,
        filter: Option<Filter>,
        place: Place<'_>,
    ) -> Result<Self, SpawnError> {
        let cgroup = place.sandbox_cgroup.join(config.id.as_str());
        if let Some(layer) = config.rootfs.layer() {
            claim(layer)?;
        }
        match Self::try_spawn(&config, filter, &cgroup, &place) {
            Ok(Spawned { first, line, log, streams, input }) => {
                let deadline = Some(Instant::now() + CREATE_DEADLINE);
                Ok(Self {
                    config,
                    state: State::Creating { first, line, deadline },
                    cgroup,
                    dir: place.dir,
                    log,
                    streams,
                    input,
                    terminal: None,
                    waiting: Vec::new(),
                    start_asked: None,
                    removing: false,
                })
            }
            Err(error) => {
                for left in clean(place.hierarchy, &cgroup, &place.dir, &config) {
                    tracing::warn!("{left}");
                }
                Err(error)
            }
        }
    }

    fn try_spawn(
        config: &ContainerConfig,
        filter: Option<Filter>,
        cgroup: &Path,
        place: &Place<'_>,
    ) -> Result<Spawned, SpawnError> {
        let Place { hierarchy, dir, shared, tether, .. } = place;
        for sub in ["rootfs", "engine"] {
            let path = dir.join(sub);
            std::fs::create_dir_all(&path)
                .map_err(SpawnError::io(format!("make {}", path.display())))?;
        }
        if let Some(layer) = config.rootfs.layer() {
            // For whoever clears away after a dead keeper.
            let note = dir.join(LAYER);
            std::fs::write(&note, layer.as_os_str().as_encoded_bytes())
                .map_err(SpawnError::io(format!("write {}", note.display())))?;
        }
        let log = Log::open(config.log.as_deref()).map_err(SpawnError::io("open the log"))?;
        hierarchy.create(cgroup)?;
        let (out, stdout) = output_pipe().map_err(SpawnError::io("make a pipe"))?;
        let (err, stderr) = output_pipe().map_err(SpawnError::io("make a pipe"))?;
        let open = config.stdin && !config.tty;
        let (stdin, input) = standard_input(open).map_err(SpawnError::io("make a pipe"))?;
        let entry = Entry::new(&config.process, filter, config.tty);
        let job =
            Job { config, entry, shared, hierarchy, cgroup, dir, tether, stdin, stdout, stderr };
        let (first, line) = First::spawn(job).map_err(SpawnError::io("fork"))?;
        let streams = [Stream::new(out, "stdout"), Stream::new(err, "stderr")];
        Ok(Spawned { first, line, log, streams, input })
    }

    /// Its first process, when it lives.
    pub fn first(&self) -> Option<&First> {
        match &self.state {
            State::Creating { first, .. }
            | State::Created { first, .. }
            | State::Starting { first, .. }
            | State::Running { first, .. } => Some(first),
            State::Exited(_) => None,
        }
    }

    /// What its first process is about to say something on.
    pub fn line(&self) -> Option<&Line> {
        match &self.state {
            State::Creating { line, .. } | State::Starting { line, .. } => Some(line),
            State::Created { .. } | State::Running { .. } | State::Exited(_) => None,
        }
    }

    /// Its first process, when nothing but its end is waited for.
    pub fn settled(&self) -> Option<&First> {
        match &self.state {
            State::Created { first, .. } | State::Running { first, .. } => Some(first),
            State::Creating { .. } | State::Starting { .. } | State::Exited(_) => None,
        }
    }

    /// When its creation has taken too long.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Creating { deadline, .. } => deadline,
            _ => None,
        }
    }

    /// Whether its creation has just become late, which is told once.
    pub fn expire(&mut self, now: Instant) -> bool {
        match &mut self.state {
            State::Creating { deadline, .. } => deadline.take_if(|at| *at <= now).is_some(),
            _ => false,
        }
    }

    /// Whether its creation was given up.
    pub fn is_late(&self) -> bool {
        matches!(self.state, State::Creating { deadline: None, .. })
    }

    pub fn is_being_created(&self) -> bool {
        matches!(self.state, State::Creating { .. })
    }

    /// The clients that wait for what has just come about; those of a removal go on waiting.
    pub fn satisfied(&mut self) -> Vec<usize> {
        if self.removing { Vec::new() } else { std::mem::take(&mut self.waiting) }
    }

    /// What clients are told.
    pub fn status(&self) -> ContainerStatus {
        let state = self.state.status();
        ContainerStatus {
            id: self.config.id.clone(),
            image_ref: self.config.image_ref.clone(),
            state,
            log_lines_lost: self.log.lost(),
        }
    }

    /// Takes the terminal that its first process has made; what is written there is its output from now on.
    pub fn set_terminal(&mut self, pair: Pair) -> io::Result<()> {
        self.streams[0] = Stream::new(pair.outer.try_clone()?, "stdout");
        self.terminal = Some(pair);
        Ok(())
    }

    /// What a client is given that attaches to it.
    pub fn attach(&mut self, stdin: bool) -> io::Result<Attaching> {
        let stdin = stdin && self.config.stdin;
        let (out, stdout) = Tap::new(self.streams[0].partial())?;
        let mut taps = [Some(out), None];
        let mut ends = Vec::new();
        if let Some(terminal) = &self.terminal {
            ends.extend([terminal.outer.try_clone()?, stdout]);
        } else {
            let (err, stderr) = Tap::new(self.streams[1].partial())?;
            taps[1] = Some(err);
            ends.extend(self.standard_input(stdin)?.into_iter().chain([stdout, stderr]));
        }
        let terminal = self.terminal.is_some();
        let stdin = stdin && (terminal || ends.len() == 3);
        Ok(Attaching { taps, ends, terminal, stdin })
    }

    /// Its standard input to write to, given away for good where it ends with its first client.
    fn standard_input(&mut self, wanted: bool) -> io::Result<Option<OwnedFd>> {
        match &self.input {
            Some(_) if wanted && self.config.stdin_once => Ok(self.input.take()),
            Some(input) if wanted => input.try_clone().map(Some),
            _ => Ok(None),
        }
    }

    /// The root directory that its first process has.
    pub fn root(&self) -> io::Result<OwnedFd> {
        let first = self.first().ok_or(io::ErrorKind::NotFound)?;
        terminal::root_of(first.pid)
    }

    /// Moves all that the container has written so far to its log, and shows it to `copy` with the stream's number.
    pub fn drain(&mut self, buffer: &mut [u8], mut copy: impl FnMut(usize, &[u8])) {
        for (n, stream) in self.streams.iter_mut().enumerate() {
            stream.pump(&mut self.log, buffer, |bytes| copy(n, bytes));
            stream.flush(&mut self.log);
        }
    }

    /// Nothing of it is to be read or written any more.
    pub fn close(&mut self) {
        self.input = None;
        if self.terminal.take().is_some() {
            self.streams[0].close();
        }
    }

    /// Removes its cgroup and files. It must have ended.
    pub fn clean(&self, hierarchy: &Hierarchy) -> Vec<String> {
        clean(hierarchy, &self.cgroup, &self.dir, &self.config)
    }
}

/// Makes sure that a layer, which is removed with its container, has nothing of anybody else in it.
fn claim(layer: &Path) -> Result<(), SpawnError> {
    match std::fs::read_dir(layer) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(SpawnError::LayerInUse { path: layer.to_owned() }),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(SpawnError::io(format!("read the writable layer {}", layer.display()))(e)),
    }
}

fn clean(
    hierarchy: &Hierarchy,
    cgroup: &Path,
    dir: &Path,
    config: &ContainerConfig,
) -> Vec<String> {
    let mut errors: Vec<String> =
        hierarchy.destroy(cgroup).err().map(|e| chain(&e)).into_iter().collect();
    for (path, error) in remove_files(dir, &config.rootfs) {
        errors.push(format!("cannot remove {}: {error}", path.display()));
    }
    errors
}

/// What a container reads from, and the end that keeps it open.
fn standard_input(open: bool) -> io::Result<(OwnedFd, Option<OwnedFd>)> {
    if !open {
        return Ok((std::fs::File::open("/dev/null")?.into(), None));
    }
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    Ok((read, Some(write)))
}

/// A pipe whose reading end does not block.
fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&read, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    // A larger one spares wake-ups; the system may allow no more than it is.
    let _ = fcntl(&read, FcntlArg::F_SETPIPE_SZ(PIPE_SIZE));
    Ok((read, write))
}
