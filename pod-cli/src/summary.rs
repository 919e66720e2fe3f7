//! One line about a pod, by kubectl's rules: READY, STATUS, RESTARTS, AGE.

use pod_spec::status::{ContainerState, ContainerStateTerminated, ContainerStatus};
use pod_spec::{Pod, PodStatus, Time};

use crate::span;

/// What the columns of one pod say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// `1/2`: main containers and sidecars that are ready, of all of them.
    pub ready: String,
    /// `Running`, `Init:0/2`, `CrashLoopBackOff`, `Completed`, …
    pub status: String,
    /// `2 (5s ago)`.
    pub restarts: String,
    /// Since the pod was made.
    pub age: String,
}

impl Summary {
    /// The columns of a pod with its status.
    pub fn new(pod: &Pod, now: Time) -> Self {
        let unknown = PodStatus::default();
        let status = pod.status.as_ref().unwrap_or(&unknown);
        let is_sidecar = |c: &ContainerStatus| pod.spec.is_sidecar(&c.name);
        let total = pod.spec.sidecars().count() + pod.spec.containers.len();
        let init_total = pod.spec.init_containers.len();

        let mut word = status.reason.clone().unwrap_or_else(|| status.phase.as_str().to_owned());
        let mut restarts = Restarts::default();
        let mut sidecar_restarts = Restarts::default();
        let mut ready = 0;
        let mut initializing = false;
        for (i, container) in status.init_container_statuses.iter().enumerate() {
            restarts.add(container);
            if is_sidecar(container) {
                sidecar_restarts.add(container);
            }
            if is_sidecar(container) && container.started == Some(true) {
                ready += usize::from(container.ready);
            } else if let Some(now) = init_word(&container.state, i, init_total) {
                word = now;
                initializing = true;
                break;
            }
        }
        if !initializing || status.is_true("Initialized") {
            restarts = sidecar_restarts;
            let mut running = false;
            for container in status.container_statuses.iter().rev() {
                restarts.add(container);
                match main_word(&container.state) {
                    Some(now) => word = now,
                    None if container.ready && container.state.running.is_some() => {
                        running = true;
                        ready += 1;
                    }
                    None => {}
                }
            }
            if word == "Completed" && running {
                word = if status.is_ready() { "Running" } else { "NotReady" }.to_owned();
            }
        }
        if pod.metadata.deletion_timestamp.is_some() && !status.phase.is_terminal() {
            word = "Terminating".to_owned();
        }
        Self {
            ready: format!("{ready}/{total}"),
            status: word,
            restarts: restarts.words(now),
            age: age(pod.metadata.creation_timestamp, now),
        }
    }
}

fn age(created: Option<Time>, now: Time) -> String {
    created.map_or_else(|| "<unknown>".to_owned(), |created| span::age(now.since(created)))
}

/// How often containers were started again, and when the last of those runs ended.
#[derive(Debug, Default)]
struct Restarts {
    count: u32,
    last: Option<Time>,
}

impl Restarts {
    fn add(&mut self, container: &ContainerStatus) {
        self.count += container.restart_count;
        let ended = container.last_state.terminated.as_ref().and_then(|t| t.finished_at);
        self.last = self.last.max(ended);
    }

    fn words(&self, now: Time) -> String {
        match self.last {
            Some(last) if self.count > 0 => {
                format!("{} ({} ago)", self.count, span::age(now.since(last)))
            }
            _ => self.count.to_string(),
        }
    }
}

/// What an init container that is not done says about the pod; `None` when it is done.
fn init_word(state: &ContainerState, index: usize, total: usize) -> Option<String> {
    if let Some(ended) = &state.terminated {
        return (ended.exit_code != 0).then(|| format!("Init:{}", ended_word(ended)));
    }
    let waiting = state.waiting.as_ref().and_then(|w| w.reason.as_deref());
    Some(match waiting.filter(|reason| !reason.is_empty() && *reason != "PodInitializing") {
        Some(reason) => format!("Init:{reason}"),
        None => format!("Init:{index}/{total}"),
    })
}

/// What a main container says about the pod; `None` when it runs.
fn main_word(state: &ContainerState) -> Option<String> {
    let waiting =
        state.waiting.as_ref().and_then(|w| w.reason.as_deref()).filter(|r| !r.is_empty());
    match (waiting, &state.terminated) {
        (Some(reason), _) => Some(reason.to_owned()),
        (None, Some(ended)) => Some(ended_word(ended)),
        (None, None) => None,
    }
}

