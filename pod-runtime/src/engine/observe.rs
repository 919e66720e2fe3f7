//! What the sandbox shows, in the machine's words.

use pod_lifecycle::{
    Addresses, Event, EventKind, Exit, MachineState, Observed, ObservedContainer, ObservedSandbox,
    ObservedState, PodEvent,
};
use pod_sandbox::{ContainerState, SandboxState, SandboxStatus};
use pod_spec::{Time, ValidPod};

use crate::plan::{PodPlan, instance};
use crate::termination;

/// The reason of an event that tells of lost output.
pub(crate) const LOST_OUTPUT: &str = "LostOutput";

/// The id of a container's instance, unlike any other's: `<uid>-<container>-<attempt>`. A status shows `pod://` before it.
pub(crate) fn full_id(pod: &ValidPod, container: &str, attempt: u32) -> String {
    let uid = pod.metadata().uid.as_deref().unwrap_or_default();
    format!("{uid}-{container}-{attempt}")
}

/// Everything that is there, for a machine that goes on from what was saved; `addresses` once the pod has its network.
pub(crate) fn observed(
    plan: &PodPlan,
    status: &SandboxStatus,
    saved: &MachineState,
    addresses: Option<Addresses>,
) -> Observed {
    let pod = &plan.pod;
    let sandbox = match &status.state {
        // The volumes are filled when the machine has been told that the sandbox stands.
        SandboxState::Ready { .. } => match addresses.filter(|_| saved.has_sandbox()) {
            Some(addresses) => ObservedSandbox::Ready { addresses },
            None => ObservedSandbox::Unconnected,
        },
        SandboxState::Lost { .. } => ObservedSandbox::Lost,
    };
    let containers = status.containers.iter().filter_map(|c| {
        let (name, attempt) = instance(&c.id)?;
        let (id, image_id) = (full_id(pod, name, attempt), c.image_ref.clone());
        let state = match &c.state {
            ContainerState::Creating | ContainerState::Created { .. } => ObservedState::Created,
            ContainerState::Running { started_at, .. } => {
                ObservedState::Running { id, image_id, started_at: Time::from_nanos(*started_at) }
            }
            ContainerState::Exited(exit) => match &exit.start_error {
                Some(message) => ObservedState::StartError {
                    message: message.clone(),
                    at: Time::from_nanos(exit.finished_at),
                },
                None => ObservedState::Exited {
                    id,
                    image_id,
                    exit: exit_of(exit),
                    started_at: started_at(exit),
                    finished_at: Time::from_nanos(exit.finished_at),
                    message: termination::message(plan, name, attempt, exit.code),
                },
            },
        };
        Some(ObservedContainer { name: name.to_owned(), attempt, state })
    });
    Observed { sandbox, containers: containers.collect() }
}

/// What the machine is told of a change.
pub(super) fn events(
    plan: &PodPlan,
    before: Option<&SandboxStatus>,
    now: &SandboxStatus,
) -> Vec<Event> {
    let mut events = Vec::new();
    for container in &now.containers {
        let ContainerState::Exited(exit) = &container.state else { continue };
        let known = before.and_then(|b| b.container(&container.id));
        if known.is_some_and(|k| matches!(k.state, ContainerState::Exited(_))) {
            continue;
        }
        // A program that could not be executed is reported by whoever tried to start it.
        if exit.start_error.is_some() {
            continue;
        }
        let Some((name, attempt)) = instance(&container.id) else { continue };
        events.push(Event::Exited {
            container: name.to_owned(),
            attempt,
            exit: exit_of(exit),
            started_at: started_at(exit),
            finished_at: Time::from_nanos(exit.finished_at),
            message: termination::message(plan, name, attempt, exit.code),
        });
    }
    // It may have been made again meanwhile, and lost again.
    let was_lost = before
        .is_some_and(|b| b.attempt == now.attempt && matches!(b.state, SandboxState::Lost { .. }));
    if let SandboxState::Lost { message } = &now.state
        && !was_lost
    {
        events.push(Event::SandboxLost { message: message.clone() });
    }
    events
}

/// Warnings of the containers of which output is lost, since it cannot be written to their logs.
pub(crate) fn lost_output(plan: &PodPlan, status: &SandboxStatus) -> Vec<PodEvent> {
    let lost = status.containers.iter().filter(|container| container.log_lines_lost > 0);
    let instances = lost.filter_map(|container| instance(&container.id));
    let warning = |(name, attempt): (&str, u32)| {
        let log = plan.dirs.log(name, attempt);
        let message = format!(
            "Lines of the output are lost: cannot write to {}; is the disk full?",
            log.display()
        );
        let (kind, reason) = (EventKind::Warning, LOST_OUTPUT.to_owned());
        PodEvent { kind, reason, container: Some(name.to_owned()), message }
    };
    instances.map(warning).collect()
}

fn exit_of(exit: &pod_sandbox::Exit) -> Exit {
    Exit { code: exit.code, signal: exit.signal, oom_killed: exit.oom_killed }
}

fn started_at(exit: &pod_sandbox::Exit) -> Time {
    Time::from_nanos(exit.started_at.unwrap_or(exit.finished_at))
}
