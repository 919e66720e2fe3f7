//! ConfigMaps, Secrets and files of volumes in the environment of containers.

use std::fs;

use pod_runtime::{Obstacle, PodHandle, PodPhase, PodStatus, Runtime, RuntimeError};
use pod_spec::{ConfigMap, Secret};
use pod_tests::{Host, log, manifest, soon, until, wait_until};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

fn keep_map(runtime: &Runtime, name: &str, data: &str) {
    let text =
        format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}, data: {data}}}");
    let map = ConfigMap::from_yaml(&text).expect("is one");
    runtime.config_maps().apply(map).expect("is kept");
}

fn keep_secret(runtime: &Runtime, name: &str, data: &str) {
    let text =
        format!("{{apiVersion: v1, kind: Secret, metadata: {{name: {name}}}, stringData: {data}}}");
    let secret = Secret::from_yaml(&text).expect("is one");
    runtime.secrets().apply(secret).expect("is kept");
}

/// A pod that writes its variables.
fn printer(name: &str, fields: &str) -> String {
    let spec = format!(
        "
  restartPolicy: Never
  containers:
  - name: a
    image: pod.local/host
    command: [env]
{fields}"
    );
    manifest(name, &spec)
}

/// Which variables `T_…` a pod has written when it has ended well.
async fn written(pod: &PodHandle) -> String {
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    let text = log(pod, "a").await;
    soon(pod.stop()).await.expect("is removed");
    let mut own: Vec<&str> = text.lines().filter(|line| line.starts_with("T_")).collect();
    own.sort_unstable();
    own.iter().map(|line| format!("{line}\n")).collect()
}

/// Waits until the pod's container lacks its configuration, and returns the message.
async fn lacks(pod: &PodHandle) -> String {
    let lacking = |status: &PodStatus| {
        let waiting = status.container_statuses.first()?.state.waiting.clone()?;
        (waiting.reason.as_deref() == Some("CreateContainerConfigError"))
            .then(|| waiting.message.unwrap_or_default())
    };
    let status = until(pod, |status| lacking(status).is_some()).await;
    assert_eq!(status.phase, PodPhase::Pending);
    lacking(&status).expect("it does")
}

#[tokio::test]
async fn b154_variables_come_from_config_maps_and_secrets() {
    let host = host("objects");
    let runtime = host.runtime();
    keep_map(&runtime, "settings", "{T_COLOUR: red, T_SHARED: map, size: large}");
    keep_secret(&runtime, "login", "{T_SHARED: secret, password: hunter2}");
    let fields = "
    envFrom:
    - {configMapRef: {name: settings}}
    - {secretRef: {name: login}}
    - {prefix: 'T_1-', configMapRef: {name: settings}}
    - {configMapRef: {name: absent, optional: true}}
    env:
    - {name: T_SIZE, valueFrom: {configMapKeyRef: {name: settings, key: size}}}
    - {name: T_PASSWORD, valueFrom: {secretKeyRef: {name: login, key: password}}}
    - {name: T_NONE, valueFrom: {secretKeyRef: {name: login, key: none, optional: true}}}
    - {name: T_TOLD, value: $(T_SIZE) $(T_SHARED) $(T_NONE)}
";
    let pod = host.run(&printer("objects", fields)).await;
    // What is asked for is told of, and what is in it is not.
    let object = pod.object().expect("is there").to_string();
    assert!(object.contains("\"secretKeyRef\"") && !object.contains("hunter2"), "{object}");
    let events = format!("{:?}", pod.events().expect("are there"));
    assert!(!events.contains("hunter2"), "{events}");
    assert_eq!(
        written(&pod).await,
        "T_1-T_COLOUR=red\nT_1-T_SHARED=map\nT_1-size=large\nT_COLOUR=red\nT_PASSWORD=hunter2\n\
         T_SHARED=secret\nT_SIZE=large\nT_TOLD=large secret $(T_NONE)\n"
    );
    runtime.config_maps().delete("default", "settings").expect("is removed");
    runtime.secrets().delete("default", "login").expect("is removed");
}

