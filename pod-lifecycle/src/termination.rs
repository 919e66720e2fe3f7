//! How a pod comes to its end.
//!
//! Main containers, and an init container that runs, are asked to stop at once. Sidecars follow in the reverse order
//! of the manifest, each when the main containers and the later sidecars have ended; those that had no turn when the
//! grace period is over are asked then. Who has been asked is killed when the grace period is over, but never within
//! two seconds. When nothing is alive, the outcome is settled and the sandbox is taken down.

use pod_spec::Time;
use pod_spec::status::PodPhase;

use crate::container::{ContainerLife, ContainerRecord, Stop};
use crate::machine::MINIMUM_GRACE;
use crate::state::{Outcome, PodState, TerminationCause};
use crate::{Action, ContainerKind, PodMachine};

impl PodMachine {
    /// Begins the end, or brings the deadline of one that has begun nearer.
    pub(crate) fn terminate(&mut self, cause: TerminationCause, deadline: Time) {
        match &mut self.state.pod {
            PodState::StartingSandbox { .. }
            | PodState::SandboxBackOff { .. }
            | PodState::Initializing
            | PodState::Running => {
                self.state.pod = PodState::Terminating { cause, deadline };
                for record in self.state.containers.iter_mut().filter(|r| !r.is_live()) {
                    record.give_up();
                }
            }
            PodState::Terminating { deadline: known, .. } => *known = deadline.min(*known),
            PodState::RemovingSandbox { .. } | PodState::Finished { .. } => {}
        }
    }

    /// Asks, kills, and at last goes on to the removal of the sandbox.
    pub(crate) fn stop_containers(
        &mut self,
        cause: TerminationCause,
        deadline: Time,
        now: Time,
        actions: &mut Vec<Action>,
    ) {
        for index in self.due_to_stop(deadline, now) {
            self.ask(index, now, actions);
        }
        for record in &mut self.state.containers {
            if kill_time(record, deadline).is_some_and(|at| at <= now) {
                kill(record, actions);
            }
        }
        if !self.state.containers.iter().any(ContainerRecord::is_live) {
            self.state.pod = PodState::RemovingSandbox { outcome: self.outcome_of(cause) };
            actions.push(Action::RemoveSandbox);
        }
    }

    /// Whose turn it is to be asked to stop, whether that was done already or not.
    fn due_to_stop(&self, deadline: Time, now: Time) -> Vec<usize> {
        let live = |index: &usize| self.state.containers[*index].is_live();
        let mains = self.of_kind(ContainerKind::Main);
        let mut turn = !mains.iter().any(live);
        let mut due: Vec<usize> =
            mains.into_iter().chain(self.of_kind(ContainerKind::Init)).collect();
        for index in self.of_kind(ContainerKind::Sidecar).into_iter().rev().filter(live) {
            if turn || deadline <= now {
                due.push(index);
            }
            turn = false;
        }
        due
    }

    fn ask(&mut self, index: usize, now: Time, actions: &mut Vec<Action>) {
        let record = &mut self.state.containers[index];
        let stop = Stop::Asked { since: now };
        record.life = match record.take_life() {
            ContainerLife::Running { instance, health } => {
                let said = format!("Stopping container {}", record.name);
                actions.push(Action::normal("Killing", &record.name, said));
                let (container, attempt) = (record.name.clone(), instance.attempt);
                actions.push(Action::Terminate { container, attempt });
                ContainerLife::Stopping { instance, health, stop }
            }
            ContainerLife::Starting { attempt, from } => {
                actions.push(Action::Terminate { container: record.name.clone(), attempt });
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

    /// Sends the last signal once more to a container that may not have got it.
    pub(crate) fn signal_again(&self, index: usize, actions: &mut Vec<Action>) {
        let record = &self.state.containers[index];
        let (Some(stop), Some(attempt)) = (stop_of(record), record.live_attempt()) else { return };
        let container = record.name.clone();
        actions.push(match stop {
            Stop::Asked { .. } => Action::Terminate { container, attempt },
            Stop::Killed => Action::Kill { container, attempt },
        });
    }

    /// When somebody is to be killed, or the sidecars that had no turn are to be asked.
    pub(crate) fn next_stop(&self, deadline: Time) -> Option<Time> {
        let times = self.state.containers.iter().filter_map(|record| match &record.life {
            ContainerLife::Running { .. } | ContainerLife::Starting { .. } => Some(deadline),
            ContainerLife::Stopping { .. } | ContainerLife::Aborting { .. } => {
                kill_time(record, deadline)
            }
            ContainerLife::NotStarted
            | ContainerLife::Retrying { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => None,
        });
        times.min()
    }

    /// What became of a pod in which nothing is alive any more.
    fn outcome_of(&self, cause: TerminationCause) -> Outcome {
        let failed = |reason, message| Outcome { phase: PodPhase::Failed, reason, message };
        match cause {
            TerminationCause::InitFailed => failed(None, None),
            TerminationCause::SandboxLost { message } => {
                failed(Some("SandboxLost".to_owned()), Some(message))
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

fn stop_of(record: &ContainerRecord) -> Option<Stop> {
    match &record.life {
        ContainerLife::Stopping { stop, .. } | ContainerLife::Aborting { stop, .. } => Some(*stop),
        ContainerLife::NotStarted
        | ContainerLife::Starting { .. }
        | ContainerLife::Retrying { .. }
        | ContainerLife::Running { .. }
        | ContainerLife::BackOff { .. }
        | ContainerLife::Exited { .. } => None,
    }
}

/// When a container that was asked to stop is killed.
fn kill_time(record: &ContainerRecord, deadline: Time) -> Option<Time> {
    match stop_of(record)? {
        Stop::Asked { since } => Some(deadline.max(since + MINIMUM_GRACE)),
        Stop::Killed => None,
    }
}

fn kill(record: &mut ContainerRecord, actions: &mut Vec<Action>) {
    if let ContainerLife::Stopping { stop, .. } | ContainerLife::Aborting { stop, .. } =
        &mut record.life
    {
        *stop = Stop::Killed;
    }
    if let Some(attempt) = record.live_attempt() {
        actions.push(Action::Kill { container: record.name.clone(), attempt });
    }
}
