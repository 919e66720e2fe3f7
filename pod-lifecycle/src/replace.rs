//! How a pod begins anew in another sandbox, when the one it has is lost.
//!
//! Whatever still runs is killed. When nothing is alive another sandbox is asked for, and the pod is initialized again
//! in it, from its first init container. Of init containers and sidecars nothing is kept of the time before but their
//! counts. A main container that is not to be started again has ended for good: it keeps its place. A pod whose restart
//! policy is `Never` gets no other sandbox once something has run in the first.

use pod_spec::Time;

use crate::container::{ContainerLife, ContainerRecord, Sequel, StopCause};
use crate::event::EventKind;
use crate::state::{PodState, TerminationCause};
use crate::{Action, ContainerKind, PodMachine, RestartPolicy};

impl PodMachine {
    /// The sandbox is dead, and can be made again.
    pub(crate) fn sandbox_lost(&mut self, now: Time, message: String, actions: &mut Vec<Action>) {
        match &self.state.pod {
            PodState::StartingSandbox { .. } => {
                self.sandbox_failed(now, "CreatePodSandboxError".to_owned(), message, actions);
            }
            PodState::Initializing | PodState::Running | PodState::RestartingAll
                if self.may_begin_anew() =>
            {
                self.state.pod = PodState::ReplacingSandbox;
                self.kill_containers(now, actions);
            }
            PodState::Initializing
            | PodState::Running
            | PodState::RestartingAll
            | PodState::Terminating { .. } => self.sandbox_gone(now, message),
            PodState::SandboxBackOff { .. }
            | PodState::ReplacingSandbox
            | PodState::RemovingSandbox { .. }
            | PodState::Finished { .. } => {}
        }
    }

    /// The sandbox is dead, and will not be made again: nothing can be alive in it, or come to life.
    pub(crate) fn sandbox_gone(&mut self, now: Time, message: String) {
        if self.state.outcome().is_some() {
            return;
        }
        let over = self.mains_are_over();
        for record in &mut self.state.containers {
            record.lost(now);
            record.give_up();
        }
        if self.state.pod.is_active() {
            let lost = TerminationCause::SandboxLost { message };
            self.terminate(if over { TerminationCause::Ended } else { lost }, now);
        }
    }

    /// Kills what is left, and asks for another sandbox when that is all.
    pub(crate) fn replace_sandbox(&mut self, now: Time, actions: &mut Vec<Action>) {
        self.kill_containers(now, actions);
        if self.state.containers.iter().any(ContainerRecord::is_live) {
            return;
        }
        if self.mains_are_over() {
            return self.terminate(TerminationCause::Ended, now);
        }
        for index in 0..self.state.containers.len() {
            self.leave_sandbox(index);
        }
        self.state.initialized = !self.table.containers.iter().any(|c| c.kind.is_in_init_list());
        self.state.pod = PodState::StartingSandbox { failed: None };
        let said = "Pod sandbox changed, it will be killed and re-created.".to_owned();
        actions.push(Action::record(EventKind::Normal, "SandboxChanged", None, said));
        actions.push(Action::CreateSandbox);
    }

    fn kill_containers(&mut self, now: Time, actions: &mut Vec<Action>) {
        let all: Vec<usize> = (0..self.state.containers.len()).collect();
        self.kill_all(&all, &StopCause::SandboxLost, now, actions);
    }

    /// Makes a container ready for its first start in another sandbox, unless it has ended for good.
    fn leave_sandbox(&mut self, index: usize) {
        let record = &self.state.containers[index];
        let is_over = matches!(&record.life, ContainerLife::Exited { run }
            if self.table.sequel(index, run) == Sequel::Nothing);
        let record = &mut self.state.containers[index];
        match self.table.containers[index].kind {
            ContainerKind::Init | ContainerKind::Sidecar => {
                record.begin_anew(|_| None);
                record.previous = None;
            }
            ContainerKind::Main if !is_over => record.begin_anew(Some),
            // An ephemeral one is started once.
            ContainerKind::Main | ContainerKind::Ephemeral => {}
        }
    }

    fn may_begin_anew(&self) -> bool {
        self.table.restart_policy != RestartPolicy::Never
            || !self.state.containers.iter().any(ContainerRecord::has_run)
    }

    /// Whether all main containers ended and none of them would be started again.
    fn mains_are_over(&self) -> bool {
        self.of_kind(ContainerKind::Main).into_iter().all(|index| {
            matches!(&self.state.containers[index].life, ContainerLife::Exited { run }
                if self.table.sequel(index, run) == Sequel::Nothing)
        })
    }
}
