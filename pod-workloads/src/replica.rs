//! A pod that was made from a workload, as far as its supervisor looks at it.

use pod_runtime::{PodHandle, RuntimeError};
use pod_spec::{ObjectMeta, PodPhase, PodStatus, Time};

/// The label with the name of the template.
pub(crate) const TEMPLATE_HASH: &str = "pod-template-hash";
/// The label and annotation with the index of a Job's completion.
pub(crate) const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";

#[derive(Debug, Clone, PartialEq)]
pub struct Replica {
    pub(crate) name: String,
    pub(crate) uid: String,
    /// The name of its template.
    pub(crate) template: Option<String>,
    /// Which completion of a Job it runs.
    pub(crate) index: Option<u32>,
    pub(crate) created: Time,
    pub(crate) phase: PodPhase,
    /// Since when it is ready.
    pub(crate) ready: Option<Time>,
    /// Whether it is being deleted.
    pub(crate) deleted: bool,
    /// How often its containers were started again.
    pub(crate) restarts: u32,
    /// Why it failed.
    pub(crate) why: String,
}

impl Replica {
    /// What a pod is doing; `None` when it has gone meanwhile.
    pub(crate) fn of(pod: &PodHandle) -> Result<Option<Self>, RuntimeError> {
        let (status, deleted) = match (pod.status(), pod.is_deleted()) {
            (Ok(status), Ok(deleted)) => (status, deleted),
            (Err(RuntimeError::NotFound { .. }), _) | (_, Err(RuntimeError::NotFound { .. })) => {
                return Ok(None);
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        let metadata = pod.pod().metadata();
        let label = |key: &str| metadata.labels.get(key).cloned();
        Ok(Some(Self {
            name: pod.name().to_owned(),
            uid: pod.uid().to_owned(),
            template: label(TEMPLATE_HASH),
            index: label(COMPLETION_INDEX).and_then(|index| index.parse().ok()),
            created: metadata.creation_timestamp.unwrap_or_default(),
            phase: status.phase,
            ready: ready_since(&status),
            deleted,
            restarts: restarts(&status),
            why: why(&status),
        }))
    }

    /// Whether it is there to stay: neither over nor being deleted.
    pub(crate) fn is_active(&self) -> bool {
        !self.deleted && !self.phase.is_terminal()
    }
}

#[cfg(test)]
impl Replica {
    /// One that has been made at this moment, and runs.
    pub(crate) fn made(number: usize, index: Option<u32>, now: Time) -> Self {
        Self {
            name: format!("pod-{number}"),
            uid: number.to_string(),
            template: None,
            index,
            created: now,
            phase: PodPhase::Running,
            ready: None,
            deleted: false,
            restarts: 0,
            why: String::new(),
        }
    }
}

/// Whether this object made the pod.
pub(crate) fn is_of(pod: &PodHandle, owner: &ObjectMeta) -> bool {
    let owners = &pod.pod().metadata().owner_references;
    owners.iter().any(|reference| Some(&reference.uid) == owner.uid.as_ref())
}

fn ready_since(status: &PodStatus) -> Option<Time> {
    let ready = status.condition("Ready").filter(|_| status.is_ready())?;
    Some(ready.last_transition_time.unwrap_or_default())
}

fn restarts(status: &PodStatus) -> u32 {
    let all = status.init_container_statuses.iter().chain(&status.container_statuses);
    all.map(|container| container.restart_count).sum()
}

fn why(status: &PodStatus) -> String {
    let words = [status.reason.as_deref(), status.message.as_deref()];
    words.into_iter().flatten().collect::<Vec<_>>().join(": ")
}
