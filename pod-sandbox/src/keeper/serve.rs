//! The keeper's loop: waits for clients, containers and the kernel, one thing at a time.
//!
//! What is ready is told by the descriptors of [`Keeper::wait`]; `requests` and `events` hold what is done about it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;

use super::attach::Attachments;
use super::children;
use super::clients::{Client, Clients};
use super::companion::Companion;
use super::container::Container;
use super::exec::Entering;
use super::pause::Pause;
use super::tether::Tether;
use crate::cgroup::Hierarchy;
use crate::config::{ContainerId, SandboxConfig};
use crate::dirs::SandboxDir;
use crate::lock::Lock;
use crate::protocol::Reply;
use crate::seccomp::Filters;
use crate::status::{SandboxState, SandboxStatus};

/// Room for what a container writes at once; shared by all of them.
const BUFFER: usize = 128 << 10;

/// A process executed in a container.
#[derive(Debug)]
pub(super) enum Executed {
    Entering { entering: Entering, container: ContainerId, client: Client },
    Running { pid: Pid, pidfd: OwnedFd, started_at: i64, client: Client },
}

/// What a descriptor in the poll set stands for.
#[derive(Debug, Clone)]
enum Source {
    Signals,
    Listener,
    Pause,
    Companion,
    Client(Client),
    First(ContainerId),
    Line(ContainerId),
    Output(ContainerId, usize),
    Executed(usize),
    Attached(Client),
}

/// What set-up has made, for the keeper to hold.
#[derive(Debug)]
pub(super) struct Held {
    pub dir: SandboxDir,
    pub config: SandboxConfig,
    pub hierarchy: Hierarchy,
    pub pause: Pause,
    pub tether: Tether,
    pub filters: Filters,
    pub thermal: Vec<String>,
    pub signals: SignalFd,
    pub lock: Lock,
    pub host: fs::File,
}

/// A sandbox and everything in it.
#[derive(Debug)]
pub(super) struct Keeper {
    pub dir: SandboxDir,
    pub config: SandboxConfig,
    pub hierarchy: Hierarchy,
    pub pause: Pause,
    pub tether: Tether,
    /// The mount namespace of the host.
    pub host: fs::File,
    pub state: SandboxState,
    /// How often the pause process has been made again.
    pub attempt: u32,
    pub thermal: Vec<String>,
    pub clients: Clients,
    pub companion: Option<Companion>,
    pub containers: BTreeMap<ContainerId, Container>,
    pub filters: Filters,
    pub executed: BTreeMap<usize, Executed>,
    pub attachments: Attachments,
    /// How many there were: their names.
    pub executions: usize,
    /// Whether there is news for the journal and for those who watch.
    pub changed: bool,
    pub buffer: Vec<u8>,
    /// What clients have given it to keep open.
    pub kept: Vec<OwnedFd>,
    /// The exit code, once there is nothing left to keep.
    pub ended: Option<i32>,
    revision: u64,
    signals: SignalFd,
    _lock: Lock,
}

impl Keeper {
    pub fn new(held: Held, clients: Clients, companion: Option<Companion>) -> Self {
        let Held { dir, config, hierarchy, pause, tether, filters, thermal, signals, lock, host } =
            held;
        let state = SandboxState::Ready { pause: pause.pid.as_raw() };
        let mut keeper = Self {
            dir,
            config,
            hierarchy,
            pause,
            tether,
            host,
            state,
            attempt: 0,
            thermal,
            clients,
            companion,
            containers: BTreeMap::new(),
            filters,
            executed: BTreeMap::new(),
            attachments: Attachments::default(),
            executions: 0,
            changed: true,
            buffer: vec![0; BUFFER],
            kept: Vec::new(),
            ended: None,
            revision: 0,
            signals,
            _lock: lock,
        };
        keeper.publish();
        keeper
    }

    /// Serves until it is told to shut down; returns the process's exit code.
    pub fn run(mut self) -> i32 {
        loop {
            for source in self.wait() {
                self.handle(source);
                if let Some(code) = self.ended {
                    return code;
                }
            }
            self.expire();
            self.attachments.settle(&mut self.clients);
            self.reap();
            if self.changed {
                self.publish();
            }
        }
    }

