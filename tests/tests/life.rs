//! The life of a pod, as somebody sees it who watches it.

use std::time::{Duration, SystemTime};

use pod_runtime::{PodHandle, PodPhase, PodStatus, RuntimeError};
use pod_spec::Time;
use pod_tests::{Host, delete, exec, manifest, pod, soon, until, wait_until};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

/// The condition of this type, in one word.
fn condition(status: &PodStatus, kind: &str) -> String {
    let found = status.conditions.iter().find(|c| c.kind == kind);
    found.map(|c| c.status.as_str().to_owned()).unwrap_or_default()
}

/// The manifest of a pod whose containers wait 100 ms at most before they are restarted.
fn hasty(name: &str, spec: &str) -> String {
    let annotations =
        "annotations: {pod.local/backoff-initial: 100ms, pod.local/backoff-max: 100ms}";
    manifest(name, spec).replace("metadata:\n", &format!("metadata:\n  {annotations}\n"))
}

#[tokio::test]
async fn b075_an_init_container_that_fails_twice_is_tried_a_third_time() {
    let host = host("third-time");
    let spec = "
  restartPolicy: OnFailure
  volumes: [{name: v, emptyDir: {}}]
  initContainers:
  - name: prepare
    image: pod.local/host
    command: [sh, -c, 'echo x >> /v/tries; test $(wc -l < /v/tries) = 3']
    volumeMounts: [{name: v, mountPath: /v}]
  containers: [{name: a, image: pod.local/host, command: ['true']}]
";
    let pod = host.run(&hasty("third", spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    let init = &status.init_container_statuses[0];
    assert_eq!((init.restart_count, init.ready), (2, true));
    let before = init.last_state.terminated.as_ref().expect("it failed before");
    assert_eq!((before.exit_code, before.reason.as_deref()), (1, Some("Error")));
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b005_b008_a_pod_in_a_crash_loop_runs_and_does_not_spin() {
    let host = host("crash-loop");
    let spec = "
  containers: [{name: a, image: pod.local/host, command: ['false']}]
";
    let pod = host.run(&manifest("loop", spec)).await;
    let waits = |status: &PodStatus| {
        let waiting = status.container_statuses.first().and_then(|c| c.state.waiting.as_ref());
        waiting.is_some_and(|w| w.reason.as_deref() == Some("CrashLoopBackOff"))
    };
    let status = until(&pod, waits).await;
    assert_eq!(status.phase, PodPhase::Running);
    let app = &status.container_statuses[0];
    // The first restart comes at once, the second after ten seconds.
    assert_eq!(app.restart_count, 1);
    assert_eq!(app.last_state.terminated.as_ref().map(|t| t.exit_code), Some(1));
    let words = app.state.waiting.as_ref().and_then(|w| w.message.clone()).unwrap_or_default();
    assert!(
        words.starts_with("back-off 10s restarting failed container=a pod=loop_default("),
        "{words}"
    );
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b074_b202_a_container_without_memory_says_so() {
    let host = host("memory");
    let hungry = "resources: {limits: {memory: 20Mi}}, \
                  command: [sh, -c, 'sh -c \"head -c 100m /dev/zero | tail\"; exit $?']";
    let spec = format!(
        "
  restartPolicy: Never
  initContainers: [{{name: i, image: pod.local/host, {hungry}}}]
  containers: [{{name: a, image: pod.local/host, command: ['true']}}]
"
    );
    let pod = host.run(&manifest("hungry", &spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Failed, "{status:#?}");
    let ended = status.init_container_statuses[0].state.terminated.as_ref().expect("ended");
    assert_eq!((ended.exit_code, ended.reason.as_deref()), (137, Some("OOMKilled")));
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b101_a_pod_is_ready_again_when_a_killed_sidecar_is_back() {
    let host = host("killed-sidecar");
    let spec = "
  terminationGracePeriodSeconds: 1
  initContainers:
  - name: side
    image: pod.local/host
    restartPolicy: Always
    command: [sh, -c, 'trap \"exit 9\" TERM; while :; do sleep 1 & wait; done']
  containers: [{name: a, image: pod.local/host, command: [sleep, infinity]}]
";
    let pod = host.run(&hasty("sidecar", spec)).await;
    soon(pod.wait_ready()).await.expect("is ready");
    exec(&pod, "side", "kill -TERM 1").await;
    let back = |status: &PodStatus| {
        status.init_container_statuses[0].restart_count == 1 && condition(status, "Ready") == "True"
    };
    let status = until(&pod, back).await;
    let before = status.init_container_statuses[0].last_state.terminated.as_ref();
    assert_eq!(before.map(|t| t.exit_code), Some(9));
    assert_eq!(status.container_statuses[0].restart_count, 0);
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b087_a_sidecar_has_hooks_and_probes() {
    let host = host("sidecar-hooks");
    let dir = host.dir("notes");
    let spec = format!(
        "
  volumes: [{{name: d, hostPath: {{path: {}}}}}]
  initContainers:
  - name: side
    image: pod.local/host
    restartPolicy: Always
    command: [sh, -c, 'trap \"echo term >> /d/notes; exit 0\" TERM; while :; do sleep 1 & wait; done']
    volumeMounts: [{{name: d, mountPath: /d}}]
    lifecycle:
      postStart: {{exec: {{command: [sh, -c, 'echo started >> /d/notes']}}}}
      preStop: {{exec: {{command: [sh, -c, 'echo stopping >> /d/notes']}}}}
    readinessProbe: {{exec: {{command: [test, -e, /d/ready]}}, periodSeconds: 1}}
  containers: [{{name: a, image: pod.local/host, command: [sh, -c, 'trap exit TERM; sleep infinity & wait']}}]
",
        dir.display()
    );
    let pod = host.run(&manifest("hooks", &spec)).await;
    soon(pod.wait_running()).await.expect("runs");
    assert_eq!(condition(&pod.status().expect("is there"), "Ready"), "False");
    std::fs::write(dir.join("ready"), "").expect("can be written");
    soon(pod.wait_ready()).await.expect("is ready");
    soon(pod.stop()).await.expect("ends");
    let notes = std::fs::read_to_string(dir.join("notes")).expect("can be read");
    assert_eq!(notes, "started\nstopping\nterm\n");
}

#[tokio::test]
async fn b226_a_pod_is_read_labelled_and_watched_until_it_is_gone() {
    let host = host("watched");
    let spec = "
  containers: [{name: a, image: pod.local/host, command: [sh, -c, 'trap \"\" TERM; sleep infinity & wait; wait']}]
";
    let text = manifest("watched", spec);
    let mut web = host.run(&text).await;
    soon(web.wait_running()).await.expect("runs");
    let labelled = text.replace("metadata:\n", "metadata:\n  labels: {tier: front}\n");
    soon(web.update(&pod(&labelled))).await.expect("is labelled");
    let object = web.object().expect("is there");
    assert_eq!(object["metadata"]["labels"]["tier"], "front");
    assert!(object["metadata"].get("deletionTimestamp").is_none());

    let mut changes = web.changes();
    soon(changes.next()).await.expect("can be read").expect("is there");
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("is later");
    let over = Time::default() + since + Duration::from_secs(2);
    soon(web.delete(Some(2))).await.expect("is deleted");
    let metadata = wait_until("the deletion", || {
        let metadata = web.object().ok()?["metadata"].take();
        metadata.get("deletionTimestamp").is_some().then_some(metadata)
    });
    assert_eq!(metadata["deletionGracePeriodSeconds"], 2);
    // When its time is over, and not when it was asked for.
    let stamp = metadata["deletionTimestamp"].as_str().expect("a time").to_owned();
    assert!(stamp >= over.to_seconds_string(), "{stamp} is after {over:?}");
    while soon(changes.next()).await.expect("can be read").is_some() {}
    assert!(web.object().is_err(), "it is gone");
}

/// What a program in the pod's container prints.
async fn printed(pod: &PodHandle, script: &str) -> String {
    exec(pod, "a", script).await.0.trim().to_owned()
}

#[tokio::test]
async fn b230_the_addresses_are_those_of_the_interface() {
    let host = host("addresses");
    let spec = "
  containers: [{name: a, image: pod.local/host, command: [sleep, infinity]}]
";
    let pod = host.run(&manifest("addresses", spec)).await;
    soon(pod.wait_running()).await.expect("runs");
    let status = pod.status().expect("is there");
    let script = "ip -o addr show eth0 scope global | sed 's/.*inet6* \\([^/]*\\).*/\\1/'";
    let seen = printed(&pod, script).await;
    let told: Vec<String> = status.pod_ips.iter().map(|ip| ip.ip.clone()).collect();
    assert_eq!(seen.lines().collect::<Vec<_>>(), told);
    assert_eq!(status.pod_ip.as_ref(), told.first());
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b180_the_host_name_is_short_or_whole() {
    let host = host("names");
    for (name, fields, short, whole) in [
        ("plain", "", "plain", "plain"),
        ("sub", "hostname: web, subdomain: db,", "web", "web.db.default.svc.cluster.local"),
        (
            "fqdn",
            "hostname: web, subdomain: db, setHostnameAsFQDN: true,",
            "web.db.default.svc.cluster.local",
            "web.db.default.svc.cluster.local",
        ),
    ] {
        let container =
            "containers: [{name: a, image: pod.local/host, command: [sleep, infinity]}]";
        let text = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{{fields} {container}}}}}"
        );
        let pod = host.run(&text).await;
        soon(pod.wait_running()).await.expect("runs");
        assert_eq!(printed(&pod, "hostname; hostname -f").await, format!("{short}\n{whole}"));
        delete(&[&pod]).await;
    }
}

#[tokio::test]
async fn a_keeper_that_waits_for_a_pod_becomes_its_own_or_ends_with_the_handle() {
    let host = host("anticipated");
    let runtime = host.runtime();
    // The first pod makes the directories.
    runtime.anticipate();
    assert!(!host.root().join("pods").exists());
    let spec = "
  containers: [{name: a, image: pod.local/host, command: [sleep, '1000']}]
";
    let first = host.run(&manifest("first", spec)).await;

    runtime.anticipate();
    let is_another = |line: &String| line.contains(": pod-keeper") && !line.contains(first.uid());
    let waiting =
        wait_until("a keeper that waits", || host.leftovers().into_iter().find(is_another));
    let second = runtime.run(pod(&manifest("second", spec))).await.expect("is taken on");
    host.note(&second);
    soon(second.wait_ready()).await.expect("is ready");
    assert!(waiting.contains(second.uid()), "{waiting}");
    assert_eq!(exec(&second, "a", "echo in").await, ("in\n".to_owned(), 0));

    // A name that is taken is no reason for anything to be left.
    runtime.anticipate();
    let taken = runtime.run(pod(&manifest("second", spec))).await;
    assert!(matches!(taken, Err(RuntimeError::Exists { .. })), "{taken:?}");
    delete(&[&first, &second]).await;

    runtime.anticipate();
    drop(runtime);
    host.assert_empty("of a keeper that nobody needed");
}
