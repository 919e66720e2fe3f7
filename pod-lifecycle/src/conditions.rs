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

/// The conditions that a pod has by itself, in the order in which they are listed; the last one only where a rule may
/// restart all of its containers. All others are set from outside.
pub const OWN_CONDITIONS: [&str; 6] = [
    "PodReadyToStartContainers",
    "Initialized",
    READY,
    "ContainersReady",
    "PodScheduled",
    "AllContainersRestarting",
];

const READY: &str = "Ready";

/// The conditions at this time: the pod's own, then those that others have set. One whose value is the same keeps the
/// moment of its last change.
pub(crate) fn refreshed(
    table: &LifecycleTable,
    state: &MachineState,
    now: Time,
) -> Vec<PodCondition> {
    let containers_ready = containers_ready(table, state);
    let sandbox = Verdict { holds: state.has_sandbox(), reason: None, message: None };
    let verdicts = [
        sandbox,
        initialized(table, state),
        containers_ready.clone(),
        containers_ready,
        Verdict::TRUE,
    ];
    let restarting = table.may_restart_all().then(|| restarting(table, state));
    let mut all: Vec<PodCondition> = OWN_CONDITIONS
        .into_iter()
        .zip(verdicts.into_iter().chain(restarting))
        .map(|(kind, verdict)| observed(table, state, kind, verdict, now))
        .collect();
    all.extend(state.conditions.iter().filter(|c| !is_own(&c.kind)).cloned());
    // The pod is ready when its containers are, and for the same reasons not; then its gates count.
    if let Some(shut) = shut_gates(table, &all)
        && let Some(ready) = all.iter_mut().find(|c| c.kind == READY)
        && ready.status == ConditionStatus::True
    {
        *ready = observed(table, state, READY, shut, now);
    }
    all
}

/// One of the pod's own conditions, after the state that has the one before.
fn observed(
    table: &LifecycleTable,
    state: &MachineState,
    kind: &str,
    verdict: Verdict,
    now: Time,
) -> PodCondition {
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
}

fn is_own(kind: &str) -> bool {
    OWN_CONDITIONS.contains(&kind)
}

/// Which of the pod's readiness gates have no condition that holds.
fn shut_gates(table: &LifecycleTable, conditions: &[PodCondition]) -> Option<Verdict> {
    let shut = |gate: &String| match conditions.iter().find(|c| c.kind == *gate) {
        None => Some(format!(
            "corresponding condition of pod readiness gate \"{gate}\" does not exist."
        )),
        Some(c) if c.status == ConditionStatus::True => None,
        Some(c) => Some(format!(
            "the status of pod readiness gate \"{gate}\" is not \"True\", but {}",
            c.status.as_str()
        )),
    };
    let words: Vec<String> = table.readiness_gates.iter().filter_map(shut).collect();
    let message = Some(words.join(", "));
    let reason = Some("ReadinessGatesNotReady");
    (!words.is_empty()).then_some(Verdict { holds: false, reason, message })
}

/// Puts a condition from outside in the place of the one of its type.
pub(crate) fn set(conditions: &mut Vec<PodCondition>, mut new: PodCondition, now: Time) {
    if is_own(&new.kind) {
        return;
    }
    let known = conditions.iter_mut().find(|c| c.kind == new.kind);
    let unchanged = known.as_ref().filter(|known| known.status == new.status);
    let since = unchanged.and_then(|known| known.last_transition_time).unwrap_or(now);
    new.last_transition_time.get_or_insert(since);
    match known {
        Some(known) => *known = new,
        None => conditions.push(new),
    }
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
        ContainerKind::Main | ContainerKind::Ephemeral => false,
    });
    let a_main_has_run = !names(table, state, |kind, record| match kind {
        ContainerKind::Init | ContainerKind::Sidecar | ContainerKind::Ephemeral => false,
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
        ContainerKind::Init | ContainerKind::Ephemeral => false,
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
