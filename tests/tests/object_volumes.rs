//! ConfigMaps and Secrets as files.

use pod_runtime::{Obstacle, PodHandle, PodPhase, Runtime, RuntimeError};
use pod_spec::{ConfigMap, Secret};
use pod_tests::{Host, delete, exec, log, manifest, soon, told, wait_until};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

fn keep_map(runtime: &Runtime, name: &str, fields: &str) {
    let text = format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}, {fields}}}");
    runtime.config_maps().apply(ConfigMap::from_yaml(&text).expect("is one")).expect("is kept");
}

fn keep_secret(runtime: &Runtime, namespace: &str, fields: &str) {
    let text = format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: s, namespace: {namespace}}}, {fields}}}"
    );
    runtime.secrets().apply(Secret::from_yaml(&text).expect("is one")).expect("is kept");
}

/// Removes all that was kept.
fn forget(runtime: &Runtime) {
    for map in runtime.config_maps().list(None).expect("can be read") {
        runtime.config_maps().delete("default", &map.metadata.name).expect("goes");
    }
    for secret in runtime.secrets().list(None).expect("can be read") {
        let namespace = secret.metadata.namespace.unwrap_or_default();
        runtime.secrets().delete(&namespace, "s").expect("goes");
    }
}

/// What a container that ends well has written.
async fn written(pod: &PodHandle) -> String {
    let status = soon(pod.wait_finished()).await.expect("ends");
    let text = log(pod, "a").await;
    assert_eq!(status.phase, PodPhase::Succeeded, "{text}");
    delete(&[pod]).await;
    text
}

#[tokio::test]
async fn b167_config_maps_are_files_that_follow_them() {
    let host = host("map-files");
    let runtime = host.runtime();
    keep_map(&runtime, "m", "data: {one: '1', two: '2'}, binaryData: {raw: AAEC}");
    let spec = "
  volumes:
  - {name: all, configMap: {name: m, defaultMode: 0400}}
  - {name: some, configMap: {name: m, items: [{key: two, path: d/second, mode: 0440}]}}
  - {name: none, configMap: {name: absent, optional: true}}
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, infinity]
    volumeMounts:
    - {name: all, mountPath: /all}
    - {name: some, mountPath: /some}
    - {name: none, mountPath: /none}
    - {name: all, mountPath: /part, subPath: one}
";
    let pod = host.run(&manifest("files", spec)).await;
    soon(pod.wait_running()).await.expect("runs");
    let (text, _) = exec(
        &pod,
        "a",
        "cat /all/one /some/d/second; echo; od -An -tx1 /all/raw; stat -Lc %a /all/one /some/d/second; ls /none; \
         touch /all/x 2>&1 | grep -o Read-only",
    )
    .await;
    assert_eq!(text, "12\n 00 01 02\n400\n440\nRead-only\n");

    keep_map(&runtime, "m", "data: {one: new, two: '2', three: '3'}");
    keep_map(&runtime, "absent", "data: {now: here}");
    // Nobody tells the test when the engine has written them; a process in the container sees them as they come.
    let (text, _) =
        exec(&pod, "a", "until [ -e /none/now ]; do :; done; cat /all/one /part; echo; ls /all")
            .await;
    // A part that is mounted alone keeps what it was.
    assert_eq!(text, "new1\none\nthree\ntwo\n");

    runtime.config_maps().delete("default", "m").expect("goes");
    let words = "MountVolume.SetUp failed for volume \"all\": configmap \"m\" not found";
    let seen = pod.clone();
    let said = tokio::task::spawn_blocking(move || told(&seen, "FailedMount", words));
    soon(said).await.expect("is told");
    assert_eq!(exec(&pod, "a", "cat /all/one").await.0, "new");
    delete(&[&pod]).await;
    forget(&runtime);
}

