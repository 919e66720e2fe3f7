//! Which pods a Job is to have, as the job controller of Kubernetes decides it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pod_spec::{
    BACKOFF_MAX, CompletionMode, EnvVar, Job, JobStatus, Pod, PodPhase, PodTemplateSpec,
    RestartPolicy, Time,
};
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, Planned, Workload, normal, warning};
use crate::replica::{COMPLETION_INDEX, Replica};
use crate::{conditions, indexes, names};

/// The longest pause between pods that fail, where the template names none.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
const COMPLETE: &str = "Complete";
const FAILED: &str = "Failed";

/// What became of every pod that the Job has had: they may be gone by now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JobMemory {
    pods: BTreeMap<String, Known>,
    /// How many have failed since one last succeeded.
    failures: u32,
    last_failure: Option<Time>,
}

/// A pod of a Job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    index: Option<u32>,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Fate {
    Active,
    Succeeded,
    Failed,
    /// Taken away by the Job itself.
    Dropped,
}

impl JobMemory {
    /// Notes what has become of the pods: one that is gone and was not over has failed.
    fn learn(&mut self, replicas: &[Replica], now: Time) {
        for replica in replicas {
            let known = Known { index: replica.index, fate: Fate::Active };
            self.pods.entry(replica.uid.clone()).or_insert(known);
        }
        let mut failed = 0;
        for (uid, known) in self.pods.iter_mut().filter(|(_, known)| known.fate == Fate::Active) {
            let phase = replicas.iter().find(|r| r.uid == *uid).map(|r| r.phase);
            match phase {
                Some(PodPhase::Succeeded) => {
                    known.fate = Fate::Succeeded;
                    self.failures = 0;
                }
                Some(PodPhase::Failed) | None => {
                    known.fate = Fate::Failed;
                    failed += 1;
                }
                Some(_) => {}
            }
        }
        if failed > 0 {
            self.failures = self.failures.saturating_add(failed);
            self.last_failure = Some(now);
        }
    }

    fn count(&self, fate: Fate) -> usize {
        self.pods.values().filter(|known| known.fate == fate).count()
    }

    /// The completions that are done.
    fn succeeded(&self) -> BTreeSet<u32> {
        let done = self.pods.values().filter(|known| known.fate == Fate::Succeeded);
        done.filter_map(|known| known.index).collect()
    }
}

impl Workload for Job {}

impl Planned for Job {
    const API_VERSION: &'static str = Self::API_VERSION;
    type Memory = JobMemory;
    type Status = JobStatus;

    fn plan(&self, memory: &mut JobMemory, replicas: &[Replica], now: Time) -> Plan<JobStatus> {
        memory.learn(replicas, now);
        let mut plan = Plan::new(self.status.clone().unwrap_or_default());
        let start = *plan.status.start_time.get_or_insert(now);
        let active = replicas.iter().filter(|r| r.is_active()).collect();
        let mut round = Round { job: self, memory, active, start, now, plan };
        round.decide();
        round.tell(replicas);
        round.plan
    }

    fn template(&self) -> &PodTemplateSpec {
        &self.spec.template
    }

    fn mark(&self, index: Option<u32>, pod: &mut Pod) {
        let job = &self.metadata;
        let base = index.map_or(job.name.clone(), |index| format!("{}-{index}", job.name));
        pod.metadata.name = names::unique(&base);
        let uid = job.uid.clone().unwrap_or_default();
        let labels = [("controller-uid", &uid), ("job-name", &job.name)];
        for (key, value) in labels {
            pod.metadata.labels.insert(key.to_owned(), value.clone());
            pod.metadata.labels.insert(format!("batch.kubernetes.io/{key}"), value.clone());
        }
        let Some(index) = index else { return };
        let text = index.to_string();
        pod.metadata.labels.insert(COMPLETION_INDEX.to_owned(), text.clone());
        pod.metadata.annotations.insert(COMPLETION_INDEX.to_owned(), text.clone());
        pod.spec.hostname.get_or_insert(base);
        let spec = &mut pod.spec;
        for container in spec.init_containers.iter_mut().chain(&mut spec.containers) {
            let variable = EnvVar {
                name: "JOB_COMPLETION_INDEX".to_owned(),
                value: Some(text.clone()),
                ..EnvVar::default()
            };
            container.env.push(variable);
        }
    }

    fn set_status(&mut self, status: JobStatus) {
        self.status = Some(status);
    }

