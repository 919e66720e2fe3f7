//! What is told of a pod: its conditions, and the last words of its containers.

use pod_runtime::{PodHandle, PodPhase};
use pod_tests::{Host, manifest, soon};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

async fn remove(pod: &PodHandle) {
    soon(pod.delete(Some(0))).await.expect("is deleted");
    soon(pod.wait_gone()).await.expect("goes");
}

/// The messages with which the containers of a pod end.
async fn last_words(host: &Host, spec: &str) -> Vec<Option<String>> {
    let pod = host.run(&manifest("words", spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_ne!(status.phase, PodPhase::Running);
    let ends = status.container_statuses.iter().map(|c| c.state.terminated.clone());
    let words = ends.map(|end| end.expect("has ended").message).collect();
    remove(&pod).await;
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
