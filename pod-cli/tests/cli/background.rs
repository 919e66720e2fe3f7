//! Pods in the background: apply, get, logs, wait, delete.

use std::path::Path;
use std::process::Stdio;

use crate::host::{Host, end, eventually, lines_from, read_until, script, server};

#[test]
fn a_pod_is_made_once() {
    let host = Host::new();
    let first = host.pod_on("apply", &server());
    assert_eq!((first.code, first.out.as_str(), first.err.as_str()), (0, "pod/web created\n", ""));
    let again = host.pod_on("apply", &server());
    assert_eq!((again.code, again.out.as_str()), (0, "pod/web unchanged\n"));
    let other = host.pod_on("create", &server().replace("hello", "good day"));
    assert_eq!(other.code, 5, "{other:?}");
    assert_eq!(host.pod_on("up", &server()).code, 5);

    let table = host.pod("get pods");
    let lines: Vec<&str> = table.out.lines().collect();
    assert_eq!(lines[0], "NAME   READY   STATUS    RESTARTS   AGE");
    assert!(lines[1].starts_with("web    1/1     Running   0          "), "{}", table.out);
    assert_eq!(host.pod("get pod/web -o name").out, "pod/web\n");
    let wide = host.pod("get po web -o wide").out;
    let words: Vec<&str> = wide.split_whitespace().collect();
    assert_eq!(words[5..7], ["IP", "NODE"], "{wide}");
    assert!(words[16].parse::<std::net::Ipv4Addr>().is_ok(), "{wide}");

    let gone = host.pod("delete web");
    assert_eq!((gone.code, gone.out.as_str()), (0, "pod \"web\" deleted\n"));
    let none = host.pod("get pods");
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert_eq!(none.err, "No resources found in default namespace.\n");
}

#[test]
fn b016_a_pod_is_changed_in_place() {
    let host = Host::new();
    let manifest = server();
    assert_eq!(host.pod_on("apply", &manifest).out, "pod/web created\n");
    let changed = manifest.replace("\nspec:\n", "\nspec:\n  activeDeadlineSeconds: 3600\n");
    assert_ne!(changed, manifest);
    let again = host.pod_on("apply", &changed);
    assert_eq!((again.code, again.out.as_str()), (0, "pod/web configured\n"), "{}", again.err);
    assert_eq!(host.pod_on("apply", &changed).out, "pod/web unchanged\n");
    let object = || -> serde_json::Value {
        serde_json::from_str(&host.pod("get pods web -o json").out).expect("it is JSON")
    };
    let pod = object();
    assert_eq!(pod["spec"]["activeDeadlineSeconds"], 3600);
    assert_eq!(
        (&pod["metadata"]["generation"], &pod["status"]["observedGeneration"]),
        (&2.into(), &2.into())
    );
    assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0);

    let sooner = host.pod_on("apply", &changed.replace("3600", "1"));
    assert_eq!(sooner.out, "pod/web configured\n", "{}", sooner.err);
    eventually("the deadline counts", || object()["status"]["reason"] == "DeadlineExceeded");
    let labelled = changed
        .replace("3600", "1")
        .replace("metadata: {name: web}", "metadata: {name: web, labels: {a: b}}");
    let late = host.pod_on("apply", &labelled);
    assert_eq!(late.code, 5, "{late:?}");
    assert!(late.err.contains("delete it first"), "{}", late.err);
    assert_eq!(host.pod("delete web").code, 0);
}

#[test]
fn objects_are_whole() {
    let host = Host::new();
    assert_eq!(host.pod_with_input("apply -f -", server().as_bytes()).code, 0);
    let one: serde_json::Value =
        serde_json::from_str(&host.pod("get pods web -o json").out).expect("it is JSON");
    assert_eq!((&one["kind"], &one["status"]["phase"]), (&"Pod".into(), &"Running".into()));
    let list: serde_json::Value =
        serde_json::from_str(&host.pod("get pods -o json").out).expect("it is JSON");
    assert_eq!((&list["kind"], &list["items"][0]), (&"List".into(), &one));
    let yaml = host.pod("get pods web -o yaml").out;
    assert!(
        yaml.starts_with("apiVersion: v1\nkind: Pod\n") && yaml.contains("\n  phase: Running\n"),
        "{yaml}"
    );
    // What was shown is a manifest again, and the same one.
    let again = host.pod_on("apply", &yaml);
    assert_eq!(again.out, "pod/web unchanged\n", "{}", again.err);
    let file = host.manifest(&server());
    assert_eq!(host.pod(&format!("delete -f {file}")).out, "pod \"web\" deleted\n");
    assert_eq!(host.pod("get pods -o json").out.matches("items").count(), 1);
}

