//! The state as others see it: a `v1.PodStatus`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use pod_spec::status::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    ContainerStatus, HostIp, ImageVolumeStatus, PodIp, PodPhase, PodStatus, VolumeMountStatus,
    VolumeStatus,
};

use crate::container::{
    Beginning, ContainerLife, ContainerRecord, FailedStart, PUT_AWAY, Run, RunEnd, StopCause,
};
use crate::progress::crash_loop_words;
use crate::state::{MachineState, PodState};
use crate::{ContainerKind, ContainerRules, LifecycleTable, MountAccess, MountedVolume};

/// The whole status. It depends on nothing but what is handed in.
pub(crate) fn project(table: &LifecycleTable, state: &MachineState) -> PodStatus {
    let (mut init_container_statuses, mut container_statuses) = (Vec::new(), Vec::new());
    let mut ephemeral_container_statuses = Vec::new();
    for (rules, record) in table.containers.iter().zip(&state.containers) {
        let status = container(table, state, rules, record);
        match rules.kind {
            ContainerKind::Init | ContainerKind::Sidecar => init_container_statuses.push(status),
            ContainerKind::Main => container_statuses.push(status),
            ContainerKind::Ephemeral => ephemeral_container_statuses.push(status),
        }
    }
    let (reason, message) = why(state);
    let addresses = &state.addresses;
    PodStatus {
        observed_generation: table.observed_generation,
        phase: phase(table, state),
        conditions: state.conditions.clone(),
        message,
        reason,
        host_ip: addresses.host.first().map(IpAddr::to_string),
        host_ips: addresses.host.iter().map(|ip| HostIp { ip: ip.to_string() }).collect(),
        pod_ip: addresses.pod.first().map(IpAddr::to_string),
        pod_ips: addresses.pod.iter().map(|ip| PodIp { ip: ip.to_string() }).collect(),
        start_time: Some(state.start_time),
        init_container_statuses,
        container_statuses,
        ephemeral_container_statuses,
        qos_class: Some(table.qos_class),
        ..PodStatus::default()
    }
}

/// The phase. It becomes terminal only when nothing is alive, and then it is settled.
pub(crate) fn phase(table: &LifecycleTable, state: &MachineState) -> PodPhase {
    if let Some(outcome) = state.outcome() {
        return outcome.phase;
    }
    let waits_for_first_run = |(rules, record): (&ContainerRules, &ContainerRecord)| {
        rules.kind == ContainerKind::Main && !record.has_run()
    };
    if !state.initialized || table.containers.iter().zip(&state.containers).any(waits_for_first_run)
    {
        PodPhase::Pending
    } else {
        PodPhase::Running
    }
}

/// The reason and the message of the phase.
fn why(state: &MachineState) -> (Option<String>, Option<String>) {
    match &state.pod {
        PodState::StartingSandbox { failed: Some(failed) }
        | PodState::SandboxBackOff { failed, .. } => {
            (Some(failed.reason.clone()), Some(failed.message.clone()))
        }
        PodState::RemovingSandbox { outcome } | PodState::Finished { outcome } => {
            (outcome.reason.clone(), outcome.message.clone())
        }
        PodState::StartingSandbox { failed: None }
        | PodState::Initializing
        | PodState::Running
        | PodState::RestartingAll
        | PodState::ReplacingSandbox
        | PodState::Terminating { .. } => (None, None),
    }
}

