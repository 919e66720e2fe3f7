//! What clients may ask of the keeper.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

use nix::unistd::Pid;

use super::clients::Client;
use super::container::{Attaching, Container, Place, State};
use super::entry::{Entry, EntryError};
use super::exec::{Entering, Stdio, Target};
use super::first::First;
use super::serve::{Executed, Keeper};
use super::setup;
use super::spec::Shared;
use crate::config::{ContainerConfig, ContainerId, Process, Resources};
use crate::error::{CgroupError, RequestError, chain};
use crate::protocol::{Reply, Request};
use crate::status::SandboxState;
use crate::sys;

/// Most descriptors that are kept for clients; more would leave none for the containers.
const MAX_KEPT: usize = 512;

const MAKE_AGAIN: &str = "make the sandbox again";

impl Keeper {
    pub(super) fn request(&mut self, n: Client, request: Request, fds: Vec<OwnedFd>) {
        if let Some(fenced) = self.fenced(n, &request) {
            return self.clients.answer(n, Err(fenced));
        }
        match request {
            Request::Hello { generation } => {
                if let Some(client) = self.clients.get_mut(n) {
                    client.generation = Some(generation);
                }
                self.clients.answer(n, Ok(Reply::Done));
            }
            Request::Status => self.clients.answer(n, Ok(Reply::Status(self.status()))),
            Request::Watch => {
                if let Some(client) = self.clients.get_mut(n) {
                    client.watches = true;
                }
                self.clients.answer(n, Ok(Reply::Status(self.status())));
            }
            Request::NetworkNamespace => match self.network_namespace() {
                Ok(namespace) => self.clients.reply(n, &Reply::Done, vec![namespace]),
                Err(e) => {
                    self.clients.answer(n, Err(keeper_error("open the network namespace", &e)))
                }
            },
            Request::Tmpfs { path } => match self.open_tmpfs(&path) {
                Ok(dir) => self.clients.reply(n, &Reply::Done, vec![dir]),
                Err(e) => {
                    let action = format!("open {}", path.display());
                    self.clients.answer(n, Err(keeper_error(&action, &e)));
                }
            },
            Request::Hold if self.kept.len() + fds.len() > MAX_KEPT => {
                let full = io::Error::other(format!("it keeps {MAX_KEPT} already"));
                self.clients.answer(n, Err(keeper_error("keep the descriptors", &full)));
            }
            Request::Hold => {
                self.kept.extend(fds);
                self.clients.answer(n, Ok(Reply::Done));
            }
            Request::MakeAgain => {
                let made = self.make_again();
                self.clients.answer(n, made.map(|()| Reply::Done));
            }
            Request::Create(config) => self.create(n, *config),
            Request::Start { id } => self.start(n, &id),
            Request::Signal { id, signal } => {
                let result = self.signal(&id, signal);
                self.clients.answer(n, result.map(|()| Reply::Done));
            }
            Request::Remove { id } => self.remove(n, &id),
            Request::Execute { id, args, stdin, terminal } => {
                let stdio = terminal.map_or(Stdio::Pipes { stdin }, Stdio::Terminal);
                if let Err(error) = self.execute(n, &id, args, stdio) {
                    self.clients.answer(n, Err(error));
                }
            }
            Request::Attach { id, stdin } => {
                if let Err(error) = self.attach(n, &id, stdin) {
                    self.clients.answer(n, Err(error));
                }
            }
            Request::Root { id } => match self.open_root(&id) {
                Ok((reply, root)) => self.clients.reply(n, &reply, vec![root]),
                Err(error) => self.clients.answer(n, Err(error)),
            },
            Request::Shutdown => self.shut_down(n),
        }
    }

    fn network_namespace(&self) -> io::Result<OwnedFd> {
        match &self.state {
            // Its number may be another process's by now.
            SandboxState::Lost { message } => Err(io::Error::other(message.clone())),
            SandboxState::Ready { .. } => {
                fs::File::open(format!("/proc/{}/ns/net", self.pause.pid)).map(OwnedFd::from)
            }
        }
    }

    fn make_again(&mut self) -> Result<(), RequestError> {
        let SandboxState::Lost { .. } = self.state else { return Ok(()) };
        if let Some(id) = self.containers.keys().next() {
            let left = io::Error::other(format!("container `{id}` is left in it"));
            return Err(keeper_error(MAKE_AGAIN, &left));
        }
        let made = setup::make_again(&self.dir, &self.config, &self.hierarchy, &self.tether);
        self.pause = made.map_err(|e| keeper_error(MAKE_AGAIN, &e))?;
        self.state = SandboxState::Ready { pause: self.pause.pid.as_raw() };
        self.attempt += 1;
        self.changed = true;
        Ok(())
    }

