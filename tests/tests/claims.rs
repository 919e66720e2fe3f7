//! Claims: storage that outlives pods.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use pod_runtime::{Applied, Deleted, ObjectError, PodPhase, Runtime};
use pod_spec::PersistentVolumeClaim;
use pod_tests::{Host, delete, exec, log, manifest, soon, told, until, wait_until};
use serde_json::json;

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

/// A claim of one gibibyte, with these access modes.
fn claim(name: &str, modes: &str) -> PersistentVolumeClaim {
    let text = format!(
        "{{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {{name: {name}}}, \
         spec: {{accessModes: [{modes}], resources: {{requests: {{storage: 1Gi}}}}}}}}"
    );
    PersistentVolumeClaim::from_yaml(&text).expect("is one")
}

fn keep(runtime: &Runtime, name: &str) {
    let applied = runtime.claims().apply(claim(name, "ReadWriteOnce"));
    assert_eq!(applied.expect("is kept"), Applied::Created);
}

/// A pod that does something with the claim `data`, mounted at `/data`.
fn user(name: &str, more: &str, script: &str) -> String {
    let spec = format!(
        "
  restartPolicy: Never
  volumes: [{{name: v, persistentVolumeClaim: {{claimName: data{more}}}}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, '{script}']
    volumeMounts: [{{name: v, mountPath: /data}}]
"
    );
    manifest(name, &spec)
}

/// What a container that ends well has written.
async fn written(host: &Host, manifest: &str) -> String {
    let pod = host.run(manifest).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    let text = log(&pod, "a").await;
    delete(&[&pod]).await;
    text
}

#[tokio::test]
async fn what_is_in_a_claim_outlives_the_pods_that_use_it() {
    let host = host("claim");
    let claims = host.runtime().claims();
    keep(&host.runtime(), "data");
    let write = "stat -c %a /data; echo kept >/data/file; ls /data";
    assert_eq!(written(&host, &user("one", "", write)).await, "777\nfile\n");
    let read = "cat /data/file; touch /data/x 2>/dev/null || echo read-only";
    let readonly = ", readOnly: true";
    assert_eq!(written(&host, &user("two", readonly, read)).await, "kept\nread-only\n");

    let kept = claims.get("default", "data").expect("is there");
    let directory = claims.directory(&kept);
    assert_eq!(std::fs::read_to_string(directory.join("file")).expect("is there"), "kept\n");
    // It may grow, and never shrinks.
    let mut larger = claim("data", "ReadWriteOnce");
    larger.spec.resources.requests.insert("storage".into(), "2Gi".parse().expect("an amount"));
    assert_eq!(claims.apply(larger.clone()).expect("is changed"), Applied::Configured);
    assert_eq!(claims.apply(larger).expect("is the same"), Applied::Unchanged);
    let error = claims.apply(claim("data", "ReadWriteOnce")).expect_err("it does not shrink");
    assert!(matches!(error, ObjectError::Change { .. }), "{error}");

    assert_eq!(claims.delete("default", "data").expect("goes"), Deleted::Gone);
    assert!(!directory.exists());
    assert!(matches!(claims.get("default", "data"), Err(ObjectError::NotFound { .. })));
}

#[tokio::test]
async fn a_pod_waits_for_its_claim() {
    let host = host("late-claim");
    let pod = host.run(&user("late", "", "exec sleep infinity")).await;
    let words =
        "MountVolume.SetUp failed for volume \"v\": persistentvolumeclaim \"data\" not found";
    let seen = pod.clone();
    let said = tokio::task::spawn_blocking(move || told(&seen, "FailedMount", words));
    soon(said).await.expect("is told");
    let status = pod.status().expect("is there");
    assert_eq!(status.phase, PodPhase::Pending);
    keep(&host.runtime(), "data");
    until(&pod, |status| status.phase == PodPhase::Running).await;
    delete(&[&pod]).await;
    assert_eq!(host.runtime().claims().delete("default", "data").expect("goes"), Deleted::Gone);
}

#[tokio::test]
async fn a_claim_that_is_deleted_goes_with_the_last_pod_that_uses_it() {
    let host = host("used-claim");
    let claims = host.runtime().claims();
    keep(&host.runtime(), "data");
    let wait = "exec sleep infinity";
    let (one, two) =
        (host.run(&user("one", "", wait)).await, host.run(&user("two", "", wait)).await);
    for pod in [&one, &two] {
        until(pod, |status| status.phase == PodPhase::Running).await;
    }
    let Deleted::Used(users) = claims.delete("default", "data").expect("begins") else {
        panic!("it is used");
    };
    assert_eq!(users, ["one", "two"]);
    let marked = claims.get("default", "data").expect("is there");
    assert!(marked.metadata.deletion_timestamp.is_some());
    assert_eq!(exec(&one, "a", "touch /data/x && echo can be written").await.0, "can be written\n");

    let late = host.run(&user("late", "", wait)).await;
    let seen = late.clone();
    let words = "persistentvolumeclaim \"data\" is being deleted";
    let said = tokio::task::spawn_blocking(move || told(&seen, "FailedMount", words));
    soon(said).await.expect("is told");

    let directory = claims.directory(&marked);
    delete(&[&one]).await;
    assert!(directory.join("x").exists());
    delete(&[&two]).await;
    wait_until("the end of the claim", || claims.get("default", "data").is_err().then_some(()));
    assert!(!directory.exists());
    // Another one of the name is another claim.
    keep(&host.runtime(), "data");
    until(&late, |status| status.phase == PodPhase::Running).await;
    assert_eq!(exec(&late, "a", "ls /data").await.0, "");
    delete(&[&late]).await;
    claims.delete("default", "data").expect("goes");
}

#[tokio::test]
async fn a_claim_for_one_pod_is_used_by_one_pod() {
    let host = host("alone-claim");
    let claims = host.runtime().claims();
    claims.create(claim("data", "ReadWriteOncePod")).expect("is kept");
    let one = host.run(&user("one", "", "exec sleep infinity")).await;
    until(&one, |status| status.phase == PodPhase::Running).await;
    let two = host.run(&user("two", "", "exec sleep infinity")).await;
    let seen = two.clone();
    let words = "has the access mode ReadWriteOncePod, and pod \"one\" uses it";
    let said = tokio::task::spawn_blocking(move || told(&seen, "FailedMount", words));
    soon(said).await.expect("is told");
    delete(&[&one]).await;
    until(&two, |status| status.phase == PodPhase::Running).await;
    delete(&[&two]).await;
    claims.delete("default", "data").expect("goes");
}

#[tokio::test]
async fn a_claim_that_is_made_for_a_pod_goes_with_it() {
    let host = host("own-claim");
    let claims = host.runtime().claims();
    let spec = "
  restartPolicy: Never
  volumes:
  - name: scratch
    ephemeral:
      volumeClaimTemplate:
        metadata: {labels: {app: web}}
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'echo there >/s/file']
    volumeMounts: [{name: scratch, mountPath: /s}]
";
    let pod = host.run(&manifest("web", spec)).await;
    soon(pod.wait_finished()).await.expect("ends");
    let made = claims.get("default", "web-scratch").expect("is there");
    assert_eq!(made.metadata.labels["app"], "web");
    assert_eq!(made.metadata.owner_references[0].uid, pod.uid());
    // It is the pod's as long as the pod is there, over or not.
    let directory = claims.directory(&made);
    assert_eq!(std::fs::read_to_string(directory.join("file")).expect("is there"), "there\n");
    delete(&[&pod]).await;
    assert!(!directory.exists());
    assert!(matches!(claims.get("default", "web-scratch"), Err(ObjectError::NotFound { .. })));

    claims.create(claim("web-scratch", "ReadWriteOnce")).expect("is kept");
    let pod = host.run(&manifest("web", spec)).await;
    let seen = pod.clone();
    let words = "PVC default/web-scratch was not created for pod default/web (pod is not owner)";
    let said = tokio::task::spawn_blocking(move || told(&seen, "FailedMount", words));
    soon(said).await.expect("is told");
    delete(&[&pod]).await;
    assert!(claims.get("default", "web-scratch").is_ok(), "it is somebody else's");
    claims.delete("default", "web-scratch").expect("goes");
}

