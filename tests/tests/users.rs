//! Pods with users of their own (`hostUsers: false`).

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pod_runtime::{PodHandle, PodPhase};
use pod_spec::{ConfigMap, PersistentVolumeClaim, Secret};
use pod_tests::{Host, delete, exec, journal, log, manifest, soon, wait_until};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

/// What a container that ends well has written.
async fn written(host: &Host, manifest: &str) -> String {
    let pod = host.run(manifest).await;
    let status = soon(pod.wait_finished()).await.expect("ends");
    let text = log(&pod, "a").await;
    assert_eq!(status.phase, PodPhase::Succeeded, "{text} {status:#?}");
    soon(pod.stop()).await.expect("is removed");
    text
}

/// The first of the machine's ids that a pod has.
async fn first_id(pod: &PodHandle) -> u32 {
    let (map, _) = exec(pod, "a", "cat /proc/self/uid_map").await;
    let numbers: Vec<u32> = map.split_whitespace().map(|n| n.parse().expect("numbers")).collect();
    let [0, first, 65_536] = numbers[..] else { panic!("{map}") };
    first
}

/// The ids that are taken, by the files that say so.
fn taken(host: &Host) -> Vec<u32> {
    let entries = fs::read_dir(host.root().join("pods/run/users")).into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect()
}

const IDLE: &str = "
  hostUsers: false
  terminationGracePeriodSeconds: 0
  containers:
  - {name: a, image: pod.local/host, command: [sleep, infinity]}
";

#[tokio::test]
async fn b195_a_pod_may_have_users_of_its_own() {
    let host = host("users");
    let mut firsts = Vec::new();
    let mut pods = Vec::new();
    for name in ["one", "two"] {
        let pod = host.run(&manifest(name, IDLE)).await;
        soon(pod.wait_running()).await.expect("runs");
        firsts.push(first_id(&pod).await);
        pods.push(pod);
    }
    assert!(firsts.iter().all(|first| *first >= 65_536 && first % 65_536 == 0), "{firsts:?}");
    assert_ne!(firsts[0], firsts[1]);

    let others = manifest("host", &IDLE.replace("hostUsers: false", "hostUsers: true"));
    let with_hosts = host.run(&others).await;
    soon(with_hosts.wait_running()).await.expect("runs");
    let (map, _) = exec(&with_hosts, "a", "cat /proc/self/uid_map").await;
    assert_eq!(map, fs::read_to_string("/proc/self/uid_map").expect("reads"));

    // Given back and taken again, not while another pod has it.
    delete(&[&pods[0]]).await;
    assert_eq!(taken(&host), [firsts[1]]);
    let third = host.run(&manifest("three", IDLE)).await;
    soon(third.wait_running()).await.expect("runs");
    assert_eq!(first_id(&third).await, firsts[0]);
    delete(&[&pods[1], &third, &with_hosts]).await;
    assert_eq!(taken(&host), [0; 0]);
}

#[tokio::test]
async fn b195_root_in_a_pod_has_rights_over_the_pod_alone() {
    let host = host("users-rights");
    let script = "id -u; hostname; grep -c users-rights /etc/hosts; \
                  touch /etc/x /root/x && echo writes; \
                  python3 /own/look.py; \
                  mknod /n c 1 3 2>/dev/null || echo no device; kill -0 $HOST 2>/dev/null || echo no process; \
                  cat /dev/null; echo >/dev/null; head -c1 /dev/zero | wc -c; ulimit -n >/dev/null; \
                  ip link set lo mtu 1400 2>&1 | grep -o permitted; ls -ld /dev/mqueue | cut -c1-10; echo told >/dev/termination-log";
    let look = "import socket
socket.create_server(('127.0.0.1', 80))
print('listens', flush=True)
ping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
ping.settimeout(10)
ping.sendto(bytes([8, 0, 0, 0, 0, 0, 0, 1]), ('127.0.0.1', 0))
print('pings', ping.recv(64)[0])
";
    fs::write(host.dir("own").join("look.py"), look).expect("writes");
    let spec = format!(
        "
  hostUsers: false
  restartPolicy: Never
  volumes: [{{name: own, hostPath: {{path: {}}}}}]
  securityContext: {{sysctls: [{{name: kernel.shm_rmid_forced, value: '1'}}]}}
  containers:
  - name: a
    image: pod.local/host
    env: [{{name: HOST, value: '{}'}}]
    volumeMounts: [{{name: own, mountPath: /own}}]
    command: [sh, -c, {script:?}]
",
        host.dir("own").display(),
        std::process::id()
    );
    let text = written(&host, &manifest("users-rights", &spec)).await;
    let want = "0\nusers-rights\n1\nwrites\nlistens\npings 0\nno device\nno process\n1\npermitted\ndrwxrwxrwt\n";
    assert_eq!(text, want);
}

