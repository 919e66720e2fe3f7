//! What is worth saying about a change of a pod's status.

use std::collections::BTreeMap;

use pod_runtime::{PodPhase, PodStatus, ValidPod};
use pod_spec::Time;
use pod_spec::status::{ContainerStateTerminated, ContainerStatus};

/// The exit code of a program that SIGTERM ended.
const TERMINATED: i32 = 128 + 15;

/// Turns statuses into messages, each thing being said once.
#[derive(Debug)]
pub struct Narrator {
    pod: String,
    /// What stands before the names of its containers.
    prefix: String,
    sidecars: Vec<String>,
    phase: Option<PodPhase>,
    containers: BTreeMap<String, Known>,
    /// Whether the pod has been asked to stop, so that SIGTERM is no news.
    pub stopping: bool,
}

/// What has been said of a container.
#[derive(Debug, Default)]
struct Known {
    ended: Option<Time>,
    restarts: u32,
    waiting: Option<String>,
}

impl Narrator {
    /// `name` is what the pod is called in front of the names of its containers.
    pub fn new(pod: &ValidPod, name: Option<&str>) -> Self {
        Self {
            pod: pod.name().to_owned(),
            prefix: name.map_or_else(String::new, |name| format!("{name}/")),
            sidecars: pod.spec().sidecars().map(str::to_owned).collect(),
            phase: None,
            containers: BTreeMap::new(),
            stopping: false,
        }
    }

    /// What is new.
    pub fn see(&mut self, status: &PodStatus) -> Vec<String> {
        let mut news = Vec::new();
        for container in status.init_container_statuses.iter().chain(&status.container_statuses) {
            self.see_container(container, &mut news);
        }
        if self.phase != Some(status.phase) {
            let missed = self.missed(status);
            news.extend(missed.iter().map(|phase| format!("pod/{} {}", self.pod, phase.as_str())));
            self.phase = Some(status.phase);
            let why: Vec<&str> = [&status.reason, &status.message]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect();
            let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(": ")) };
            news.push(format!("pod/{} {}{why}", self.pod, status.phase.as_str()));
        }
        news
    }

    /// The phases that a pod has been in since the last look: one that is over soon is through several at once.
    fn missed(&self, status: &PodStatus) -> Vec<PodPhase> {
        let ran = |c: &ContainerStatus| {
            let ended = c.state.terminated.as_ref().or(c.last_state.terminated.as_ref());
            ended.is_some_and(|ended| ended.started_at.is_some())
        };
        let mut missed = Vec::new();
        if self.phase.is_none() && status.phase != PodPhase::Pending {
            missed.push(PodPhase::Pending);
        }
        if self.phase != Some(PodPhase::Running)
            && status.phase.is_terminal()
            && status.container_statuses.iter().any(ran)
        {
            missed.push(PodPhase::Running);
        }
        missed
    }

    fn see_container(&mut self, container: &ContainerStatus, news: &mut Vec<String>) {
        let quiet = self.stopping || self.sidecars.contains(&container.name);
        let known = self.containers.entry(container.name.clone()).or_default();
        let name = format!("{}{}", self.prefix, container.name);
        for state in [&container.last_state, &container.state] {
            if let Some(ended) = state.terminated.as_ref().filter(|t| t.finished_at > known.ended) {
                known.ended = ended.finished_at;
                if ended.exit_code != 0 && !(quiet && ended.exit_code == TERMINATED) {
                    news.push(format!("container {name}: {}", ending(ended)));
                }
            }
            // The restart lies between the last end and what is now.
            if container.restart_count > known.restarts {
                known.restarts = container.restart_count;
                news.push(format!("container {name}: restart {}", container.restart_count));
            }
        }
        let waiting = container.state.waiting.as_ref().and_then(|w| {
            let reason = w
                .reason
                .as_deref()
                .filter(|r| !["PodInitializing", "ContainerCreating", ""].contains(r))?;
            Some(match &w.message {
                Some(message) => format!("{reason}: {message}"),
                None => reason.to_owned(),
            })
        });
        if waiting != known.waiting {
            news.extend(waiting.iter().map(|text| format!("container {name}: {text}")));
            known.waiting = waiting;
        }
    }
}

