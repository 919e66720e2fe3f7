//! How a living pod goes on: init containers one by one, sidecars in their place, then the main containers, and the
//! restarts of what ended.
//!
//! The newest container of the init list that was ever started decides the progress: an earlier sidecar that is just
//! being restarted holds nothing up.

use std::time::Duration;

use pod_spec::Time;

use crate::container::{Beginning, ContainerLife, Run, Sequel, StopCause};
use crate::state::{PodState, TerminationCause};
use crate::{Action, ContainerKind, PodMachine, backoff};

/// Whether the container that comes next may start.
enum Gate {
    Open,
    Closed,
    /// It never will.
    Broken,
}

impl PodMachine {
    /// Starts what is next, and notices that the pod is over.
    pub(crate) fn go_on(&mut self, now: Time, actions: &mut Vec<Action>) {
        for index in self.of_kind(ContainerKind::Ephemeral) {
            self.start_first(index, actions);
        }
        if self.state.pod == PodState::Initializing {
            match self.next_to_initialize() {
                (Gate::Open, Some(index)) => self.start_first(index, actions),
                (Gate::Open, None) => {
                    self.state.pod = PodState::Running;
                    self.state.initialized = true;
                }
                (Gate::Closed, _) => {}
                (Gate::Broken, _) => {
                    self.terminate(
                        TerminationCause::InitFailed,
                        now + self.table.grace.as_duration(),
                    );
                }
            }
        }
        if self.state.pod == PodState::Running {
            self.start_mains(actions);
        }
        let ended =
            |i: &usize| matches!(self.state.containers[*i].life, ContainerLife::Exited { .. });
        if self.state.pod == PodState::Running
            && self.of_kind(ContainerKind::Main).iter().all(ended)
        {
            self.terminate(TerminationCause::Ended, now + self.table.grace.as_duration());
        }
    }

    /// Starts the main containers in their order; one whose `postStart` hook is not over keeps the next from its first
    /// start.
    fn start_mains(&mut self, actions: &mut Vec<Action>) {
        for index in self.of_kind(ContainerKind::Main) {
            self.start_first(index, actions);
            if self.table.containers[index].hooks.post_start && self.is_coming_up(index) {
                break;
            }
        }
    }

