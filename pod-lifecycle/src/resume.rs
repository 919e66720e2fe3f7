//! Going on after the engine was away.
//!
//! The saved state says what was decided, the observation what came of it. Where the effect of a decision is not to be
//! seen it is asked for again; where more happened than was noted, it is noted now. Back-off, deadlines and the moments
//! of condition changes are those of the saved state.

use pod_spec::Time;
use serde::{Deserialize, Serialize};

use crate::container::{ContainerLife, Instance, StartFailure};
use crate::health::Health;
use crate::machine::Span;
use crate::state::{Addresses, MachineState, PodState};
use crate::{Action, Exit, LifecycleTable, PodMachine};

/// What is there of a pod, seen while no action is being carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The sandbox.
    pub sandbox: ObservedSandbox,
    /// The containers in it, ended ones among them; any number of attempts of each.
    pub containers: Vec<ObservedContainer>,
}

/// What is there of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObservedSandbox {
    /// It is up and has its network.
    Ready {
        /// Where it can be reached.
        addresses: Addresses,
    },
    /// It is up; its network is not made yet, or nobody has said that its volumes are filled.
    Unconnected,
    /// Nothing.
    Absent,
    /// Remains of one that has ended, and can be made again.
    Lost,
    /// It has ended with all that could make it again.
    Gone,
}

/// What is there of one attempt of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedContainer {
    /// The container's name.
    pub name: String,
    /// Which attempt.
    pub attempt: u32,
    /// What it does.
    pub state: ObservedState,
}

/// What one attempt of a container does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObservedState {
    /// It was made, and its program was not started.
    Created,
    /// Its program runs.
    Running {
        /// The id of the instance.
        id: String,
        /// The image as found.
        image_id: String,
        /// Since when.
        started_at: Time,
    },
    /// Its program ended.
    Exited {
        /// The id of the instance.
        id: String,
        /// The image as found.
        image_id: String,
        /// How it ended.
        exit: Exit,
        /// When it had been started.
        started_at: Time,
        /// When it ended.
        finished_at: Time,
        /// Its termination message.
        message: Option<String>,
    },
    /// It was made, and its program could not be executed: a run with the reason `StartError`.
    StartError {
        /// Why, for people.
        message: String,
        /// When.
        at: Time,
    },
}

/// What is said of a sandbox whose end nobody has seen.
const LOST_MEANWHILE: &str = "the sandbox was gone when the engine came back";

impl PodMachine {
    /// Goes on with a saved state. The actions are those that were decided and whose effect cannot be seen, and those
    /// that follow from what happened in the meantime.
    ///
    /// Whoever only wants to know how the pod is may take [`status`](Self::status) and drop the rest.
    pub fn resume(
        table: LifecycleTable,
        state: MachineState,
        observed: Observed,
        now: Time,
    ) -> (Self, Vec<Action>) {
        let state = state.aligned(&table);
        let mut machine = Self { table, state };
        let mut actions = Vec::new();
        let was_over = machine.state.outcome().is_some();
        machine.compare(observed, now, &mut actions);
        machine.advance(now, &mut actions);
        if !was_over {
            machine.refresh_conditions(now);
        }
        (machine, actions)
    }

    fn compare(&mut self, observed: Observed, now: Time, actions: &mut Vec<Action>) {
        match (&self.state.pod, observed.sandbox) {
            (
                PodState::StartingSandbox { .. } | PodState::SandboxBackOff { .. },
                ObservedSandbox::Ready { addresses },
            ) => self.sandbox_ready(addresses),
            (
                PodState::StartingSandbox { .. },
                ObservedSandbox::Absent | ObservedSandbox::Unconnected | ObservedSandbox::Lost,
            ) => actions.push(Action::CreateSandbox),
            (
                PodState::SandboxBackOff { .. },
                ObservedSandbox::Absent | ObservedSandbox::Lost | ObservedSandbox::Unconnected,
            ) => {}
            (
                PodState::Initializing
                | PodState::Running
                | PodState::RestartingAll
                | PodState::ReplacingSandbox
                | PodState::Terminating { .. },
                ObservedSandbox::Ready { .. } | ObservedSandbox::Unconnected,
            ) => self.compare_containers(&observed.containers, now, actions),
            (
                PodState::Initializing
                | PodState::Running
                | PodState::RestartingAll
                | PodState::ReplacingSandbox
                | PodState::Terminating { .. },
                ObservedSandbox::Lost,
            ) => {
                self.note_exits(&observed.containers, actions);
                self.sandbox_lost(now, LOST_MEANWHILE.to_owned(), actions);
                // Whatever is there is killed by what follows, and nothing else has to be.
                actions.retain(|action| !matches!(action, Action::Kill { .. }));
                self.compare_containers(&observed.containers, now, actions);
            }
            (
                PodState::Initializing
                | PodState::Running
                | PodState::RestartingAll
                | PodState::ReplacingSandbox
                | PodState::Terminating { .. },
                ObservedSandbox::Absent,
            )
            | (
                PodState::StartingSandbox { .. }
                | PodState::SandboxBackOff { .. }
                | PodState::Initializing
                | PodState::Running
                | PodState::RestartingAll
                | PodState::ReplacingSandbox
                | PodState::Terminating { .. },
                ObservedSandbox::Gone,
            ) => {
                self.note_exits(&observed.containers, actions);
                self.sandbox_gone(now, LOST_MEANWHILE.to_owned());
            }
            (PodState::RemovingSandbox { .. }, _) => {
                self.note_exits(&observed.containers, actions);
                actions.push(Action::RemoveSandbox);
            }
            (PodState::Finished { .. }, _) => {}
        }
    }

