//! The exit code that the end of pods comes down to.

use pod_runtime::{PodPhase, PodStatus, ValidPod};
use pod_spec::status::ContainerStateTerminated;

use crate::exit;

/// The exit code of a program that SIGTERM ended.
const TERMINATED: i32 = 128 + 15;

/// The exit code of a program that SIGKILL ended.
const KILLED: u8 = 128 + 9;

/// Whether we ended the pod, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It ended by itself, or by somebody else.
    No,
    /// Within its grace period.
    Graceful,
    /// At once.
    Killed,
}

/// How a pod ended.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    pub pod: &'a ValidPod,
    /// The last that was seen of it.
    pub status: &'a PodStatus,
    pub stop: Stop,
}

/// 0, or the code of the container that failed first. Sidecars do not count. Where a pod was asked to stop, neither
/// does a container that SIGTERM ended.
///
/// A pod that is deleted may be gone before its last status could be read; what was killed has failed then too.
pub fn exit_code(outcomes: &[Outcome<'_>]) -> u8 {
    let failed = outcomes.iter().flat_map(Outcome::failures);
    let of_pods = || outcomes.iter().map(Outcome::own_code).find(|code| *code != exit::OK);
    failed.min_by_key(|t| t.finished_at).map(code).or_else(of_pods).unwrap_or(exit::OK)
}

impl<'a> Outcome<'a> {
    /// The ends of its containers that count as failures.
    fn failures(&self) -> impl Iterator<Item = &'a ContainerStateTerminated> + use<'a> {
        let Self { pod, status, stop } = *self;
        let all = status.init_container_statuses.iter().chain(&status.container_statuses);
        let all = all.filter(|_| status.phase != PodPhase::Succeeded);
        let ended = all.filter(|c| !pod.spec().is_sidecar(&c.name)).filter_map(|c| {
            match &c.state.terminated {
                // One that waits to be started again has failed as much as one that is not.
                None if c.state.waiting.is_some() => c.last_state.terminated.as_ref(),
                ended => ended.as_ref(),
            }
        });
        ended.filter(move |t| t.exit_code != 0 && (stop == Stop::No || !is_by_stop(t)))
    }

    /// What it comes down to when none of its containers has failed.
    fn own_code(&self) -> u8 {
        match (self.status.phase, self.stop) {
            (PodPhase::Failed, Stop::No) => exit::FAILED,
            (phase, Stop::Killed) if !phase.is_terminal() => KILLED,
            _ => exit::OK,
        }
    }
}

/// Whether the stop itself ended a container, or kept it from being started.
fn is_by_stop(ended: &ContainerStateTerminated) -> bool {
    ended.exit_code == TERMINATED || ended.reason.as_deref() == Some("ContainerStatusUnknown")
}

fn code(ended: &ContainerStateTerminated) -> u8 {
    u8::try_from(ended.exit_code).unwrap_or(exit::FAILED)
}

#[cfg(test)]
mod tests {
    use pod_runtime::Pod;
    use serde_json::{Value, json};

    use super::*;

    fn code_of(phase: &str, states: [Value; 3], stop: Stop) -> u8 {
        let (pod, status) = pod(phase, &states);
        exit_code(&[Outcome { pod: &pod, status: &status, stop }])
    }

    /// A pod of a sidecar and two containers, and how they are.
    fn pod(phase: &str, [log, a, b]: &[Value; 3]) -> (ValidPod, PodStatus) {
        let container = |name: &str, more: Value| {
            let mut container = json!({"name": name, "image": "pod.local/host"});
            container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            container
        };
        let manifest = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
            "spec": {
                "initContainers": [container("log", json!({"restartPolicy": "Always"}))],
                "containers": [container("a", json!({})), container("b", json!({}))],
            },
        });
        let pod = Pod::from_json(&manifest.to_string()).unwrap().validate().unwrap();
        let status = |name: &str, state: &Value| {
            let mut status = json!({"name": name, "ready": false, "restartCount": 0, "image": "", "imageID": ""});
            status.as_object_mut().unwrap().extend(state.as_object().unwrap().clone());
            status
        };
        let status = json!({
            "phase": phase,
            "initContainerStatuses": [status("log", log)],
            "containerStatuses": [status("a", a), status("b", b)],
        });
        (pod, serde_json::from_value(status).unwrap())
    }

    fn ended(code: i32, second: u32) -> Value {
        json!({"state": {"terminated": {"exitCode": code, "finishedAt": format!("2026-01-02T03:04:{second:02}Z")}}})
    }

    fn running() -> Value {
        json!({"state": {"running": {}}})
    }

    #[test]
    fn the_first_failure_counts() {
        assert_eq!(code_of("Succeeded", [ended(143, 9), ended(0, 1), ended(0, 2)], Stop::No), 0);
        assert_eq!(code_of("Failed", [ended(9, 0), ended(3, 5), ended(4, 2)], Stop::No), 4);
        assert_eq!(code_of("Failed", [ended(9, 0), ended(0, 5), ended(143, 2)], Stop::No), 143);
        assert_eq!(code_of("Failed", [running(), running(), running()], Stop::No), 1);
        assert_eq!(code_of("Failed", [running(), running(), ended(300, 1)], Stop::No), 1);
    }

    #[test]
    fn the_first_failure_of_all_pods_counts() {
        let code_of_all = |pods: &[(ValidPod, PodStatus)], stop| {
            let outcome = |(pod, status)| Outcome { pod, status, stop };
            exit_code(&pods.iter().map(|(pod, status)| outcome((pod, status))).collect::<Vec<_>>())
        };
        let good = || pod("Succeeded", &[ended(143, 9), ended(0, 1), ended(0, 2)]);
        let late = || pod("Failed", &[ended(143, 9), ended(3, 5), ended(0, 1)]);
        let early = || pod("Failed", &[ended(143, 9), ended(0, 1), ended(4, 2)]);
        let never_ran = || pod("Failed", &[running(), running(), running()]);
        assert_eq!(code_of_all(&[good(), good()], Stop::No), 0);
        assert_eq!(code_of_all(&[good(), late(), early()], Stop::No), 4);
        assert_eq!(code_of_all(&[never_ran(), late()], Stop::No), 3);
        assert_eq!(code_of_all(&[good(), never_ran()], Stop::No), 1);
        assert_eq!(code_of_all(&[never_ran(), good()], Stop::Graceful), 0);
    }

    #[test]
    fn a_container_that_was_asked_to_stop_has_not_failed() {
        assert_eq!(
            code_of("Failed", [ended(143, 9), ended(143, 1), ended(0, 2)], Stop::Graceful),
            0
        );
        assert_eq!(
            code_of("Failed", [ended(143, 9), ended(143, 1), ended(7, 2)], Stop::Graceful),
            7
        );
        assert_eq!(
            code_of("Failed", [ended(143, 9), ended(143, 1), ended(137, 2)], Stop::Graceful),
            137
        );
        assert_eq!(code_of("Running", [running(), running(), running()], Stop::Graceful), 0);
        let mut never_ran = ended(137, 1);
        never_ran["state"]["terminated"]["reason"] = json!("ContainerStatusUnknown");
        assert_eq!(code_of("Failed", [running(), never_ran.clone(), running()], Stop::Graceful), 0);
        assert_eq!(code_of("Failed", [running(), never_ran, running()], Stop::No), 137);
        assert_eq!(code_of("Running", [running(), running(), running()], Stop::Killed), 137);
        assert_eq!(code_of("Failed", [ended(143, 9), ended(143, 1), ended(0, 2)], Stop::Killed), 0);
        let looping = json!({"state": {"waiting": {}}, "lastState": ended(5, 1)["state"]});
        assert_eq!(code_of("Running", [running(), running(), looping], Stop::Graceful), 5);
    }
}
