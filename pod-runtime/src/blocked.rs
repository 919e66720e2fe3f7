//! Whether a container is kept from starting, and by what.

use pod_spec::PodStatus;
use pod_spec::status::ContainerStatus;

use crate::error::RuntimeError;

/// The reason of a pod whose volumes cannot be made.
pub(crate) const FAILED_MOUNT: &str = "FailedMount";

/// What keeps a container from starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// What the manifest or the image says: it will not start as long as that is so.
    Manifest,
    /// Its image is not there. It may come.
    Image,
    /// A ConfigMap or Secret that its variables or volumes come from is not there, or lacks a key. It may come.
    Configuration,
    /// It starts, and ends soon, again and again.
    Crash,
}

impl Obstacle {
    /// What a container's reason for waiting, or for having ended, stands for; `None` for one that is no obstacle.
    fn of(reason: &str, message: &str) -> Option<Self> {
        match reason {
            "CreateContainerConfigError" if lacks_an_object(message) => Some(Self::Configuration),
            "ContainerCannotRun"
            | "CreateContainerConfigError"
            | "CreateContainerError"
            | "InvalidImageName"
            | "StartError" => Some(Self::Manifest),
            "ErrImageNeverPull" | "ErrImagePull" | "ImageInspectError" | "ImagePullBackOff" => {
                Some(Self::Image)
            }
            "CrashLoopBackOff" | "RunContainerError" => Some(Self::Crash),
            _ => None,
        }
    }
}

/// Whether a container waits for a ConfigMap or Secret. A status has nothing but these words, the kubelet's, to tell it by.
fn lacks_an_object(message: &str) -> bool {
    let of_object = message.starts_with("configmap \"") || message.starts_with("secret \"");
    of_object && message.ends_with("\" not found") || message.starts_with("couldn't find key ")
}

/// A container that will not start by itself soon.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blocked {
    /// Its name.
    pub container: String,
    /// What keeps it.
    pub obstacle: Obstacle,
    /// The same in Kubernetes' word.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Blocked {
    /// The first container of a pod that is.
    pub fn of(status: &PodStatus) -> Option<Self> {
        let mut all = status.init_container_statuses.iter().chain(&status.container_statuses);
        match &status.reason {
            // Volumes that are not there keep all of them.
            Some(reason) if reason == FAILED_MOUNT => all.next().map(|first| Self {
                container: first.name.clone(),
                obstacle: Obstacle::Configuration,
                reason: reason.clone(),
                message: status.message.clone().unwrap_or_default(),
            }),
            _ => all.find_map(Self::container),
        }
    }

    /// The same as an error of the pod of this name.
    pub fn into_error(self, pod: &str) -> RuntimeError {
        let Self { container, obstacle, reason, message } = self;
        let what = format!("cannot start: container `{container}`: {reason}: {message}");
        RuntimeError::NotReached { pod: pod.to_owned(), reason, obstacle: Some(obstacle), what }
    }

    fn container(container: &ContainerStatus) -> Option<Self> {
        let blocked = |obstacle, reason: &str, message| Self {
            container: container.name.clone(),
            obstacle,
            reason: reason.to_owned(),
            message,
        };
        let states = [&container.state, &container.last_state];
        let ended = states.into_iter().find_map(|s| s.terminated.as_ref());
        // A program that could not be executed counts as a run, and its container as one that crashes.
        if let Some(ended) = ended
            && let Some(reason) = ended.reason.as_deref()
            && let message = ended.message.clone().unwrap_or_default()
            && let Some(obstacle) = Obstacle::of(reason, &message)
        {
            return Some(blocked(obstacle, reason, message));
        }
        let waiting = container.state.waiting.as_ref()?;
        let reason = waiting.reason.as_deref()?;
        let obstacle = Obstacle::of(reason, waiting.message.as_deref().unwrap_or_default())?;
        let last = ended.map(|t| match &t.message {
            Some(message) => message.clone(),
            None => format!("its last run ended with exit code {}", t.exit_code),
        });
        let message = match (&waiting.message, last) {
            (Some(message), Some(last)) => format!("{message} ({last})"),
            (Some(text), None) => text.clone(),
            (None, Some(text)) => text,
            (None, None) => String::new(),
        };
        Some(blocked(obstacle, reason, message))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::ConfigError;

    fn blocked(state: Value, last: Value) -> Option<(Obstacle, String)> {
        let container = json!({
            "name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": state, "lastState": last,
        });
        let status = json!({"phase": "Pending", "containerStatuses": [container]});
        let found = Blocked::of(&serde_json::from_value(status).unwrap())?;
        Some((found.obstacle, format!("{}: {}", found.reason, found.message)))
    }

    #[test]
    fn a_program_that_cannot_be_executed_is_the_manifests_fault() {
        let start =
            json!({"terminated": {"exitCode": 128, "reason": "StartError", "message": "no `x`"}});
        let want = Some((Obstacle::Manifest, "StartError: no `x`".to_owned()));
        assert_eq!(blocked(start.clone(), json!({})), want);
        assert_eq!(blocked(json!({"waiting": {"reason": "CrashLoopBackOff"}}), start), want);
        let config =
            json!({"waiting": {"reason": "CreateContainerConfigError", "message": "no user"}});
        let want = Some((Obstacle::Manifest, "CreateContainerConfigError: no user".to_owned()));
        assert_eq!(blocked(config, json!({})), want);
    }

    #[test]
    fn a_program_that_fails_is_an_obstacle_when_it_is_not_started_again_at_once() {
        let failed = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
        assert_eq!(blocked(failed.clone(), json!({})), None);
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let words = "CrashLoopBackOff: its last run ended with exit code 1";
        assert_eq!(blocked(waiting, failed.clone()), Some((Obstacle::Crash, words.to_owned())));
        assert_eq!(blocked(json!({"running": {}}), failed), None);
    }

    #[test]
    fn an_object_may_come() {
        let (kind, name) = ("ConfigMap", "a".to_owned());
        let missing = ConfigError::Missing { kind, name: name.clone() };
        let (namespace, key) = ("ns".to_owned(), "k".to_owned());
        let no_key = ConfigError::MissingKey { kind: "Secret", namespace, name, key };
        for error in [missing, no_key] {
            let reason = "CreateContainerConfigError";
            let waiting = json!({"waiting": {"reason": reason, "message": error.to_string()}});
            let want = Some((Obstacle::Configuration, format!("{reason}: {error}")));
            assert_eq!(blocked(waiting, json!({})), want);
        }
    }

    #[test]
    fn an_image_may_come() {
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "refused"}});
        let want = Some((Obstacle::Image, "ImagePullBackOff: refused".to_owned()));
        assert_eq!(blocked(waiting, json!({})), want);
    }
}
