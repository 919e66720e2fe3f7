//! What is told of a pod: its conditions, the last words of its containers, and its events.

use pod_runtime::{EphemeralContainer, PodHandle, PodPhase, PodStatus, RuntimeError};
use pod_spec::status::{ConditionStatus, PodCondition};
use pod_tests::{Host, delete, exec, log, manifest, soon, until};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

fn given(kind: &str, status: ConditionStatus) -> PodCondition {
    PodCondition { kind: kind.to_owned(), status, ..PodCondition::default() }
}

fn condition<'s>(status: &'s PodStatus, kind: &str) -> &'s PodCondition {
    status.conditions.iter().find(|c| c.kind == kind).expect("there is such a condition")
}

#[tokio::test]
async fn b021_b228_a_pod_is_ready_when_others_have_said_so() {
    let host = host("gates");
    let spec = "
  terminationGracePeriodSeconds: 0
  readinessGates: [{conditionType: example.com/up}]
  containers: [{name: a, image: pod.local/host, command: [sleep, '1000']}]
";
    let pod = host.run(&manifest("gated", spec)).await;
    let status = soon(pod.wait_running()).await.expect("runs");
    let ready = condition(&status, "Ready");
    assert_eq!(ready.reason.as_deref(), Some("ReadinessGatesNotReady"));
    let up = |status| vec![given("example.com/up", status)];
    soon(pod.set_conditions(up(ConditionStatus::True))).await.expect("is set");
    let status = soon(pod.wait_ready()).await.expect("ready");
    let (first, own) = (condition(&status, "example.com/up"), condition(&status, "Ready"));
    assert!(first.last_transition_time.is_some());
    assert_eq!((status.observed_generation, own.observed_generation), (Some(1), Some(1)));
    assert_eq!(pod.pod().metadata().generation, Some(1));
    soon(pod.set_conditions(up(ConditionStatus::False))).await.expect("is set");
    let status = pod.status().expect("is there");
    assert_eq!(condition(&status, "Ready").status, ConditionStatus::False);
    let nameless = pod.set_conditions(vec![given("", ConditionStatus::True)]);
    assert!(matches!(soon(nameless).await, Err(RuntimeError::Refused { .. })));
    let own = pod.set_conditions(vec![given("Ready", ConditionStatus::True)]);
    match soon(own).await {
        Err(RuntimeError::Refused { message, .. }) => {
            assert_eq!(message, "the condition `Ready` is the pod's own and cannot be set");
        }
        other => panic!("{other:?}"),
    }
    delete(&[&pod]).await;
}

#[tokio::test]
async fn conditions_of_a_pod_that_is_over_do_not_change() {
    let host = host("over");
    let spec = "
  restartPolicy: Never
  containers: [{name: a, image: pod.local/host, command: ['true']}]
";
    let pod = host.run(&manifest("over", spec)).await;
    soon(pod.wait_finished()).await.expect("ends");
    let set = pod.set_conditions(vec![given("example.com/up", ConditionStatus::True)]);
    let error = soon(set).await.expect_err("it is over");
    assert!(matches!(error, RuntimeError::Over { .. }), "{error:?}");
    delete(&[&pod]).await;
}

