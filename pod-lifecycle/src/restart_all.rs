//! How a pod begins anew in its sandbox, when the end of a container asks for all of them to be restarted.
//!
//! Whatever runs is killed, the last container of the manifest first: no grace period, no hook. What has ended is put
//! away. When nothing is alive the pod is initialized again, from its first init container. The container whose end led
//! to it has waited for its crash-loop back-off before, while the others went on.

use pod_spec::Time;

use crate::container::{StopCause, StopStep};
use crate::state::PodState;
use crate::termination::kill;
use crate::{Action, ContainerKind, PodMachine};

impl PodMachine {
    /// Kills what runs, puts away what has ended, and begins anew when that is all.
    pub(crate) fn restart_all(&mut self, now: Time, actions: &mut Vec<Action>) {
        // Ephemeral containers are started once, and have no part in it.
        let all: Vec<usize> = (0..self.state.containers.len())
            .filter(|&i| self.table.containers[i].kind != ContainerKind::Ephemeral)
            .collect();
        self.kill_all(&all, &StopCause::RestartAll, now, actions);
        for &index in &all {
            self.state.containers[index].put_away();
        }
        if !all.iter().any(|&index| self.state.containers[index].is_live()) {
            self.state.pod = PodState::Initializing;
            self.go_on(now, actions);
        }
    }

    /// Kills which of these containers run, and gives up which are being started, the last one first.
    pub(crate) fn kill_all(
        &mut self,
        which: &[usize],
        cause: &StopCause,
        now: Time,
        actions: &mut Vec<Action>,
    ) {
        for &index in which.iter().rev() {
            self.take_start_back(index, actions);
            let said = format!("Stopping container {}", self.state.containers[index].name);
            self.begin_stop(index, cause.clone(), now, said, actions);
            let record = &mut self.state.containers[index];
            if let Some(stop) = record.stop_mut().filter(|stop| stop.step != StopStep::Killed) {
                stop.deadline = stop.deadline.min(now);
                kill(record, actions);
            }
        }
    }

    /// A start that was decided on just now has not begun.
    fn take_start_back(&mut self, index: usize, actions: &mut Vec<Action>) {
        let record = &mut self.state.containers[index];
        let begins = |action: &Action| matches!(action, Action::StartContainer { container, .. } if *container == record.name);
        if actions.iter().any(begins) {
            actions.retain(|action| !begins(action));
            record.give_up();
        }
    }
}
