//! When containers are started again.

use pod_runtime::{PodHandle, PodPhase, PodStatus};
use pod_tests::{Host, log, manifest, soon};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

/// How often each container was started again, init containers first.
fn restarts(status: &PodStatus) -> Vec<u32> {
    let all = status.init_container_statuses.iter().chain(&status.container_statuses);
    all.map(|container| container.restart_count).collect()
}

async fn finished(pod: &PodHandle) -> PodStatus {
    soon(pod.wait_finished()).await.expect("comes to its end")
}

#[tokio::test]
async fn b048_b049_a_container_has_a_restart_policy_and_rules_of_its_own() {
    let host = host("rules");
    let spec = "
  restartPolicy: Never
  volumes: [{name: v, emptyDir: {}}]
  initContainers:
  - name: prepare
    image: pod.local/host
    restartPolicy: OnFailure
    command: [sh, -c, 'test -e /v/prepare || { touch /v/prepare; exit 1; }']
    volumeMounts: [{name: v, mountPath: /v}]
  containers:
  - name: main
    image: pod.local/host
    restartPolicy: Never
    restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [3]}}]
    command: [sh, -c, 'test -e /v/main || { touch /v/main; exit 3; }']
    volumeMounts: [{name: v, mountPath: /v}]
";
    let pod = host.run(&manifest("rules", spec)).await;
    let status = finished(&pod).await;
    assert_eq!((status.phase, restarts(&status)), (PodPhase::Succeeded, vec![1, 1]), "{status:#?}");
    soon(pod.stop()).await.expect("is removed");
}

#[tokio::test]
async fn b053_b054_all_containers_are_restarted_in_the_same_sandbox() {
    let host = host("restart-all");
    let spec = "
  restartPolicy: Never
  volumes: [{name: v, emptyDir: {}}]
  initContainers:
  - name: prepare
    image: pod.local/host
    command: [sh, -c, 'hostname -I >> /v/rounds; cat /v/rounds']
    volumeMounts: [{name: v, mountPath: /v}]
  containers:
  - name: trigger
    image: pod.local/host
    restartPolicy: Never
    restartPolicyRules: [{action: RestartAllContainers, exitCodes: {operator: In, values: [42]}}]
    command: [sh, -c, 'test $(wc -l < /v/rounds) = 2 || { until test -e /v/up; do :; done; exit 42; }']
    volumeMounts: [{name: v, mountPath: /v}]
  - name: other
    image: pod.local/host
    command: [sh, -c, 'touch /v/up; test $(wc -l < /v/rounds) = 2 || exec sleep 1000']
    volumeMounts: [{name: v, mountPath: /v}]
";
    let pod = host.run(&manifest("restart-all", spec)).await;
    let status = finished(&pod).await;
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    assert_eq!(restarts(&status), [1, 1, 1]);
    let last = status.container_statuses[1].last_state.terminated.clone().expect("was killed");
    assert_eq!((last.exit_code, last.reason.as_deref()), (137, Some("RestartingAllContainers")));
    let rounds = log(&pod, "prepare").await;
    let addresses: Vec<&str> = rounds.lines().collect();
    assert_eq!(addresses.len(), 2, "{rounds}");
    assert_eq!(addresses[0], addresses[1], "the address is the sandbox's");
    soon(pod.stop()).await.expect("is removed");
}

#[tokio::test]
async fn a_back_off_is_as_short_as_the_annotations_say() {
    let host = host("backoff");
    let text = "
apiVersion: v1
kind: Pod
metadata:
  name: backoff
  annotations: {pod.local/backoff-initial: 100ms, pod.local/backoff-max: 200ms}
spec:
  restartPolicy: OnFailure
  volumes: [{name: v, emptyDir: {}}]
  containers:
  - name: main
    image: pod.local/host
    command: [sh, -c, 'echo >> /v/rounds; test $(wc -l < /v/rounds) = 4']
    volumeMounts: [{name: v, mountPath: /v}]
";
    let pod = host.run(text).await;
    let status = finished(&pod).await;
    assert_eq!((status.phase, restarts(&status)), (PodPhase::Succeeded, vec![3]));
    let main = &status.container_statuses[0];
    let ended = main.last_state.terminated.as_ref().and_then(|end| end.finished_at);
    let started = main.state.terminated.as_ref().and_then(|end| end.started_at);
    let pause = started.expect("ran").since(ended.expect("ran before"));
    // The third pause is of 20 s otherwise.
    assert!(pause < std::time::Duration::from_secs(20), "{pause:?}");
    soon(pod.stop()).await.expect("is removed");
}