fn ending(ended: &ContainerStateTerminated) -> String {
    match (ended.reason.as_deref(), &ended.message) {
        (Some(reason @ ("StartError" | "ContainerCannotRun")), Some(message)) => {
            format!("{reason}: {message}")
        }
        (Some(reason), _) if reason != "Error" => {
            format!("ended with code {} ({reason})", ended.exit_code)
        }
        _ => format!("ended with code {}", ended.exit_code),
    }
}

#[cfg(test)]
mod tests {
    use pod_runtime::Pod;
    use serde_json::{Value, json};

    use super::*;

    fn narrator() -> Narrator {
        let manifest = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
            "spec": {
                "initContainers": [{"name": "log", "image": "pod.local/host", "restartPolicy": "Always"}],
                "containers": [{"name": "app", "image": "pod.local/host"}],
            },
        });
        Narrator::new(&Pod::from_json(&manifest.to_string()).unwrap().validate().unwrap(), None)
    }

    fn status(phase: &str, app: Value) -> PodStatus {
        let mut container =
            json!({"name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": ""});
        for (key, value) in app.as_object().unwrap() {
            container[key] = value.clone();
        }
        serde_json::from_value(json!({"phase": phase, "containerStatuses": [container]})).unwrap()
    }

    fn ended(code: i32, second: i64) -> Value {
        let at = Time::from_nanos(second * 1_000_000_000);
        json!({"terminated": {"exitCode": code, "reason": "Error", "finishedAt": at}})
    }

    #[test]
    fn each_thing_is_said_once() {
        let mut narrator = narrator();
        let starting =
            status("Pending", json!({"state": {"waiting": {"reason": "PodInitializing"}}}));
        assert_eq!(narrator.see(&starting), ["pod/web Pending"]);
        assert_eq!(narrator.see(&starting), Vec::<String>::new());
        let running = status("Running", json!({"state": {"running": {}}}));
        assert_eq!(narrator.see(&running), ["pod/web Running"]);
        assert_eq!(
            narrator.see(&status("Running", json!({"state": ended(3, 1)}))),
            ["container app: ended with code 3"]
        );
        let again = json!({"state": {"running": {}}, "lastState": ended(3, 1), "restartCount": 1});
        assert_eq!(narrator.see(&status("Running", again)), ["container app: restart 1"]);
    }

    #[test]
    fn an_end_that_was_not_seen_is_made_up_for() {
        let mut narrator = narrator();
        narrator.see(&status("Running", json!({"state": {"running": {}}})));
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}});
        let news = narrator.see(&status(
            "Running",
            json!({"state": waiting, "lastState": ended(1, 9), "restartCount": 1}),
        ));
        let want = [
            "container app: ended with code 1",
            "container app: restart 1",
            "container app: CrashLoopBackOff: back-off 10s",
        ];
        assert_eq!(news, want);
    }

    #[test]
    fn a_pod_that_is_over_at_the_first_look_has_been_through_its_phases() {
        let mut app = ended(0, 9);
        app["terminated"]["startedAt"] = app["terminated"]["finishedAt"].clone();
        let news = narrator().see(&status("Succeeded", json!({"state": app})));
        assert_eq!(news, ["pod/web Pending", "pod/web Running", "pod/web Succeeded"]);
        // One whose containers never ran was not running.
        let waiting = json!({"waiting": {"reason": "PodInitializing"}});
        let news = narrator().see(&status("Failed", json!({"state": waiting})));
        assert_eq!(news, ["pod/web Pending", "pod/web Failed"]);
    }

    #[test]
    fn what_a_stop_does_is_no_news() {
        let mut narrator = narrator();
        narrator.see(&status("Running", json!({"state": {"running": {}}})));
        narrator.stopping = true;
        assert_eq!(
            narrator.see(&status("Running", json!({"state": ended(143, 5)}))),
            Vec::<String>::new()
        );
        assert_eq!(
            narrator.see(&status("Running", json!({"state": ended(137, 6)}))),
            ["container app: ended with code 137"]
        );
    }
}
