//! Volumes of drivers that a program brings along.

use std::fs;

use pod_runtime::{PodHandle, PodPhase};
use pod_tests::{Host, delete, exec, manifest, soon, told, until, wait_until};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

/// A pod with a volume of a driver, mounted at `/v`.
fn with_driver(name: &str, driver: &str, attributes: &str) -> String {
    let spec = format!(
        "
  volumes: [{{name: v, csi: {{driver: {driver}, readOnly: true, volumeAttributes: {{{attributes}}}}}}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, infinity]
    volumeMounts: [{{name: v, mountPath: /v}}]
"
    );
    manifest(name, &spec)
}

async fn said(pod: &PodHandle, words: &str) {
    let (seen, words) = (pod.clone(), words.to_owned());
    let told = tokio::task::spawn_blocking(move || told(&seen, "FailedMount", &words));
    soon(told).await.expect("is told");
}

#[tokio::test]
async fn a_driver_of_the_program_makes_volumes() {
    let host = host("driver");
    let own = host.dir("driver");
    let (after, note) = (own.join("after"), own.join("note"));
    let attributes = format!("words: hello, after: {}, note: {}", after.display(), note.display());
    let pod = host.run(&with_driver("web", pod_tests::driver::NAME, &attributes)).await;
    said(&pod, "MountVolume.SetUp failed for volume \"v\": it is not there yet").await;
    assert_eq!(pod.status().expect("is there").phase, PodPhase::Pending);
    fs::write(&after, "").expect("can be written");
    until(&pod, |status| status.phase == PodPhase::Running).await;
    let look = "cat /v/greeting; touch /v/x 2>&1 | grep -o Read-only";
    assert_eq!(exec(&pod, "a", look).await.0, "hello web\nRead-only\n");
    assert!(!note.exists());
    delete(&[&pod]).await;
    let noted = wait_until("the note", || fs::read_to_string(&note).ok());
    assert_eq!(noted, "v");
}

#[tokio::test]
async fn a_pod_waits_for_a_driver_that_is_not_there() {
    let host = host("no-driver");
    let pod = host.run(&with_driver("web", "none.example.com", "a: b")).await;
    let words = "MountVolume.SetUp failed for volume \"v\": driver name none.example.com not found in the list of \
                 registered CSI drivers";
    said(&pod, words).await;
    assert_eq!(pod.status().expect("is there").phase, PodPhase::Pending);
    delete(&[&pod]).await;
}
