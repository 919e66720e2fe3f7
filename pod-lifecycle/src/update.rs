//! What follows when the manifest of a living pod is changed.
//!
//! The state knows the image that each container was started with, so a change is noticed also by a machine that is
//! resumed with it. A main container or sidecar that runs another image is stopped within the grace period and started
//! again, whatever its restart policy says; a start under way is given up. An init container that runs is let be. Nothing
//! is run again that has ended for good, and no back-off outlasts the image it was for.

use pod_spec::Time;

use crate::container::{ContainerLife, StopCause};
use crate::{Action, ContainerKind, PodMachine};

impl PodMachine {
    /// Has every container that waits or runs have the image that the rules name.
    pub(crate) fn follow_images(&mut self, now: Time, actions: &mut Vec<Action>) {
        for index in 0..self.state.containers.len() {
            if self.state.containers[index].image != self.table.containers[index].image {
                self.follow_image(index, now, actions);
            }
        }
    }

    fn follow_image(&mut self, index: usize, now: Time, actions: &mut Vec<Action>) {
        let rules = &self.table.containers[index];
        let record = &mut self.state.containers[index];
        let of_init_list = rules.kind != ContainerKind::Main;
        match &mut record.life {
            ContainerLife::Stopping { .. } | ContainerLife::Aborting { .. } => return,
            ContainerLife::Running { .. } if rules.kind == ContainerKind::Init => return,
            ContainerLife::BackOff { until, .. } | ContainerLife::Retrying { until, .. } => {
                *until = now.min(*until);
            }
            ContainerLife::NotStarted
            | ContainerLife::Starting { .. }
            | ContainerLife::Running { .. }
            | ContainerLife::Exited { .. } => {}
        }
        record.image.clone_from(&rules.image);
        record.backoff = None;
        let said = if of_init_list {
            format!("Init container {} definition changed", record.name)
        } else {
            format!("Container {} definition changed, will be restarted", record.name)
        };
        let deadline = now + self.table.grace.as_duration();
        self.begin_stop(index, StopCause::Update, deadline, said, actions);
    }
}
