//! The keeper's loop: waits for clients, containers and the kernel, one thing at a time.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::Flock;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::companion::{self, Companion};
use super::connection::Connection;
use super::container::{Container, First, State};
use super::creator::Report;
use super::exec::Entering;
use super::pause::Pause;
use super::spec::Shared;
use crate::cgroup::Hierarchy;
use crate::config::{ContainerConfig, ContainerId, SandboxConfig};
use crate::dirs::SandboxDir;
use crate::error::{RequestError, chain};
use crate::protocol::{Reply, Request};
use crate::status::{Exit, SandboxState, SandboxStatus};
use crate::sys;

/// Room for what a container writes at once; shared by all of them.
const BUFFER: usize = 128 << 10;

/// A process executed in a container.
#[derive(Debug)]
enum Executed {
    Entering { entering: Entering, container: ContainerId, client: usize },
    Running { pidfd: OwnedFd, started_at: i64, client: usize },
}

/// What a descriptor in the poll set stands for.
#[derive(Debug, Clone)]
enum Source {
    Signals,
    Listener,
    Pause,
    Companion,
    Client(usize),
    First(ContainerId),
    Creator(ContainerId),
    Output(ContainerId, usize),
    Executed(usize),
}

/// A sandbox and everything in it.
#[derive(Debug)]
pub(super) struct Keeper {
    dir: SandboxDir,
    config: SandboxConfig,
    hierarchy: Hierarchy,
    pause: Pause,
    state: SandboxState,
    thermal: Vec<String>,
    listener: UnixListener,
    signals: SignalFd,
    companion: Option<Companion>,
    containers: BTreeMap<ContainerId, Container>,
    clients: BTreeMap<usize, Connection>,
    executed: BTreeMap<usize, Executed>,
    next: usize,
    revision: u64,
    changed: bool,
    buffer: Vec<u8>,
    ended: Option<i32>,
    _lock: Flock<fs::File>,
}

