//! How many pods of which template a Deployment is to have, as the deployment controller of Kubernetes decides it.

use std::time::Duration;

use pod_spec::{
    Deployment, DeploymentCondition, DeploymentStatus, DeploymentStrategyType, IntOrString, Pod,
    PodTemplateSpec, Time,
};

use crate::conditions::{self, Observed};
use crate::names;
use crate::plan::{Plan, Planned, Workload, normal, warning};
use crate::replica::{Replica, TEMPLATE_HASH};

impl Workload for Deployment {}

/// A Deployment needs to remember nothing: its pods say it all.
impl Planned for Deployment {
    const API_VERSION: &'static str = Self::API_VERSION;
    type Memory = ();
    type Status = DeploymentStatus;

    fn plan(&self, (): &mut (), replicas: &[Replica], now: Time) -> Plan<DeploymentStatus> {
        let count = Count::of(self, replicas, now);
        let mut plan = Plan::new(DeploymentStatus::default());
        for failed in replicas.iter().filter(|r| !r.deleted && r.phase.is_terminal()) {
            plan.delete.push(failed.name.clone());
            let message = format!("Pod {} has failed and is replaced: {}", failed.name, failed.why);
            plan.events.push(warning("ReplacedFailedPod", message));
        }
        match self.spec.strategy.kind.unwrap_or_default() {
            DeploymentStrategyType::Recreate => count.recreate(&mut plan),
            DeploymentStrategyType::RollingUpdate => count.roll(&mut plan),
        }
        for name in &plan.delete {
            plan.events.push(normal("SuccessfulDelete", format!("Deleted pod: {name}")));
        }
        // What goes from now on counts no more.
        let going = |r: &Replica| r.deleted || plan.delete.contains(&r.name);
        let after: Vec<_> =
            replicas.iter().map(|r| Replica { deleted: going(r), ..r.clone() }).collect();
        let count = Count::of(self, &after, now);
        plan.status = status(self, &count, &after, now);
        if let Some(next) = count.next_available {
            plan.look_at(next);
        }
        if let Some(deadline) = deadline(self, &plan.status) {
            plan.look_at(deadline);
        }
        plan
    }

    fn template(&self) -> &PodTemplateSpec {
        &self.spec.template
    }

    fn mark(&self, _index: Option<u32>, pod: &mut Pod) {
        let template = names::of_template(&self.spec.template);
        pod.metadata.name = names::unique(&format!("{}-{template}", self.metadata.name));
        pod.metadata.labels.insert(TEMPLATE_HASH.to_owned(), template);
    }

    fn set_status(&mut self, status: DeploymentStatus) {
        self.status = Some(status);
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// The pods there are and the pods there may be.
struct Count<'r> {
    /// Those of the template, the best last.
    new: Vec<&'r Replica>,
    /// Those of another one, the best last.
    old: Vec<&'r Replica>,
    /// Whether one is still being deleted.
    any_going: bool,
    wanted: usize,
    /// How many may be there at once.
    most: usize,
    /// How many must be available.
    least: usize,
    min_ready: Duration,
    now: Time,
    /// When the next pod that is ready becomes available.
    next_available: Option<Time>,
}

impl<'r> Count<'r> {
    fn of(deployment: &Deployment, replicas: &'r [Replica], now: Time) -> Self {
        let spec = &deployment.spec;
        let seconds = spec.min_ready_seconds.and_then(|s| u64::try_from(s).ok());
        let min_ready = Duration::from_secs(seconds.unwrap_or_default());
        let wanted = usize::try_from(spec.replicas.unwrap_or(1)).unwrap_or_default();
        let (surplus, missing) = limits(deployment, wanted);
        let template = names::of_template(&spec.template);
        let mut active: Vec<_> = replicas.iter().filter(|r| r.is_active()).collect();
        // As ReplicaSets choose: those that serve, and have done so for longest, stay.
        active.sort_by_key(|r| {
            (r.ready.is_some(), std::cmp::Reverse(r.ready), std::cmp::Reverse(r.created))
        });
        let (new, old): (Vec<_>, Vec<_>) =
            active.iter().partition(|r| r.template.as_ref() == Some(&template));
        let soon = active.iter().filter_map(|r| Some(r.ready? + min_ready)).filter(|at| *at > now);
        Self {
            new,
            old,
            any_going: replicas.iter().any(|r| r.deleted),
            wanted,
            most: wanted + surplus,
            least: wanted.saturating_sub(missing),
            min_ready,
            now,
            next_available: soon.min(),
        }
    }

