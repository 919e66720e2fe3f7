//! Bad input: one clear message, the documented exit code, and nothing left.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::host::{Host, Ran, run, script, server};

/// `apply` and `up` refuse the manifest with this code and these words, and leave nothing.
fn refused(manifest: &str, code: i32, words: &[&str]) {
    for command in ["apply", "up"] {
        let host = Host::new();
        let ran = host.pod_on(command, manifest);
        assert_eq!(ran.code, code, "{command}: {ran:?}");
        assert_eq!(ran.out, "", "{command}");
        assert_eq!(ran.err.matches("error: ").count(), 1, "{command}: {}", ran.err);
        for word in words {
            assert!(ran.err.contains(word), "{command} says {:?}, not {word:?}", ran.err);
        }
        assert_eq!(host.pod("get pods -A").err, "No resources found\n");
    }
}

fn with(line: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  restartPolicy: Never
  {line}
"
    )
}

#[test]
fn what_is_no_pod() {
    let words = ["`StatefulSet` is not read here", "pod.yaml:1:7", "write its `template` as a Pod"];
    refused("kind: StatefulSet\napiVersion: apps/v1\n", 3, &words);
    refused("just text\n", 3, &["begins with `apiVersion` and `kind`"]);
}

#[test]
fn an_empty_file() {
    refused("", 3, &["holds nothing", "pod.yaml"]);
}

#[test]
fn an_unknown_field() {
    let line = "containers: [{name: a, image: pod.local/host, comand: [ls]}]";
    refused(&with(line), 3, &["unknown field `comand`", "pod.yaml:6", "did you mean `command`?"]);
}

#[test]
fn a_container_name_that_is_taken() {
    let line = "containers: [{name: a, image: pod.local/host}, {name: a, image: pod.local/host}]";
    refused(&with(line), 3, &["`a`", "spec.containers[1].name"]);
}

#[test]
fn a_mount_without_its_volume() {
    let line =
        "containers: [{name: a, image: pod.local/host, volumeMounts: [{name: x, mountPath: /x}]}]";
    refused(&with(line), 3, &["`x`", "spec.containers[0].volumeMounts[0].name"]);
}

#[test]
fn a_host_path_of_the_wrong_type() {
    let line = "volumes: [{name: h, hostPath: {path: /etc/passwd, type: Directory}}]\n  \
                containers: [{name: a, image: pod.local/host, volumeMounts: [{name: h, mountPath: /x}]}]";
    refused(&with(line), 1, &["hostPath type check failed: /etc/passwd is not a directory"]);
}

#[test]
fn a_command_that_is_not_there() {
    for policy in ["Never", "OnFailure", "Always"] {
        let manifest = script("", policy).replace("[sh, -c, \"\"]", "[no-such-program]");
        refused(&manifest, 1, &["container `app`", "StartError", "`no-such-program` not found"]);
    }
}

#[test]
fn an_image_whose_name_is_none() {
    let manifest = script("true", "Never");
    refused(&manifest.replace("pod.local/host", "a:::b"), 1, &["InvalidImageName", "a:::b"]);
}

/// Nothing listens at port 1. A pod in the background goes on trying, one in the foreground does not.
#[test]
fn an_image_that_cannot_be_had() {
    let manifest = script("true", "Never").replace("pod.local/host", "127.0.0.1:1/none");
    let host = Host::new();
    let ran = host.pod_on("up", &manifest);
    assert_eq!(ran.code, 1, "{ran:?}");
    for word in ["container `app`", "ErrImagePull", "127.0.0.1:1"] {
        assert!(ran.err.contains(word), "up says {:?}, not {word:?}", ran.err);
    }
    assert_eq!(host.pod("get pods").err, "No resources found in default namespace.\n");

    let ran = host.pod_on("apply", &manifest);
    assert_eq!((ran.code, ran.out.as_str()), (1, "pod/web created\n"), "{ran:?}");
    assert!(ran.err.contains("ErrImagePull") && ran.err.contains("it is kept"), "{ran:?}");
    let status = host.pod("get pod web -o json").out;
    assert!(status.contains("ErrImagePull") || status.contains("ImagePullBackOff"), "{status}");
    assert_eq!(host.pod("delete pod web --force").code, 0);
}

#[test]
fn an_image_that_must_not_be_pulled() {
    let manifest = script("true", "Never");
    let manifest = manifest
        .replace("image: pod.local/host", "image: 127.0.0.1:1/none, imagePullPolicy: Never");
    let host = Host::new();
    let ran = host.pod_on("up", &manifest);
    assert_eq!(ran.code, 1, "{ran:?}");
    let words = "Container image \"127.0.0.1:1/none\" is not present with pull policy of Never";
    assert!(ran.err.contains("ErrImageNeverPull") && ran.err.contains(words), "{ran:?}");
}