/// The messages with which the containers of a pod end.
async fn last_words(host: &Host, spec: &str) -> Vec<Option<String>> {
    let pod = host.run(&manifest("words", spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_ne!(status.phase, PodPhase::Running);
    let ends = status.container_statuses.iter().map(|c| c.state.terminated.clone());
    let words = ends.map(|end| end.expect("has ended").message).collect();
    delete(&[&pod]).await;
    words
}

#[tokio::test]
async fn b198_b203_a_container_says_why_it_ended_in_a_file() {
    let host = host("words");
    let spec = "
  restartPolicy: Never
  containers:
  - {name: usual, image: pod.local/host, command: [sh, -c, 'printf DONE >/dev/termination-log']}
  - name: own
    image: pod.local/host
    command: [sh, -c, 'printf DONE >/dev/termination-custom-log']
    terminationMessagePath: /dev/termination-custom-log
    securityContext: {runAsUser: 10000}
  - {name: silent, image: pod.local/host, command: [sh, -c, 'rm -f /dev/termination-log; exit 1']}
";
    let done = Some("DONE".to_owned());
    assert_eq!(last_words(&host, spec).await, [done.clone(), done, None]);
    let spec = "
  restartPolicy: Never
  containers:
  - name: long
    image: pod.local/host
    command: [sh, -c, 'head -c 5000 /dev/zero | tr \"\\\\0\" x >/dev/termination-log; printf END >>/dev/termination-log']
";
    let words = last_words(&host, spec).await.remove(0).expect("says something");
    assert_eq!((words.len(), words.ends_with("xEND")), (4096, true));
}

#[tokio::test]
async fn b199_b200_a_container_that_fails_says_why_with_its_last_lines() {
    let host = host("fallback");
    let container = |name: &str, script: &str| {
        format!(
            "  - {{name: {name}, image: pod.local/host, command: [sh, -c, '{script}'], \
             terminationMessagePolicy: FallbackToLogsOnError}}\n"
        )
    };
    let spec = [
        "  restartPolicy: Never\n  containers:\n".to_owned(),
        container("fails", "printf DONE; exit 1"),
        container("works", "printf DONE"),
        container("file", "printf DONE; printf OK >/dev/termination-log; exit 1"),
        container("long", "for i in $(seq 100); do echo $i; done; exit 1"),
    ]
    .concat();
    let words = last_words(&host, &spec).await;
    let lines: Vec<String> = (21..=100).map(|i| i.to_string()).collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(words, [some("DONE"), None, some("OK"), Some(lines.join("\n"))]);
}

fn ephemeral(json: &str) -> EphemeralContainer {
    serde_json::from_str(json).expect("is one")
}

/// Waits until an ephemeral container has begun, or ended.
async fn ephemeral_state(pod: &PodHandle, name: &str, ended: bool) -> PodStatus {
    until(pod, |status| {
        let one = status.ephemeral_container_statuses.iter().find(|c| c.name == name);
        let state = one.map(|c| &c.state);
        state.is_some_and(|s| if ended { s.terminated.is_some() } else { s.running.is_some() })
    })
    .await
}

#[tokio::test]
async fn b214_containers_are_added_to_a_running_pod() {
    let host = host("ephemeral");
    let spec = "
  terminationGracePeriodSeconds: 0
  initContainers: [{name: slow, image: pod.local/host, command: [sleep, '1000']}]
  containers: [{name: app, image: pod.local/host, command: [sleep, '1000']}]
";
    let pod = host.run(&manifest("debugged", spec)).await;
    let waits = r#"{"name": "waits", "image": "pod.local/host", "command": ["sleep", "2000"]}"#;
    let pod = soon(pod.add_ephemeral_container(ephemeral(waits))).await.expect("is added");
    let status = ephemeral_state(&pod, "waits", false).await;
    assert_eq!((status.phase, status.observed_generation), (PodPhase::Pending, Some(2)));
    assert_eq!(soon(exec(&pod, "waits", "echo here")).await, ("here\n".to_owned(), 0));

    let looks = r#"{"name": "looks", "image": "pod.local/host", "targetContainerName": "slow",
        "command": ["sh", "-c", "tr '\\0' ' ' </proc/1/cmdline; exit 3"]}"#;
    let pod = soon(pod.add_ephemeral_container(ephemeral(looks))).await.expect("is added");
    let status = ephemeral_state(&pod, "looks", true).await;
    let names: Vec<&str> =
        status.ephemeral_container_statuses.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["waits", "looks"]);
    let looks = &status.ephemeral_container_statuses[1];
    assert_eq!((looks.restart_count, looks.ready), (0, false));
    assert_eq!(looks.state.terminated.as_ref().map(|end| end.exit_code), Some(3));
    assert_eq!(log(&pod, "looks").await.trim(), "sleep 1000");

    for (wrong, words) in [
        (r#"{"name": "looks", "image": "x"}"#, "spec.ephemeralContainers[2].name"),
        (r#"{"name": "p", "image": "x", "ports": [{"containerPort": 1}]}"#, "cannot have it"),
        (r#"{"name": "t", "image": "x", "targetContainerName": "none"}"#, "targetContainerName"),
        (
            r#"{"name": "t", "image": "x", "securityContext": {"seLinuxOptions": {"level": "s0"}}}"#,
            "SELinux labels are not set yet",
        ),
    ] {
        match soon(pod.add_ephemeral_container(ephemeral(wrong))).await {
            Err(RuntimeError::Refused { message, .. }) => {
                assert!(message.contains(words), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b214_an_ephemeral_container_waits_for_its_target() {
    let host = host("target");
    let spec = "
  terminationGracePeriodSeconds: 0
  initContainers: [{name: slow, image: pod.local/host, command: [sleep, '1000']}]
  containers: [{name: app, image: pod.local/host, command: [sleep, '1000']}]
";
    let pod = host.run(&manifest("target", spec)).await;
    let looks = r#"{"name": "looks", "image": "pod.local/host", "command": ["true"],
        "targetContainerName": "app"}"#;
    let pod = soon(pod.add_ephemeral_container(ephemeral(looks))).await.expect("is added");
    let mut changes = pod.changes();
    let waiting = soon(async {
        loop {
            let status = changes.next().await.expect("can be read").expect("the pod is there");
            let one = status.ephemeral_container_statuses.into_iter().next();
            let waiting = one.and_then(|c| c.state.waiting);
            if let Some(waiting) = waiting.filter(|w| w.message.is_some()) {
                return waiting;
            }
        }
    })
    .await;
    assert_eq!(waiting.reason.as_deref(), Some("CreateContainerConfigError"));
    assert_eq!(waiting.message.as_deref(), Some("unable to find target container app"));
    delete(&[&pod]).await;
}
