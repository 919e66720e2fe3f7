//! The machine's front: events are applied to the state, and the state is carried on as far as it goes.
//!
//! `handle` is three steps. [`apply`](PodMachine::apply) notes what happened. [`advance`](PodMachine::advance) decides
//! what follows from the state and the time alone, so that a resumed machine decides the same. Then the conditions
//! are brought up to date, because the moments of their changes cannot be found out later.

use std::time::Duration;

use pod_spec::Time;
use pod_spec::status::PodStatus;

use crate::backoff::Backoff;
use crate::container::{ContainerLife, ContainerRecord, Instance, Run, RunEnd, StartFailure};
use crate::event::EventKind;
use crate::health::Health;
use crate::state::{Addresses, FailedSandbox, MachineState, PodState, TerminationCause};
use crate::{
    Action, ContainerKind, ContainerRules, Event, Exit, HookKind, LifecycleTable, conditions,
    status,
};

/// The reason of a container that lacks what it is configured with.
const CONFIG_ERROR: &str = "CreateContainerConfigError";

/// The life of one pod: events and the time go in, actions come out.
///
/// It performs nothing and waits for nothing. The same calls always give the same results.
#[derive(Debug, Clone, PartialEq)]
pub struct PodMachine {
    pub(crate) table: LifecycleTable,
    pub(crate) state: MachineState,
}

impl PodMachine {
    /// A pod that starts now. The first action makes its sandbox.
    pub fn new(table: LifecycleTable, now: Time) -> (Self, Vec<Action>) {
        let state = MachineState::new(&table, now);
        let mut machine = Self { table, state };
        machine.refresh_conditions(now);
        (machine, vec![Action::CreateSandbox])
    }

    /// Takes note of an event and says what is to be done about it, in this order.
    ///
    /// Save [`state`](Self::state) before the first of the actions is carried out.
    pub fn handle(&mut self, now: Time, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        let was_over = self.state.outcome().is_some();
        self.apply(now, event, &mut actions);
        self.advance(now, &mut actions);
        // Those of a pod that is over are settled, whatever exit code is still to come.
        if !was_over {
            self.refresh_conditions(now);
        }
        actions
    }

    /// When the machine wants an [`Event::Tick`] if nothing else happens before.
    pub fn next_deadline(&self) -> Option<Time> {
        let end = self.active_deadline();
        let times = match &self.state.pod {
            PodState::SandboxBackOff { until, .. } => [Some(*until), end, None, None],
            PodState::StartingSandbox { .. }
            | PodState::RestartingAll
            | PodState::ReplacingSandbox => [end, None, None, None],
            PodState::Initializing | PodState::Running => {
                [self.next_restart(), self.next_stop(), self.next_probe(), end]
            }
            PodState::Terminating { .. } => [self.next_stop(), self.next_probe(), None, None],
            PodState::RemovingSandbox { .. } | PodState::Finished { .. } => [None; 4],
        };
        times.into_iter().flatten().min()
    }

    /// When the pod has been active for as long as it may.
    fn active_deadline(&self) -> Option<Time> {
        Some(self.state.start_time + self.table.active_deadline?)
    }

    /// The pod's status, in the shape of the Kubernetes API.
    pub fn status(&self) -> PodStatus {
        status::project(&self.table, &self.state)
    }

    /// What has to be saved.
    pub fn state(&self) -> &MachineState {
        &self.state
    }

    /// Whether the pod is neither over nor on its way to it, so that it may be changed.
    pub fn is_active(&self) -> bool {
        self.state.pod.is_active()
    }

    /// Whether the pod is over and nothing of it is left to be stopped or removed.
    pub fn is_finished(&self) -> bool {
        matches!(self.state.pod, PodState::Finished { .. })
    }

    pub(crate) fn refresh_conditions(&mut self, now: Time) {
        self.state.conditions = conditions::refreshed(&self.table, &self.state, now);
    }

