//! Deployments and Jobs: pods that are made from a template, and the process that looks after them.

use pod_runtime::PodHandle;
use pod_spec::{Deployment, Job, PodPhase};
use pod_tests::{Host, delete, kill_process, log, soon, until, wait_until};
use pod_workloads::{SUPERVISOR, Workload, Workloads, rollout};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

/// Containers that go on until they are stopped, and stop at once.
const SLEEP: &str =
    "command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 1000 & wait; done']";

fn deployment(replicas: u32, more: &str) -> Deployment {
    let text = format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{replicas: {replicas}, \
         selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: \
         {{terminationGracePeriodSeconds: 5, containers: [{{name: a, image: pod.local/host, {more} {SLEEP}}}]}}}}}}}}"
    );
    Deployment::from_yaml(&text).expect("is read")
}

fn job(spec: &str, script: &str) -> Job {
    let text = format!(
        "{{apiVersion: batch/v1, kind: Job, metadata: {{name: sum}}, spec: {{{spec}, template: {{metadata: \
         {{annotations: {{pod.local/backoff-initial: 100ms}}}}, spec: {{restartPolicy: Never, containers: \
         [{{name: a, image: pod.local/host, command: [sh, -c, '{script}']}}]}}}}}}}}"
    );
    Job::from_yaml(&text).expect("is read")
}

/// The pods of an object, noted for the check at the end.
fn pods<T: Workload>(host: &Host, workloads: &Workloads<T>, name: &str) -> Vec<PodHandle> {
    let object = workloads.objects().get("default", name).expect("is there");
    let pods = workloads.pods(&object).expect("can be read");
    pods.iter().for_each(|pod| host.note(pod));
    pods
}

async fn rolled_out(web: &Workloads<Deployment>) {
    soon(web.wait("default", "web", |web| rollout(web).is_done())).await.expect("rolls out");
}

async fn remove<T: Workload>(workloads: &Workloads<T>, name: &str) {
    workloads.delete("default", name).expect("is deleted");
    soon(workloads.wait_gone("default", name)).await.expect("goes");
}

/// The process that looks after the test's only workload.
fn supervisor(host: &Host) -> Option<i32> {
    let root = host.root().to_string_lossy().into_owned();
    std::fs::read_dir("/proc").expect("is there").flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let command = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let role = command.split('\0').next() == Some(SUPERVISOR);
        (role && command.contains(&root)).then_some(pid)
    })
}

#[tokio::test]
async fn a_deployment_keeps_its_pods() {
    let host = host("deployment");
    let web = Workloads::<Deployment>::of(&host.runtime());
    web.apply(deployment(2, "")).expect("is applied");
    rolled_out(&web).await;
    let first = pods(&host, &web, "web");
    assert_eq!(first.len(), 2);
    for pod in &first {
        let metadata = pod.pod().metadata();
        assert!(pod.name().starts_with("web-"), "{}", pod.name());
        assert_eq!(metadata.labels["app"], "web");
        let owner = &metadata.owner_references[0];
        assert_eq!((owner.kind.as_str(), owner.name.as_str()), ("Deployment", "web"));
    }
    // One that is deleted is put back, and the other one is let be.
    delete(&[&first[0]]).await;
    soon(web.wait("default", "web", |now| {
        let status = now.status.clone().unwrap_or_default();
        let there = pods(&host, &web, "web");
        status.ready_replicas == Some(2) && there.iter().all(|pod| pod.uid() != first[0].uid())
    }))
    .await
    .expect("is put back");
    assert!(pods(&host, &web, "web").iter().any(|pod| pod.uid() == first[1].uid()));
    for wanted in [3, 1] {
        web.change("default", "web", |web| web.spec.replicas = Some(wanted)).expect("is changed");
        rolled_out(&web).await;
        soon(web.wait("default", "web", |web| {
            web.status.as_ref().is_some_and(|status| status.terminating_replicas == Some(0))
        }))
        .await
        .expect("settles");
        assert_eq!(pods(&host, &web, "web").len(), usize::try_from(wanted).expect("fits"));
    }
    let object = web.get("default", "web").expect("is there");
    let events = web.events(&object).expect("can be read");
    assert!(events.iter().any(|e| e.event.message.starts_with("Created pod: web-")), "{events:?}");
    remove(&web, "web").await;
    assert!(host.runtime().list(None).expect("can be read").is_empty());
}

#[tokio::test]
async fn pods_are_replaced_one_by_one_when_the_template_changes() {
    let host = host("rollout");
    let web = Workloads::<Deployment>::of(&host.runtime());
    web.apply(deployment(3, "")).expect("is applied");
    rolled_out(&web).await;
    let old: Vec<_> = pods(&host, &web, "web").iter().map(|p| p.uid().to_owned()).collect();
    web.apply(deployment(3, "env: [{name: VERSION, value: '2'}],")).expect("is applied");
    let mut fewest = i32::MAX;
    let done = soon(web.wait("default", "web", |now| {
        pods(&host, &web, "web");
        let status = now.status.clone().unwrap_or_default();
        fewest = fewest.min(status.ready_replicas.unwrap_or_default());
        rollout(now).is_done()
    }))
    .await
    .expect("rolls out");
    // A quarter of three is none that may be missing.
    assert!(fewest >= 3, "{fewest}");
    assert_eq!(done.metadata.generation, Some(2));
    let new = pods(&host, &web, "web");
    let serving = new.iter().filter(|pod| !old.contains(&pod.uid().to_owned()));
    for pod in serving {
        assert_eq!(pod.pod().spec().containers[0].env[0].name, "VERSION");
    }
    remove(&web, "web").await;
}