    fn is_over(&self) -> bool {
        self.spec.ttl_seconds_after_finished.is_none() && has_ended(self)
    }
}

/// When the Job ended.
fn ended(status: &JobStatus) -> Option<Time> {
    let end = status.conditions.iter().find(|c| c.kind == COMPLETE || c.kind == FAILED)?;
    end.last_transition_time
}

fn has_ended(job: &Job) -> bool {
    job.status.as_ref().is_some_and(|status| ended(status).is_some())
}

/// How a Job ends.
struct End {
    /// The conditions, in the order in which they come to hold.
    conditions: [&'static str; 2],
    reason: &'static str,
    message: &'static str,
}

const ENOUGH: End = End {
    conditions: ["SuccessCriteriaMet", COMPLETE],
    reason: "CompletionsReached",
    message: "Reached expected number of succeeded pods",
};
const TOO_MANY: End = End {
    conditions: ["FailureTarget", FAILED],
    reason: "BackoffLimitExceeded",
    message: "Job has reached the specified backoff limit",
};
const TOO_LATE: End = End {
    conditions: ["FailureTarget", FAILED],
    reason: "DeadlineExceeded",
    message: "Job was active longer than specified deadline",
};

/// One look at a Job.
struct Round<'j> {
    job: &'j Job,
    memory: &'j mut JobMemory,
    /// The pods that are there to stay.
    active: Vec<&'j Replica>,
    start: Time,
    now: Time,
    plan: Plan<JobStatus>,
}