fn ended_word(ended: &ContainerStateTerminated) -> String {
    match (&ended.reason, ended.signal) {
        (Some(reason), _) if !reason.is_empty() => reason.clone(),
        (_, Some(signal)) if signal != 0 => format!("Signal:{signal}"),
        _ => format!("ExitCode:{}", ended.exit_code),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    const NOW: Time = Time::from_nanos(1_800_000_000_000_000_000);

    fn pod() -> Pod {
        let manifest = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
            "spec": {
                "initContainers": [
                    {"name": "prepare", "image": "pod.local/host"},
                    {"name": "log", "image": "pod.local/host", "restartPolicy": "Always"},
                ],
                "containers": [
                    {"name": "app", "image": "pod.local/host"},
                    {"name": "side", "image": "pod.local/host"},
                ],
            },
        });
        let mut pod = Pod::from_json(&manifest.to_string()).unwrap();
        pod.metadata.creation_timestamp = Some(Time::from_nanos(NOW.as_nanos() - 125_000_000_000));
        pod
    }

    fn summary(init: [Value; 2], main: [Value; 2], more: Value) -> Summary {
        let named = |names: [&str; 2], states: [Value; 2]| -> Vec<Value> {
            let list = names.iter().zip(states);
            list.map(|(name, mut state)| {
                state["name"] = json!(name);
                for (key, value) in [
                    ("ready", json!(false)),
                    ("restartCount", json!(0)),
                    ("image", json!("")),
                    ("imageID", json!("")),
                ] {
                    if state.get(key).is_none() {
                        state[key] = value;
                    }
                }
                state
            })
            .collect()
        };
        let mut status = json!({
            "initContainerStatuses": named(["prepare", "log"], init),
            "containerStatuses": named(["app", "side"], main),
        });
        let is_deleted = more.get("deleted").is_some();
        for (key, value) in more.as_object().unwrap().iter().filter(|(key, _)| *key != "deleted") {
            status[key] = value.clone();
        }
        let mut pod = pod();
        pod.status = Some(serde_json::from_value(status).unwrap());
        pod.metadata.deletion_timestamp = is_deleted.then_some(NOW);
        Summary::new(&pod, NOW)
    }

    fn waiting(reason: &str) -> Value {
        json!({"state": {"waiting": {"reason": reason}}})
    }

    fn ended(code: i32, reason: &str) -> Value {
        json!({"state": {"terminated": {"exitCode": code, "reason": reason}}})
    }

    fn running() -> Value {
        json!({"state": {"running": {}}, "ready": true, "started": true})
    }

    fn words(summary: &Summary) -> (&str, &str) {
        (&summary.ready, &summary.status)
    }

    #[test]
    fn an_initializing_pod_says_how_far_it_is() {
        let rest = || [waiting("PodInitializing"), waiting("PodInitializing")];
        let pending = || json!({"phase": "Pending"});
        let cases = [
            ([waiting("PodInitializing"), waiting("PodInitializing")], "Init:0/2"),
            ([running(), waiting("PodInitializing")], "Init:0/2"),
            ([ended(0, "Completed"), waiting("PodInitializing")], "Init:1/2"),
            ([ended(1, "Error"), waiting("PodInitializing")], "Init:Error"),
            ([ended(9, ""), waiting("PodInitializing")], "Init:ExitCode:9"),
            ([waiting("CrashLoopBackOff"), waiting("PodInitializing")], "Init:CrashLoopBackOff"),
            (
                [waiting("CreateContainerConfigError"), waiting("")],
                "Init:CreateContainerConfigError",
            ),
        ];
        for (init, word) in cases {
            assert_eq!(words(&summary(init, rest(), pending())), ("0/3", word));
        }
        let all = summary([ended(0, "Completed"), running()], rest(), pending());
        assert_eq!(words(&all), ("1/3", "PodInitializing"));
    }

    #[test]
    fn a_running_pod_says_what_its_worst_container_does() {
        let init = || [ended(0, "Completed"), running()];
        let ready =
            || json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        let cases = [
            ([running(), running()], "3/3", "Running"),
            ([running(), ended(0, "Completed")], "2/3", "Running"),
            ([running(), ended(2, "Error")], "2/3", "Error"),
            ([waiting("CrashLoopBackOff"), running()], "2/3", "CrashLoopBackOff"),
            (
                [json!({"state": {"terminated": {"exitCode": 137, "signal": 9}}}), running()],
                "2/3",
                "Signal:9",
            ),
        ];
        for (main, number, word) in cases {
            assert_eq!(words(&summary(init(), main, ready())), (number, word));
        }
        let unready =
            summary(init(), [running(), ended(0, "Completed")], json!({"phase": "Running"}));
        assert_eq!(words(&unready), ("2/3", "NotReady"));
    }

    #[test]
    fn a_pod_that_is_over_or_going_says_so() {
        let init = || [ended(0, "Completed"), ended(0, "Completed")];
        let done = || [ended(0, "Completed"), ended(0, "Completed")];
        let over = summary(init(), done(), json!({"phase": "Succeeded"}));
        assert_eq!(words(&over), ("0/3", "Completed"));
        let over = summary(init(), done(), json!({"phase": "Succeeded", "deleted": true}));
        assert_eq!(words(&over), ("0/3", "Completed"));
        let going = summary(
            [ended(0, "Completed"), running()],
            [running(), running()],
            json!({"phase": "Running", "deleted": true}),
        );
        assert_eq!(words(&going), ("3/3", "Terminating"));
        let early = summary(
            [json!({}), json!({})],
            [json!({}), json!({})],
            json!({"phase": "Failed", "reason": "SandboxLost"}),
        );
        assert_eq!(words(&early), ("0/3", "Init:0/2"));
    }

    #[test]
    fn restarts_are_counted_with_the_last_of_them() {
        let at = |ago: u64| {
            Time::from_nanos(
                NOW.as_nanos() - i64::try_from(Duration::from_secs(ago).as_nanos()).unwrap(),
            )
        };
        let restarted = |count: u32, ago: u64| {
            let last = json!({"terminated": {"exitCode": 1, "finishedAt": at(ago)}});
            json!({"state": {"running": {}}, "ready": true, "started": true, "restartCount": count, "lastState": last})
        };
        let mut init = ended(0, "Completed");
        init["restartCount"] = json!(7);
        let running_pod = summary(
            [init, restarted(1, 90)],
            [restarted(2, 5), running()],
            json!({"phase": "Running"}),
        );
        assert_eq!(running_pod.restarts, "3 (5s ago)");
        assert_eq!(running_pod.age, "2m5s");
        let fresh = summary([json!({}), json!({})], [json!({}), json!({})], json!({}));
        assert_eq!(fresh.restarts, "0");
    }
}