#[tokio::test]
async fn all_that_is_in_a_claim_is_given_to_the_group_of_the_pod() {
    let host = host("group-claim");
    let claims = host.runtime().claims();
    keep(&host.runtime(), "data");
    let fill = "mkdir /data/d; touch /data/d/f; chmod 600 /data/d/f; chmod 700 /data/d; ln -s /etc/passwd /data/link";
    written(&host, &user("fill", "", fill)).await;
    let passwd = std::fs::metadata("/etc/passwd").expect("is there");
    let look = "cd /data; stat -c %a:%g . d d/f; chgrp 0 d/f";
    let with = |name: &str, policy: &str| {
        let context =
            format!("  securityContext: {{fsGroup: 3000, fsGroupChangePolicy: {policy}}}\n");
        user(name, "", look) + &context
    };
    let first = written(&host, &with("first", "OnRootMismatch")).await;
    assert_eq!(first, "2777:3000\n2770:3000\n660:3000\n");
    // The root is the group's: what is in it is not looked at.
    assert!(written(&host, &with("second", "OnRootMismatch")).await.ends_with("660:0\n"));
    assert_eq!(written(&host, &with("third", "Always")).await, first);
    let after = std::fs::metadata("/etc/passwd").expect("is there");
    assert_eq!(
        (after.gid(), after.permissions().mode()),
        (passwd.gid(), passwd.permissions().mode())
    );
    claims.delete("default", "data").expect("goes");
}

/// Changes what is written down of a claim.
fn rewrite(host: &Host, name: &str, field: &str, value: serde_json::Value) {
    let file = host.root().join("pods/data/objects/default/persistentvolumeclaims").join(name);
    let text = std::fs::read(&file).expect("is there");
    let mut claim: serde_json::Value = serde_json::from_slice(&text).expect("is JSON");
    claim["metadata"][field] = value;
    std::fs::write(file, claim.to_string()).expect("can be written");
}

#[tokio::test]
async fn claims_that_a_reboot_has_orphaned_are_removed() {
    let host = host("orphan-claim");
    for name in ["deleted", "kept", "own"] {
        keep(&host.runtime(), name);
    }
    // As it was left when the machine went down.
    rewrite(&host, "deleted", "deletionTimestamp", json!("2026-01-01T00:00:00Z"));
    let owner = json!([{"apiVersion": "v1", "kind": "Pod", "name": "gone", "uid": "gone"}]);
    rewrite(&host, "own", "ownerReferences", owner);
    let repair = host.runtime().repair().expect("runs");
    assert_eq!(repair.claims, ["default/deleted", "default/own"]);
    let claims = host.runtime().claims();
    assert_eq!(claims.list(None).expect("can be read").len(), 1);
    claims.delete("default", "kept").expect("goes");
}
