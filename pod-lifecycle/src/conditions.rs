//! The pod's conditions, in the order in which the kubelet lists them.

use pod_spec::Time;
use pod_spec::status::{ConditionStatus, PodCondition, PodPhase};

use crate::container::ContainerRecord;
use crate::state::{MachineState, PodState};
use crate::status::phase;
use crate::{ContainerKind, LifecycleTable};

/// Whether a condition holds, and why not.
#[derive(Clone)]
struct Verdict {
    holds: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

impl Verdict {
    const TRUE: Self = Self { holds: true, reason: None, message: None };

    fn because(holds: bool, reason: &'static str) -> Self {
        Self { holds, reason: Some(reason), message: None }
    }

    /// Holds when there is nobody of whom `what` has to be said.
    fn unless(names: &[&str], reason: &'static str, what: &str) -> Self {
        if names.is_empty() {
            return Self::TRUE;
        }
        let message = Some(format!("{what}: [{}]", names.join(" ")));
        Self { holds: false, reason: Some(reason), message }
    }
}

/// The conditions at this time. One whose value is the same keeps the moment of its last change.
pub(crate) fn refreshed(
    table: &LifecycleTable,
    state: &MachineState,
    now: Time,
) -> Vec<PodCondition> {
    let containers_ready = containers_ready(table, state);
    let sandbox = Verdict { holds: state.has_sandbox(), reason: None, message: None };
    // Without readiness gates, the pod is ready when its containers are, and for the same reasons not.
    let ready = containers_ready.clone();
    let restarting = table.may_restart_all().then(|| restarting(table, state));
    [
        ("PodReadyToStartContainers", sandbox),
        ("Initialized", initialized(table, state)),
        ("Ready", ready),
        ("ContainersReady", containers_ready),
        ("PodScheduled", Verdict::TRUE),
    ]
    .into_iter()
    .chain(restarting.map(|verdict| ("AllContainersRestarting", verdict)))
    .map(|(kind, verdict)| {
        let status = if verdict.holds { ConditionStatus::True } else { ConditionStatus::False };
        let known = state.conditions.iter().find(|c| c.kind == kind && c.status == status);
        PodCondition {
            kind: kind.to_owned(),
            status,
            last_transition_time: known.and_then(|c| c.last_transition_time).or(Some(now)),
            reason: verdict.reason.map(str::to_owned),
            message: verdict.message,
            observed_generation: table.observed_generation,
            ..PodCondition::default()
        }
    })
    .collect()
}

/// Whether all containers are being put away to begin anew.
fn restarting(table: &LifecycleTable, state: &MachineState) -> Verdict {
    let message = match phase(table, state) {
        PodPhase::Succeeded => return Verdict::because(false, "PodCompleted"),
        PodPhase::Failed => return Verdict::because(false, "PodFailed"),
        _ if state.pod == PodState::RestartingAll => "container exited with restart policy rule",
        PodPhase::Pending | PodPhase::Running | PodPhase::Unknown => {
            return Verdict { holds: false, reason: None, message: None };
        }
    };
    Verdict {
        message: Some(message.to_owned()),
        ..Verdict::because(true, "RestartAllContainersStarted")
    }
}

fn initialized(table: &LifecycleTable, state: &MachineState) -> Verdict {
    if phase(table, state) == PodPhase::Succeeded {
        return Verdict::because(true, "PodCompleted");
    }
    let incomplete = names(table, state, |kind, record| match kind {
        ContainerKind::Init => !record.init_is_done(),
        ContainerKind::Sidecar => !record.is_started(),
        ContainerKind::Main => false,
    });
    let a_main_has_run = !names(table, state, |kind, record| match kind {
        ContainerKind::Init | ContainerKind::Sidecar => false,
        ContainerKind::Main => record.has_run(),
    })
    .is_empty();
    if a_main_has_run {
        return Verdict::TRUE;
    }
    Verdict::unless(&incomplete, "ContainersNotInitialized", "containers with incomplete status")
}

fn containers_ready(table: &LifecycleTable, state: &MachineState) -> Verdict {
    match phase(table, state) {
        PodPhase::Succeeded => return Verdict::because(false, "PodCompleted"),
        PodPhase::Failed => return Verdict::because(false, "PodFailed"),
        PodPhase::Pending | PodPhase::Running | PodPhase::Unknown => {}
    }
    let unready = names(table, state, |kind, record| match kind {
        ContainerKind::Init => false,
        ContainerKind::Sidecar | ContainerKind::Main => !record.is_ready(),
    });
    Verdict::unless(&unready, "ContainersNotReady", "containers with unready status")
}

/// The names of the containers of which `holds` is true, in the order of the table.
fn names<'a>(
    table: &'a LifecycleTable,
    state: &MachineState,
    holds: impl Fn(ContainerKind, &ContainerRecord) -> bool,
) -> Vec<&'a str> {
    let both = table.containers.iter().zip(&state.containers);
    both.filter(|(rules, record)| holds(rules.kind, record))
        .map(|(rules, _)| rules.name.as_str())
        .collect()
}