    /// The root of a memory file system that only this process and the containers see.
    fn open_tmpfs(&self, path: &Path) -> io::Result<OwnedFd> {
        if !self.config.tmpfs.iter().any(|tmpfs| tmpfs.path == path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
        opened.map(OwnedFd::from)
    }

    /// Refuses a companion that has been replaced whatever would change something.
    fn fenced(&self, n: Client, request: &Request) -> Option<RequestError> {
        let generation = self.clients.generation(n)?;
        let current = self.companion.as_ref()?.generation;
        let reads = matches!(request, Request::Hello { .. } | Request::Status | Request::Watch);
        (generation < current && !reads).then_some(RequestError::Fenced { generation, current })
    }

    fn create(&mut self, n: Client, config: ContainerConfig) {
        let id = config.id.clone();
        let failed = |message| Err(RequestError::Create { id: id.to_string(), message });
        if let SandboxState::Lost { message } = &self.state {
            return self.clients.answer(n, failed(format!("the sandbox is over: {message}")));
        }
        if self.containers.contains_key(&id) {
            return self.clients.answer(n, Err(RequestError::Exists { id: id.to_string() }));
        }
        let filter = match self.filters.of(&config.process) {
            Ok(filter) => filter,
            Err(e) => return self.clients.answer(n, failed(chain(&e))),
        };
        let pid = match &config.pid_of {
            Some(other) => match self.running(other) {
                Ok(first) => Some(first),
                Err(error) => return self.clients.answer(n, Err(error)),
            },
            None => self.config.share_pid.then_some(self.pause.pid),
        };
        let shm = self.dir.shm();
        let shared = Shared {
            pause: self.pause.pid,
            users: self.pause.users.as_ref(),
            pid,
            host: self.host.as_fd(),
            shm: &shm,
            thermal: &self.thermal,
        };
        let place = Place {
            hierarchy: &self.hierarchy,
            sandbox_cgroup: &self.config.cgroup,
            dir: self.dir.containers().join(id.as_str()),
            shared,
            tether: &self.tether,
        };
        match Container::spawn(config, filter, place) {
            Ok(mut container) => {
                container.waiting.push(n);
                self.containers.insert(id, container);
                self.changed = true;
            }
            Err(e) => self.clients.answer(n, failed(chain(&e))),
        }
    }

    /// The first process of a container that runs.
    fn running(&self, id: &ContainerId) -> Result<Pid, RequestError> {
        let container = self.containers.get(id).ok_or_else(|| not_found(id))?;
        match &container.state {
            State::Running { first, .. } => Ok(first.pid),
            state => Err(wrong_state(id, state, "enter the pid namespace of")),
        }
    }

    fn start(&mut self, n: Client, id: &ContainerId) {
        let Some(mut container) = self.containers.remove(id) else {
            return self.clients.answer(n, Err(not_found(id)));
        };
        match container.state {
            State::Creating { .. } if container.start_asked.is_none() => {
                container.start_asked = Some(n);
            }
            State::Created { .. } => {
                container.waiting.push(n);
                return self.start_created(container);
            }
            _ => self.clients.answer(n, Err(wrong_state(id, &container.state, "start"))),
        }
        self.containers.insert(id.clone(), container);
    }

    fn start_created(&mut self, mut container: Container) {
        if let Err(error) = self.limit_processors(&container.cgroup, &container.config.resources) {
            let error = EntryError { message: chain(&error), code: 128 };
            return self.start_failed(container, error);
        }
        container.state = match container.state {
            State::Created { first, line } if line.start().is_ok() => {
                State::Starting { first, line }
            }
            // It has ended, and the news of it is on its way to whoever waits.
            state => state,
        };
        self.containers.insert(container.config.id.clone(), container);
    }

    /// Gives a container and the sandbox their shares of the processors. Not before its program runs: what makes a container
    /// is not its own work, and would take many times as long.
    fn limit_processors(&self, cgroup: &Path, resources: &Resources) -> Result<(), CgroupError> {
        self.hierarchy.limit_processors(&self.config.cgroup, &self.config.resources)?;
        self.hierarchy.limit_processors(cgroup, resources)
    }

    fn signal(&mut self, id: &ContainerId, signal: Option<i32>) -> Result<(), RequestError> {
        let container = self.containers.get(id).ok_or_else(|| not_found(id))?;
        let signal = signal.unwrap_or(container.config.stop_signal);
        let created = container.first().filter(|_| !container.is_being_created());
        let first = created.ok_or_else(|| wrong_state(id, &container.state, "signal"))?;
        match sys::pidfd_signal(first.pidfd.as_fd(), signal) {
            // It has ended, and the news of it is on its way.
            Err(e) if e.raw_os_error() == Some(nix::libc::ESRCH) => Ok(()),
            result => result.map_err(|e| keeper_error("send the signal", &e)),
        }
    }

    fn remove(&mut self, n: Client, id: &ContainerId) {
        let Some(container) = self.containers.get_mut(id) else {
            return self.clients.answer(n, Ok(Reply::Removed { errors: Vec::new() }));
        };
        container.waiting.push(n);
        container.removing = true;
        if let State::Exited(_) = container.state {
            return self.finish_removal(id);
        }
        self.kill(id);
    }

    fn execute(
        &mut self,
        n: Client,
        id: &ContainerId,
        args: Vec<String>,
        stdio: Stdio,
    ) -> Result<(), RequestError> {
        let container = self.containers.get(id).ok_or_else(|| not_found(id))?;
        let State::Running { first, .. } = &container.state else {
            return Err(wrong_state(id, &container.state, "execute in"));
        };
        let failed = |message| RequestError::Exec { id: id.to_string(), message, code: 128 };
        let process = Process { args, ..container.config.process.clone() };
        let filter = self.filters.of(&process).map_err(|e| failed(chain(&e)))?;
        let terminal = matches!(stdio, Stdio::Terminal(_));
        let entry = Entry::new(&process, filter, terminal);
        let (hierarchy, tether) = (&self.hierarchy, &self.tether);
        let target = Target { first: &first.pidfd, users: self.pause.users.as_ref() };
        let entering = Entering::spawn(&entry, target, hierarchy, &container.cgroup, tether, stdio)
            .map_err(|e| failed(chain(&e)))?;
        self.executions += 1;
        self.executed.insert(
            self.executions,
            Executed::Entering { entering, container: id.clone(), client: n },
        );
        Ok(())
    }

    fn attach(&mut self, n: Client, id: &ContainerId, stdin: bool) -> Result<(), RequestError> {
        let container = self.containers.get_mut(id).ok_or_else(|| not_found(id))?;
        if !matches!(container.state, State::Running { .. }) {
            return Err(wrong_state(id, &container.state, "attach to"));
        }
        let attaching =
            container.attach(stdin).map_err(|e| keeper_error("attach to the container", &e))?;
        let Attaching { taps, ends, terminal, stdin } = attaching;
        let reply = Reply::Attached { terminal, stdin, logged: container.log.size() };
        self.attachments.add(n, id.clone(), taps);
        self.clients.reply(n, &reply, ends);
        Ok(())
    }

    fn open_root(&self, id: &ContainerId) -> Result<(Reply, OwnedFd), RequestError> {
        let container = self.containers.get(id).ok_or_else(|| not_found(id))?;
        if !matches!(container.state, State::Running { .. }) {
            return Err(wrong_state(id, &container.state, "look into"));
        }
        let Process { cwd, uid, gid, .. } = &container.config.process;
        let users = self.config.users;
        let reply = Reply::Root { cwd: cwd.clone(), uid: *uid, gid: *gid, users };
        let failed = |e: io::Error| keeper_error("open the root of the container", &e);
        Ok((reply, container.root().map_err(failed)?))
    }

    /// Ends everything and removes what was made, going on when a step fails.
    fn shut_down(&mut self, n: Client) {
        // One that is on its way into its cgroup is not found there.
        self.containers.values().filter_map(Container::first).for_each(First::kill);
        let mut errors: Vec<String> = Vec::new();
        if let Err(error) = self.hierarchy.destroy(&self.config.cgroup) {
            errors.push(chain(&error));
        }
        for container in self.containers.values_mut() {
            container.drain(&mut self.buffer, |_, _| {});
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
        // Before the client's socket closes, which tells it that all of this is over.
        self.kept.clear();
        self.ended = Some(i32::from(!errors.is_empty()));
        if let Err(error) = self.clients.last_words(n, &Reply::Removed { errors }) {
            tracing::debug!(%error, "whoever asked for the end does not wait for it");
        }
    }
}

fn keeper_error(action: &str, error: &dyn std::error::Error) -> RequestError {
    RequestError::Keeper { message: format!("cannot {action}: {}", chain(error)) }
}

fn not_found(id: &ContainerId) -> RequestError {
    RequestError::NotFound { id: id.to_string() }
}

fn wrong_state(id: &ContainerId, state: &State, action: &str) -> RequestError {
    let state = state.status().name().to_owned();
    RequestError::WrongState { id: id.to_string(), state, action: action.to_owned() }
}
