//! What becomes of containers when their processes report or end.

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use super::children::{self, Ended, now};
use super::container::{Container, First, State};
use super::creator::{Creator, Report};
use super::serve::{Executed, Keeper};
use crate::config::ContainerId;
use crate::error::{RequestError, chain};
use crate::protocol::Reply;
use crate::status::{Exit, SandboxState};
use crate::sys;

/// How long a creator whose container has ended may take to say why.
const LAST_REPORT_MS: u16 = 1000;

impl Keeper {
    pub(super) fn creator_reported(&mut self, id: &ContainerId) {
        let Some(report) =
            self.containers.get(id).and_then(Container::creator).and_then(Creator::report)
        else {
            return;
        };
        let Some(mut container) = self.containers.remove(id) else { return };
        container.state = match (container.state, report) {
            (State::Creating { creator, deadline }, Report::Created(pid)) => match First::open(pid)
            {
                Ok(first) => {
                    container.state = State::Created { creator, first };
                    return self.created(container);
                }
                Err(e) => {
                    container.state = State::Creating { creator, deadline };
                    return self
                        .creation_failed(container, &format!("its first process has ended: {e}"));
                }
            },
            (state @ State::Creating { .. }, report) => {
                container.state = state;
                let message = match report {
                    Report::CreateFailed(message) => message,
                    _ if container.is_late() => "it took too long".to_owned(),
                    _ => "its creator was killed".to_owned(),
                };
                return self.creation_failed(container, &message);
            }
            (State::Starting { first, .. }, Report::Started) => {
                self.clients.answer_all(std::mem::take(&mut container.waiting), || Ok(Reply::Done));
                self.changed = true;
                State::Running { first, started_at: now() }
            }
            (State::Starting { first, .. }, report) => {
                let (message, code) = match report {
                    Report::StartFailed(error) => (error.message, error.code),
                    _ => ("its creator was killed".to_owned(), 128),
                };
                let _ = sys::pidfd_signal(first.pidfd.as_fd(), nix::libc::SIGKILL);
                children::wait_for(first.pidfd.as_fd());
                container.state = State::Ending { first, why: String::new() };
                self.kill_processes(&container);
                return self
                    .ended(container, Ended { code, signal: None }.before_start(message, false));
            }
            // Without its creator a container can never be started.
            (State::Created { first, .. }, _) => {
                let _ = sys::pidfd_signal(first.pidfd.as_fd(), nix::libc::SIGKILL);
                State::Ending {
                    first,
                    why: "its creator was killed before it was started".to_owned(),
                }
            }
            (state, _) => state,
        };
        self.containers.insert(id.clone(), container);
    }

    fn created(&mut self, mut container: Container) {
        let id = container.config.id.clone();
        self.changed = true;
        let waiting =
            if container.removing { Vec::new() } else { std::mem::take(&mut container.waiting) };
        let removing = container.removing;
        self.containers.insert(id.clone(), container);
        self.clients.answer_all(waiting, || Ok(Reply::Done));
        if removing {
            self.kill(&id);
        }
    }

    fn creation_failed(&mut self, container: Container, message: &str) {
        let id = container.config.id.to_string();
        for left in container.clean(&self.hierarchy) {
            tracing::warn!(container = id, "{left}");
        }
        self.changed = true;
        let removing = container.removing;
        self.clients.answer_all(container.waiting, || {
            let error = || RequestError::Create { id: id.clone(), message: message.to_owned() };
            if removing { Ok(Reply::Removed { errors: Vec::new() }) } else { Err(error()) }
        });
    }

    pub(super) fn first_ended(&mut self, id: &ContainerId) {
        let starting = |c: &&Container| matches!(c.state, State::Starting { .. });
        if let Some(creator) = self.containers.get(id).filter(starting).and_then(Container::creator)
        {
            // It knows whether it ended as the program or before. It has nothing left to wait for: the pipe that it
            // reads ended with the process.
            let mut fds = creator.sources().map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            let _ = poll(&mut fds, PollTimeout::from(LAST_REPORT_MS));
            return self.creator_reported(id);
        }
        let Some(container) = self.containers.get(id) else { return };
        let Some(ended) = container.first().and_then(|f| children::has_ended(f.pidfd.as_fd()))
        else {
            return;
        };
        let Some(container) = self.containers.remove(id) else { return };
        // With a pid namespace of its own everything in it has ended too; in a shared one it has not.
        self.kill_processes(&container);
        let oom_killed = self.hierarchy.usage(&container.cgroup).oom_kills > 0;
        let exit = match &container.state {
            State::Running { started_at, .. } => ended.of_program(*started_at, oom_killed),
            State::Ending { why, .. } => ended.before_start(why.clone(), oom_killed),
            _ => ended.before_start("it ended before it was started".to_owned(), oom_killed),
        };
        self.ended(container, exit);
    }