#[tokio::test]
async fn b195_volumes_show_the_owners_that_they_have() {
    let host = host("users-volumes");
    let data = host.dir("data");
    fs::write(data.join("file"), "x").expect("writes");
    chown(data.join("file"), Some(1000), Some(1001)).expect("gives");
    fs::set_permissions(data.join("file"), fs::Permissions::from_mode(0o640)).expect("sets");
    let object = "metadata: {name: o, namespace: default}\n";
    let map = format!("apiVersion: v1\nkind: ConfigMap\n{object}data: {{key: map}}\n");
    let secret = format!("apiVersion: v1\nkind: Secret\n{object}stringData: {{key: secret}}\n");
    let runtime = host.runtime();
    runtime.config_maps().apply(ConfigMap::from_yaml(&map).expect("one")).expect("kept");
    runtime.secrets().apply(Secret::from_yaml(&secret).expect("one")).expect("kept");
    let claim = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c}, \
                 spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}";
    let claim = PersistentVolumeClaim::from_yaml(claim).expect("is one");
    runtime.claims().apply(claim).expect("is kept");
    let script = "rm -f /host/made; stat -L -c '%n %u:%g %a' /disk /claim /memory /map/key /secret/key /fields/name /all/key /host/file /part; \
                  for d in disk claim memory host; do echo x >/$d/made; stat -c '%n %u:%g' /$d/made; done; \
                  cat /map/key /secret/key /fields/name /all/key; echo; chown 5:6 /host/made; \
                  touch /map/x 2>/dev/null || echo read-only; stat -c %u:%g /etc/hosts /dev/termination-log /dev/shm; \
                  stat -c %u:%g /etc/passwd /usr/bin/env /; id -G";
    let spec = format!(
        "
  hostUsers: false
  restartPolicy: Never
  securityContext: {{fsGroup: 2000}}
  volumes:
  - {{name: disk, emptyDir: {{}}}}
  - {{name: memory, emptyDir: {{medium: Memory}}}}
  - {{name: claim, persistentVolumeClaim: {{claimName: c}}}}
  - {{name: map, configMap: {{name: o}}}}
  - {{name: secret, secret: {{secretName: o}}}}
  - {{name: fields, downwardAPI: {{items: [{{path: name, fieldRef: {{fieldPath: metadata.name}}}}]}}}}
  - {{name: all, projected: {{sources: [{{configMap: {{name: o}}}}]}}}}
  - {{name: host, hostPath: {{path: {}}}}}
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, {script:?}]
    volumeMounts:
    - {{name: disk, mountPath: /disk}}
    - {{name: disk, mountPath: /part, subPath: p}}
    - {{name: claim, mountPath: /claim}}
    - {{name: memory, mountPath: /memory}}
    - {{name: map, mountPath: /map}}
    - {{name: secret, mountPath: /secret}}
    - {{name: fields, mountPath: /fields}}
    - {{name: all, mountPath: /all}}
    - {{name: host, mountPath: /host}}
",
        data.display()
    );
    let text = written(&host, &manifest("volumes", &spec)).await;
    let same = written(&host, &manifest("volumes", &spec.replace("hostUsers: false", ""))).await;
    assert_eq!(text, same, "as with the machine's users");
    assert!(text.contains("/host/file 1000:1001 640\n"), "{text}");
    assert!(text.contains("/disk/made 0:2000\n"), "{text}");
    let made = fs::metadata(data.join("made")).expect("made");
    assert_eq!((made.uid(), made.gid()), (5, 6));
    runtime.claims().delete("default", "c").expect("goes");
    runtime.config_maps().delete("default", "o").expect("goes");
    runtime.secrets().delete("default", "o").expect("goes");
}