    fn is_available(&self, replica: &Replica) -> bool {
        replica.ready.is_some_and(|since| since + self.min_ready <= self.now)
    }

    fn available(&self, replicas: &[&Replica]) -> usize {
        replicas.iter().filter(|replica| self.is_available(replica)).count()
    }

    fn all(&self) -> usize {
        self.new.len() + self.old.len()
    }

    fn all_available(&self) -> usize {
        self.available(&self.new) + self.available(&self.old)
    }

    /// All old pods go before a new one comes.
    fn recreate(&self, plan: &mut Plan<DeploymentStatus>) {
        plan.delete.extend(self.old.iter().map(|r| r.name.clone()));
        if self.old.is_empty() && (!self.any_going || !self.new.is_empty()) {
            plan.create = vec![None; self.wanted.saturating_sub(self.new.len())];
        }
        self.drop_surplus(plan);
    }

    /// New pods come as long as there are not too many, and old ones go as long as enough are available.
    fn roll(&self, plan: &mut Plan<DeploymentStatus>) {
        let missing = self.wanted.saturating_sub(self.new.len());
        plan.create = vec![None; missing.min(self.most.saturating_sub(self.all()))];
        self.drop_surplus(plan);
        let new_unavailable = self.new.len() - self.available(&self.new);
        let mut may_go = self.all().saturating_sub(self.least + new_unavailable);
        // Those that serve nobody go first, whatever their number.
        let (serving, idle): (Vec<&Replica>, Vec<&Replica>) =
            self.old.iter().partition(|r| self.is_available(r));
        let idle = &idle[..idle.len().min(may_go)];
        may_go = (may_go - idle.len()).min(self.all_available().saturating_sub(self.least));
        let serving = &serving[..serving.len().min(may_go)];
        plan.delete.extend(idle.iter().chain(serving).map(|r| r.name.clone()));
    }

