//! What becomes of containers when their processes report or end.

use std::os::fd::{AsFd, OwnedFd};

use super::children::{self, Ended, now};
use super::container::{Container, State};
use super::entry::EntryError;
use super::first::{Line, Report};
use super::serve::{Executed, Keeper};
use super::terminal::Pair;
use crate::config::ContainerId;
use crate::error::{RequestError, chain};
use crate::protocol::{Reply, Request};
use crate::status::{Exit, SandboxState};

impl Keeper {
    pub(super) fn first_reported(&mut self, id: &ContainerId) {
        let line = self.containers.get(id).and_then(Container::line);
        let Some((report, fds)) = line.and_then(Line::report) else {
            return;
        };
        let Some(mut container) = self.containers.remove(id) else { return };
        container.state = match (container.state, report) {
            (State::Creating { first, line, .. }, Report::Created) => {
                container.state = State::Created { first, line };
                return self.created(container, fds);
            }
            (state @ State::Creating { .. }, report) => {
                container.state = state;
                let id = id.to_string();
                let message = match report {
                    Report::NoSubPath { destination, message } => {
                        let error = RequestError::SubPath { id, destination, message };
                        return self.creation_failed(container, error);
                    }
                    Report::NotForUsers { destination, message } => {
                        let error = RequestError::Users { id, destination, message };
                        return self.creation_failed(container, error);
                    }
                    Report::Failed(error) => error.message,
                    _ if container.is_late() => "it took too long".to_owned(),
                    _ => "its first process was killed".to_owned(),
                };
                return self.creation_failed(container, RequestError::Create { id, message });
            }
            (State::Starting { first, .. }, Report::Closed) => {
                container.state = State::Running { first, started_at: now() };
                return self.reached(container);
            }
            (state @ State::Starting { .. }, Report::Failed(error)) => {
                container.state = state;
                return self.start_failed(container, error);
            }
            (state, _) => state,
        };
        self.containers.insert(id.clone(), container);
    }

    /// It is created; what came with the news is its terminal.
    fn created(&mut self, mut container: Container, fds: Vec<OwnedFd>) {
        if let Ok([outer, inner]) = <[OwnedFd; 2]>::try_from(fds)
            && let Err(e) = container.set_terminal(Pair { outer, inner })
        {
            let id = container.config.id.to_string();
            let message = format!("cannot take its terminal: {e}");
            return self.creation_failed(container, RequestError::Create { id, message });
        }
        let id = container.config.id.clone();
        match container.start_asked.take() {
            Some(n) if !container.removing => {
                self.reached(container);
                self.request(n, Request::Start { id }, Vec::new());
            }
            asked => {
                container.waiting.extend(asked);
                self.reached(container);
            }
        }
    }

    /// It is created, or runs.
    fn reached(&mut self, mut container: Container) {
        let id = container.config.id.clone();
        self.changed = true;
        let waiting = container.satisfied();
        let removing = container.removing;
        self.containers.insert(id.clone(), container);
        self.clients.answer_all(waiting, || Ok(Reply::Done));
        if removing {
            self.kill(&id);
        }
    }

    fn creation_failed(&mut self, mut container: Container, error: RequestError) {
        container.waiting.extend(container.start_asked.take());
        let id = container.config.id.as_str();
        self.end_first(&container);
        for left in container.clean(&self.hierarchy) {
            tracing::warn!(container = id, "{left}");
        }
        self.changed = true;
        let removing = container.removing;
        self.clients.answer_all(container.waiting, || {
            if removing { Ok(Reply::Removed { errors: Vec::new() }) } else { Err(error.clone()) }
        });
    }

    /// The program could not be executed.
    pub(super) fn start_failed(&mut self, container: Container, error: EntryError) {
        self.end_first(&container);
        self.kill_processes(&container);
        let ended = Ended { code: error.code, signal: None };
        self.ended(container, ended.before_start(error.message, false));
    }

    /// Ends the first process of a container whose program never ran.
    fn end_first(&self, container: &Container) {
        if let Some(first) = container.first() {
            first.kill();
            children::wait_for(first.pidfd.as_fd());
        }
    }

    pub(super) fn first_ended(&mut self, id: &ContainerId) {
        let Some(container) = self.containers.get(id) else { return };
        let Some(ended) = container.settled().and_then(|f| children::has_ended(f.pidfd.as_fd()))
        else {
            return;
        };
        let Some(container) = self.containers.remove(id) else { return };
        // With a pid namespace of its own everything in it has ended too; in a shared one it has not.
        self.kill_processes(&container);
        let oom_killed = self.hierarchy.usage(&container.cgroup).oom_kills > 0;
        let exit = match &container.state {
            State::Running { started_at, .. } => ended.of_program(*started_at, oom_killed),
            _ => ended.before_start("it ended before it was started".to_owned(), oom_killed),
        };
        self.ended(container, exit);
    }

    /// A container's first process has ended and been waited for.
    fn ended(&mut self, mut container: Container, exit: Exit) {
        let id = container.config.id.clone();
        container.drain(&mut self.buffer, |n, bytes| self.attachments.copy(&id, n, bytes));
        container.close();
        self.attachments.end(&id, &exit);
        let message =
            exit.start_error.clone().unwrap_or_else(|| format!("it ended with code {}", exit.code));
        container.state = State::Exited(exit);
        self.changed = true;
        let removing = container.removing;
        let waiting = container.satisfied();
        self.containers.insert(id.clone(), container);
        self.clients.answer_all(waiting, || {
            Err(RequestError::Start { id: id.to_string(), message: message.clone() })
        });
        if removing {
            self.finish_removal(&id);
        }
    }

    /// Kills everything in a container; its end is heard of later.
    pub(super) fn kill(&mut self, id: &ContainerId) {
        let Some(container) = self.containers.get(id) else { return };
        // It may only be on its way into the cgroup.
        if let Some(first) = container.first() {
            first.kill();
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
            Some(Executed::Entering { entering, container, client }) => match entering.finish() {
                Ok((pid, pidfd)) => {
                    let ends = entering.into_ends();
                    self.executed
                        .insert(n, Executed::Running { pid, pidfd, started_at: now(), client });
                    self.clients.reply(client, &Reply::Executing { pid: pid.as_raw() }, ends);
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