#[tokio::test]
async fn b195_what_cannot_show_its_owners_is_named() {
    let host = host("users-refused");
    let spec = "
  hostUsers: false
  terminationGracePeriodSeconds: 0
  volumes: [{name: kernel, hostPath: {path: /proc/sys}}]
  containers:
  - name: a
    image: pod.local/host
    command: [sleep, infinity]
    volumeMounts: [{name: kernel, mountPath: /kernel}]
";
    let pod = host.run(&manifest("refused", spec)).await;
    let (reason, message) = wait_until("the reason", || {
        let status = pod.status().ok()?;
        let waiting = status.container_statuses.first()?.state.waiting.clone()?;
        Some((waiting.reason?, waiting.message?))
    });
    assert_eq!(reason, "CreateContainerError");
    let want = "volume \"kernel\" does not go with hostUsers: cannot mount it at /kernel for users of the sandbox's own: \
                its file system cannot map owners";
    assert_eq!(message, want);
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b195_files_are_copied_to_and_from_a_pod_with_users_of_its_own() {
    let host = host("users-copies");
    let spec = IDLE.replace(
        "command: [sleep, infinity]}",
        "command: [sleep, infinity], volumeMounts: [{name: d, mountPath: /d}]}\n  volumes: [{name: d, emptyDir: {}}]",
    );
    let pod = host.run(&manifest("copies", &spec)).await;
    soon(pod.wait_running()).await.expect("runs");
    let source = host.dir("source");
    fs::write(source.join("file"), "x").expect("writes");
    chown(source.join("file"), Some(1000), Some(1000)).expect("gives");
    let files = pod.files("a").expect("runs");
    for (to, preserve) in [("/d", false), ("/etc", true), ("/d/kept", true)] {
        files.copy_in(&source, Path::new(to), preserve).expect("is copied");
    }
    let (owners, _) = exec(
        &pod,
        "a",
        "stat -c %u:%g /d/source /d/source/file /etc/source/file /d/kept/file; echo y >>/d/source/file; chown 7 /d/source/file",
    )
    .await;
    assert_eq!(owners, "0:0\n0:0\n1000:1000\n1000:1000\n");
    let mut archive = Vec::new();
    files.pack(Path::new("/d/source"), &mut archive).expect("is packed");
    let listed = host.path("listed.tar");
    fs::write(&listed, archive).expect("writes");
    let list = pod_tests::run(
        std::process::Command::new("tar").args(["--numeric-owner", "-tvf"]).arg(&listed),
    );
    assert!(list.contains(" 7/0 "), "{list}");
    files
        .unpack(fs::File::open(&listed).expect("opens"), Path::new("/d/kept"), true)
        .expect("is unpacked");
    assert_eq!(exec(&pod, "a", "stat -c %u /d/kept/source/file").await.0, "7\n");
    let out = host.path("out");
    files.copy_out(Path::new("/d/source/file"), &out).expect("is copied");
    assert_eq!(fs::read_to_string(&out).expect("reads"), "xy\n");
    assert_eq!(fs::metadata(&out).expect("is there").uid(), 0);
    // Nobody in the pod has such an id, and another pod may.
    chown(source.join("file"), Some(70_000), None).expect("gives");
    let error = files.copy_in(&source, Path::new("/d/more"), true).expect_err("refused");
    let why = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(why.as_deref(), Some("the pod has no user or group 70000"));
    delete(&[&pod]).await;
}

#[tokio::test]
async fn b195_the_next_engine_goes_on_with_the_pods_users() {
    let host = host("users-engine");
    let spec = "
  hostUsers: false
  terminationGracePeriodSeconds: 0
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'until [ -e /tmp/end ]; do sleep 0.01; done']
    readinessProbe: {exec: {command: [sh, -c, 'test $(id -u) = 0']}, periodSeconds: 1}
";
    let pod = host.run(&manifest("engine", spec)).await;
    soon(pod.wait_ready()).await.expect("is ready");
    let first = first_id(&pod).await;
    let engine = journal(&host, &pod).and_then(|j| j["companion"].as_i64()).expect("runs");
    kill(Pid::from_raw(i32::try_from(engine).expect("a number")), Signal::SIGKILL).expect("ends");
    wait_until("the next engine", || {
        journal(&host, &pod).filter(|j| j["generation"].as_u64() > Some(1)).map(drop)
    });
    // A container that the next engine makes.
    exec(&pod, "a", "touch /tmp/end").await;
    let again = |status: &pod_runtime::PodStatus| {
        status.container_statuses.first().is_some_and(|c| c.restart_count == 1 && c.ready)
    };
    pod_tests::until(&pod, again).await;
    assert_eq!(first_id(&pod).await, first);
    delete(&[&pod]).await;
    assert_eq!(taken(&host), [0; 0]);
}

#[tokio::test]
async fn b191_proc_is_whole_in_a_pod_with_users_of_its_own_that_asks_for_it() {
    let host = host("users-proc");
    let spec = "
  hostUsers: false
  restartPolicy: Never
  containers:
  - name: a
    image: pod.local/host
    securityContext: {procMount: Unmasked, seccompProfile: {type: Unconfined}}
    command: [sh, -c, 'grep -c \" /proc/\" /proc/self/mountinfo; unshare -Urpf --mount-proc sh -c \"echo \\$\\$\" 2>/dev/null']
";
    assert_eq!(written(&host, &manifest("whole", spec)).await, "0\n1\n");
    let masked = spec.replace("procMount: Unmasked", "procMount: Default");
    let masked = masked.replace("grep -c", "grep -q").replace("unshare", "! unshare");
    assert_eq!(written(&host, &manifest("masked", &masked)).await, "");
    assert!(
        pod_spec::Pod::from_yaml(&manifest(
            "hosts",
            &spec.replace("hostUsers: false", "hostUsers: true")
        ))
        .expect("parses")
        .validate()
        .is_err()
    );
}
