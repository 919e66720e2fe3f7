//! Many pods, and pods that are deleted at every step of their start: nothing is left of them.

use std::time::Duration;

use pod_tests::pace::{self, Paced};
use pod_tests::{Host, manifest, soon};

/// How long a deletion is seen to wait for an engine that is held.
const HELD: Duration = Duration::from_millis(20);

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

const SPEC: &str = r#"
  terminationGracePeriodSeconds: 0
  volumes: [{name: v, emptyDir: {}}, {name: m, emptyDir: {medium: Memory}}]
  initContainers:
  - {name: init, image: pod.local/host, command: ['true']}
  - {name: side, image: pod.local/host, restartPolicy: Always, command: [sh, -c, 'trap "exit 0" TERM; sleep 1000 & wait']}
  containers:
  - {name: a, image: pod.local/host, command: [sh, -c, 'trap "exit 0" TERM; sleep 1000 & wait'], volumeMounts: [{name: v, mountPath: /v}, {name: m, mountPath: /m}]}
  - {name: b, image: pod.local/host, command: [sh, -c, 'trap "exit 0" TERM; sleep 1000 & wait'], volumeMounts: [{name: v, mountPath: /v, readOnly: true}]}
"#;

/// The engine is held after each message that it sends to the keeper, and the pod is deleted there: after the first look
/// at the sandbox, after the network, after each container's making and start.
#[tokio::test]
async fn a_pod_deleted_after_any_action_of_its_start_leaves_nothing() {
    let host = host("steps");
    pace::hold(&host);
    let mut messages = 0;
    loop {
        let pod = host.run(&manifest("steps", SPEC)).await;
        let mut engine = Paced::run(&host, messages);
        let runs = tokio::select! {
            () = engine.held() => false,
            status = soon(pod.wait_ready()) => { status.expect("is ready"); true },
        };
        let mut deletion = Box::pin(pod.delete(None));
        if !runs {
            let asked = tokio::time::timeout(HELD, &mut deletion).await;
            assert!(asked.is_err(), "an engine that is held answered: {asked:?}");
        }
        engine.release();
        soon(deletion).await.expect("is deleted");
        soon(pod.wait_gone()).await.expect("goes");
        host.assert_empty(&format!("after message {messages}"));
        if runs {
            break;
        }
        messages += 1;
    }
    // At least a create and a start of each container.
    assert!(messages >= 8, "only {messages} messages were seen");
}

#[tokio::test]
async fn two_hundred_pods_leave_nothing() {
    let host = host("many");
    let spec = "  terminationGracePeriodSeconds: 0\n  containers: [{name: a, image: pod.local/host, command: [sleep, '1000']}]\n";
    for round in 0..50 {
        let mut pods = Vec::new();
        for n in 0..4 {
            pods.push(host.run(&manifest(&format!("p{round}-{n}"), spec)).await);
        }
        for pod in &pods {
            soon(pod.wait_running()).await.expect("runs");
        }
        for pod in &pods {
            soon(pod.delete(None)).await.expect("is deleted");
        }
        for pod in &pods {
            soon(pod.wait_gone()).await.expect("goes");
        }
    }
}
