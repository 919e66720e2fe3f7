use super::*;
use pod_spec::{BACKOFF_INITIAL, status::ConditionStatus};

/// A Job in virtual time.
struct World {
    job: Job,
    memory: JobMemory,
    pods: Vec<Replica>,
    now: Time,
    made: usize,
}

impl World {
    fn new(spec: &str) -> Self {
        let text = format!(
            "{{apiVersion: batch/v1, kind: Job, metadata: {{name: sum}}, spec: {{{spec}, template: \
             {{spec: {{restartPolicy: Never, containers: [{{name: a, image: one}}]}}}}}}}}"
        );
        let job = Job::from_yaml(&text).unwrap().validate().unwrap();
        let memory = JobMemory::default();
        Self { job, memory, pods: Vec::new(), now: Time::default(), made: 0 }
    }

    fn look(&mut self) -> Plan<JobStatus> {
        let plan = self.job.plan(&mut self.memory, &self.pods, self.now);
        self.job.set_status(plan.status.clone());
        self.pods.retain(|pod| !plan.delete.contains(&pod.name));
        for &index in &plan.create {
            self.made += 1;
            self.pods.push(Replica::made(self.made, index, self.now));
        }
        plan
    }

    fn end(&mut self, pod: usize, phase: PodPhase) {
        self.pods[pod].phase = phase;
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    fn running(&self) -> usize {
        self.pods.iter().filter(|pod| pod.is_active()).count()
    }

    /// The reason of the condition that it ended with.
    fn ended(&self) -> Option<(&str, &str)> {
        let conditions = &self.job.status.as_ref()?.conditions;
        let end = conditions.iter().rfind(|c| [COMPLETE, FAILED].contains(&c.kind.as_str()))?;
        (end.status == ConditionStatus::True).then_some((&end.kind, end.reason.as_deref()?))
    }
}

#[test]
fn a_job_of_one_pod_is_complete_when_that_has_succeeded() {
    let mut world = World::new("completions: 1");
    assert_eq!(world.look().create, [None]);
    world.look();
    assert_eq!(world.running(), 1);
    world.end(0, PodPhase::Succeeded);
    let plan = world.look();
    assert_eq!(world.ended(), Some((COMPLETE, "CompletionsReached")));
    assert_eq!((plan.status.succeeded, plan.status.active), (Some(1), Some(0)));
    assert_eq!(plan.status.completion_time, Some(world.now));
    assert!(world.job.is_over() && world.look().create.is_empty());
}

#[test]
fn as_many_pods_run_at_a_time_as_may() {
    let mut world = World::new("completions: 5, parallelism: 2");
    for _ in 0..5 {
        world.look();
        assert!(world.running() <= 2);
        let next = world.pods.iter().position(Replica::is_active).unwrap();
        world.end(next, PodPhase::Succeeded);
    }
    world.look();
    assert_eq!((world.made, world.ended()), (5, Some((COMPLETE, "CompletionsReached"))));
}

#[test]
fn each_failure_is_followed_by_a_longer_pause() {
    let mut world = World::new("backoffLimit: 3");
    world.look();
    for pause in [10, 20, 40] {
        let last = world.pods.len() - 1;
        world.end(last, PodPhase::Failed);
        let plan = world.look();
        assert_eq!(plan.again, Some(world.now + Duration::from_secs(pause)));
        assert!(plan.create.is_empty());
        world.wait(pause);
        assert_eq!(world.look().create.len(), 1);
    }
    let last = world.pods.len() - 1;
    world.end(last, PodPhase::Failed);
    world.look();
    assert_eq!(world.ended(), Some((FAILED, "BackoffLimitExceeded")));
    assert_eq!(world.job.status.as_ref().unwrap().failed, Some(4));
}

#[test]
fn the_pause_is_as_short_as_the_template_says() {
    let mut world = World::new("backoffLimit: 3");
    let annotations = &mut world.job.spec.template.metadata.annotations;
    annotations.insert(BACKOFF_INITIAL.to_owned(), "500ms".to_owned());
    world.look();
    world.end(0, PodPhase::Failed);
    assert_eq!(world.look().again, Some(world.now + Duration::from_millis(500)));
}

#[test]
fn a_pod_that_was_deleted_has_failed_and_is_replaced() {
    let mut world = World::new("completions: 1");
    world.look();
    world.look();
    world.pods.clear();
    world.look();
    assert_eq!(world.job.status.as_ref().unwrap().failed, Some(1));
    world.wait(10);
    world.look();
    assert_eq!(world.running(), 1);
}

#[test]
fn restarts_within_a_pod_count_when_it_restarts_itself() {
    let mut world = World::new("backoffLimit: 2");
    world.job.spec.template.spec.restart_policy = Some(RestartPolicy::OnFailure);
    world.look();
    world.pods[0].restarts = 1;
    world.look();
    assert_eq!(world.ended(), None);
    world.pods[0].restarts = 2;
    let plan = world.look();
    assert_eq!(world.ended(), Some((FAILED, "BackoffLimitExceeded")));
    assert_eq!(plan.delete.len(), 1);
}

#[test]
fn a_job_that_takes_too_long_has_failed() {
    let mut world = World::new("activeDeadlineSeconds: 30");
    let plan = world.look();
    assert_eq!(plan.again, Some(world.now + Duration::from_secs(30)));
    world.wait(30);
    let plan = world.look();
    assert_eq!(world.ended(), Some((FAILED, "DeadlineExceeded")));
    // Its own deletion of a pod is no failure of that pod.
    assert_eq!((plan.delete.len(), plan.status.failed), (1, Some(0)));
    world.look();
    assert_eq!(world.job.status.as_ref().unwrap().failed, Some(0));
}

#[test]
fn a_job_goes_when_its_time_is_over() {
    let mut world = World::new("ttlSecondsAfterFinished: 5");
    world.look();
    world.end(0, PodPhase::Succeeded);
    let plan = world.look();
    assert_eq!((plan.again, plan.expired), (Some(world.now + Duration::from_secs(5)), false));
    assert!(!world.job.is_over());
    world.wait(5);
    assert!(world.look().expired);
}

#[test]
fn a_job_that_is_suspended_has_no_pods() {
    let mut world = World::new("parallelism: 2, completions: 2");
    world.look();
    world.job.spec.suspend = Some(true);
    assert_eq!(world.look().delete.len(), 2);
    world.wait(60);
    assert!(world.look().create.is_empty());
    world.job.spec.suspend = Some(false);
    let plan = world.look();
    assert_eq!((plan.create.len(), plan.status.failed), (2, Some(0)));
    assert_eq!(plan.status.start_time, Some(world.now));
}

#[test]
fn completions_have_indexes() {
    let mut world =
        World::new("completionMode: Indexed, completions: 3, parallelism: 2, backoffLimit: 6");
    assert_eq!(world.look().create, [Some(0), Some(1)]);
    world.end(1, PodPhase::Succeeded);
    assert_eq!(world.look().create, [Some(2)]);
    world.end(0, PodPhase::Failed);
    world.end(2, PodPhase::Succeeded);
    let plan = world.look();
    assert_eq!(plan.status.completed_indexes.as_deref(), Some("1,2"));
    world.wait(10);
    assert_eq!(world.look().create, [Some(0)]);
    let mut pod = world.job.template().pod("default", "");
    world.job.mark(Some(0), &mut pod);
    assert_eq!(pod.spec.containers[0].env[0].value.as_deref(), Some("0"));
    assert!(pod.metadata.name.starts_with("sum-0-"), "{}", pod.metadata.name);
    assert_eq!(pod.spec.hostname.as_deref(), Some("sum-0"));
    world.end(3, PodPhase::Succeeded);
    world.look();
    assert_eq!(world.ended(), Some((COMPLETE, "CompletionsReached")));
}

#[test]
fn without_completions_the_first_success_is_the_last_start() {
    let mut world = World::new("parallelism: 2");
    assert_eq!(world.look().create.len(), 2);
    world.end(0, PodPhase::Succeeded);
    assert!(world.look().create.is_empty());
    assert_eq!(world.ended(), None);
    world.end(1, PodPhase::Succeeded);
    world.look();
    assert_eq!(world.ended(), Some((COMPLETE, "CompletionsReached")));
}

#[test]
fn what_is_remembered_outlives_the_pods_and_the_supervisor() {
    let mut world = World::new("completions: 2");
    world.look();
    world.end(0, PodPhase::Succeeded);
    world.look();
    world.pods.remove(0);
    let text = serde_json::to_string(&world.memory).unwrap();
    world.memory = serde_json::from_str(&text).unwrap();
    world.look();
    assert_eq!(world.job.status.as_ref().unwrap().succeeded, Some(1));
}