#[tokio::test]
async fn b155_variables_are_made_of_resources() {
    let host = host("resources");
    let reference = |name: &str, selector: &str| {
        format!("    - {{name: {name}, valueFrom: {{resourceFieldRef: {{{selector}}}}}}}\n")
    };
    let env = [
        reference("T_A", "resource: limits.cpu"),
        reference("T_B", "'resource': requests.cpu, divisor: 1m"),
        reference("T_C", "resource: limits.memory, divisor: 1Mi"),
        reference("T_D", "resource: requests.memory"),
        reference("T_E", "resource: limits.cpu, containerName: unlimited"),
        reference("T_F", "resource: limits.memory, containerName: unlimited"),
    ];
    let fields = format!(
        "    resources: {{limits: {{cpu: 1500m, memory: 65Mi}}, requests: {{cpu: 250m, memory: 32Mi}}}}\n    env:\n{}  \
         - {{name: unlimited, image: pod.local/host, command: ['true']}}\n",
        env.concat()
    );
    let pod = host.run(&printer("resources", &fields)).await;
    let cpus = std::fs::read_to_string("/proc/cpuinfo").expect("is there");
    let cpus = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let memory = std::fs::read_to_string("/proc/meminfo").expect("is there");
    let memory = memory.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok());
    let memory = memory.expect("its size") * 1024;
    assert_eq!(
        written(&pod).await,
        format!("T_A=2\nT_B=250\nT_C=65\nT_D=33554432\nT_E={cpus}\nT_F={memory}\n")
    );
}

#[tokio::test]
async fn a_container_waits_for_its_objects_and_goes_on_at_once() {
    let host = host("waits");
    let runtime = host.runtime();
    let fields = "
    env:
    - {name: T_A, valueFrom: {configMapKeyRef: {name: late, key: a}}}
    - {name: T_B, valueFrom: {secretKeyRef: {name: later, key: b}}}
";
    let pod = host.run(&printer("waits", fields)).await;
    assert_eq!(lacks(&pod).await, "configmap \"late\" not found");
    let error = soon(pod.wait_running()).await.expect_err("cannot run");
    let obstacle = Some(Obstacle::Configuration);
    assert!(
        matches!(&error, RuntimeError::NotReached { obstacle: o, .. } if *o == obstacle),
        "{error}"
    );
    let events = pod.events().expect("are there");
    let failed = events.iter().find(|e| e.event.reason == "Failed").expect("is told");
    assert_eq!(failed.event.message, "Error: configmap \"late\" not found");

    let began = std::time::Instant::now();
    let next = |want: &'static str| {
        let pod = pod.clone();
        async move { soon(async { while lacks(&pod).await != want {} }).await }
    };
    keep_map(&runtime, "late", "{other: x}");
    next("couldn't find key a in ConfigMap default/late").await;
    keep_map(&runtime, "late", "{a: one}");
    next("secret \"later\" not found").await;
    keep_secret(&runtime, "later", "{b: two}");
    assert_eq!(written(&pod).await, "T_A=one\nT_B=two\n");
    // Three looks in the time of less than one pause.
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    runtime.config_maps().delete("default", "late").expect("is removed");
    runtime.secrets().delete("default", "later").expect("is removed");
}

#[tokio::test]
async fn each_start_reads_its_objects_anew() {
    let host = host("anew");
    let runtime = host.runtime();
    keep_map(&runtime, "settings", "{a: first}");
    let dir = host.dir("go");
    let fifo = dir.join("pipe");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("can be made");
    let spec = format!(
        "
  restartPolicy: OnFailure
  volumes: [{{name: go, hostPath: {{path: {}}}}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'echo T_A=$T_A; read -r code < /go/pipe; exit $code']
    volumeMounts: [{{name: go, mountPath: /go}}]
    env: [{{name: T_A, valueFrom: {{configMapKeyRef: {{name: settings, key: a}}}}}}]
",
        dir.display()
    );
    let pod = host.run(&manifest("anew", &spec)).await;
    soon(pod.wait_running()).await.expect("runs");
    keep_map(&runtime, "settings", "{a: second}");
    let end = |code: &'static str| {
        let fifo = fifo.clone();
        tokio::task::spawn_blocking(move || std::fs::write(fifo, code).expect("the pod reads it"))
    };
    soon(end("1\n")).await.expect("is told");
    // The first run has the pipe open until it ends, and must not take the second word as well.
    soon(async {
        let mut changes = pod.changes();
        let again = |status: &PodStatus| {
            let container = status.container_statuses.first();
            container.is_some_and(|c| c.restart_count == 1 && c.state.running.is_some())
        };
        while !again(&changes.next().await.expect("has a status").expect("is there")) {}
    })
    .await;
    soon(end("0\n")).await.expect("is told");
    assert_eq!(written(&pod).await, "T_A=second\n");
    runtime.config_maps().delete("default", "settings").expect("is removed");
}

#[tokio::test]
async fn a_missing_pull_secret_is_told_and_the_image_is_taken_without() {
    let host = host("pullsecret");
    let spec = "
  restartPolicy: Never
  imagePullSecrets: [{name: none}, {name: neither}]
  containers:
  - {name: a, image: pod.local/host, command: [echo, here]}
";
    let pod = host.run(&manifest("pullsecret", spec)).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
    let events = pod.events().expect("are there");
    let told = events.iter().find(|e| e.event.reason == "FailedToRetrieveImagePullSecret");
    assert_eq!(
        told.map(|e| e.event.message.as_str()),
        Some(
            "Unable to retrieve some image pull secrets (none, neither); attempting to pull the image may not succeed."
        )
    );
    soon(pod.stop()).await.expect("is removed");
}