#[tokio::test]
async fn b026_b168_a_pod_waits_for_the_objects_of_its_volumes() {
    let host = host("late-files");
    let spec = "
  volumes: [{name: v, configMap: {name: late, items: [{key: k, path: k}]}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, infinity]
    volumeMounts: [{name: v, mountPath: /v}]
";
    let pod = host.run(&manifest("late", spec)).await;
    let error = soon(pod.wait_running()).await.expect_err("it waits");
    assert!(
        matches!(&error, RuntimeError::NotReached { obstacle: Some(Obstacle::Configuration), .. }),
        "{error:?}"
    );
    let words = "MountVolume.SetUp failed for volume \"v\": configmap \"late\" not found";
    assert!(error.to_string().ends_with(words), "{error}");
    let status = pod.status().expect("is there");
    assert_eq!(status.phase, PodPhase::Pending);
    let waiting = status.container_statuses[0].state.waiting.as_ref().expect("waits");
    assert_eq!(waiting.reason.as_deref(), Some("ContainerCreating"));

    keep_map(&host.runtime(), "late", "data: {other: x}");
    let seen = pod.clone();
    let said = tokio::task::spawn_blocking(move || {
        told(&seen, "FailedMount", "non-existent config key: k")
    });
    soon(said).await.expect("is told");
    keep_map(&host.runtime(), "late", "data: {k: here}");
    wait_until("it runs", || pod.status().ok().filter(|status| status.phase == PodPhase::Running));
    assert_eq!(exec(&pod, "a", "cat /v/k").await.0, "here");
    delete(&[&pod]).await;
    forget(&host.runtime());
}

#[tokio::test]
async fn b169_b172_secrets_are_files_in_memory() {
    let host = host("secret-files");
    let runtime = host.runtime();
    keep_secret(&runtime, "default", "stringData: {password: mine}");
    keep_secret(&runtime, "other", "stringData: {password: theirs}");
    let spec = "
  restartPolicy: Never
  volumes: [{name: v, secret: {secretName: s}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'cat /v/password /etc/hostname; echo; stat -Lc %a /v/password; stat -fc %T /v']
    volumeMounts:
    - {name: v, mountPath: /v}
    - {name: v, mountPath: /etc/hostname, subPath: password}
";
    let pod = host.run(&manifest("secret", spec)).await;
    assert_eq!(written(&pod).await, "minemine\n644\ntmpfs\n");
    forget(&runtime);
}

#[tokio::test]
async fn b170_b171_many_sources_make_many_volumes() {
    let host = host("many-files");
    let runtime = host.runtime();
    keep_secret(&runtime, "default", "stringData: {password: mine}");
    let (mut volumes, mut mounts) = (String::new(), String::new());
    for n in 0..50 {
        keep_map(&runtime, &format!("m{n}"), &format!("data: {{k: '{n} '}}"));
        volumes.push_str(&format!("  - {{name: v{n}, configMap: {{name: m{n}}}}}\n"));
        mounts.push_str(&format!("    - {{name: v{n}, mountPath: /v/{n}}}\n"));
    }
    let spec = format!(
        "
  restartPolicy: Never
  volumes:
{volumes}  - name: p
    projected:
      defaultMode: 0440
      sources:
      - secret: {{name: s, items: [{{key: password, path: in/pw, mode: 0400}}]}}
      - configMap: {{name: m7}}
      - downwardAPI: {{items: [{{path: cpu, resourceFieldRef: {{containerName: a, resource: limits.cpu}}}}]}}
  containers:
  - name: a
    image: pod.local/host
    resources: {{limits: {{cpu: 1500m}}}}
    command: [sh, -c, 'for n in $(seq 0 49); do cat /v/$n/k; done; cat /p/in/pw /p/k /p/cpu; stat -Lc %a /p/in/pw /p/k']
    volumeMounts:
{mounts}    - {{name: p, mountPath: /p}}
"
    );
    let pod = host.run(&manifest("many", &spec)).await;
    let numbers: String = (0..50).map(|n| format!("{n} ")).collect();
    assert_eq!(written(&pod).await, format!("{numbers}mine7 2400\n440\n"));
    forget(&runtime);
}
