//! Pods that come and go while a container swaps what they mount and leave for a link that leads elsewhere.
//!
//! Each container mounts many parts of the directory that is swapped, so that few pods make ten thousand lookups. A lookup
//! that goes by paths is made against the same container, and has to lose: else the container would show nothing.
//! How trees are removed, beside a removal that loses, is tested in `pod-volumes/tests/remove.rs`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use pod_runtime::{PodHandle, PodPhase, PodStatus};
use pod_spec::status::ContainerStatus;
use pod_tests::{Host, delete, exec, log, manifest, soon, until, wait_until};

/// How many parts are looked up, at least.
const TRIES: usize = 10_000;

/// How many containers a pod has, and how many parts each of them mounts.
const CONTAINERS: usize = 10;
const PARTS: usize = 100;

/// Swaps `dir` and `link` in a directory that pods mount parts of, and in the emptyDir of every pod that has one. The link
/// is there for a moment only, since a container ends at the first lookup that meets it; but for every so often a while.
const SWAP: &str = r#"
import ctypes, glob
rename, at = ctypes.CDLL(None).renameat2, -100
def names(place):
    return at, (place + "/dir").encode(), at, (place + "/link").encode(), 2
data = names("/data")
while True:
    for place in glob.glob("/pods/*/volumes/kubernetes.io~empty-dir/own"):
        own = names(place)
        for _ in range(20):
            rename(*own)
    for _ in range(200):
        assert rename(*data) == 0 and rename(*data) == 0
        for _ in range(2000):
            pass
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

/// A pod of many containers that each mount all parts, say what is in them, and fill an emptyDir with what can be swapped.
fn victim(host: &Host, name: &str) -> String {
    let outside = host.path("outside").display().to_string();
    let script = format!(
        "(mkdir -p /own/dir; touch /own/dir/f; ln -sfn {outside} /own/link) 2>/dev/null; \
         set -- /part/*/*; for f; do echo ${{f##*/}}; done | sort -u; echo $#"
    );
    let parts: Vec<String> = (0..PARTS)
        .map(|n| format!("{{name: data, mountPath: /part/{n}, subPath: dir/sub/{n}}}"))
        .collect();
    let parts = parts.join(", ");
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
            "  - {{name: c{n}, image: pod.local/host, command: [sh, -c, '{script}'],\n     \
             volumeMounts: [{parts}, {{name: own, mountPath: /own}}]}}\n"
        ));
    }
    manifest(name, &spec)
}

/// Whether each container has run or been refused.
fn is_settled(status: &PodStatus) -> bool {
    status.container_statuses.len() == CONTAINERS
        && status
            .container_statuses
            .iter()
            .all(|c| c.state.terminated.is_some() || refused_at(c).is_some())
}

/// The part that a container was refused for, after all before it had been found.
fn refused_at(container: &ContainerStatus) -> Option<usize> {
    let waiting = container.state.waiting.as_ref()?;
    let (_, part) = waiting.message.as_deref()?.split_once("cannot find `dir/sub/")?;
    part.split_once('`')?.0.parse().ok()
}

/// Fills `data`, whose parts are to be mounted, and `outside`, where the link leads.
fn fill(host: &Host) {
    for (dir, file) in [("data/dir/sub", "inside"), ("outside/sub", "secret")] {
        for n in 0..PARTS {
            fs::write(host.dir(&format!("{dir}/{n}")).join(file), "").expect("can be written");
        }
    }
    symlink(host.path("outside"), host.path("data/link")).expect("can be made");
}

/// Mounts a part by its path, right after a look at where that leads, until something else is mounted. It fails when that
/// does not come to pass.
fn lose_by_path(host: &Host) {
    let (data, place) = (host.path("data"), host.dir("place"));
    let part = data.join("dir/sub/0");
    let mounts_another = || {
        fs::canonicalize(&part).is_ok_and(|found| found.starts_with(&data))
            && bind(&part, &place).is_ok()
            && {
                let another = place.join("secret").exists();
                umount2(&place, MntFlags::MNT_DETACH).expect("can be unmounted");
                another
            }
    };
    let lose = || {
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("is private");
        wait_until("a mount of something else", || mounts_another().then_some(()));
    };
    thread::scope(|scope| scope.spawn(lose).join().expect("loses"));
}

fn bind(from: &Path, to: &Path) -> nix::Result<()> {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>)
}

#[tokio::test]
async fn no_pod_mounts_or_removes_what_a_container_leads_it_to() {
    let host = Host::new("race", env!("CARGO_BIN_EXE_helper"));
    fill(&host);
    let swapper = swapper(&host).await;
    lose_by_path(&host);
    let (mut tries, mut mounted, mut refused) = (0, 0, 0);
    while tries < TRIES {
        let pod = host.run(&victim(&host, &format!("victim{tries}"))).await;
        let status = until(&pod, is_settled).await;
        for container in &status.container_statuses {
            if let Some(before) = refused_at(container) {
                tries += before + 1;
                refused += 1;
                continue;
            }
            assert_eq!(log(&pod, &container.name).await, format!("inside\n{PARTS}\n"));
            tries += PARTS;
            mounted += 1;
        }
        delete(&[&pod]).await;
        let left = fs::read_dir(host.path("outside/sub")).expect("is there");
        assert!(left.map(|part| part.expect("is there").path()).all(|p| p.join("secret").exists()));
    }
    assert!(mounted > 0 && refused > 0, "{mounted} mounted, {refused} refused");
    let status = swapper.status().expect("is there");
    assert_eq!(status.phase, PodPhase::Running);
    assert_eq!(status.container_statuses[0].restart_count, 0, "it has swapped all the time");
    assert_eq!(exec(&swapper, "a", "ls /data").await.1, 0);
    delete(&[&swapper]).await;
    assert_eq!(fs::read_dir(host.path("outside/sub")).expect("is there").count(), PARTS);
}