    /// Pods of the template that are too many.
    fn drop_surplus(&self, plan: &mut Plan<DeploymentStatus>) {
        let surplus = self.new.len().saturating_sub(self.wanted);
        plan.delete.extend(self.new.iter().take(surplus).map(|r| r.name.clone()));
    }
}

/// How many pods may be too many, and how many missing, while they are replaced.
fn limits(deployment: &Deployment, wanted: usize) -> (usize, usize) {
    let Some(rolling) = &deployment.spec.strategy.rolling_update else { return (0, wanted) };
    let share = |percent: u32| wanted * usize::try_from(percent).unwrap_or_default();
    let surplus = match &rolling.max_surge {
        Some(IntOrString::Int(count)) => usize::try_from(*count).unwrap_or_default(),
        Some(text) => share(text.percent().unwrap_or_default()).div_ceil(100),
        None => 0,
    };
    let missing = match &rolling.max_unavailable {
        Some(IntOrString::Int(count)) => usize::try_from(*count).unwrap_or_default(),
        Some(text) => share(text.percent().unwrap_or_default()) / 100,
        None => 0,
    };
    // With neither nothing could ever be replaced: shares of few pods are rounded to none.
    if (surplus, missing) == (0, 0) { (0, 1) } else { (surplus, missing) }
}

fn status(
    deployment: &Deployment,
    count: &Count<'_>,
    replicas: &[Replica],
    now: Time,
) -> DeploymentStatus {
    let number = |count: usize| i32::try_from(count).ok();
    let all = count.new.iter().chain(&count.old);
    let ready = all.filter(|r| r.ready.is_some()).count();
    let available = count.all_available();
    let going = replicas.iter().filter(|r| r.deleted).count();
    let mut status = DeploymentStatus {
        observed_generation: deployment.metadata.generation,
        replicas: number(count.all()),
        updated_replicas: number(count.new.len()),
        ready_replicas: number(ready),
        available_replicas: number(available),
        unavailable_replicas: number(count.wanted.saturating_sub(available)),
        terminating_replicas: number(going),
        ..DeploymentStatus::default()
    };
    let old = deployment.status.as_ref();
    let known = old.map_or(&[][..], |old| &old.conditions);
    let enough = available >= count.least;
    let is_available = Observed {
        kind: "Available",
        holds: enough,
        reason: if enough { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" },
        message: if enough {
            "Deployment has minimum availability."
        } else {
            "Deployment does not have minimum availability."
        },
    };
    let is_available = conditions::deployment(
        conditions::of_deployment(known, "Available"),
        &is_available,
        false,
        now,
    );
    let complete = [count.new.len(), count.all(), available].iter().all(|n| *n == count.wanted);
    let progressing = progressing(deployment, &status, complete, now);
    status.conditions = vec![is_available, progressing];
    status
}

/// Whether a change of the template goes on.
fn progressing(
    deployment: &Deployment,
    new: &DeploymentStatus,
    complete: bool,
    now: Time,
) -> DeploymentCondition {
    let name = &deployment.metadata.name;
    let old = deployment.status.as_ref();
    let last = old.and_then(|old| conditions::of_deployment(&old.conditions, "Progressing"));
    let moved = old.is_none_or(|old| has_moved(old, new));
    let settled = last.is_some_and(|last| last.reason.as_deref() == Some(COMPLETE));
    let late = !moved && !settled && deadline_after(deployment, last).is_some_and(|at| at <= now);
    let (holds, reason, message) = if complete {
        (true, COMPLETE, format!("Deployment \"{name}\" has successfully progressed."))
    } else if late {
        (false, LATE, format!("Deployment \"{name}\" has timed out progressing."))
    } else if let (Some(last), false) = (last, moved) {
        // A pod that is put back is no change of the template.
        return last.clone();
    } else {
        (true, "ReplicaSetUpdated", format!("Deployment \"{name}\" is progressing."))
    };
    let observed = Observed { kind: "Progressing", holds, reason, message: &message };
    conditions::deployment(last, &observed, moved && !complete, now)
}

const COMPLETE: &str = "NewReplicaSetAvailable";
pub(crate) const LATE: &str = "ProgressDeadlineExceeded";

/// Whether the change has come a step further, or is another one.
fn has_moved(old: &DeploymentStatus, new: &DeploymentStatus) -> bool {
    let left = |s: &DeploymentStatus| {
        s.replicas.unwrap_or_default() - s.updated_replicas.unwrap_or_default()
    };
    old.observed_generation != new.observed_generation
        || new.updated_replicas > old.updated_replicas
        || left(new) < left(old)
        || new.ready_replicas > old.ready_replicas
        || new.available_replicas > old.available_replicas
}

fn deadline_after(deployment: &Deployment, last: Option<&DeploymentCondition>) -> Option<Time> {
    let seconds = u64::try_from(deployment.spec.progress_deadline_seconds?).ok()?;
    Some(last?.last_update_time? + Duration::from_secs(seconds))
}

/// When a change that goes on now will have taken too long.
fn deadline(deployment: &Deployment, status: &DeploymentStatus) -> Option<Time> {
    let progressing = conditions::of_deployment(&status.conditions, "Progressing")?;
    let going_on = progressing.reason.as_deref() == Some("ReplicaSetUpdated");
    deadline_after(deployment, Some(progressing)).filter(|_| going_on)
}

#[cfg(test)]
mod tests;