    /// Decides what follows from the state at this time.
    pub(crate) fn advance(&mut self, now: Time, actions: &mut Vec<Action>) {
        if self.state.pod.is_active() && self.active_deadline().is_some_and(|at| at <= now) {
            let said = OVERDUE.to_owned();
            actions.push(Action::record(EventKind::Normal, "DeadlineExceeded", None, said));
            self.terminate(
                TerminationCause::DeadlineExceeded,
                now + self.table.grace.as_duration(),
            );
        }
        match &self.state.pod {
            PodState::SandboxBackOff { until, failed } if *until <= now => {
                self.state.pod = PodState::StartingSandbox { failed: Some(failed.clone()) };
                actions.push(Action::CreateSandbox);
            }
            PodState::Initializing | PodState::Running => {
                self.follow_images(now, actions);
                self.carry_on_stops(now, actions);
                self.restart_ended(now, actions);
                self.go_on(now, actions);
            }
            PodState::RestartingAll | PodState::ReplacingSandbox | PodState::Terminating { .. } => {
            }
            PodState::StartingSandbox { .. }
            | PodState::SandboxBackOff { .. }
            | PodState::RemovingSandbox { .. }
            | PodState::Finished { .. } => {}
        }
        if self.state.pod == PodState::RestartingAll {
            self.restart_all(now, actions);
        }
        if self.state.pod == PodState::ReplacingSandbox {
            self.replace_sandbox(now, actions);
        }
        // Each branch may have come here only now.
        if let PodState::Terminating { cause, deadline } = self.state.pod.clone() {
            self.stop_containers(cause, deadline, now, actions);
        }
        self.begin_probes(now, actions);
    }

