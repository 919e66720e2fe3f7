//! Many pods, and pods that are deleted at every step of their start: nothing is left of them.

use pod_tests::{Host, manifest, soon};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

const SPEC: &str = "
  terminationGracePeriodSeconds: 0
  volumes: [{name: v, emptyDir: {}}, {name: m, emptyDir: {medium: Memory}}]
  initContainers:
  - {name: init, image: pod.local/host, command: ['true']}
  - {name: side, image: pod.local/host, restartPolicy: Always, command: [sleep, '1000']}
  containers:
  - {name: a, image: pod.local/host, command: [sleep, '1000'], volumeMounts: [{name: v, mountPath: /v}, {name: m, mountPath: /m}]}
  - {name: b, image: pod.local/host, command: [sleep, '1000'], volumeMounts: [{name: v, mountPath: /v, readOnly: true}]}
";

#[tokio::test]
async fn a_pod_deleted_at_any_step_of_its_start_leaves_nothing() {
    let host = host("steps");
    let mut step = 0;
    loop {
        let pod = host.run(&manifest("steps", SPEC)).await;
        let mut changes = pod.changes();
        let mut running = false;
        for _ in 0..step {
            let status = soon(changes.next()).await.expect("reads").expect("is there");
            running =
                status.container_statuses.iter().filter(|c| c.state.running.is_some()).count() == 2;
            if running {
                break;
            }
        }
        soon(pod.delete(None)).await.expect("is deleted");
        soon(pod.wait_gone()).await.expect("goes");
        let left = host.leftovers();
        assert!(
            left.is_empty() || !left.iter().any(|l| l.starts_with("file")),
            "after step {step}: {left:?}"
        );
        if running {
            break;
        }
        step += 1;
    }
    assert!(step >= 4, "only {step} steps were seen");
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