fn container(
    table: &LifecycleTable,
    state: &MachineState,
    rules: &ContainerRules,
    record: &ContainerRecord,
) -> ContainerStatus {
    let (mut now, mut last) = states(table, state, rules, record);
    for one in [&mut now, &mut last] {
        shorten_message(one, MAX_MESSAGES / table.containers.len());
    }
    let ready = match rules.kind {
        ContainerKind::Init => record.init_is_done(),
        // Nobody asks whether it is.
        ContainerKind::Ephemeral => false,
        ContainerKind::Sidecar | ContainerKind::Main => record.is_ready(),
    };
    let (id, image_id) = match &record.life {
        ContainerLife::Running { instance, .. } | ContainerLife::Stopping { instance, .. } => {
            (Some(instance.id.as_str()), instance.image_id.as_str())
        }
        ContainerLife::NotStarted
        | ContainerLife::Starting { .. }
        | ContainerLife::Retrying { .. }
        | ContainerLife::Aborting { .. }
        | ContainerLife::BackOff { .. }
        | ContainerLife::Exited { .. } => {
            record.ended_run().map_or((None, ""), |run| (run.id.as_deref(), run.image_id.as_str()))
        }
    };
    ContainerStatus {
        name: rules.name.clone(),
        state: now,
        last_state: last,
        ready,
        restart_count: record.restarts,
        image: record.image.clone(),
        image_id: image_id.to_owned(),
        container_id: id.map(uri),
        started: (rules.kind != ContainerKind::Ephemeral).then(|| record.is_started()),
        stop_signal: rules.stop_signal.clone(),
        volume_mounts: rules.mounts.iter().map(|m| mount(m, &record.volume_images)).collect(),
        ..ContainerStatus::default()
    }
}

fn mount(mounted: &MountedVolume, images: &BTreeMap<String, String>) -> VolumeMountStatus {
    let (read_only, recursive) = match mounted.access {
        MountAccess::Writable => (None, None),
        MountAccess::ReadOnly => (Some(true), Some("Disabled")),
        MountAccess::RecursivelyReadOnly => (Some(true), Some("Enabled")),
    };
    VolumeMountStatus {
        name: mounted.name.clone(),
        mount_path: mounted.path.clone(),
        read_only,
        recursive_read_only: recursive.map(str::to_owned),
        volume_status: images.get(&mounted.name).map(|image| VolumeStatus {
            image: Some(ImageVolumeStatus { image_ref: image.clone() }),
        }),
    }
}

/// Most bytes of the messages with which the containers of a pod ended, shared equally.
const MAX_MESSAGES: usize = 12 << 10;

/// Keeps the beginning of the message with which a container ended.
fn shorten_message(state: &mut ContainerState, bytes: usize) {
    if let Some(message) = state.terminated.as_mut().and_then(|end| end.message.as_mut()) {
        let mut ends = (0..=bytes.min(message.len())).rev();
        message.truncate(ends.find(|end| message.is_char_boundary(*end)).unwrap_or(0));
    }
}

/// What a container does now, and how it ended before.
fn states(
    table: &LifecycleTable,
    state: &MachineState,
    rules: &ContainerRules,
    record: &ContainerRecord,
) -> (ContainerState, ContainerState) {
    let before = || record.previous.as_ref().map(terminated).unwrap_or_default();
    let ended = |run: &Option<Run>| run.as_ref().map_or_else(before, terminated);
    let not_started = || {
        if was_left_out(table, state, rules) {
            unknown()
        } else if state.pod == PodState::RestartingAll && record.previous.is_some() {
            waiting("RestartingAllContainers", Some(PUT_AWAY.to_owned()))
        } else {
            waiting(default_reason(table), None)
        }
    };
    // A run in the sandbox before goes on being shown; one that was put away is over.
    let never_ran = || match &record.previous {
        Some(run) if run.end != RunEnd::PutAway && state.pod != PodState::RestartingAll => {
            (terminated(run), ContainerState::default())
        }
        Some(_) | None => (not_started(), before()),
    };
    let crash_loop = |delay| {
        let words = crash_loop_words(&table.pod.display(), &rules.name, delay);
        waiting("CrashLoopBackOff", Some(words))
    };
    let failed_start = |failed: &FailedStart| {
        if was_left_out(table, state, rules) {
            unknown()
        } else {
            failed_start_state(failed, &record.image)
        }
    };
    match &record.life {
        ContainerLife::NotStarted => never_ran(),
        ContainerLife::Starting { from, .. } | ContainerLife::Aborting { from, .. } => match from {
            Beginning::First => never_ran(),
            Beginning::Restart { run } => match &run.stopped {
                Some(StopCause::PostStart { message }) => {
                    (waiting("PostStartHookError", Some(message.clone())), terminated(run))
                }
                Some(
                    StopCause::Pod
                    | StopCause::Probe
                    | StopCause::RestartAll
                    | StopCause::SandboxLost
                    | StopCause::Update,
                )
                | None => (terminated(run), before()),
            },
            Beginning::CrashLoop { run, delay } => (crash_loop(*delay), terminated(run)),
            Beginning::Retry { run, failed } => (failed_start(failed), ended(run)),
        },
        ContainerLife::Retrying { run, failed, .. } => (failed_start(failed), ended(run)),
        ContainerLife::Running { instance, .. } | ContainerLife::Stopping { instance, .. } => {
            let running = ContainerStateRunning { started_at: Some(instance.started_at) };
            let now = ContainerState { running: Some(running), ..ContainerState::default() };
            (now, before())
        }
        ContainerLife::BackOff { run, delay, .. } => (crash_loop(*delay), terminated(run)),
        ContainerLife::Exited { run } => (terminated(run), before()),
    }
}

