//! Images as volumes.

use pod_runtime::{PodHandle, PodPhase};
use pod_tests::image::recipes;
use pod_tests::{delete, exec, log, manifest, soon, told, until};

use crate::host;

/// Of two layers.
const IMAGE: &str = "docker.io/library/debian:latest";

/// Of one layer.
const SMALL: &str = "docker.io/qiaocc/init-demo:1.0";

/// A pod on this machine's root, with an image for a volume.
fn with_image(name: &str, policy: &str, mount: &str, script: &str) -> String {
    let spec = format!(
        "
  restartPolicy: Never
  volumes: [{{name: data, image: {{reference: '{IMAGE}', pullPolicy: {policy}}}}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, '{script}']
    volumeMounts: [{{name: data, mountPath: /data{mount}}}]
"
    );
    manifest(name, &spec)
}

/// Waits until the container waits for this reason, and returns the message.
async fn waiting(pod: &PodHandle, reason: &str) -> String {
    let said = |status: &pod_runtime::PodStatus| {
        let waiting = status.container_statuses.first()?.state.waiting.clone()?;
        (waiting.reason.as_deref() == Some(reason)).then(|| waiting.message.unwrap_or_default())
    };
    let status = until(pod, |status| said(status).is_some()).await;
    said(&status).expect("just seen")
}

#[tokio::test]
async fn b175_an_image_is_a_volume() {
    let (host, registry) = host("image-volume", &[recipes::debian()]);
    let script = "grep -c www-data /data/etc/passwd; stat -c %a:%u /data/home/web; touch /data/x 2>&1 | \
                  grep -o Read-only.*; touch /data/etc/x 2>/dev/null || echo nor below";
    for round in 1..=2 {
        let pod = host.run(&with_image("image", "Always", "", script)).await;
        let status = soon(pod.wait_finished()).await.expect("ends");
        assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
        let text = log(&pod, "a").await;
        assert_eq!(text, "1\n755:1234\nRead-only file system\nnor below\n");
        let mounts = &status.container_statuses[0].volume_mounts;
        let shown = mounts[0].volume_status.as_ref().and_then(|volume| volume.image.as_ref());
        let image = host.runtime().images().inspect(IMAGE).expect("is there");
        assert_eq!(Some(&shown.expect("is shown").image_ref), image.summary.repo_digests.first());
        assert!(registry.requests("/manifests/") >= round, "it is asked for each time");
        let pulled = format!("Successfully pulled image \"{IMAGE}\"");
        told(&pod, "Pulled", &pulled);
        delete(&[&pod]).await;
    }
}

#[tokio::test]
async fn b175_parts_of_an_image_are_mounted_when_they_are_there() {
    let (host, _registry) = host("image-part", &[recipes::debian()]);
    let text = with_image("part", "IfNotPresent", ", subPath: etc", "grep -c ^web: /data/passwd");
    let pod = host.run(&text).await;
    soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(log(&pod, "a").await, "1\n");
    delete(&[&pod]).await;

    let text = with_image("none", "Never", ", subPath: etc/none", "true");
    let pod = host.run(&text).await;
    let message = waiting(&pod, "CreateContainerError").await;
    let words = "failed to prepare subPath for volumeMount \"data\" of container \"a\": cannot find `etc/none` in the volume";
    assert!(message.starts_with(words), "{message}");
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b175_b209_a_pod_waits_for_the_image_of_its_volume() {
    let (host, mut registry) = host("image-late", &[recipes::init_demo()]);
    registry.stop();
    let text = with_image("late", "IfNotPresent", "", "exec sleep infinity")
        .replace(IMAGE, SMALL)
        .replace(
            "  name: late\n",
            "  name: late\n  annotations: {pod.local/backoff-initial: 1s}\n",
        );
    let pod = host.run(&text).await;
    let message = waiting(&pod, "ErrImagePull").await;
    assert!(message.contains("init-demo"), "{message}");
    told(&pod, "Failed", &format!("Failed to pull image \"{SMALL}\": "));
    registry.restart();
    let status = until(&pod, |status| status.phase == PodPhase::Running).await;
    assert_eq!(status.container_statuses[0].image, "pod.local/host");
    assert_eq!(exec(&pod, "a", "test -x /data/bin/sh && echo there").await.0, "there\n");
    // It is held as that of a container is.
    let refused = host.runtime().images().remove(SMALL).expect_err("it is in use").to_string();
    assert!(refused.contains("late"), "{refused}");
    delete(&[&pod]).await;
}