    fn apply(&mut self, now: Time, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::SandboxReady { addresses } => self.sandbox_ready(addresses),
            Event::SandboxFailed { reason, message } => {
                self.sandbox_failed(now, reason, message, actions)
            }
            Event::SandboxLost { message } => self.sandbox_lost(now, message, actions),
            Event::SandboxGone { message } => self.sandbox_gone(now, message),
            Event::Started { container, attempt, id, image_id, volume_images, at } => {
                let instance = Instance { attempt, id, image_id, started_at: at };
                if let Some(index) = self.live(&container, attempt) {
                    self.state.containers[index].volume_images = volume_images;
                    self.started(index, instance, actions);
                }
            }
            Event::StartFailed { container, attempt, reason, message, image, at } => {
                if let Some(index) = self.live(&container, attempt) {
                    let why = StartFailure { reason, message, image };
                    self.start_failed(index, attempt, why, at, actions);
                }
            }
            Event::Exited { container, attempt, exit, started_at, finished_at, message } => {
                self.exited(&container, attempt, exit, Span { started_at, finished_at }, message);
            }
            Event::Probed { container, attempt, probe, result } => {
                if let Some(index) = self.live(&container, attempt) {
                    self.probed(index, probe, result, now, actions);
                }
            }
            Event::HookEnded { container, attempt, hook, result } => {
                if let Some(index) = self.live(&container, attempt) {
                    match hook {
                        HookKind::PostStart => self.post_start_ended(index, result, now, actions),
                        HookKind::PreStop => self.pre_stop_ended(index, result, actions),
                    }
                }
            }
            Event::Added { rules, generation } => self.added(*rules, generation),
            Event::ConditionSet { condition } => {
                // Those of a pod that is over are settled.
                if self.state.outcome().is_none() {
                    conditions::set(&mut self.state.conditions, condition, now);
                }
            }
            Event::Update { table } => {
                if self.state.pod.is_active() {
                    self.table = *table;
                }
            }
            Event::ConfigurationChanged => self.retry_configurations(now),
            Event::Evicted { message } => self.evict(now, message, actions),
            Event::Delete { grace } => {
                let grace = grace.unwrap_or(self.table.grace);
                self.terminate(TerminationCause::Deleted, now + grace.as_duration());
            }
            Event::SandboxRemoved => {
                if let PodState::RemovingSandbox { outcome } = &self.state.pod {
                    self.state.pod = PodState::Finished { outcome: outcome.clone() };
                }
            }
            Event::Tick => {}
        }
    }

    /// An ephemeral container is started when the sandbox stands, whatever the others do.
    fn added(&mut self, rules: ContainerRules, generation: Option<i64>) {
        if self.index(&rules.name).is_none() {
            self.state.containers.push(ContainerRecord::new(&rules));
            self.table.containers.push(ContainerRules { kind: ContainerKind::Ephemeral, ..rules });
            self.table.observed_generation = generation;
        }
    }

    pub(crate) fn sandbox_ready(&mut self, addresses: Addresses) {
        match self.state.pod {
            PodState::StartingSandbox { .. } | PodState::SandboxBackOff { .. } => {
                self.state.addresses = addresses;
                self.state.pod = PodState::Initializing;
            }
            PodState::Initializing
            | PodState::Running
            | PodState::RestartingAll
            | PodState::ReplacingSandbox
            | PodState::Terminating { .. }
            | PodState::RemovingSandbox { .. }
            | PodState::Finished { .. } => {}
        }
    }

    pub(crate) fn sandbox_failed(
        &mut self,
        now: Time,
        reason: String,
        message: String,
        actions: &mut Vec<Action>,
    ) {
        let PodState::StartingSandbox { failed } = &self.state.pod else { return };
        let failures = failed.as_ref().map_or(0, |f| f.failures).saturating_add(1);
        actions.push(if reason == "CreatePodSandboxError" {
            let message = format!("Failed to create pod sandbox: {message}");
            Action::record(EventKind::Warning, "FailedCreatePodSandBox", None, message)
        } else {
            Action::record(EventKind::Warning, &reason, None, message.clone())
        });
        let backoff = if reason == FAILED_MOUNT { Backoff::VOLUMES } else { self.table.backoff };
        let until = now + backoff.pause(failures);
        self.state.pod =
            PodState::SandboxBackOff { until, failed: FailedSandbox { failures, reason, message } };
    }

    /// Has a pod go that has taken too much, at once but for a second.
    fn evict(&mut self, now: Time, message: String, actions: &mut Vec<Action>) {
        if !self.state.pod.is_active() {
            return;
        }
        actions.push(Action::record(EventKind::Warning, "Evicted", None, message.clone()));
        self.terminate(TerminationCause::Evicted { message }, now + EVICTION_GRACE);
    }

    pub(crate) fn started(&mut self, index: usize, instance: Instance, actions: &mut Vec<Action>) {
        let health = Health::new(&self.table.containers[index]);
        let record = &mut self.state.containers[index];
        if record.started(instance, health) {
            actions.push(Action::normal("Created", &record.name, "Container created".to_owned()));
            actions.push(Action::normal("Started", &record.name, "Container started".to_owned()));
            self.begin_post_start(index, actions);
            self.signal_again(index, actions);
        }
    }

    pub(crate) fn start_failed(
        &mut self,
        index: usize,
        attempt: u32,
        why: StartFailure,
        at: Time,
        actions: &mut Vec<Action>,
    ) {
        let backoff = self.table.backoff;
        let record = &mut self.state.containers[index];
        let StartFailure { reason, message, image } = why;
        match &record.life {
            ContainerLife::Starting { from, .. } => {
                let failures = from.failures();
                let image = image.as_ref().unwrap_or(&record.image);
                let mut news = status::failed_start_news(&reason, &message, image);
                if failures > 0 && status::is_pull(&reason) {
                    news.push(("BackOff", format!("Back-off pulling image \"{image}\"")));
                    news.push(("Failed", "Error: ImagePullBackOff".to_owned()));
                }
                let tell = |(word, said)| Action::warning(word, &record.name, said);
                actions.extend(news.into_iter().map(tell));
            }
            ContainerLife::Aborting { .. } => {}
            ContainerLife::NotStarted
            | ContainerLife::Retrying { .. }
            | ContainerLife::Running { .. }
            | ContainerLife::Stopping { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => return,
        }
        if is_run(&reason) {
            record.ended(Run {
                attempt,
                id: None,
                image_id: String::new(),
                started_at: at,
                finished_at: at,
                end: RunEnd::NoProgram { reason },
                message: Some(message),
                stopped: None,
            });
        } else if matches!(record.life, ContainerLife::Starting { .. }) {
            // The objects that it lacks are looked for again and again, without a growing pause.
            let constant = reason == CONFIG_ERROR;
            let pause = |failures| backoff.pause(if constant { 1 } else { failures });
            let why = StartFailure { reason, message, image };
            record.start_failed(why, |failures| at + pause(failures));
        } else {
            record.give_up();
        }
    }

    /// Whatever waits for a configuration waits no longer.
    fn retry_configurations(&mut self, now: Time) {
        if let PodState::SandboxBackOff { until, failed } = &mut self.state.pod
            && failed.reason == FAILED_MOUNT
        {
            *until = now;
        }
        for record in &mut self.state.containers {
            if let ContainerLife::Retrying { until, failed, .. } = &mut record.life
                && failed.reason == CONFIG_ERROR
            {
                *until = now;
            }
        }
    }

    pub(crate) fn exited(
        &mut self,
        container: &str,
        attempt: u32,
        exit: Exit,
        span: Span,
        message: Option<String>,
    ) {
        self.late_exit(container, attempt, exit, span, message.clone());
        let Some(index) = self.live(container, attempt) else { return };
        let record = &mut self.state.containers[index];
        let (id, image_id) = match &record.life {
            ContainerLife::Running { instance, .. } | ContainerLife::Stopping { instance, .. } => {
                (Some(instance.id.clone()), instance.image_id.clone())
            }
            ContainerLife::Starting { .. }
            | ContainerLife::Aborting { .. }
            | ContainerLife::NotStarted
            | ContainerLife::Retrying { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => (None, String::new()),
        };
        let Span { started_at, finished_at } = span;
        let end = RunEnd::Exit(exit);
        let stopped = record.stop().map(|stop| stop.cause.clone());
        record.ended(Run { attempt, id, image_id, started_at, finished_at, end, message, stopped });
    }

    /// The exit code of a container that was given up as lost; the outcome of its pod stays.
    fn late_exit(
        &mut self,
        container: &str,
        attempt: u32,
        exit: Exit,
        span: Span,
        message: Option<String>,
    ) {
        let Some(index) = self.index(container) else { return };
        match &mut self.state.containers[index].life {
            ContainerLife::Exited { run } if run.attempt == attempt && run.end == RunEnd::Lost => {
                run.end = RunEnd::Exit(exit);
                (run.started_at, run.finished_at) = (span.started_at, span.finished_at);
                run.message = message;
            }
            ContainerLife::NotStarted
            | ContainerLife::Starting { .. }
            | ContainerLife::Retrying { .. }
            | ContainerLife::Running { .. }
            | ContainerLife::Stopping { .. }
            | ContainerLife::Aborting { .. }
            | ContainerLife::BackOff { .. }
            | ContainerLife::Exited { .. } => {}
        }
    }

    fn index(&self, container: &str) -> Option<usize> {
        self.state.containers.iter().position(|record| record.name == container)
    }

    /// The container whose live attempt this is.
    pub(crate) fn live(&self, container: &str, attempt: u32) -> Option<usize> {
        self.index(container).filter(|&i| self.state.containers[i].live_attempt() == Some(attempt))
    }
}

/// What is said of a pod that took longer than it may.
pub(crate) const OVERDUE: &str = "Pod was active on the node longer than the specified deadline";

/// From when to when a program ran.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub started_at: Time,
    pub finished_at: Time,
}

/// Whether a start that failed for this reason counts as a run: the container was there, its program was not.
fn is_run(reason: &str) -> bool {
    matches!(reason, "StartError" | "ContainerCannotRun")
}

/// What a pod that has taken too much is given to end.
const EVICTION_GRACE: Duration = Duration::from_secs(1);

/// The reason of a sandbox that lacks a volume.
const FAILED_MOUNT: &str = "FailedMount";

/// At least so much time lies between the stop signal and the kill.
pub(crate) const MINIMUM_GRACE: Duration = Duration::from_secs(2);