/// Whether a pod that was ready to run its main containers ended before this one of them ran.
fn was_left_out(table: &LifecycleTable, state: &MachineState, rules: &ContainerRules) -> bool {
    rules.kind == ContainerKind::Main
        && state.outcome().is_some()
        && (state.initialized || !has_init_list(table))
}

fn has_init_list(table: &LifecycleTable) -> bool {
    table.containers.iter().any(|rules| rules.kind.is_in_init_list())
}

fn default_reason(table: &LifecycleTable) -> &'static str {
    if has_init_list(table) { "PodInitializing" } else { "ContainerCreating" }
}

fn waiting(reason: &str, message: Option<String>) -> ContainerState {
    let waiting = ContainerStateWaiting { reason: Some(reason.to_owned()), message };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

fn failed_start_state(failed: &FailedStart, image: &str) -> ContainerState {
    let image = failed.image.as_deref().unwrap_or(image);
    if is_pull(&failed.reason) && failed.failures > 1 {
        let words =
            format!("Back-off pulling image \"{image}\": {}: {}", failed.reason, failed.message);
        waiting("ImagePullBackOff", Some(words))
    } else {
        waiting(&failed.reason, Some(failed.message.clone()))
    }
}

fn terminated(run: &Run) -> ContainerState {
    ContainerState {
        terminated: Some(ContainerStateTerminated {
            exit_code: run.exit_code(),
            signal: run.signal(),
            reason: Some(run.reason().to_owned()),
            message: run.message.clone(),
            started_at: Some(run.started_at),
            finished_at: Some(run.finished_at),
            container_id: run.id.as_deref().map(uri),
        }),
        ..ContainerState::default()
    }
}

/// The state of a main container that should have run and did not.
fn unknown() -> ContainerState {
    ContainerState {
        terminated: Some(ContainerStateTerminated {
            exit_code: 137,
            reason: Some("ContainerStatusUnknown".to_owned()),
            message: Some(
                "The container could not be located when the pod was terminated".to_owned(),
            ),
            ..ContainerStateTerminated::default()
        }),
        ..ContainerState::default()
    }
}

fn uri(id: &str) -> String {
    format!("pod://{id}")
}

/// Whether a start failed because the image could not be had, which has its own word for the pause after it.
pub(crate) fn is_pull(reason: &str) -> bool {
    reason == "ErrImagePull"
}

/// What is told of a start that failed: reasons and messages of events, the last of them in the words of the status.
pub(crate) fn failed_start_news(
    reason: &str,
    message: &str,
    image: &str,
) -> Vec<(&'static str, String)> {
    let of_image = match reason {
        "ErrImagePull" | "RegistryUnavailable" | "SignatureValidationFailed" => {
            ("Failed", format!("Failed to pull image \"{image}\": {message}"))
        }
        "ErrImageNeverPull" => ("ErrImageNeverPull", message.to_owned()),
        "InvalidImageName" => {
            let said = format!("Failed to apply default image tag \"{image}\": {message}");
            ("InspectFailed", said)
        }
        "ImageInspectError" => {
            ("InspectFailed", format!("Failed to inspect image \"{image}\": {message}"))
        }
        _ => return vec![("Failed", format!("Error: {message}"))],
    };
    vec![of_image, ("Failed", format!("Error: {reason}"))]
}
