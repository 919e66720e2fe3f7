//! Fields of a manifest, each by what it does to a container.

use std::fs;
use std::path::{Path, PathBuf};

use pod_runtime::{PodHandle, PodPhase};
use pod_spec::QosClass;
use pod_tests::{Host, delete, log, manifest, pod, soon};

fn host(test: &str) -> Host {
    Host::new(test, env!("CARGO_BIN_EXE_helper"))
}

/// Runs a pod to its end and gives what each of these containers has written.
async fn written(host: &Host, manifest: &str, containers: &[&str]) -> Vec<String> {
    let pod = host.run(manifest).await;
    finish(&pod).await;
    let mut logs = Vec::new();
    for container in containers {
        logs.push(log(&pod, container).await);
    }
    soon(pod.stop()).await.expect("is removed");
    logs
}

async fn finish(pod: &PodHandle) {
    let status = soon(pod.wait_finished()).await.expect("ends");
    assert_eq!(status.phase, PodPhase::Succeeded, "{status:#?}");
}

#[tokio::test]
async fn a_program_has_its_arguments_directory_and_variables() {
    let host = host("program");
    let spec = "
  restartPolicy: Never
  containers:
  - name: a
    image: pod.local/host
    workingDir: /usr/share
    command: [sh, -c, 'pwd; echo \"$0 $1\"; echo \"$GREETING\"']
    args: [$(WHO), two words]
    env:
    - {name: WHO, value: me}
    - {name: GREETING, value: hello $(WHO)}
";
    let logs = written(&host, &manifest("program", spec), &["a"]).await;
    assert_eq!(logs, ["/usr/share\nme two words\nhello me\n"]);
}