    fn compare_containers(
        &mut self,
        observed: &[ObservedContainer],
        now: Time,
        actions: &mut Vec<Action>,
    ) {
        self.note_exits(observed, actions);
        for index in 0..self.state.containers.len() {
            let record = &self.state.containers[index];
            let Some(attempt) = record.live_attempt() else { continue };
            let seen = observed.iter().find(|o| o.name == record.name && o.attempt == attempt);
            match seen.map(|o| &o.state) {
                Some(ObservedState::Running { id, image_id, started_at }) => {
                    let (id, image_id, started_at) = (id.clone(), image_id.clone(), *started_at);
                    self.there(index, Instance { attempt, id, image_id, started_at }, actions);
                }
                // One that ended has been noted, and is not alive any more.
                None
                | Some(
                    ObservedState::Created
                    | ObservedState::Exited { .. }
                    | ObservedState::StartError { .. },
                ) => {
                    self.not_there(index, attempt, now, actions);
                }
            }
        }
    }

    /// Every end that was seen, also of containers that had been given up as lost.
    fn note_exits(&mut self, observed: &[ObservedContainer], actions: &mut Vec<Action>) {
        for ObservedContainer { name, attempt, state } in observed {
            match state {
                ObservedState::Exited { id, image_id, exit, started_at, finished_at, message } => {
                    let (id, image_id, started_at) = (id.clone(), image_id.clone(), *started_at);
                    if let Some(index) = self.live(name, *attempt) {
                        let instance = Instance { attempt: *attempt, id, image_id, started_at };
                        let health = Health::new(&self.table.containers[index]);
                        self.state.containers[index].started(instance, health);
                    }
                    let span = Span { started_at, finished_at: *finished_at };
                    self.exited(name, *attempt, *exit, span, message.clone());
                }
                ObservedState::StartError { message, at } => {
                    if let Some(index) = self.live(name, *attempt) {
                        let (reason, message) = ("StartError".to_owned(), message.clone());
                        let why = StartFailure { reason, message, image: None };
                        self.start_failed(index, *attempt, why, *at, actions);
                    }
                }
                ObservedState::Created | ObservedState::Running { .. } => {}
            }
        }
    }

    /// The live attempt runs.
    fn there(&mut self, index: usize, instance: Instance, actions: &mut Vec<Action>) {
        match &self.state.containers[index].life {
            ContainerLife::Starting { .. } | ContainerLife::Aborting { .. } => {
                self.started(index, instance, actions);
            }
            ContainerLife::Running { .. } => self.begin_post_start(index, actions),
            ContainerLife::Stopping { .. }
            | ContainerLife::NotStarted
            | ContainerLife::Retrying { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => self.signal_again(index, actions),
        }
    }

    /// No program of the live attempt is there, and none that has ended.
    fn not_there(&mut self, index: usize, attempt: u32, now: Time, actions: &mut Vec<Action>) {
        let record = &mut self.state.containers[index];
        match &record.life {
            ContainerLife::Starting { .. } => {
                actions.push(Action::StartContainer { container: record.name.clone(), attempt });
            }
            ContainerLife::Aborting { .. } => record.give_up(),
            ContainerLife::Running { .. }
            | ContainerLife::Stopping { .. }
            | ContainerLife::NotStarted
            | ContainerLife::Retrying { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => record.lost(now),
        }
    }
}