    /// Whether a container is being started, its `postStart` hook included.
    fn is_coming_up(&self, index: usize) -> bool {
        match &self.state.containers[index].life {
            ContainerLife::Starting { .. } => true,
            ContainerLife::Running { health, .. } => !health.is_hooked(),
            ContainerLife::NotStarted
            | ContainerLife::Retrying { .. }
            | ContainerLife::Stopping { .. }
            | ContainerLife::Aborting { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => false,
        }
    }

    /// Whether the init list may go on, and with which container; `None` when it is at its end.
    fn next_to_initialize(&self) -> (Gate, Option<usize>) {
        let list: Vec<usize> = (0..self.table.containers.len())
            .filter(|&i| self.table.containers[i].kind.is_in_init_list())
            .collect();
        let newest =
            list.iter().rposition(|&i| self.state.containers[i].life != ContainerLife::NotStarted);
        match newest {
            None => (Gate::Open, list.first().copied()),
            Some(place) => (self.gate(list[place]), list.get(place + 1).copied()),
        }
    }

    fn gate(&self, index: usize) -> Gate {
        let record = &self.state.containers[index];
        let ended = matches!(record.life, ContainerLife::Exited { .. });
        let open = match self.table.containers[index].kind {
            ContainerKind::Sidecar => record.is_started(),
            ContainerKind::Init => record.init_is_done(),
            ContainerKind::Main | ContainerKind::Ephemeral => true,
        };
        match (open, ended) {
            (true, _) => Gate::Open,
            (false, false) => Gate::Closed,
            // What is to be restarted has left `Exited` before this is asked.
            (false, true) => Gate::Broken,
        }
    }

    pub(crate) fn of_kind(&self, kind: ContainerKind) -> Vec<usize> {
        (0..self.table.containers.len())
            .filter(|&i| self.table.containers[i].kind == kind)
            .collect()
    }

    fn start_first(&mut self, index: usize, actions: &mut Vec<Action>) {
        let record = &self.state.containers[index];
        if record.life == ContainerLife::NotStarted {
            self.start(index, record.restarts, Beginning::First, actions);
        }
    }

    /// Starts again, or makes wait, every container that ended and whose rules say so; ends the waits that are over.
    pub(crate) fn restart_ended(&mut self, now: Time, actions: &mut Vec<Action>) {
        for index in 0..self.state.containers.len() {
            if self.state.pod == PodState::RestartingAll {
                return;
            }
            match self.state.containers[index].take_life() {
                ContainerLife::Exited { run }
                    if self.table.sequel(index, &run) != Sequel::Nothing =>
                {
                    self.restart_or_wait(index, run, now, actions);
                }
                ContainerLife::BackOff { run, delay, until } if until <= now => {
                    self.restart(index, run, Some(delay), now, actions);
                }
                ContainerLife::Retrying { attempt, until, run, failed } if until <= now => {
                    self.start(index, attempt, Beginning::Retry { run, failed }, actions);
                }
                life @ (ContainerLife::NotStarted
                | ContainerLife::Starting { .. }
                | ContainerLife::Retrying { .. }
                | ContainerLife::Running { .. }
                | ContainerLife::Stopping { .. }
                | ContainerLife::Aborting { .. }
                | ContainerLife::BackOff { .. }
                | ContainerLife::Exited { .. }) => self.state.containers[index].life = life,
            }
        }
    }

    fn restart_or_wait(&mut self, index: usize, run: Run, now: Time, actions: &mut Vec<Action>) {
        let record = &mut self.state.containers[index];
        let finished = run.finished_at;
        // Who is stopped to be restarted has to wait only when the run before has ended too short a time ago.
        let since = match run.stopped {
            Some(StopCause::Probe) => record.previous.as_ref().map(|run| run.finished_at),
            Some(
                StopCause::Pod
                | StopCause::PostStart { .. }
                | StopCause::RestartAll
                | StopCause::SandboxLost
                | StopCause::Update,
            )
            | None => Some(finished),
        };
        let window = |since| self.table.backoff.window(record.backoff, since).map(|w| (since, w));
        match since.and_then(window) {
            Some((since, delay)) if since + delay > now => {
                let pod = self.table.pod.display();
                let said =
                    format!("Back-off restarting failed container {} in pod {pod}", record.name);
                actions.push(Action::warning("BackOff", &record.name, said));
                record.life = ContainerLife::BackOff { run, delay, until: finished + delay };
            }
            Some(_) | None => self.restart(index, run, None, now, actions),
        }
    }

    /// Starts a container again that has ended, after a pause if it had to wait; or all of them, if its end asks for it.
    fn restart(
        &mut self,
        index: usize,
        run: Run,
        pause: Option<Duration>,
        now: Time,
        actions: &mut Vec<Action>,
    ) {
        let sequel = self.table.sequel(index, &run);
        let record = &mut self.state.containers[index];
        record.backoff = Some(self.table.backoff.restarted(record.backoff, run.finished_at, now));
        if sequel == Sequel::RestartAll {
            record.life = ContainerLife::Exited { run };
            self.state.pod = PodState::RestartingAll;
            self.state.initialized = false;
            return;
        }
        let attempt = record.restarts.saturating_add(1);
        let from = match pause {
            Some(delay) => Beginning::CrashLoop { run, delay },
            None => Beginning::Restart { run },
        };
        self.start(index, attempt, from, actions);
    }

    fn start(&mut self, index: usize, attempt: u32, from: Beginning, actions: &mut Vec<Action>) {
        let record = &mut self.state.containers[index];
        record.image.clone_from(&self.table.containers[index].image);
        record.life = ContainerLife::Starting { attempt, from };
        actions.push(Action::StartContainer { container: record.name.clone(), attempt });
    }

    /// When the next wait is over.
    pub(crate) fn next_restart(&self) -> Option<Time> {
        let waits = self.state.containers.iter().filter_map(|record| match &record.life {
            ContainerLife::BackOff { until, .. } | ContainerLife::Retrying { until, .. } => {
                Some(*until)
            }
            ContainerLife::NotStarted
            | ContainerLife::Starting { .. }
            | ContainerLife::Running { .. }
            | ContainerLife::Stopping { .. }
            | ContainerLife::Aborting { .. }
            | ContainerLife::Exited { .. } => None,
        });
        waits.min()
    }
}

/// The words of a container that waits to be restarted.
pub(crate) fn crash_loop_words(pod: &str, container: &str, delay: Duration) -> String {
    format!("back-off {} restarting failed container={container} pod={pod}", backoff::words(delay))
}
