//! Why a pod did not come up.

use pod_runtime::{PodStatus, RuntimeError};
use pod_spec::status::ContainerState;

/// The reasons that lie in the manifest: no container was ever able to begin, and trying again would not change that.
const HOPELESS: [&str; 5] = [
    "ContainerCannotRun",
    "CreateContainerConfigError",
    "CreateContainerError",
    "InvalidImageName",
    "StartError",
];

/// Those that lie in the image not being there. It may come, so a pod in the background goes on trying.
const ABSENT: [&str; 3] = ["ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff"];

/// Whether the pod could not start for what its manifest says, rather than for what its containers did.
pub fn is_hopeless(error: &RuntimeError) -> bool {
    matches!(error, RuntimeError::NotReached { reason, .. } if HOPELESS.contains(&reason.as_str()))
}

/// The same, or that an image is not there, from the status of a pod that has not begun yet.
pub fn hopeless(pod: &str, status: &PodStatus) -> Option<RuntimeError> {
    let all = status.init_container_statuses.iter().chain(&status.container_statuses);
    let states = all.flat_map(|c| [&c.state, &c.last_state].map(|state| (&c.name, state)));
    let (container, (reason, message)) =
        states.filter_map(|(name, s)| Some((name, why(s)?))).next()?;
    let what = format!("cannot start: container `{container}`: {reason}: {message}");
    Some(RuntimeError::NotReached { pod: pod.to_owned(), reason: reason.to_owned(), what })
}

fn why(state: &ContainerState) -> Option<(&str, &str)> {
    let waiting = state.waiting.as_ref().map(|w| (&w.reason, &w.message));
    let (reason, message) =
        waiting.or(state.terminated.as_ref().map(|t| (&t.reason, &t.message)))?;
    let reason =
        reason.as_deref().filter(|reason| HOPELESS.contains(reason) || ABSENT.contains(reason))?;
    Some((reason, message.as_deref().unwrap_or("for an unknown reason")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn what(state: Value, last: Value) -> Option<String> {
        let container = json!({
            "name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": state, "lastState": last,
        });
        let status = json!({"phase": "Pending", "containerStatuses": [container]});
        hopeless("web", &serde_json::from_value(status).unwrap()).map(|e| e.to_string())
    }

    #[test]
    fn a_program_that_cannot_start_is_hopeless() {
        let start =
            json!({"terminated": {"exitCode": 128, "reason": "StartError", "message": "no `x`"}});
        let want = Some("pod `web` cannot start: container `app`: StartError: no `x`".to_owned());
        assert_eq!(what(start.clone(), json!({})), want);
        assert_eq!(what(json!({"waiting": {"reason": "CrashLoopBackOff"}}), start), want);
        let config =
            json!({"waiting": {"reason": "CreateContainerConfigError", "message": "no user"}});
        assert!(what(config, json!({})).is_some());
    }

    #[test]
    fn a_program_that_fails_is_no_fault_of_the_manifest() {
        let failed = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
        assert_eq!(what(failed.clone(), json!({})), None);
        assert_eq!(what(json!({"waiting": {"reason": "CrashLoopBackOff"}}), failed), None);
        assert_eq!(what(json!({"running": {}}), json!({})), None);
        assert!(!is_hopeless(&RuntimeError::NotRoot));
    }
}