#[test]
fn b021_conditions_are_set_and_what_happened_is_shown() {
    let host = Host::new();
    let gate = "spec:\n  readinessGates: [{conditionType: example.com/up}]\n";
    assert_eq!(host.pod_on("apply", &server().replacen("spec:\n", gate, 1)).code, 0);
    let set = |kind: &str| {
        let condition = format!(r#"{{"type": "{kind}", "status": "True"}}"#);
        let patch = format!(r#"{{"status": {{"conditions": [{condition}]}}}}"#);
        host.pod_args(&["patch", "pod", "web", "--subresource=status", "-p", &patch])
    };
    let done = set("example.com/up");
    assert_eq!((done.code, done.out.as_str()), (0, "pod/web patched\n"), "{}", done.err);
    assert_eq!(host.pod("wait pod/web --for=condition=Ready").code, 0);
    let refused = set("Ready");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("the condition `Ready` is the pod's own"), "{}", refused.err);
    let wrong = ["patch", "pod", "web", "--subresource=status", "-p", "{\"spec\": {}}"];
    assert_eq!(host.pod_args(&wrong).code, 2);

    let events = host.pod("events --for pod/web").out;
    let lines: Vec<Vec<&str>> = events.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"], "{events}");
    let told: Vec<_> = lines[1..].iter().map(|l| (l[1], l[2], l[3], l[4..].join(" "))).collect();
    assert!(
        told.contains(&("Normal", "Started", "Pod/web", "Container started".into())),
        "{events}"
    );
    assert_eq!(host.pod("events -A --types=Warning --no-headers").err, "No events found.\n");
    assert_eq!(host.pod("events --for pod/other").code, 4);
    assert_eq!(host.pod("delete web --force").code, 0);
}

#[test]
fn two_namespaces_are_two_worlds() {
    let host = Host::new();
    let file = host.manifest(&server());
    for namespace in ["ours", "theirs"] {
        assert_eq!(host.pod(&format!("-n {namespace} apply -f {file}")).code, 0);
    }
    let all = host.pod("get pods -A --no-headers").out;
    let names: Vec<Vec<&str>> =
        all.lines().map(|l| l.split_whitespace().take(2).collect()).collect();
    assert_eq!(names, [["ours", "web"], ["theirs", "web"]]);
    assert_eq!(host.pod("delete web -n ours").code, 0);
    assert_eq!(host.pod("get pods -n theirs --no-headers").out.lines().count(), 1);
    assert_eq!(host.pod("delete -n theirs pod/web --force").code, 0);
}

#[test]
fn logs_are_shown_and_followed() {
    let host = Host::new();
    let pod =
        script("echo one; echo two >&2; printf three; read -r _ < /fifo/go; echo four", "Never")
            .replace("command:", "volumeMounts: [{name: fifo, mountPath: /fifo}], command:");
    let dir = host.path("fifo");
    std::fs::create_dir(&dir).expect("a directory can be made");
    nix::unistd::mkfifo(&dir.join("go"), nix::sys::stat::Mode::S_IRWXU)
        .expect("a pipe can be made");
    let volume =
        format!("volumes: [{{name: fifo, hostPath: {{path: {}}}}}]\n  containers:", dir.display());
    assert_eq!(host.pod_on("apply", &pod.replace("containers:", &volume)).code, 0);

    let mut command = host.command(["logs", "-f", "web"]);
    let mut follower =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut lines = lines_from(follower.stdout.take().expect("it is piped"));
    read_until(&mut lines, |line| line == "two");
    assert_eq!(host.pod("logs web --tail 1 --tail 2").code, 2);
    std::fs::write(dir.join("go"), "\n").expect("the pod reads it");
    read_until(&mut lines, |line| line == "threefour");
    assert_eq!(end(follower).code, 0);

    assert_eq!(host.pod("logs web").out, "one\ntwo\nthreefour\n");
    let stamped = host.pod("logs web --tail 1 --timestamps").out;
    assert!(stamped.starts_with("20") && stamped.contains("Z "), "{stamped}");
    assert_eq!(host.pod("logs web -c other").code, 4);
    assert_eq!(host.pod("logs web --previous").code, 1);
    assert!(host.pod("get pods --no-headers").out.contains("Completed"));
    assert_eq!(host.pod("delete web").code, 0);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &script("seq 200000", "Never")).code, 0);
    let mut child = host
        .command(["logs", "-f", "web"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let ran = end(child);
    assert_eq!(ran.err, "");
    assert_eq!(host.pod("delete web").code, 0);
}

#[test]
fn an_init_container_that_fails_is_told() {
    let host = Host::new();
    let init = "initContainers: [{name: first, image: pod.local/host, command: [sh, -c, exit 3]}]\n  containers:";
    let ran = host.pod_on("apply", &server().replace("containers:", init));
    assert_eq!((ran.code, ran.out.as_str()), (1, "pod/web created\n"), "{ran:?}");
    assert!(
        ran.err.contains("container `first`") && ran.err.contains("exit code 3"),
        "{}",
        ran.err
    );
    assert!(host.pod("get pods").out.contains("Init:CrashLoopBackOff"));
    assert_eq!(host.pod("delete web").code, 0);
}

#[test]
fn conditions_are_waited_for() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let ready = host.pod("wait --for=condition=Ready pod/web --timeout=30s");
    assert_eq!((ready.code, ready.out.as_str()), (0, "pod/web condition met\n"));
    let never = host.pod("wait --for=condition=Ready=false pod/web --timeout=100ms");
    assert_eq!(never.code, 1, "{never:?}");
    assert!(never.err.contains("timed out after 100ms"), "{}", never.err);
    assert_eq!(host.pod("delete web --wait=false").code, 0);
    assert_eq!(host.pod("wait --for=delete web").code, 0);
}