#[tokio::test]
async fn b160_variables_come_from_files_of_volumes() {
    let host = host("files");
    let key = |name: &str, volume: &str, key: &str, more: &str| {
        format!(
            "    - {{name: {name}, valueFrom: {{fileKeyRef: {{volumeName: {volume}, path: conf/app.env, key: {key}{more}}}}}}}\n"
        )
    };
    let (disk, memory) =
        (key("T_DISK", "disk", "COLOUR", ""), key("T_MEMORY", "memory", "LINES", ""));
    let none = key("T_NONE", "disk", "NONE", ", optional: true");
    let nowhere = key("T_NOWHERE", "empty", "NONE", ", optional: true");
    let spec = format!(
        "
  restartPolicy: Never
  volumes: [{{name: disk, emptyDir: {{}}}}, {{name: memory, emptyDir: {{medium: Memory}}}}, {{name: empty}}]
  initContainers:
  - name: writes
    image: pod.local/host
    command:
    - sh
    - -c
    - |
      mkdir /disk/conf /memory/conf
      printf '# of the pod\\nCOLOUR='\\''dark $RED'\\'' # so far\\n' >/disk/conf/app.env
      printf 'LINES='\\''one\\n two'\\''\\n' >/memory/conf/app.env
    volumeMounts: [{{name: disk, mountPath: /disk}}, {{name: memory, mountPath: /memory}}]
  - name: reads
    image: pod.local/host
    command: [sh, -c, 'echo \"$T_MEMORY,$T_TOLD\"']
    env:
{disk}{memory}    - {{name: T_TOLD, value: it is $(T_DISK)}}
  - name: beside
    image: pod.local/host
    restartPolicy: Always
    command: [sh, -c, 'echo \"$T_DISK\"; exec sleep infinity']
    env:
{disk}  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'mkfifo /tmp/said; echo \"T_HOOK=$(cat /tmp/said)\"; env']
    lifecycle:
      postStart: {{exec: {{command: [sh, -c, 'until [ -p /tmp/said ]; do :; done; echo \"$T_DISK\" >/tmp/said']}}}}
    env:
{disk}{none}{nowhere}"
    );
    let pod = host.run(&manifest("files", &spec)).await;
    soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(log(&pod, "reads").await, "one\n two,it is dark $RED\n");
    assert_eq!(log(&pod, "beside").await, "dark $RED\n");
    assert_eq!(written(&pod).await, "T_DISK=dark $RED\nT_HOOK=dark $RED\n");
}

#[tokio::test]
async fn b160_a_container_waits_for_the_file_of_its_variable() {
    let host = host("file-waits");
    let spec = "
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  volumes: [{name: files, emptyDir: {}}]
  containers:
  - name: a
    image: pod.local/host
    command: [env]
    env: [{name: T_A, valueFrom: {fileKeyRef: {volumeName: files, path: late.env, key: A}}}]
  - name: writes
    image: pod.local/host
    command: [sh, -c, 'mkfifo /files/go; read -r line </files/go; echo \"$line\" >/files/late.env']
    volumeMounts: [{name: files, mountPath: /files}]
";
    let pod = host.run(&manifest("file-waits", spec)).await;
    let missing = "couldn't get key A from file late.env of volume files: there is no such file";
    assert_eq!(lacks(&pod).await, missing);
    // From without: a command in the container would be killed with it when it has what it waits for.
    let volumes = host.root().join("pods/data/pods").join(pod.uid()).join("volumes");
    let go = volumes.join("kubernetes.io~empty-dir/files/go");
    wait_until("the container's pipe", || go.exists().then_some(()));
    fs::write(&go, "A='late'\n").expect("can be written");
    assert_eq!(written(&pod).await, "T_A=late\n");
}

#[tokio::test]
async fn b160_a_link_to_a_file_of_the_machine_is_not_followed() {
    let host = host("file-link");
    let spec = "
  volumes: [{name: files, emptyDir: {}}]
  initContainers:
  - name: links
    image: pod.local/host
    command: [ln, -s, /etc/passwd, /files/env]
    volumeMounts: [{name: files, mountPath: /files}]
  containers:
  - name: a
    image: pod.local/host
    command: [env]
    env: [{name: T_A, valueFrom: {fileKeyRef: {volumeName: files, path: env, key: root, optional: true}}}]
";
    let pod = host.run(&manifest("file-link", spec)).await;
    let refused = "couldn't get key root from file env of volume files: it leads out of the volume";
    assert_eq!(lacks(&pod).await, refused);
    soon(pod.stop()).await.expect("is removed");
}