    /// A container's first process has ended and been waited for.
    fn ended(&mut self, mut container: Container, exit: Exit) {
        let id = container.config.id.clone();
        container.drain(&mut self.buffer);
        let message =
            exit.start_error.clone().unwrap_or_else(|| format!("it ended with code {}", exit.code));
        container.state = State::Exited(exit);
        self.changed = true;
        let removing = container.removing;
        let waiting = if removing { Vec::new() } else { std::mem::take(&mut container.waiting) };
        self.containers.insert(id.clone(), container);
        self.clients.answer_all(waiting, || {
            Err(RequestError::Start { id: id.to_string(), message: message.clone() })
        });
        if removing {
            self.finish_removal(&id);
        }
    }

    /// Kills everything in a container, its creator too; its end is heard of later.
    pub(super) fn kill(&mut self, id: &ContainerId) {
        let Some(container) = self.containers.get(id) else { return };
        if let Some(creator) = container.creator() {
            let _ = sys::pidfd_signal(creator.pidfd.as_fd(), nix::libc::SIGKILL);
        }
        self.kill_processes(container);
    }

    fn kill_processes(&self, container: &Container) {
        if let Err(error) = self.hierarchy.kill(&container.cgroup) {
            tracing::warn!(container = %container.config.id, "{}", chain(&error));
        }
    }

    pub(super) fn finish_removal(&mut self, id: &ContainerId) {
        let Some(container) = self.containers.remove(id) else { return };
        let errors = container.clean(&self.hierarchy);
        self.changed = true;
        self.clients
            .answer_all(container.waiting, || Ok(Reply::Removed { errors: errors.clone() }));
    }

    pub(super) fn executed_changed(&mut self, n: usize) {
        match self.executed.remove(&n) {
            Some(Executed::Entering { mut entering, container, client }) => match entering.finish()
            {
                Ok((pid, pidfd)) => {
                    let pipes = std::mem::take(&mut entering.pipes);
                    self.executed
                        .insert(n, Executed::Running { pid, pidfd, started_at: now(), client });
                    self.clients.reply(client, &Reply::Executing { pid: pid.as_raw() }, pipes);
                }
                Err(e) => {
                    let id = container.to_string();
                    self.clients.answer(
                        client,
                        Err(RequestError::Exec { id, message: e.message, code: e.code }),
                    );
                }
            },
            Some(Executed::Running { pid, pidfd, started_at, client }) => {
                match children::has_ended(pidfd.as_fd()) {
                    Some(ended) => self
                        .clients
                        .answer(client, Ok(Reply::Exited(ended.of_program(started_at, false)))),
                    None => drop(
                        self.executed
                            .insert(n, Executed::Running { pid, pidfd, started_at, client }),
                    ),
                }
            }
            None => {}
        }
    }

    pub(super) fn pause_ended(&mut self) {
        let Some(ended) = children::has_ended(self.pause.pidfd.as_fd()) else { return };
        let message = match ended.signal {
            Some(signal) => format!("the pause process was ended by signal {signal}"),
            None => format!("the pause process ended with code {}", ended.code),
        };
        tracing::warn!("{message}");
        self.state = SandboxState::Lost { message };
        self.changed = true;
        let ids: Vec<ContainerId> = self.containers.keys().cloned().collect();
        ids.iter().for_each(|id| self.kill(id));
    }

    pub(super) fn companion_ended(&mut self) {
        let Some(companion) = &mut self.companion else { return };
        if let Some(ended) = companion.pidfd().and_then(children::has_ended) {
            companion.ended(ended.code);
            self.changed = true;
        }
    }
}

impl First {
    fn open(pid: i32) -> std::io::Result<Self> {
        let pid = Pid::from_raw(pid);
        Ok(Self { pid, pidfd: sys::pidfd_open(pid)? })
    }
}