#[test]
fn a_pod_on_its_way_out_says_so() {
    let host = Host::new();
    let slow =
        script("trap 'read -r _ < /fifo/go; exit 0' TERM; echo up; sleep 1000 & wait", "Always")
            .replace("Seconds: 2", "Seconds: 60")
            .replace("command:", "volumeMounts: [{name: fifo, mountPath: /fifo}], command:");
    let dir = host.path("fifo");
    std::fs::create_dir(&dir).expect("a directory can be made");
    nix::unistd::mkfifo(&dir.join("go"), nix::sys::stat::Mode::S_IRWXU)
        .expect("a pipe can be made");
    let volume =
        format!("volumes: [{{name: fifo, hostPath: {{path: {}}}}}]\n  containers:", dir.display());
    let slow = slow.replace("containers:", &volume);
    assert_eq!(host.pod_on("apply", &slow).code, 0);
    eventually("it has set its trap", || host.pod("logs web").out == "up\n");
    assert_eq!(host.pod("delete web --wait=false").code, 0);
    assert!(host.pod("get pods").out.contains("Terminating"));
    let again = host.pod_on("apply", &slow);
    assert_eq!(again.code, 5, "{again:?}");
    assert!(again.err.contains("is being deleted"), "{}", again.err);
    std::fs::write(dir.join("go"), "\n").expect("the pod reads it");
    assert_eq!(host.pod("wait --for=delete web").code, 0);
}

/// Whoever makes a pod is killed as soon as a further piece of it is seen.
#[test]
fn an_apply_that_is_killed_leaves_a_pod_or_what_repair_removes() {
    let host = Host::new();
    let file = host.manifest(&server());
    let state = host.root().join("run/pods/default/web");
    let run = host.root().join("run");
    let moments = [
        ("the name", state.clone()),
        ("the manifest", state.join("pod.json")),
        ("the sandbox", run.join("sandboxes")),
        ("the volumes", state.join("volumes.json")),
        ("the network's record", run.join("network/pods")),
        ("the engine's word", state.join("state.json")),
    ];
    // A file, or a directory with something in it.
    let is_there = |path: &Path| match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => path.exists(),
    };
    for (what, path) in moments {
        let mut apply = host.command(["apply", "-f", &file]).spawn().expect("it runs");
        eventually(what, || is_there(&path));
        apply.kill().expect("it can be killed");
        apply.wait().expect("it ends");
        // What it has just begun may still go on for a moment.
        eventually(&format!("it is settled, killed after {what}"), || {
            let repaired = host.pod("system repair");
            assert_eq!(
                (repaired.code, repaired.err.as_str()),
                (0, ""),
                "killed after {what}: {repaired:?}"
            );
            host.pod("get pod web").code != 0
                || host.pod("wait pod/web --for=condition=Ready --timeout=1s").code == 0
        });
        // Either it runs, or there is nothing of it.
        if host.pod("get pod web").code != 0 {
            // A process that has found nothing to do takes a moment to end.
            eventually(&format!("nothing is left, killed after {what}"), || {
                host.leftovers().is_empty()
            });
            assert_eq!(host.pod_on("apply", &server()).code, 0, "killed after {what}");
        }
        assert_eq!(host.pod("delete web").code, 0, "killed after {what}");
    }
}