impl Round<'_> {
    fn decide(&mut self) {
        if has_ended(self.job) {
            self.drop_all();
            return self.expire();
        }
        if let Some(end) = self.end() {
            self.drop_all();
            self.finish(&end);
            return self.expire();
        }
        let suspended = self.job.spec.suspend == Some(true);
        self.suspend(suspended);
        if suspended { self.drop_all() } else { self.go_on() }
    }

    /// Whether the Job is to end, and how.
    fn end(&mut self) -> Option<End> {
        if self.has_failed_too_often() {
            return Some(TOO_MANY);
        }
        if let Some(deadline) = self.deadline() {
            if deadline <= self.now {
                return Some(TOO_LATE);
            }
            self.plan.look_at(deadline);
        }
        self.is_complete().then_some(ENOUGH)
    }

    fn has_failed_too_often(&self) -> bool {
        let spec = &self.job.spec;
        let limit = usize::try_from(spec.backoff_limit.unwrap_or(6)).unwrap_or_default();
        // Containers that are started again within their pod count, too.
        let restarts = match spec.template.spec.restart_policy {
            Some(RestartPolicy::OnFailure) => self.active.iter().map(|r| r.restarts as usize).sum(),
            _ => 0,
        };
        self.memory.count(Fate::Failed) > limit || restarts > 0 && restarts >= limit
    }

    fn deadline(&self) -> Option<Time> {
        let spec = &self.job.spec;
        let seconds = u64::try_from(spec.active_deadline_seconds?).ok()?;
        (spec.suspend != Some(true)).then(|| self.start + Duration::from_secs(seconds))
    }

    fn is_complete(&self) -> bool {
        let succeeded = self.memory.count(Fate::Succeeded);
        match self.job.spec.completions {
            // Indexes that were run twice count once.
            Some(_) if self.is_indexed() => self.memory.succeeded().len() >= self.completions(),
            Some(_) => succeeded >= self.completions(),
            // Those that share one queue say by their success that it is empty.
            None => succeeded > 0 && self.active.is_empty(),
        }
    }

    fn completions(&self) -> usize {
        usize::try_from(self.job.spec.completions.unwrap_or(1)).unwrap_or_default()
    }

    fn is_indexed(&self) -> bool {
        self.job.spec.completion_mode == Some(CompletionMode::Indexed)
    }

    /// Makes pods that are missing, after a pause when one has failed, and takes away those that are too many.
    fn go_on(&mut self) {
        let most = usize::try_from(self.job.spec.parallelism.unwrap_or(1)).unwrap_or_default();
        let surplus = self.active.len().saturating_sub(most);
        self.active.sort_by_key(|r| (r.ready.is_some(), std::cmp::Reverse(r.created)));
        self.drop_first(surplus);
        let missing = self.missing(most);
        if missing.is_empty() {
            return;
        }
        match self.retry().filter(|retry| *retry > self.now) {
            Some(retry) => self.plan.look_at(retry),
            None => self.plan.create = missing,
        }
    }

    fn missing(&self, most: usize) -> Vec<Option<u32>> {
        let room = most.saturating_sub(self.active.len());
        if self.is_indexed() {
            let mut taken = self.memory.succeeded();
            taken.extend(self.active.iter().filter_map(|r| r.index));
            let all = 0..u32::try_from(self.completions()).unwrap_or(u32::MAX);
            return all.filter(|index| !taken.contains(index)).take(room).map(Some).collect();
        }
        let succeeded = self.memory.count(Fate::Succeeded);
        let wanted = match self.job.spec.completions {
            Some(_) => self.completions().saturating_sub(succeeded + self.active.len()),
            None if succeeded > 0 => 0,
            None => room,
        };
        vec![None; wanted.min(room)]
    }

    /// When a pod may be made again.
    fn retry(&self) -> Option<Time> {
        let template = &self.job.spec.template;
        let backoff = template.restart_backoff();
        let given = template.metadata.annotations.contains_key(BACKOFF_MAX);
        let max = if given { backoff.max } else { LONGEST_PAUSE };
        let doubled = self.memory.failures.checked_sub(1)?.min(16);
        Some(self.memory.last_failure? + (backoff.initial * 2u32.pow(doubled)).min(max))
    }

    fn drop_all(&mut self) {
        self.drop_first(self.active.len());
    }

    /// Takes pods away; that does not count as their failure.
    fn drop_first(&mut self, count: usize) {
        for replica in self.active.drain(..count) {
            self.plan.delete.push(replica.name.clone());
            let message = format!("Deleted pod: {}", replica.name);
            self.plan.events.push(normal("SuccessfulDelete", message));
            if let Some(known) = self.memory.pods.get_mut(&replica.uid) {
                known.fate = Fate::Dropped;
            }
        }
    }

    fn finish(&mut self, end: &End) {
        let status = &mut self.plan.status;
        for kind in end.conditions {
            let condition = conditions::job(kind, true, end.reason, end.message, self.now);
            status.conditions.push(condition);
        }
        if end.conditions.contains(&COMPLETE) {
            status.completion_time = Some(self.now);
            self.plan.events.push(normal("Completed", "Job completed"));
        } else {
            self.plan.events.push(warning(end.reason, end.message));
        }
    }

    /// Notes that the Job waits, or goes on.
    fn suspend(&mut self, waits: bool) {
        let conditions = &mut self.plan.status.conditions;
        let known = conditions.iter().position(|c| c.kind == "Suspended");
        let holds = pod_spec::status::ConditionStatus::True;
        if known.map_or(!waits, |index| (conditions[index].status == holds) == waits) {
            return;
        }
        let (reason, message) =
            if waits { ("JobSuspended", "Job suspended") } else { ("JobResumed", "Job resumed") };
        if let Some(index) = known {
            conditions.remove(index);
        }
        conditions.push(conditions::job("Suspended", waits, reason, message, self.now));
        let event = if waits { "Suspended" } else { "Resumed" };
        self.plan.events.push(normal(event, message));
        // What a Job waits does not count towards its deadline.
        self.plan.status.start_time = Some(self.now);
    }

    /// A Job that is over goes with its pods when its time has come.
    fn expire(&mut self) {
        let ttl = self.job.spec.ttl_seconds_after_finished.and_then(|s| u64::try_from(s).ok());
        let (Some(ttl), Some(end)) = (ttl, ended(&self.plan.status)) else { return };
        let at = end + Duration::from_secs(ttl);
        if at <= self.now { self.plan.expired = true } else { self.plan.look_at(at) }
    }

    /// Writes the numbers.
    fn tell(&mut self, replicas: &[Replica]) {
        let number = |count: usize| i32::try_from(count).ok();
        let dropped = |r: &&Replica| !self.plan.delete.contains(&r.name);
        let active = replicas.iter().filter(|r| r.is_active()).filter(dropped);
        let (active, ready) =
            (active.clone().count(), active.filter(|r| r.ready.is_some()).count());
        let status = &mut self.plan.status;
        status.active = number(active);
        status.ready = number(ready);
        status.succeeded = number(self.memory.count(Fate::Succeeded));
        status.failed = number(self.memory.count(Fate::Failed));
        status.terminating =
            number(replicas.iter().filter(|r| r.deleted && !r.phase.is_terminal()).count());
        if self.job.spec.completion_mode == Some(CompletionMode::Indexed) {
            status.completed_indexes = Some(indexes::to_text(&self.memory.succeeded()));
        }
    }
}

#[cfg(test)]
mod tests;