impl Keeper {
    #[expect(clippy::too_many_arguments, reason = "everything that set-up made, handed over once")]
    pub fn new(
        dir: SandboxDir,
        config: SandboxConfig,
        hierarchy: Hierarchy,
        pause: Pause,
        listener: UnixListener,
        signals: SignalFd,
        companion: Option<Companion>,
        lock: Flock<fs::File>,
    ) -> Self {
        let state = SandboxState::Ready { pause: pause.pid.as_raw() };
        let mut keeper = Self {
            dir,
            config,
            hierarchy,
            pause,
            state,
            thermal: thermal_throttles(),
            listener,
            signals,
            companion,
            containers: BTreeMap::new(),
            clients: BTreeMap::new(),
            executed: BTreeMap::new(),
            next: 0,
            revision: 0,
            changed: true,
            buffer: vec![0; BUFFER],
            ended: None,
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
        add(Source::Listener, self.listener.as_fd(), read);
        if matches!(self.state, SandboxState::Ready { .. }) {
            add(Source::Pause, self.pause.pidfd.as_fd(), read);
        }
        if let Some(companion::State::Running { pidfd, .. }) = self.companion.as_ref().map(|c| &c.state) {
            add(Source::Companion, pidfd.as_fd(), read);
        }
        for (n, client) in &self.clients {
            let write = if client.wants_to_send() { PollFlags::POLLOUT } else { PollFlags::empty() };
            add(Source::Client(*n), client.socket().as_fd(), read | write);
        }
        for (id, container) in &self.containers {
            // Output before exits: what a container wrote is read before it counts as ended.
            for (n, stream) in container.streams.iter().enumerate() {
                if let Some(pipe) = stream.pipe() {
                    add(Source::Output(id.clone(), n), pipe.as_fd(), read);
                }
            }
            if let Some(creator) = container.creator() {
                add(Source::Creator(id.clone()), creator.channel().as_fd(), read);
            }
            if let Some(first) = container.first() {
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
        let mut fds: Vec<PollFd<'_>> = sources.iter().map(|(_, fd, flags)| PollFd::new(*fd, *flags)).collect();
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
        let creations = self.containers.values().filter_map(|c| match c.state {
            State::Creating { deadline, .. } => Some(deadline),
            _ => None,
        });
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
            Source::Listener => self.accept(),
            Source::Pause => self.pause_ended(),
            Source::Companion => self.companion_ended(),
            Source::Client(n) => self.serve(n),
            Source::Creator(id) => self.creator_reported(&id),
            Source::First(id) => self.first_ended(&id),
            Source::Output(id, n) => {
                if let Some(container) = self.containers.get_mut(&id) {
                    let lost = container.log.lost();
                    container.streams[n].pump(&mut container.log, &mut self.buffer);
                    self.changed |= container.log.lost() != lost;
                }
            }
            Source::Executed(n) => self.executed_changed(n),
        }
    }

    fn accept(&mut self) {
        match self.listener.accept().and_then(|(socket, _)| Connection::accept(socket)) {
            Ok(Some(client)) => {
                self.next += 1;
                self.clients.insert(self.next, client);
            }
            Ok(None) => tracing::warn!("refused a client of another user"),
            Err(error) => tracing::debug!(%error, "a client was not taken in"),
        }
    }

    fn serve(&mut self, n: usize) {
        let Some(client) = self.clients.get_mut(&n) else { return };
        let requests = client.flush().and_then(|()| client.receive());
        match requests {
            Ok(requests) => {
                for request in requests {
                    self.request(n, request);
                }
            }
            Err(_) => {
                self.clients.remove(&n);
            }
        }
    }

    fn reply(&mut self, n: usize, reply: &Reply, fds: Vec<OwnedFd>) {
        if let Some(client) = self.clients.get_mut(&n)
            && let Err(error) = client.send(reply, fds)
        {
            tracing::debug!(%error, "a client is dropped");
            self.clients.remove(&n);
        }
    }

    fn answer(&mut self, n: usize, result: Result<Reply, RequestError>) {
        let reply = result.unwrap_or_else(Reply::Failed);
        self.reply(n, &reply, Vec::new());
    }

    fn request(&mut self, n: usize, request: Request) {
        if let Some(fenced) = self.fenced(n, &request) {
            return self.answer(n, Err(fenced));
        }
        match request {
            Request::Hello { generation } => {
                if let Some(client) = self.clients.get_mut(&n) {
                    client.generation = Some(generation);
                }
                let refused = self.fenced(n, &Request::Shutdown);
                self.answer(n, refused.map_or(Ok(Reply::Done), Err));
            }
            Request::Status => {
                let status = self.status();
                self.answer(n, Ok(Reply::Status(status)));
            }
            Request::Watch => {
                let status = self.status();
                if let Some(client) = self.clients.get_mut(&n) {
                    client.watches = true;
                }
                self.answer(n, Ok(Reply::Status(status)));
            }
            Request::NetworkNamespace => match fs::File::open(format!("/proc/{}/ns/net", self.pause.pid)) {
                Ok(file) => self.reply(n, &Reply::Done, vec![file.into()]),
                Err(e) => self.answer(n, Err(keeper_error("open the network namespace", &e))),
            },
            Request::Create(config) => self.create(n, *config),
            Request::Start { id } => self.start(n, &id),
            Request::Signal { id, signal } => {
                let result = self.signal(&id, signal);
                self.answer(n, result.map(|()| Reply::Done));
            }
            Request::Remove { id } => self.remove(n, &id),
            Request::Execute { id, args, stdin } => {
                if let Err(error) = self.execute(n, &id, args, stdin) {
                    self.answer(n, Err(error));
                }
            }
            Request::Shutdown => self.shut_down(n),
        }
    }

    /// Refuses a companion that has been replaced whatever would change something.
    fn fenced(&self, n: usize, request: &Request) -> Option<RequestError> {
        let generation = self.clients.get(&n)?.generation?;
        let current = self.companion.as_ref()?.generation;
        let reads = matches!(request, Request::Hello { .. } | Request::Status | Request::Watch);
        (generation < current && !reads).then_some(RequestError::Fenced { generation, current })
    }

    fn create(&mut self, n: usize, config: ContainerConfig) {
        let id = config.id.clone();
        if let SandboxState::Lost { message } = &self.state {
            let message = format!("the sandbox is over: {message}");
            return self.answer(n, Err(RequestError::Create { id: id.to_string(), message }));
        }
        if self.containers.contains_key(&id) {
            return self.answer(n, Err(RequestError::Exists { id: id.to_string() }));
        }
        let shm = self.dir.shm();
        let shared = Shared { pause: self.pause.pid, pid: self.config.share_pid, shm: &shm, thermal: &self.thermal };
        let dir = self.dir.containers().join(id.as_str());
        match Container::spawn(config, &self.hierarchy, &self.config.cgroup, dir, shared) {
            Ok(mut container) => {
                container.waiting.push(n);
                self.containers.insert(id, container);
                self.changed = true;
            }
            Err(e) => self.answer(n, Err(RequestError::Create { id: id.to_string(), message: chain(&e) })),
        }
    }

    fn start(&mut self, n: usize, id: &ContainerId) {
        let Some(container) = self.containers.get_mut(id) else {
            return self.answer(n, Err(RequestError::NotFound { id: id.to_string() }));
        };
        let State::Created { creator, .. } = &container.state else {
            let error = wrong_state(container, "start");
            return self.answer(n, Err(error));
        };
        if let Err(e) = creator.start() {
            let error = RequestError::Start { id: id.to_string(), message: e.to_string() };
            return self.answer(n, Err(error));
        }
        container.waiting.push(n);
        container.state = match std::mem::replace(&mut container.state, State::Exited(never_ran("", 0))) {
            State::Created { creator, first } => State::Starting { creator, first },
            other => other,
        };
    }

    fn signal(&mut self, id: &ContainerId, signal: i32) -> Result<(), RequestError> {
        let container = self.containers.get(id).ok_or_else(|| RequestError::NotFound { id: id.to_string() })?;
        let first = container.first().ok_or_else(|| wrong_state(container, "signal"))?;
        match sys::pidfd_signal(first.pidfd.as_fd(), signal) {
            // It has ended, and the news of it is on its way.
            Err(e) if e.raw_os_error() == Some(nix::libc::ESRCH) => Ok(()),
            result => result.map_err(|e| keeper_error("send a signal", &e)),
        }
    }

    fn remove(&mut self, n: usize, id: &ContainerId) {
        let Some(container) = self.containers.get_mut(id) else {
            return self.answer(n, Ok(Reply::Removed { errors: Vec::new() }));
        };
        container.waiting.push(n);
        container.removing = true;
        if let State::Exited(_) = container.state {
            return self.finish_removal(id);
        }
        self.kill(id);
    }

    /// Kills everything in a container, its creator too.
    fn kill(&mut self, id: &ContainerId) {
        let Some(container) = self.containers.get(id) else { return };
        if let Some(creator) = container.creator() {
            let _ = sys::pidfd_signal(creator.pidfd.as_fd(), nix::libc::SIGKILL);
        }
        if let Err(error) = self.hierarchy.kill(&container.cgroup) {
            tracing::warn!(container = %id, "{}", chain(&error));
        }
    }

    fn finish_removal(&mut self, id: &ContainerId) {
        let Some(container) = self.containers.remove(id) else { return };
        let errors = container.clean(&self.hierarchy);
        for n in container.waiting {
            self.answer(n, Ok(Reply::Removed { errors: errors.clone() }));
        }
        self.changed = true;
    }

    fn creator_reported(&mut self, id: &ContainerId) {
        let Some(container) = self.containers.get_mut(id) else { return };
        let Some(creator) = container.creator() else { return };
        let report = creator.report();
        let state = std::mem::replace(&mut container.state, State::Exited(never_ran("", 0)));
        match (state, report) {
            (State::Creating { creator, .. }, Some(Report::Created(pid))) => self.created(id, creator, pid),
            (State::Creating { .. }, Some(Report::CreateFailed(message))) => self.creation_failed(id, message),
            (State::Creating { .. }, _) => self.creation_failed(id, "its creator was killed".to_owned()),
            (State::Starting { first, .. }, Some(Report::Started)) => {
                container.state = State::Running { first, started_at: now() };
                let waiting = std::mem::take(&mut container.waiting);
                waiting.into_iter().for_each(|n| self.answer(n, Ok(Reply::Done)));
                self.changed = true;
            }
            (State::Starting { first, .. }, report) => {
                let (message, code) = match report {
                    Some(Report::StartFailed(error)) => (error.message, error.code),
                    _ => ("its creator was killed".to_owned(), 128),
                };
                self.start_failed(id, &first, message, code);
            }
            // A creator that ends while its container waits to be started leaves it unable to.
            (State::Created { first, .. }, _) => {
                let _ = sys::pidfd_signal(first.pidfd.as_fd(), nix::libc::SIGKILL);
                container.state = State::Running { first, started_at: now() };
            }
            (state, _) => container.state = state,
        }
    }

    fn created(&mut self, id: &ContainerId, creator: super::creator::Creator, pid: i32) {
        let pid = Pid::from_raw(pid);
        let pidfd = match sys::pidfd_open(pid) {
            Ok(pidfd) => pidfd,
            Err(e) => return self.creation_failed(id, format!("its first process has ended: {e}")),
        };
        let Some(container) = self.containers.get_mut(id) else { return };
        container.state = State::Created { creator, first: First { pid, pidfd } };
        self.changed = true;
        if container.removing {
            return self.kill(id);
        }
        let waiting = std::mem::take(&mut container.waiting);
        waiting.into_iter().for_each(|n| self.answer(n, Ok(Reply::Done)));
    }

    fn creation_failed(&mut self, id: &ContainerId, message: String) {
        let Some(container) = self.containers.remove(id) else { return };
        for left in container.clean(&self.hierarchy) {
            tracing::warn!(container = %id, "{left}");
        }
        self.changed = true;
        for n in container.waiting {
            let error = RequestError::Create { id: id.to_string(), message: message.clone() };
            let result = if container.removing { Ok(Reply::Removed { errors: Vec::new() }) } else { Err(error) };
            self.answer(n, result);
        }
    }

    fn start_failed(&mut self, id: &ContainerId, first: &First, message: String, code: i32) {
        let _ = sys::pidfd_signal(first.pidfd.as_fd(), nix::libc::SIGKILL);
        let _ = wait_for(first.pidfd.as_fd(), WaitPidFlag::WEXITED);
        let Some(container) = self.containers.get_mut(id) else { return };
        container.state = State::Exited(never_ran(&message, code));
        self.changed = true;
        if container.removing {
            return self.finish_removal(id);
        }
        let waiting = std::mem::take(&mut container.waiting);
        for n in waiting {
            let error = RequestError::Start { id: id.to_string(), message: message.clone() };
            self.answer(n, Err(error));
        }
    }

    fn first_ended(&mut self, id: &ContainerId) {
        let Some(container) = self.containers.get_mut(id) else { return };
        if matches!(container.state, State::Starting { .. }) {
            // Its creator knows whether it ended as the program or before, and says so next.
            if let Some(creator) = container.creator()
                && is_alive(creator.pidfd.as_fd())
            {
                return self.creator_reported_soon(id);
            }
        }
        let Some(container) = self.containers.get_mut(id) else { return };
        let Some(first) = container.first() else { return };
        let Some((code, signal)) = wait_for(first.pidfd.as_fd(), WaitPidFlag::WEXITED) else { return };
        // With a pid namespace of its own everything in it has ended too; in a shared one it has not.
        if let Err(error) = self.hierarchy.kill(&container.cgroup) {
            tracing::warn!(container = %id, "{}", chain(&error));
        }
        container.drain(&mut self.buffer);
        let oom_killed = code != 0 && self.hierarchy.usage(&container.cgroup).oom_kills > 0;
        let (started_at, start_error) = match &container.state {
            State::Running { started_at, .. } => (Some(*started_at), None),
            _ => (None, Some("it ended before it was started".to_owned())),
        };
        container.state =
            State::Exited(Exit { code, signal, oom_killed, start_error, started_at, finished_at: now() });
        self.changed = true;
        let waiting = std::mem::take(&mut container.waiting);
        if container.removing {
            container.waiting = waiting;
            return self.finish_removal(id);
        }
        for n in waiting {
            let message = format!("its first process ended with code {code}");
            self.answer(n, Err(RequestError::Start { id: id.to_string(), message }));
        }
    }

    /// Waits for the report of a creator whose container's first process has ended while it was started.
    fn creator_reported_soon(&mut self, id: &ContainerId) {
        let Some(creator) = self.containers.get(id).and_then(Container::creator) else { return };
        let mut fds = [PollFd::new(creator.channel().as_fd(), PollFlags::POLLIN)];
        // It has nothing left to wait for: the pipe it reads ended with the process.
        let _ = poll(&mut fds, PollTimeout::from(1000u16));
        self.creator_reported(id);
    }

    fn execute(&mut self, n: usize, id: &ContainerId, args: Vec<String>, stdin: bool) -> Result<(), RequestError> {
        let container = self.containers.get(id).ok_or_else(|| RequestError::NotFound { id: id.to_string() })?;
        let State::Running { first, .. } = &container.state else {
            return Err(wrong_state(container, "execute in"));
        };
        let process = crate::config::Process { args, ..container.config.process.clone() };
        let entering = Entering::spawn(&process, &first.pidfd, &self.hierarchy, &container.cgroup, stdin)
            .map_err(|e| RequestError::Exec { id: id.to_string(), message: e.to_string(), code: 128 })?;
        self.next += 1;
        self.executed.insert(self.next, Executed::Entering { entering, container: id.clone(), client: n });
        Ok(())
    }

    fn executed_changed(&mut self, n: usize) {
        match self.executed.remove(&n) {
            Some(Executed::Entering { mut entering, container, client }) => match entering.finish() {
                Ok((pid, pidfd)) => {
                    let pipes = std::mem::take(&mut entering.pipes);
                    self.executed.insert(n, Executed::Running { pidfd, started_at: now(), client });
                    self.reply(client, &Reply::Executing { pid: pid.as_raw() }, pipes);
                }
                Err(e) => {
                    let id = container.to_string();
                    self.answer(client, Err(RequestError::Exec { id, message: e.message, code: e.code }));
                }
            },
            Some(Executed::Running { pidfd, started_at, client }) => {
                let Some((code, signal)) = wait_for(pidfd.as_fd(), WaitPidFlag::WEXITED) else { return };
                let started_at = Some(started_at);
                let exit =
                    Exit { code, signal, oom_killed: false, start_error: None, started_at, finished_at: now() };
                self.answer(client, Ok(Reply::Exited(exit)));
            }
            None => {}
        }
    }

    fn pause_ended(&mut self) {
        let Some((code, signal)) = wait_for(self.pause.pidfd.as_fd(), WaitPidFlag::WEXITED) else { return };
        let message = match signal {
            Some(signal) => format!("the pause process was ended by signal {signal}"),
            None => format!("the pause process ended with code {code}"),
        };
        tracing::warn!("{message}");
        self.state = SandboxState::Lost { message };
        self.changed = true;
        let ids: Vec<ContainerId> = self.containers.keys().cloned().collect();
        ids.iter().for_each(|id| self.kill(id));
    }

    fn companion_ended(&mut self) {
        let Some(companion) = &mut self.companion else { return };
        if let companion::State::Running { pidfd, .. } = &companion.state
            && let Some((code, _)) = wait_for(pidfd.as_fd(), WaitPidFlag::WEXITED)
        {
            companion.ended(code);
            self.changed = true;
        }
    }

    /// Does what is due: starts the companion again, gives up on creations that hang.
    fn expire(&mut self) {
        if let Some(companion) = &mut self.companion {
            let before = companion.generation;
            companion.start_if_due();
            self.changed |= companion.generation != before;
        }
        let now = Instant::now();
        for container in self.containers.values() {
            if let State::Creating { creator, deadline } = &container.state
                && *deadline <= now
            {
                let _ = sys::pidfd_signal(creator.pidfd.as_fd(), nix::libc::SIGKILL);
                let _ = self.hierarchy.kill(&container.cgroup);
            }
        }
    }

    /// Reaps what nobody waits for: creators, helpers, orphans of containers.
    fn reap(&mut self) {
        // Until its number is known, a first process must not be reaped as an orphan.
        let entering = self.executed.values().any(|e| matches!(e, Executed::Entering { .. }));
        if entering || self.containers.values().any(Container::is_being_created) {
            return;
        }
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let known = self.known_pids();
        while let Ok(status) = waitid(Id::All, flags) {
            let Some(pid) = status.pid() else { return };
            if known.contains(&pid) {
                // Its own descriptor is ready too; it is the kernel's first answer until it is handled.
                return;
            }
            let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
        }
    }

    /// Processes whose exit somebody waits for by descriptor.
    fn known_pids(&self) -> Vec<Pid> {
        let first = self.containers.values().filter_map(|c| c.first().map(|f| f.pid));
        let companion = self.companion.as_ref().and_then(Companion::pid);
        let executed = self.executed.values().filter_map(|e| match e {
            Executed::Running { pidfd, .. } => pid_of(pidfd),
            Executed::Entering { .. } => None,
        });
        first.chain(companion).chain(executed).chain([self.pause.pid]).collect()
    }

    fn status(&self) -> SandboxStatus {
        SandboxStatus {
            id: self.config.id.clone(),
            revision: self.revision,
            state: self.state.clone(),
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
        let watching: Vec<usize> = self.clients.iter().filter(|(_, c)| c.watches).map(|(n, _)| *n).collect();
        let reply = Reply::Status(status);
        for n in watching {
            self.reply(n, &reply, Vec::new());
        }
    }

    /// Ends everything and removes what was made, going on when a step fails.
    fn shut_down(&mut self, n: usize) {
        let creators = self.containers.values().filter_map(Container::creator);
        for creator in creators {
            let _ = sys::pidfd_signal(creator.pidfd.as_fd(), nix::libc::SIGKILL);
        }
        let mut errors: Vec<String> = Vec::new();
        if let Err(error) = self.hierarchy.destroy(&self.config.cgroup) {
            errors.push(chain(&error));
        }
        for container in self.containers.values_mut() {
            container.drain(&mut self.buffer);
            errors.extend(container.clean(&self.hierarchy));
        }
        for path in self.config.tmpfs.iter().map(|t| t.path.clone()).chain([self.dir.shm()]) {
            if let Err(e) = nix::mount::umount2(&path, nix::mount::MntFlags::MNT_DETACH) {
                errors.push(format!("cannot unmount {}: {e}", path.display()));
            }
        }
        if let Err(e) = fs::remove_dir_all(self.dir.path()) {
            errors.push(format!("cannot remove {}: {e}", self.dir.path().display()));
        }
        if let Some(client) = self.clients.get(&n) {
            let _ = client.socket().set_nonblocking(false);
        }
        self.reply(n, &Reply::Removed { errors: errors.clone() }, Vec::new());
        self.ended = Some(i32::from(!errors.is_empty()));
    }
}

fn write_journal(dir: &SandboxDir, status: &SandboxStatus) -> io::Result<()> {
    let path = dir.journal();
    let temporary: PathBuf = path.with_extension("json.new");
    fs::write(&temporary, serde_json::to_vec(status)?)?;
    fs::rename(temporary, path)
}

fn keeper_error(action: &str, error: &dyn std::error::Error) -> RequestError {
    RequestError::Keeper { message: format!("cannot {action}: {}", chain(error)) }
}

fn wrong_state(container: &Container, action: &str) -> RequestError {
    let state = container.status().state.name().to_owned();
    RequestError::WrongState { id: container.config.id.to_string(), state, action: action.to_owned() }
}

/// The end of a container whose program was never executed.
fn never_ran(message: &str, code: i32) -> Exit {
    let start_error = Some(message.to_owned());
    Exit { code, signal: None, oom_killed: false, start_error, started_at: None, finished_at: now() }
}

/// Takes the exit code of a child that has ended.
fn wait_for(pidfd: BorrowedFd<'_>, flags: WaitPidFlag) -> Option<(i32, Option<i32>)> {
    match waitid(Id::PIDFd(pidfd), flags) {
        Ok(WaitStatus::Exited(_, code)) => Some((code, None)),
        Ok(WaitStatus::Signaled(_, signal, _)) => Some((128 + signal as i32, Some(signal as i32))),
        // Somebody else reaped it: its code is lost, its end is not.
        Err(Errno::ECHILD) => Some((255, None)),
        _ => None,
    }
}

fn is_alive(pidfd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(pidfd, PollFlags::POLLIN)];
    matches!(poll(&mut fds, PollTimeout::ZERO), Ok(0))
}

/// The process behind a descriptor, as the kernel shows it.
fn pid_of(pidfd: &OwnedFd) -> Option<Pid> {
    use std::os::fd::AsRawFd;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    let number = info.lines().find_map(|l| l.strip_prefix("Pid:"))?.trim().parse().ok()?;
    Some(Pid::from_raw(number))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// One for each processor that has it; part of what an unprivileged container does not see.
fn thermal_throttles() -> Vec<String> {
    let processors = fs::read_dir("/sys/devices/system/cpu").into_iter().flatten().flatten();
    let paths = processors.map(|e| e.path().join("thermal_throttle"));
    paths.filter(|p| p.is_dir()).filter_map(|p| p.to_str().map(str::to_owned)).collect()
}
