//! Pods that come and go while a container swaps what they mount and leave for a link that leads elsewhere.
//!
//! How such lookups are made, ten thousand times and beside one that loses, is tested where they are:
//! `pod-sandbox/src/keeper/source.rs`, and `pod-volumes/tests/remove.rs` for removals.

use std::fs;
use std::os::unix::fs::symlink;

use pod_runtime::{PodHandle, PodPhase, PodStatus};
use pod_tests::{Host, delete, exec, log, manifest, soon, until};

/// How many pods come and go, and how many containers each of them has.
const PODS: usize = 10;
const CONTAINERS: usize = 20;

/// Swaps `dir` and `link` in a directory that pods mount parts of, and in the emptyDir of every pod that has one.
const SWAP: &str = r#"
import ctypes, glob
libc, at = ctypes.CDLL(None), -100
def swap(place):
    return libc.renameat2(at, (place + "/dir").encode(), at, (place + "/link").encode(), 2) == 0
while True:
    for place in glob.glob("/pods/*/volumes/kubernetes.io~empty-dir/own"):
        for _ in range(20):
            swap(place)
    for _ in range(200):
        assert swap("/data")
"#;

async fn swapper(host: &Host) -> PodHandle {
    let script = host.path("swap.py");
    fs::write(&script, SWAP).expect("can be written");
    let spec = format!(
        "
  volumes:
  - {{name: data, hostPath: {{path: {data}}}}}
  - {{name: pods, hostPath: {{path: {pods}}}}}
  - {{name: script, hostPath: {{path: {script}}}}}
  containers:
  - name: a
    image: pod.local/host
    command: [python3, /swap.py]
    volumeMounts:
    - {{name: data, mountPath: /data}}
    - {{name: pods, mountPath: /pods}}
    - {{name: script, mountPath: /swap.py}}
",
        data = host.path("data").display(),
        pods = host.root().join("pods/data/pods").display(),
        script = script.display(),
    );
    let pod = host.run(&manifest("swapper", &spec)).await;
    soon(pod.wait_ready()).await.expect("is ready");
    pod
}

/// A pod of many containers that each mount a part, and fill an emptyDir with what can be swapped.
fn victim(host: &Host, name: &str) -> String {
    let outside = host.path("outside").display().to_string();
    let fill =
        format!("(mkdir -p /own/dir; touch /own/dir/f; ln -sfn {outside} /own/link) 2>/dev/null");
    let mut spec = format!(
        "
  restartPolicy: Never
  volumes:
  - {{name: data, hostPath: {{path: {}}}}}
  - {{name: own, emptyDir: {{}}}}
  containers:
",
        host.path("data").display()
    );
    for n in 0..CONTAINERS {
        spec.push_str(&format!(
            "  - {{name: c{n}, image: pod.local/host, command: [sh, -c, '{fill}; ls /part'],\n     \
             volumeMounts: [{{name: data, mountPath: /part, subPath: dir/sub}}, {{name: own, mountPath: /own}}]}}\n"
        ));
    }
    manifest(name, &spec)
}

/// Whether each container has run or been refused.
fn is_settled(status: &PodStatus) -> bool {
    status.container_statuses.len() == CONTAINERS
        && status.container_statuses.iter().all(|c| {
            let waiting = c.state.waiting.as_ref().and_then(|w| w.reason.as_deref());
            c.state.terminated.is_some() || waiting == Some("CreateContainerConfigError")
        })
}

#[tokio::test]
async fn no_pod_mounts_or_removes_what_a_container_leads_it_to() {
    let host = Host::new("race", env!("CARGO_BIN_EXE_helper"));
    for dir in ["data/dir/sub", "outside/sub"] {
        host.dir(dir);
    }
    fs::write(host.path("data/dir/sub/inside"), "").expect("can be written");
    fs::write(host.path("outside/sub/secret"), "").expect("can be written");
    symlink(host.path("outside"), host.path("data/link")).expect("can be made");
    let swapper = swapper(&host).await;
    let (mut mounted, mut refused) = (0, 0);
    for n in 0..PODS {
        let pod = host.run(&victim(&host, &format!("victim{n}"))).await;
        let status = until(&pod, is_settled).await;
        for container in &status.container_statuses {
            if container.state.terminated.is_none() {
                refused += 1;
                continue;
            }
            assert_eq!(log(&pod, &container.name).await, "inside\n");
            mounted += 1;
        }
        delete(&[&pod]).await;
        assert!(host.path("outside/sub/secret").exists(), "after {n} pods");
    }
    assert!(mounted > 0 && refused > 0, "{mounted} mounted, {refused} refused");
    let status = swapper.status().expect("is there");
    assert_eq!(status.phase, PodPhase::Running);
    assert_eq!(status.container_statuses[0].restart_count, 0, "it has swapped all the time");
    assert_eq!(exec(&swapper, "a", "ls /data").await.1, 0);
    delete(&[&swapper]).await;
    assert_eq!(fs::read_dir(host.path("outside")).expect("is there").count(), 1);
}