#[tokio::test]
async fn variables_are_made_of_the_pods_own_fields() {
    let host = host("downward");
    let text = "apiVersion: v1
kind: Pod
metadata:
  name: downward
  namespace: team
  labels: {app: web, example.com/tier: front}
  annotations: {note: 'two words'}
spec:
  restartPolicy: Never
  enableServiceLinks: true
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'echo \"$NAME|$SPACE|$APP|$TIER|$NOTE|$ACCOUNT\"; echo \"$ID\" | wc -c; env | grep -c SERVICE_HOST; test -n \"$NODE\"']
    env:
    - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: SPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace, apiVersion: v1}}}
    - {name: ID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
    - {name: APP, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['app']\"}}}
    - {name: TIER, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['example.com/tier']\"}}}
    - {name: NOTE, valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['note']\"}}}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    - {name: ACCOUNT, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}
";
    let logs = written(&host, text, &["a"]).await;
    // Without services there are no variables of services.
    assert_eq!(logs, ["downward|team|web|front|two words|default\n37\n0\n"]);
}

#[tokio::test]
async fn b182_b187_a_process_is_who_its_security_context_says() {
    let host = host("identity");
    let spec = "
  restartPolicy: Never
  securityContext: {runAsUser: 1000, runAsGroup: 2000, runAsNonRoot: true, supplementalGroups: [3000, 4000]}
  containers:
  - {name: pod, image: pod.local/host, command: [sh, -c, 'id -u; id -g; id -G']}
  - name: own
    image: pod.local/host
    command: [sh, -c, 'id -u; id -g; id -G']
    securityContext: {runAsUser: 0, runAsGroup: 0, runAsNonRoot: false}
";
    let logs = written(&host, &manifest("identity", spec), &["pod", "own"]).await;
    assert_eq!(logs, ["1000\n2000\n2000 3000 4000\n", "0\n0\n0 3000 4000\n"]);
}

#[tokio::test]
async fn b184_b185_a_process_may_do_what_its_security_context_says() {
    let host = host("rights");
    let look = "grep -E \"CapEff|NoNewPrivs|^Seccomp:\" /proc/self/status | tr -d \"\\t \"; \
                touch /x 2>/dev/null && echo written";
    let container = |name: &str, context: &str| {
        format!(
            "  - {{name: {name}, image: pod.local/host, command: [sh, -c, '{look}; true'], securityContext: {{{context}}}}}\n"
        )
    };
    let spec = format!(
        "  restartPolicy: Never\n  securityContext: {{seccompProfile: {{type: RuntimeDefault}}}}\n  containers:\n{}{}{}",
        container(
            "none",
            "capabilities: {drop: [ALL]}, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true"
        ),
        container(
            "one",
            "capabilities: {drop: [ALL], add: [NET_ADMIN]}, seccompProfile: {type: Unconfined}"
        ),
        container("all", "privileged: true"),
    );
    let logs = written(&host, &manifest("rights", &spec), &["none", "one", "all"]).await;
    assert_eq!(logs[0], "CapEff:0000000000000000\nNoNewPrivs:1\nSeccomp:2\n");
    assert_eq!(logs[1], "CapEff:0000000000001000\nNoNewPrivs:0\nSeccomp:0\nwritten\n");
    let all = logs[2].lines().next().and_then(|line| line.strip_prefix("CapEff:"));
    let all = u64::from_str_radix(all.expect("a set of capabilities"), 16).expect("a number");
    // All that this machine's root has: at least those of any container, and the right to mount.
    assert_eq!(all & 0x0020_0000, 0x0020_0000, "{:?}", logs[2]);
    assert!(
        logs[2].contains("Seccomp:0\n"),
        "privileged containers are not filtered: {:?}",
        logs[2]
    );
}

#[tokio::test]
async fn b186_a_program_may_gain_privileges_unless_that_is_forbidden() {
    let host = host("setuid");
    let container = |name: &str, allowed: &str| {
        format!(
            "
  - name: {name}
    image: pod.local/host
    command: [/v/id, -u]
    securityContext: {{runAsUser: 1000{allowed}}}
    volumeMounts: [{{name: v, mountPath: /v}}]"
        )
    };
    let spec = format!(
        "
  restartPolicy: Never
  volumes: [{{name: v, emptyDir: {{}}}}]
  initContainers:
  - name: copy
    image: pod.local/host
    command: [sh, -c, 'cp /usr/bin/id /v/id && chmod 4755 /v/id']
    volumeMounts: [{{name: v, mountPath: /v}}]
  containers:{}{}{}
",
        container("silent", ""),
        container("allowed", ", allowPrivilegeEscalation: true"),
        container("forbidden", ", allowPrivilegeEscalation: false"),
    );
    let names = ["silent", "allowed", "forbidden"];
    let logs = written(&host, &manifest("setuid", &spec), &names).await;
    assert_eq!(logs, ["0\n", "0\n", "1000\n"]);
}

#[tokio::test]
async fn b196_a_pod_for_another_system_is_refused() {
    let host = host("system");
    let spec = "  os: {name: windows}\n  containers: [{name: a, image: pod.local/host}]\n";
    let error = host.runtime().run(pod(&manifest("windows", spec))).await.expect_err("refused");
    let words = "spec.os.name: `windows` is not supported yet: there is only Linux here";
    assert!(error.to_string().contains(words), "{error}");
    let spec = "  os: {name: linux}\n  restartPolicy: Never\n  containers: [{name: a, image: pod.local/host, command: [uname]}]\n";
    assert_eq!(written(&host, &manifest("linux", spec), &["a"]).await, ["Linux\n"]);
}

#[tokio::test]
async fn a_root_that_must_not_be_is_refused() {
    let host = host("nonroot");
    let spec = "  restartPolicy: Never\n  containers: [{name: a, image: pod.local/host, command: [id], \
                securityContext: {runAsNonRoot: true}}]\n";
    let pod = host.run(&manifest("nonroot", spec)).await;
    let error = soon(pod.wait_running()).await.expect_err("cannot run").to_string();
    assert!(error.contains("CreateContainerConfigError"), "{error}");
    soon(pod.stop()).await.expect("is removed");
}

#[tokio::test]
async fn a_pod_has_its_name_its_hosts_and_its_processes() {
    let host = host("world");
    let spec = "
  restartPolicy: Never
  hostname: box
  shareProcessNamespace: true
  hostAliases: [{ip: 10.1.2.3, hostnames: [db, db.example.com]}]
  initContainers:
  - {name: beside, image: pod.local/host, restartPolicy: Always, command: [sleep, '4711']}
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'hostname; grep -w db /etc/hosts | tr \"\\t\" \" \"; until ps -e -o args= | grep -x \"sleep 4711\"; do :; done']
";
    let logs = written(&host, &manifest("world", spec), &["a"]).await;
    assert_eq!(logs, ["box\n10.1.2.3 db db.example.com\nsleep 4711\n"]);
}

#[tokio::test]
async fn a_container_is_limited_to_its_resources() {
    let host = host("limits");
    let spec = "
  restartPolicy: Never
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null;
      cut -d\" \" -f1 /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null;
      cat /sys/fs/cgroup/cpu.weight /sys/fs/cgroup/cpu/cpu.shares 2>/dev/null; true']
    resources: {limits: {cpu: 500m, memory: 64Mi}, requests: {cpu: 250m}}
";
    let logs = written(&host, &manifest("limits", spec), &["a"]).await;
    let lines: Vec<_> = logs[0].lines().collect();
    assert_eq!(lines[..2], ["67108864", "50000"]);
    // 256 shares, or the weight that they are on cgroup v2.
    assert!(matches!(lines[2], "256" | "10" | "35"), "{lines:?}");
}

/// A limit of memory, in the directory of a cgroup.
fn memory_limit(dir: &Path) -> Option<String> {
    let read = |file: &str| fs::read_to_string(dir.join(file)).ok();
    read("memory.max").or_else(|| read("memory.limit_in_bytes"))
}

/// What the cgroup of the pod itself limits its memory to, in the hierarchy that does.
fn memory_of(pod: &PodHandle) -> String {
    let mut dirs = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(dir) = dirs.pop() {
        if dir.to_string_lossy().contains(pod.uid()) {
            if let Some(limit) = memory_limit(&dir) {
                return limit;
            }
            continue;
        }
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        dirs.extend(entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
    }
    panic!("the pod has no cgroup with a limit of memory");
}

#[tokio::test]
async fn b159_b219_the_limits_of_a_pod_bound_its_containers() {
    let host = host("whole");
    let script = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; \
                  cut -d' ' -f1 /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null; \
                  echo $CPU $MEMORY; sleep 1000";
    let container = |name: &str, resources: &str| {
        format!(
            "
  - name: {name}
    image: pod.local/host
    command: [sh, -c, \"{script}\"]
    resources: {resources}
    env:
    - {{name: CPU, valueFrom: {{resourceFieldRef: {{resource: limits.cpu, divisor: 1m}}}}}}
    - {{name: MEMORY, valueFrom: {{resourceFieldRef: {{resource: limits.memory, divisor: 1Mi}}}}}}"
        )
    };
    let spec = format!(
        "  terminationGracePeriodSeconds: 0\n  resources: {{limits: {{cpu: 500m, memory: 64Mi}}, requests: {{cpu: 500m, memory: 64Mi}}}}\n  containers:{}{}\n",
        container("free", "{}"),
        container("bound", "{limits: {memory: 16Mi}}"),
    );
    let pod = host.run(&manifest("whole", &spec)).await;
    let status = soon(pod.wait_running()).await.expect("runs");
    assert_eq!(status.qos_class, Some(QosClass::Guaranteed));
    assert_eq!(memory_of(&pod).trim(), "67108864");
    for (name, said) in
        [("free", "67108864\n50000\n500 64\n"), ("bound", "16777216\n50000\n500 16\n")]
    {
        soon(async {
            while log(&pod, name).await != said {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    delete(&[&pod]).await;
}

#[tokio::test]
async fn volumes_are_mounted_as_they_say() {
    let host = host("volumes");
    let data = host.dir("data");
    std::fs::write(data.join("file"), "from the host\n").expect("can be written");
    let spec = format!(
        "
  restartPolicy: Never
  volumes:
  - {{name: memory, emptyDir: {{medium: Memory, sizeLimit: 1Mi}}}}
  - {{name: disk, emptyDir: {{}}}}
  - {{name: host, hostPath: {{path: {data}, type: Directory}}}}
  containers:
  - name: a
    image: pod.local/host
    command: [sh, -c, 'df --output=fstype,size /memory | tail -1; stat -c %a /disk; cat /host/file;
      touch /host/x 2>/dev/null || echo read-only; touch /disk/x && echo writable']
    volumeMounts:
    - {{name: memory, mountPath: /memory}}
    - {{name: disk, mountPath: /disk}}
    - {{name: host, mountPath: /host, readOnly: true}}
",
        data = data.display()
    );
    let logs = written(&host, &manifest("volumes", &spec), &["a"]).await;
    let words: Vec<_> = logs[0].split_whitespace().collect();
    assert_eq!(words, ["tmpfs", "1024", "777", "from", "the", "host", "read-only", "writable"]);
}