    /// Waits until something is ready or due.
    fn wait(&self) -> Vec<Source> {
        let mut sources: Vec<(Source, BorrowedFd<'_>, PollFlags)> = Vec::new();
        let mut add = |source, fd, flags| sources.push((source, fd, flags));
        let read = PollFlags::POLLIN;
        add(Source::Signals, self.signals.as_fd(), read);
        add(Source::Listener, self.clients.listener.as_fd(), read);
        if matches!(self.state, SandboxState::Ready { .. }) {
            add(Source::Pause, self.pause.pidfd.as_fd(), read);
        }
        if let Some(pidfd) = self.companion.as_ref().and_then(Companion::pidfd) {
            add(Source::Companion, pidfd, read);
        }
        for (n, client) in self.clients.iter() {
            let write =
                if client.wants_to_send() { PollFlags::POLLOUT } else { PollFlags::empty() };
            add(Source::Client(*n), client.socket().as_fd(), read | write);
        }
        for (id, container) in &self.containers {
            // Output before exits: what a container wrote is read before it counts as ended.
            for (n, stream) in container.streams.iter().enumerate() {
                if let Some(pipe) = stream.pipe() {
                    add(Source::Output(id.clone(), n), pipe.as_fd(), read);
                }
            }
            if let Some(line) = container.line() {
                add(Source::Line(id.clone()), line.as_fd(), read);
            }
            if let Some(first) = container.settled() {
                add(Source::First(id.clone()), first.pidfd.as_fd(), read);
            }
        }
        for (n, executed) in &self.executed {
            let fd = match executed {
                Executed::Entering { entering, .. } => entering.report.as_fd(),
                Executed::Running { pidfd, .. } => pidfd.as_fd(),
            };
            add(Source::Executed(*n), fd, read);
        }
        for (client, pipe, unsent) in self.attachments.pipes() {
            let write = if unsent { PollFlags::POLLOUT } else { PollFlags::empty() };
            add(Source::Attached(client), pipe, write);
        }
        let mut fds: Vec<PollFd<'_>> =
            sources.iter().map(|(_, fd, flags)| PollFd::new(*fd, *flags)).collect();
        match poll(&mut fds, self.timeout()) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Vec::new(),
            Err(error) => {
                tracing::error!(%error, "cannot wait");
                return Vec::new();
            }
        }
        let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|r| !r.is_empty());
        let pairs = fds.iter().zip(&sources).filter(|(fd, _)| ready(fd));
        pairs.map(|(_, (source, _, _))| source.clone()).collect()
    }

    fn timeout(&self) -> PollTimeout {
        let creations = self.containers.values().filter_map(Container::deadline);
        let next = creations.chain(self.companion.as_ref().and_then(Companion::deadline)).min();
        next.map_or(PollTimeout::NONE, |at| {
            let left = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        })
    }

    fn handle(&mut self, source: Source) {
        match source {
            // What the signal is about is looked up in `reap`, and TERM is not how a sandbox ends.
            Source::Signals => while matches!(self.signals.read_signal(), Ok(Some(_))) {},
            Source::Listener => self.clients.accept(),
            Source::Pause => self.pause_ended(),
            Source::Companion => self.companion_ended(),
            Source::Client(n) => {
                for (request, fds) in self.clients.receive(n) {
                    if self.ended.is_none() {
                        self.request(n, request, fds);
                    }
                }
            }
            Source::Line(id) => self.first_reported(&id),
            Source::First(id) => self.first_ended(&id),
            Source::Output(id, n) => {
                if let Some(container) = self.containers.get_mut(&id) {
                    let lost = container.log.lost();
                    let copy = |bytes: &[u8]| self.attachments.copy(&id, n, bytes);
                    container.streams[n].pump(&mut container.log, &mut self.buffer, copy);
                    self.changed |= container.log.lost() != lost;
                }
            }
            Source::Executed(n) => self.executed_changed(n),
            Source::Attached(client) => self.attachments.flush(client),
        }
    }

    /// Does what is due: starts the companion again, gives up on creations that hang.
    fn expire(&mut self) {
        if let Some(companion) = &mut self.companion {
            let before = companion.generation;
            companion.start_if_due();
            self.changed |= companion.generation != before;
        }
        let late: Vec<ContainerId> = self
            .containers
            .iter_mut()
            .filter_map(|(id, c)| c.expire(Instant::now()).then(|| id.clone()))
            .collect();
        late.iter().for_each(|id| self.kill(id));
    }

    /// Reaps what nobody waits for: helpers, orphans of containers.
    fn reap(&self) {
        // Until its number is known, an executed process must not be reaped as an orphan.
        if !self.executed.values().any(|e| matches!(e, Executed::Entering { .. })) {
            // One that hides others is ready in the next turn of the loop, and this is called again after it.
            children::reap_all_but(&self.known_pids());
        }
    }

    /// Processes whose exit somebody waits for by descriptor.
    fn known_pids(&self) -> Vec<Pid> {
        let first = self.containers.values().filter_map(|c| c.first().map(|f| f.pid));
        let companion = self.companion.as_ref().and_then(Companion::pid);
        let executed = self.executed.values().filter_map(|e| match e {
            Executed::Running { pid, .. } => Some(*pid),
            Executed::Entering { .. } => None,
        });
        first.chain(companion).chain(executed).chain([self.pause.pid]).collect()
    }

    pub(super) fn status(&self) -> SandboxStatus {
        SandboxStatus {
            id: self.config.id.clone(),
            revision: self.revision,
            state: self.state.clone(),
            attempt: self.attempt,
            keeper: nix::unistd::getpid().as_raw(),
            generation: self.companion.as_ref().map_or(0, |c| c.generation),
            companion: self.companion.as_ref().and_then(Companion::pid).map(Pid::as_raw),
            containers: self.containers.values().map(Container::status).collect(),
        }
    }

    /// Writes the journal and tells those who watch.
    fn publish(&mut self) {
        self.changed = false;
        self.revision += 1;
        let status = self.status();
        if let Err(error) = write_journal(&self.dir, &status) {
            tracing::error!(%error, "cannot write the journal");
        }
        self.clients.publish(&Reply::Status(status));
    }
}

fn write_journal(dir: &SandboxDir, status: &SandboxStatus) -> io::Result<()> {
    let path = dir.journal();
    let temporary: PathBuf = path.with_extension("json.new");
    fs::write(&temporary, serde_json::to_vec(status)?)?;
    fs::rename(temporary, path)
}
