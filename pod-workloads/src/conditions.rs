//! Conditions in a status, whose times tell when they changed.

use pod_spec::status::ConditionStatus;
use pod_spec::{DeploymentCondition, JobCondition, Time};

/// What is observed, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observed<'a> {
    pub(crate) kind: &'a str,
    pub(crate) holds: bool,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
}

fn status(holds: bool) -> ConditionStatus {
    if holds { ConditionStatus::True } else { ConditionStatus::False }
}

/// The condition of this kind.
pub(crate) fn of_deployment<'c>(
    conditions: &'c [DeploymentCondition],
    kind: &str,
) -> Option<&'c DeploymentCondition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

/// A condition of a Deployment, following the one before it. It was updated now when it says something else, or when
/// `renewed`.
pub(crate) fn deployment(
    old: Option<&DeploymentCondition>,
    new: &Observed<'_>,
    renewed: bool,
    now: Time,
) -> DeploymentCondition {
    let status = status(new.holds);
    let same = old.filter(|old| old.status == status);
    let same_words = same.filter(|old| old.reason.as_deref() == Some(new.reason));
    let unchanged = same_words.filter(|_| !renewed);
    DeploymentCondition {
        kind: new.kind.to_owned(),
        status,
        last_update_time: unchanged.map_or(Some(now), |old| old.last_update_time),
        last_transition_time: same.map_or(Some(now), |old| old.last_transition_time),
        reason: Some(new.reason.to_owned()),
        message: Some(new.message.to_owned()),
    }
}

/// A condition of a Job that holds from now on.
pub(crate) fn job(kind: &str, holds: bool, reason: &str, message: &str, now: Time) -> JobCondition {
    JobCondition {
        kind: kind.to_owned(),
        status: status(holds),
        last_probe_time: Some(now),
        last_transition_time: Some(now),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
    }
}
