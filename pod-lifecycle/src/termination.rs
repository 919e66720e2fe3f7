//! How a pod comes to its end.
//!
//! All containers begin to stop at once, each with its `preStop` hook if it has one. Main and ephemeral containers, and an
//! init container that runs, are asked to end as soon as that is over. Sidecars follow in the reverse order of the manifest,
//! each when the main containers and the later sidecars have ended. Whose hook is not over, or who had no turn, when the
//! grace period is over is asked then. Who has been asked is killed when the grace period is over, but never within two
//! seconds. When nothing is alive, the outcome is settled and the sandbox is taken down.
//!
//! A container that fails a probe, or whose `postStart` hook fails, takes the same way alone.
//!
//! ```text
//! Begun ──> Hook ──> Waiting ──> Asked ──> Killed
//! ```

use pod_spec::Time;
use pod_spec::status::PodPhase;

use crate::container::{ContainerLife, ContainerRecord, Stop, StopCause, StopStep};
use crate::machine::{MINIMUM_GRACE, OVERDUE};
use crate::state::{Outcome, PodState, TerminationCause};
use crate::{Action, ContainerKind, HookKind, PodMachine};

impl PodMachine {
    /// Begins the end, or brings the deadline of one that has begun nearer.
    pub(crate) fn terminate(&mut self, cause: TerminationCause, deadline: Time) {
        match &mut self.state.pod {
            PodState::StartingSandbox { .. }
            | PodState::SandboxBackOff { .. }
            | PodState::Initializing
            | PodState::Running
            | PodState::RestartingAll
            | PodState::ReplacingSandbox => {
                self.state.pod = PodState::Terminating { cause, deadline };
                for record in self.state.containers.iter_mut().filter(|r| !r.is_live()) {
                    record.give_up();
                }
            }
            PodState::Terminating { deadline: known, .. } => *known = deadline.min(*known),
            PodState::RemovingSandbox { .. } | PodState::Finished { .. } => return,
        }
        for stop in self.state.containers.iter_mut().filter_map(ContainerRecord::stop_mut) {
            stop.deadline = deadline.min(stop.deadline);
        }
    }

    /// Begins to stop all, goes on with it, and at last removes the sandbox.
    pub(crate) fn stop_containers(
        &mut self,
        cause: TerminationCause,
        deadline: Time,
        now: Time,
        actions: &mut Vec<Action>,
    ) {
        for index in self.stop_order() {
            let said = format!("Stopping container {}", self.state.containers[index].name);
            self.begin_stop(index, StopCause::Pod, deadline, said, actions);
        }
        self.carry_on_stops(now, actions);
        if !self.state.containers.iter().any(ContainerRecord::is_live) {
            self.state.pod = PodState::RemovingSandbox { outcome: self.outcome_of(cause) };
            actions.push(Action::RemoveSandbox);
        }
    }

    /// Main, ephemeral and init containers, then sidecars in the reverse order of the manifest.
    fn stop_order(&self) -> Vec<usize> {
        let mains = self.of_kind(ContainerKind::Main).into_iter();
        let mains = mains.chain(self.of_kind(ContainerKind::Ephemeral));
        let sidecars = self.of_kind(ContainerKind::Sidecar).into_iter().rev();
        mains.chain(self.of_kind(ContainerKind::Init)).chain(sidecars).collect()
    }

    /// Begins to stop a container that runs or is being started, unless that has begun.
    pub(crate) fn begin_stop(
        &mut self,
        index: usize,
        cause: StopCause,
        deadline: Time,
        said: String,
        actions: &mut Vec<Action>,
    ) {
        let record = &mut self.state.containers[index];
        let stop = Stop::new(cause, deadline);
        record.life = match record.take_life() {
            ContainerLife::Running { instance, health } => {
                actions.push(Action::normal("Killing", &record.name, said));
                ContainerLife::Stopping { instance, health, stop }
            }
            ContainerLife::Starting { attempt, from } => {
                ContainerLife::Aborting { attempt, from, stop }
            }
            life @ (ContainerLife::NotStarted
            | ContainerLife::Retrying { .. }
            | ContainerLife::Stopping { .. }
            | ContainerLife::Aborting { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. }) => life,
        };
    }

    /// Goes on with all containers that are being stopped: hooks first, then the signal, then the kill.
    pub(crate) fn carry_on_stops(&mut self, now: Time, actions: &mut Vec<Action>) {
        for index in self.stop_order() {
            self.prepare_stop(index, now, actions);
        }
        for index in self.stop_order() {
            let is_turn = self.is_turn(index);
            self.ask(index, is_turn, now, actions);
        }
        for record in &mut self.state.containers {
            if kill_time(record).is_some_and(|at| at <= now) {
                kill(record, actions);
            }
        }
    }

    /// Has the `preStop` hook run, while there is time for it.
    fn prepare_stop(&mut self, index: usize, now: Time, actions: &mut Vec<Action>) {
        let has_hook = self.table.containers[index].hooks.pre_stop;
        let record = &mut self.state.containers[index];
        let ContainerLife::Stopping { instance, stop, .. } = &mut record.life else { return };
        let is_over = stop.deadline <= now;
        match stop.step {
            StopStep::Begun if has_hook && !is_over => {
                stop.step = StopStep::Hook;
                let (container, attempt) = (record.name.clone(), instance.attempt);
                actions.push(Action::RunHook { container, attempt, hook: HookKind::PreStop });
            }
            StopStep::Begun => stop.step = StopStep::Waiting,
            StopStep::Hook if is_over => stop.step = StopStep::Waiting,
            StopStep::Hook | StopStep::Waiting | StopStep::Asked { .. } | StopStep::Killed => {}
        }
    }

