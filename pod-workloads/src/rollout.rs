//! How far a change of a Deployment has come.

use pod_spec::Deployment;

use crate::conditions;
use crate::deployment::LATE;

/// How far the newest change has come. The words are kubectl's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rollout {
    /// It goes on.
    Going(String),
    /// All pods are of the newest template and available.
    Done(String),
    /// It has taken longer than `progressDeadlineSeconds` allows.
    Late(String),
}

impl Rollout {
    /// Whether nothing is left to be done.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// How far the newest change of a Deployment has come.
pub fn rollout(deployment: &Deployment) -> Rollout {
    let name = &deployment.metadata.name;
    let waiting = |what: String| {
        Rollout::Going(format!("Waiting for deployment \"{name}\" rollout to finish: {what}..."))
    };
    let status = deployment.status.clone().unwrap_or_default();
    if status.observed_generation < deployment.metadata.generation {
        return Rollout::Going("Waiting for deployment spec update to be observed...".to_owned());
    }
    let progressing = conditions::of_deployment(&status.conditions, "Progressing");
    if progressing.is_some_and(|condition| condition.reason.as_deref() == Some(LATE)) {
        return Rollout::Late(format!("deployment \"{name}\" exceeded its progress deadline"));
    }
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let [all, updated, available] =
        [status.replicas, status.updated_replicas, status.available_replicas]
            .map(Option::unwrap_or_default);
    if updated < wanted {
        return waiting(format!("{updated} out of {wanted} new replicas have been updated"));
    }
    if all > updated {
        return waiting(format!("{} old replicas are pending termination", all - updated));
    }
    if available < updated {
        return waiting(format!("{available} of {updated} updated replicas are available"));
    }
    Rollout::Done(format!("deployment \"{name}\" successfully rolled out"))
}