#[test]
fn a_user_that_is_not_allowed() {
    let line = "securityContext: {runAsNonRoot: true}\n  containers: [{name: a, image: pod.local/host, command: [ls]}]";
    refused(&with(line), 1, &["runAsNonRoot", "set `runAsUser`"]);
}

#[test]
fn a_file_that_is_not_there() {
    let host = Host::new();
    for command in ["apply", "up", "delete"] {
        let ran = host.pod(&format!("{command} -f /no/such.yaml"));
        assert_eq!(ran.code, 1, "{ran:?}");
        assert_eq!(
            ran.err,
            "error: cannot read the manifest /no/such.yaml: No such file or directory (os error 2)\n"
        );
    }
}

#[test]
fn a_namespace_that_contradicts_the_manifest() {
    let host = Host::new();
    let file = host.manifest(&server().replace("{name: web}", "{name: web, namespace: ours}"));
    let ran = host.pod(&format!("apply -n theirs -f {file}"));
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("namespace `ours`") && ran.err.contains("`theirs`"), "{}", ran.err);
}

#[test]
fn a_pod_that_is_not_there() {
    let host = Host::new();
    for line in [
        "get pods web",
        "logs web",
        "exec web -- ls",
        "delete web",
        "wait --for=condition=Ready pod/web",
    ] {
        let ran = host.pod(line);
        assert_eq!(ran.code, 4, "{line}: {ran:?}");
        assert_eq!(ran.err, "error: there is no pod `web` in namespace `default`\n", "{line}");
    }
    assert_eq!(host.pod("delete web --ignore-not-found").code, 0);
    assert_eq!(host.pod("wait --for=delete pod/web").code, 0);
}

#[test]
fn names_that_lead_elsewhere() {
    let host = Host::new();
    for line in [
        "get pods ../../etc",
        "logs ..",
        "delete web/..",
        "get pods -n ../x",
        "get pods svc/web",
        "get nodes",
    ] {
        let ran = host.pod(line);
        assert_eq!(ran.code, 2, "{line}: {ran:?}");
    }
}

#[test]
fn somebody_who_is_not_root() {
    let host = Host::new();
    // The checkout may lie where only root can look.
    let public = tempfile::tempdir().expect("can be made");
    std::fs::set_permissions(public.path(), PermissionsExt::from_mode(0o755)).expect("is ours");
    let program = public.path().join("pod");
    std::fs::copy(env!("CARGO_BIN_EXE_pod"), &program).expect("can be copied");
    let as_nobody = |args: &[&str], root: &Path, input: &[u8]| -> Ran {
        let mut command = Command::new(&program);
        command.args(args).env("POD_ROOT", root).current_dir("/").uid(65534).gid(65534);
        run(command.stdin(Stdio::piped()), input)
    };
    let own = Path::new("/tmp/pod-of-nobody");
    for verb in ["apply", "up"] {
        let ran = as_nobody(&[verb, "-f", "-"], own, server().as_bytes());
        assert_eq!(ran.code, 6, "{ran:?}");
        assert_eq!(
            ran.err,
            "error: running a pod needs root: run this as root (for example with sudo)\n"
        );
    }
    assert_eq!(as_nobody(&["version"], own, b"").code, 0);
    // What another's pods do is not told.
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let ran = as_nobody(&["get", "pods"], &host.root(), b"");
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(ran.err.contains("run this as root"), "{}", ran.err);
    assert_eq!(host.pod("delete web").code, 0);
}

/// A small disk at a directory, until it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(dir: PathBuf) -> Self {
        std::fs::create_dir_all(&dir).expect("can be made");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=200k", "tmpfs"]).arg(&dir).status();
        assert!(mounted.expect("runs").success());
        Self(dir)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[test]
fn a_disk_that_is_full_under_the_log() {
    let host = Host::new();
    let disk = SmallDisk::at(host.root().join("logs"));
    let chatty = "for i in $(seq 20000); do echo a line of output, number $i; done; exit 3";
    let manifest = script(chatty, "Never");
    let tells = |ran: &Ran| {
        let why = "container app: Lines of the output are lost: cannot write to ";
        assert_eq!(ran.err.matches(why).count(), 1, "{}", ran.err);
        assert!(ran.err.contains("; is the disk full?\n"), "{}", ran.err);
        assert!(ran.out.contains("a line of output, number 1\n"), "{}", ran.out);
        assert!(!ran.out.contains("number 20000"), "{}", ran.out);
    };
    let ran = host.pod_on("up", &manifest);
    assert_eq!(ran.code, 3, "{}", ran.err);
    tells(&ran);
    // The disk has room again with the pod gone.
    assert_eq!(host.pod_on("apply", &manifest).code, 0);
    assert_eq!(host.pod("wait pod/web --for=jsonpath={.status.phase}=Failed").code, 0);
    tells(&host.pod("logs web"));
    let events = host.pod("events").out;
    assert!(events.contains("Warning") && events.contains("LostOutput"), "{events}");
    assert_eq!(host.pod("delete web").code, 0);
    drop(disk);
}
