//! When images are pulled, what is said when they cannot be, and how long they are kept.

use pod_images::{PullPolicy, Reference};
use pod_runtime::{PodHandle, PodPhase, PodStatus};
use pod_tests::image::recipes;
use pod_tests::{Host, delete, manifest, soon};

use crate::host;

const IMAGE: &str = "qiaocc/init-demo:1.0";

/// A pod of one small container, with an `imagePullPolicy`.
fn small(name: &str, policy: &str) -> String {
    let spec = format!(
        "  restartPolicy: Never\n  containers: [{{name: main, image: '{IMAGE}', imagePullPolicy: {policy}, \
         command: [sh, -c, echo here]}}]\n"
    );
    manifest(name, &spec)
}

/// Waits until the pod's container waits for a reason, and returns the message.
async fn waits(pod: &PodHandle, reason: &str) -> String {
    let mut changes = pod.changes();
    let waiting = |status: &PodStatus| {
        let waiting = status.container_statuses.first()?.state.waiting.clone()?;
        (waiting.reason.as_deref() == Some(reason)).then(|| waiting.message.unwrap_or_default())
    };
    soon(async {
        loop {
            let status = pod.status().expect("has a status");
            if let Some(message) = waiting(&status) {
                assert_eq!(status.phase, PodPhase::Pending);
                return message;
            }
            changes.next().await.expect("changes");
        }
    })
    .await
}

async fn run_to_the_end(host: &Host, manifest: &str) {
    let pod = host.run(manifest).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b206_an_image_that_is_there_needs_no_registry() {
    let (host, mut registry) = host("present", &[recipes::init_demo()]);
    run_to_the_end(&host, &small("first", "IfNotPresent")).await;
    let asked = registry.requests("/manifests/");
    assert!(asked > 0);
    run_to_the_end(&host, &small("second", "IfNotPresent")).await;
    run_to_the_end(&host, &small("third", "Never")).await;
    assert_eq!(registry.requests("/manifests/"), asked);
    run_to_the_end(&host, &small("fourth", "Always")).await;
    assert!(registry.requests("/manifests/") > asked);
    registry.stop();
    run_to_the_end(&host, &small("fifth", "IfNotPresent")).await;
}

#[tokio::test]
async fn b206_an_image_that_is_absent_and_never_pulled_is_told() {
    let (host, _registry) = host("never", &[recipes::init_demo()]);
    let pod = host.run(&small("never", "Never")).await;
    let message = waits(&pod, "ErrImageNeverPull").await;
    assert_eq!(
        message,
        format!("Container image \"{IMAGE}\" is not present with pull policy of Never")
    );
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b205_b206_a_pod_starts_when_the_registry_is_back() {
    let (host, mut registry) = host("back", &[recipes::init_demo()]);
    run_to_the_end(&host, &small("first", "Always")).await;
    registry.stop();
    let pod = host.run(&small("second", "Always")).await;
    let message = waits(&pod, "ErrImagePull").await;
    assert!(message.contains("refused"), "the image on the machine is not taken: {message}");
    registry.restart();
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b205_b209_the_last_error_is_told_while_a_pod_waits_for_its_image() {
    let (host, _registry) = host("backoff", &[]);
    let pod = host.run(&small("backoff", "Always").replace(IMAGE, "qiaocc/none:1")).await;
    let error = waits(&pod, "ErrImagePull").await;
    assert!(error.contains("qiaocc/none"), "{error}");
    let message = waits(&pod, "ImagePullBackOff").await;
    assert_eq!(message, format!("Back-off pulling image \"qiaocc/none:1\": ErrImagePull: {error}"));
    delete(&[&pod]).await;
}

#[tokio::test]
async fn two_pods_of_one_image_pull_it_once() {
    let (host, registry) = host("once", &[recipes::debian()]);
    let spec = "  restartPolicy: Never\n  containers: [{name: main, image: debian, command: [echo, here]}]\n";
    let (one, other) = (manifest("one", spec), manifest("other", spec));
    let (one, other) = tokio::join!(host.run(&one), host.run(&other));
    for pod in [&one, &other] {
        let status = soon(pod.wait_finished()).await.expect("ends");
        assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    }
    // Two layers and the configuration.
    assert_eq!(registry.requests("GET /v2/docker.io/library/debian/blobs/"), 3);
    delete(&[&one, &other]).await;
}

#[tokio::test]
async fn an_image_is_held_as_long_as_its_pod_is_there() {
    let (host, _registry) = host("held", &[recipes::init_demo()]);
    let pod = host.run(&small("held", "IfNotPresent")).await;
    soon(pod.wait_finished()).await.expect("ends");
    let images = host.runtime().images();
    let reference: Reference = IMAGE.parse().expect("a name");
    let image = images
        .ensure(&reference, PullPolicy::Never, &pod_images::PullOptions::default())
        .await
        .expect("is there");
    let holders = images.holders(&image.id).expect("can be told");
    assert!(matches!(holders.as_slice(), [holder] if holder.contains("held")), "{holders:?}");
    let refused = images.remove(IMAGE).expect_err("it is in use").to_string();
    assert!(refused.contains("held"), "{refused}");
    delete(&[&pod]).await;
    assert!(images.holders(&image.id).expect("can be told").is_empty());
    images.remove(IMAGE).expect("nobody holds it");
    assert!(images.resolve(&reference).is_err());
}