#[tokio::test]
async fn a_supervisor_that_was_killed_is_followed_by_another() {
    let host = host("supervisor");
    let web = Workloads::<Deployment>::of(&host.runtime());
    web.apply(deployment(2, "")).expect("is applied");
    rolled_out(&web).await;
    let before = pods(&host, &web, "web");
    let killed = supervisor(&host).expect("it runs");
    kill_process(killed);
    assert_eq!(supervisor(&host), None);
    delete(&[&before[0]]).await;
    assert_eq!(pods(&host, &web, "web").len(), 1);
    // Whoever looks brings it back.
    web.get("default", "web").expect("is there");
    wait_until("another pod", || (pods(&host, &web, "web").len() == 2).then_some(()));
    rolled_out(&web).await;
    assert!(supervisor(&host).is_some_and(|pid| pid != killed));
    remove(&web, "web").await;
    wait_until("its end", || supervisor(&host).is_none().then_some(()));
}

#[tokio::test]
async fn a_pod_that_cannot_be_made_is_told() {
    let host = host("conflict");
    let web = Workloads::<Deployment>::of(&host.runtime());
    let port = "ports: [{containerPort: 80, hostPort: 8080}],";
    web.apply(deployment(2, port)).expect("is applied");
    let object = web.get("default", "web").expect("is there");
    let message = wait_until("FailedCreate", || {
        let events = web.events(&object).expect("can be read");
        let failed = events.into_iter().map(|e| e.event).find(|e| e.reason == "FailedCreate");
        failed.map(|event| event.message)
    });
    assert!(message.contains("8080"), "{message}");
    assert_eq!(pods(&host, &web, "web").len(), 1);
    remove(&web, "web").await;
}

#[tokio::test]
async fn a_job_runs_to_its_completions() {
    let host = host("job");
    let jobs = Workloads::<Job>::of(&host.runtime());
    let spec = "completions: 3, parallelism: 2, completionMode: Indexed";
    jobs.apply(job(spec, "echo number $JOB_COMPLETION_INDEX")).expect("is applied");
    let done = soon(jobs.wait("default", "sum", |job| {
        job.status.as_ref().is_some_and(|status| status.completion_time.is_some())
    }))
    .await
    .expect("is complete");
    let status = done.status.expect("has one");
    assert_eq!((status.succeeded, status.failed), (Some(3), Some(0)));
    assert_eq!(status.completed_indexes.as_deref(), Some("0-2"));
    let mut logs = Vec::new();
    for pod in pods(&host, &jobs, "sum") {
        logs.push(log(&pod, "a").await);
    }
    logs.sort();
    assert_eq!(logs, ["number 0\n", "number 1\n", "number 2\n"]);
    // It is over, and nobody has to look after it.
    wait_until("its end", || supervisor(&host).is_none().then_some(()));
    jobs.get("default", "sum").expect("is there");
    assert_eq!(supervisor(&host), None);
    remove(&jobs, "sum").await;
}

#[tokio::test]
async fn a_job_whose_pods_fail_has_failed() {
    let host = host("job-fails");
    let jobs = Workloads::<Job>::of(&host.runtime());
    jobs.apply(job("backoffLimit: 1", "exit 3")).expect("is applied");
    let done = soon(jobs.wait("default", "sum", |job| {
        let status = job.status.as_ref();
        status.is_some_and(|status| status.conditions.iter().any(|c| c.kind == "Failed"))
    }))
    .await
    .expect("fails");
    let status = done.status.expect("has one");
    assert_eq!(status.failed, Some(2));
    let reason = status.conditions.last().and_then(|c| c.reason.clone());
    assert_eq!(reason.as_deref(), Some("BackoffLimitExceeded"));
    for pod in pods(&host, &jobs, "sum") {
        let status = until(&pod, |status| status.phase.is_terminal()).await;
        assert_eq!(status.phase, PodPhase::Failed);
    }
    remove(&jobs, "sum").await;
}

#[tokio::test]
async fn a_job_with_a_time_to_live_goes_with_its_pods() {
    let host = host("job-ttl");
    let jobs = Workloads::<Job>::of(&host.runtime());
    jobs.apply(job("ttlSecondsAfterFinished: 0", "true")).expect("is applied");
    wait_until("its pod", || pods_seen(&host, &jobs));
    soon(jobs.wait_gone("default", "sum")).await.expect("goes");
    assert!(host.runtime().list(None).expect("can be read").is_empty());
}

/// Notes the pods of a Job that may be gone by now.
fn pods_seen(host: &Host, jobs: &Workloads<Job>) -> Option<()> {
    let gone = jobs.objects().get("default", "sum").is_err();
    let seen = host.runtime().list(None).unwrap_or_default();
    seen.iter().for_each(|pod| host.note(pod));
    (gone || !seen.is_empty()).then_some(())
}