    /// A `preStop` hook is over. However it went, the container is asked to stop now.
    pub(crate) fn pre_stop_ended(
        &mut self,
        index: usize,
        result: Result<(), String>,
        actions: &mut Vec<Action>,
    ) {
        let record = &mut self.state.containers[index];
        let Some(stop) = record.stop_mut().filter(|stop| stop.step == StopStep::Hook) else {
            return;
        };
        stop.step = StopStep::Waiting;
        if result.is_err() {
            let said = "PreStopHook failed".to_owned();
            actions.push(Action::warning("FailedPreStopHook", &record.name, said));
        }
    }

    /// Whether nobody has to end before this container is asked to.
    fn is_turn(&self, index: usize) -> bool {
        let is_terminating = matches!(self.state.pod, PodState::Terminating { .. });
        if !is_terminating || self.table.containers[index].kind != ContainerKind::Sidecar {
            return true;
        }
        let blocks = |other: usize| match self.table.containers[other].kind {
            ContainerKind::Main => self.state.containers[other].is_live(),
            ContainerKind::Sidecar => other > index && self.state.containers[other].is_live(),
            ContainerKind::Init | ContainerKind::Ephemeral => false,
        };
        !(0..self.table.containers.len()).any(blocks)
    }

    fn ask(&mut self, index: usize, is_turn: bool, now: Time, actions: &mut Vec<Action>) {
        let record = &mut self.state.containers[index];
        let (container, attempt) = (record.name.clone(), record.live_attempt());
        let (Some(stop), Some(attempt)) = (record.stop_mut(), attempt) else { return };
        match stop.step {
            StopStep::Begun | StopStep::Waiting if is_turn || stop.deadline <= now => {
                stop.step = StopStep::Asked { since: now };
                actions.push(Action::Terminate { container, attempt });
            }
            StopStep::Begun
            | StopStep::Hook
            | StopStep::Waiting
            | StopStep::Asked { .. }
            | StopStep::Killed => {}
        }
    }

    /// Does once more what a container that is being stopped may have missed.
    pub(crate) fn signal_again(&self, index: usize, actions: &mut Vec<Action>) {
        let record = &self.state.containers[index];
        let (Some(stop), Some(attempt)) = (record.stop(), record.live_attempt()) else { return };
        let container = record.name.clone();
        match stop.step {
            StopStep::Begun | StopStep::Waiting => {}
            StopStep::Hook => {
                actions.push(Action::RunHook { container, attempt, hook: HookKind::PreStop });
            }
            StopStep::Asked { .. } => actions.push(Action::Terminate { container, attempt }),
            StopStep::Killed => actions.push(Action::Kill { container, attempt }),
        }
    }

    /// When something is to be done about a container that is being stopped.
    pub(crate) fn next_stop(&self) -> Option<Time> {
        let next = |record: &ContainerRecord| match record.stop()?.step {
            StopStep::Begun | StopStep::Hook | StopStep::Waiting => Some(record.stop()?.deadline),
            StopStep::Asked { .. } | StopStep::Killed => kill_time(record),
        };
        self.state.containers.iter().filter_map(next).min()
    }

    /// What became of a pod in which nothing is alive any more.
    fn outcome_of(&self, cause: TerminationCause) -> Outcome {
        let failed = |reason, message| Outcome { phase: PodPhase::Failed, reason, message };
        match cause {
            TerminationCause::InitFailed => failed(None, None),
            TerminationCause::SandboxLost { message } => {
                failed(Some("SandboxLost".to_owned()), Some(message))
            }
            TerminationCause::Evicted { message } => {
                failed(Some("Evicted".to_owned()), Some(message))
            }
            TerminationCause::DeadlineExceeded => {
                failed(Some("DeadlineExceeded".to_owned()), Some(OVERDUE.to_owned()))
            }
            TerminationCause::Ended | TerminationCause::Deleted => {
                let succeeded = |index: &usize| match &self.state.containers[*index].life {
                    ContainerLife::Exited { run } => run.exit_code() == 0,
                    ContainerLife::NotStarted
                    | ContainerLife::Starting { .. }
                    | ContainerLife::Retrying { .. }
                    | ContainerLife::Running { .. }
                    | ContainerLife::Stopping { .. }
                    | ContainerLife::Aborting { .. }
                    | ContainerLife::BackOff { .. } => false,
                };
                if self.of_kind(ContainerKind::Main).iter().all(succeeded) {
                    Outcome { phase: PodPhase::Succeeded, reason: None, message: None }
                } else {
                    failed(None, None)
                }
            }
        }
    }
}

/// When a container that was asked to stop is killed.
fn kill_time(record: &ContainerRecord) -> Option<Time> {
    let stop = record.stop()?;
    match stop.step {
        StopStep::Asked { since } => Some(stop.deadline.max(since + MINIMUM_GRACE)),
        StopStep::Begun | StopStep::Hook | StopStep::Waiting | StopStep::Killed => None,
    }
}

/// Kills a container that is being stopped.
pub(crate) fn kill(record: &mut ContainerRecord, actions: &mut Vec<Action>) {
    let (container, attempt) = (record.name.clone(), record.live_attempt());
    if let (Some(stop), Some(attempt)) = (record.stop_mut(), attempt) {
        stop.step = StopStep::Killed;
        actions.push(Action::Kill { container, attempt });
    }
}
