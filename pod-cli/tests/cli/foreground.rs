//! Pods in the foreground.

use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::host::{Host, end, eventually, lines_from, read_until, script, server};

const WHOLE: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 2
  volumes: [{name: data, emptyDir: {}}]
  initContainers:
  - name: prepare
    image: pod.local/host
    command: [sh, -c, 'echo prepared > /data/file; mkfifo /data/log']
    volumeMounts: [{name: data, mountPath: /data}]
  - name: log
    image: pod.local/host
    restartPolicy: Always
    command: [sh, -c, 'trap exit TERM; cat /data/log; echo read > /data/read; sleep 1000 & wait']
    volumeMounts: [{name: data, mountPath: /data}]
  containers:
  - name: app
    image: pod.local/host
    command: [sh, -c, 'cat /data/file; echo one > /data/log; until [ -s /data/read ]; do :; done; exit ${CODE:-0}']
    volumeMounts: [{name: data, mountPath: /data}]
";

fn start(host: &Host, manifest: &str) -> Child {
    let file = host.manifest(manifest);
    let mut command = host.command(["up", "-f", &file]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("it is a process id")), signal)
        .expect("it runs");
}

/// Waits until the pod has written a line.
fn wait_for(child: &mut Child, wanted: &str) {
    let mut lines = lines_from(child.stdout.take().expect("it is piped"));
    read_until(&mut lines, |line| line == wanted);
    // Somebody has to go on reading.
    std::thread::spawn(move || lines.count());
}

#[test]
fn a_whole_pod_is_shown_to_its_end() {
    let host = Host::new();
    let ran = host.pod_on("up", WHOLE);
    assert_eq!(ran.code, 0, "{ran:?}");
    let mut lines: Vec<&str> = ran.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["app     | prepared", "log     | one"]);
    let phases: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("pod/web ")).collect();
    assert_eq!(phases, ["pod/web Pending", "pod/web Running", "pod/web Succeeded"], "{}", ran.err);
}

#[test]
fn the_code_is_that_of_the_first_failure() {
    let host = Host::new();
    let ran = host.pod_on("up", &script("exit 5", "Never"));
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(ran.err.contains("container app: ended with code 5"), "{}", ran.err);
    let init = "initContainers: [{name: first, image: pod.local/host, command: [sh, -c, exit 3]}]\n  containers:";
    let ran = host.pod_on("up", &script("exit 5", "Never").replace("containers:", init));
    assert_eq!(ran.code, 3, "{ran:?}");
}

#[test]
fn a_pod_can_be_kept() {
    let host = Host::new();
    let file = host.manifest(&script("echo hello; exit 5", "Never"));
    assert_eq!(host.pod(&format!("up --keep -f {file}")).code, 5);
    assert_eq!(host.pod("logs web").out, "hello\n");
    assert!(host.pod("get pods").out.contains("Error"));
    assert_eq!(host.pod("delete web").code, 0);
}

#[test]
fn a_signal_stops_the_pod_gracefully() {
    for wanted in [Signal::SIGINT, Signal::SIGTERM] {
        let host = Host::new();
        let mut child = start(&host, &server());
        wait_for(&mut child, "app | hello");
        assert_eq!(host.pod("wait --for=condition=Ready web").code, 0);
        signal(&child, wanted);
        let ran = end(child);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}

#[test]
fn a_second_signal_kills() {
    let host = Host::new();
    let stubborn =
        script("trap 'echo no' TERM; echo hello; while :; do sleep 1000 & wait; done", "Always");
    let mut child = start(&host, &stubborn.replace("Seconds: 2", "Seconds: 1000"));
    let mut lines = lines_from(child.stdout.take().expect("it is piped"));
    read_until(&mut lines, |line| line == "app | hello");
    signal(&child, Signal::SIGINT);
    read_until(&mut lines, |line| line == "app | no");
    std::thread::spawn(move || lines.count());
    signal(&child, Signal::SIGINT);
    let ran = end(child);
    assert_eq!(ran.code, 137, "{ran:?}");
}

#[test]
fn a_pod_that_nobody_watches_any_more_is_stopped() {
    let host = Host::new();
    let mut child = start(&host, &server());
    let mut lines = lines_from(child.stdout.take().expect("it is piped"));
    read_until(&mut lines, |line| line == "app | hello");
    assert_eq!(host.pod("wait --for=condition=Ready web").code, 0);
    drop(lines);
    assert_eq!(end(child).code, 0);
}

#[test]
fn a_pod_that_is_deleted_meanwhile_ends() {
    let host = Host::new();
    let mut child = start(&host, &server());
    wait_for(&mut child, "app | hello");
    assert_eq!(host.pod("delete web").code, 0);
    assert_eq!(end(child).code, 0);
}

#[test]
fn restarts_are_told() {
    let host = Host::new();
    let mut child = start(&host, &script("echo hello; exit 4", "Always"));
    let mut messages = lines_from(child.stderr.take().expect("it is piped"));
    read_until(&mut messages, |line| line == "container app: ended with code 4");
    read_until(&mut messages, |line| line.starts_with("container app: CrashLoopBackOff: "));
    eventually("it is shown", || host.pod("get pods").out.contains("CrashLoopBackOff"));
    signal(&child, Signal::SIGTERM);
    std::thread::spawn(move || messages.count());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("app | hello\napp | hello\n"));
}

/// A pod whose test ends with a code, beside a server that does not end.
fn tested(code: i32) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
  - {{name: server, image: pod.local/host, command: [sleep, '1000']}}
  - {{name: test, image: pod.local/host, command: [sh, -c, echo tested; exit {code}]}}
"
    )
}

#[test]
fn the_code_of_one_container_counts() {
    let host = Host::new();
    let (json, junit) = (host.path("report.json"), host.path("report.xml"));
    let path = |path: &std::path::Path| path.to_str().expect("it is UTF-8").to_owned();
    let file = host.manifest(&tested(3));
    let ran = host.pod(&format!(
        "up -f {file} --exit-code-from=test --summary json={} --summary junit={}",
        path(&json),
        path(&junit)
    ));
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.out.contains("test   | tested"), "{ran:?}");
    let read = |path| std::fs::read_to_string(path).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&read(json)).expect("JSON");
    assert_eq!((&report["pod"], &report["exitCode"]), (&"web".into(), &3.into()));
    assert_eq!(report["containers"][1]["exitCode"], 3);
    let report = read(junit);
    assert!(report.contains("<testsuite name=\"web\" tests=\"2\""), "{report}");
    assert!(report.contains("<failure message=\"exit code 3: Error\"/>"), "{report}");
    let file = host.manifest(&tested(0));
    assert_eq!(host.pod(&format!("up -f {file} --exit-code-from=test")).code, 0);
    assert_eq!(host.pod(&format!("up -f {file} --exit-code-from=none")).code, 4);
}

#[test]
fn a_pod_that_takes_too_long_is_stopped() {
    let host = Host::new();
    let file = host.manifest(&script("exec sleep 1000", "Never"));
    let ran = host.pod(&format!("up -f {file} --timeout=1s"));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("timed out after 1s waiting for its end on pod/web"), "{ran:?}");
}

/// Pods of one container each, which runs a script.
fn pods(pods: &[(&str, &str)]) -> String {
    let pod = |(name, text): &(&str, &str)| {
        script(text, "Never").replace("name: web", &format!("name: {name}"))
    };
    pods.iter().map(pod).collect::<Vec<_>>().join("---\n")
}

#[test]
fn several_pods_are_shown_together() {
    let host = Host::new();
    let (json, junit) = (host.path("report.json"), host.path("report.xml"));
    let file = host.manifest(&pods(&[("web", "echo from web"), ("db", "echo from db; exit 5")]));
    let summary = |form, path: &std::path::Path| {
        format!("--summary {form}={}", path.to_str().expect("UTF-8"))
    };
    let ran =
        host.pod(&format!("up -f {file} {} {}", summary("json", &json), summary("junit", &junit)));
    assert_eq!(ran.code, 5, "{ran:?}");
    let mut lines: Vec<&str> = ran.out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["db/app  | from db", "web/app | from web"]);
    for message in ["pod/web Succeeded", "container db/app: ended with code 5", "pod/db Failed"] {
        assert!(ran.err.lines().any(|line| line == message), "{message}: {}", ran.err);
    }
    let read = |path| std::fs::read_to_string(path).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&read(json)).expect("JSON");
    assert_eq!(report["exitCode"], 5);
    let pods = report["pods"].as_array().expect("a list");
    let pods: Vec<_> = pods.iter().map(|pod| (&pod["pod"], &pod["exitCode"])).collect();
    assert_eq!(pods, [(&"web".into(), &0.into()), (&"db".into(), &5.into())]);
    let report = read(junit);
    assert!(report.contains("<testsuites>\n<testsuite name=\"web\""), "{report}");
    assert!(report.contains("classname=\"db\" name=\"app\""), "{report}");
}

#[test]
fn a_signal_stops_all_pods() {
    let host = Host::new();
    let text = "trap 'echo bye; exit 0' TERM; echo hello; sleep 1000 & wait";
    let mut child = start(&host, &pods(&[("web", text), ("db", text)]));
    let mut lines = lines_from(child.stdout.take().expect("it is piped"));
    let mut greeted = std::collections::BTreeSet::new();
    read_until(&mut lines, |line| {
        greeted.insert(line.to_owned());
        greeted.len() == 2
    });
    assert_eq!(greeted.into_iter().collect::<Vec<_>>(), ["db/app  | hello", "web/app | hello"]);
    signal(&child, Signal::SIGINT);
    let mut rest: Vec<String> = lines.map(|line| line.expect("it is UTF-8")).collect();
    rest.sort();
    assert_eq!(rest, ["db/app  | bye", "web/app | bye"]);
    let ran = end(child);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("pod/web, pod/db stopping, within 2s"), "{}", ran.err);
}

#[test]
fn the_code_of_a_container_of_one_of_the_pods_counts() {
    let host = Host::new();
    let file = host.manifest(&pods(&[("web", "exec sleep 1000"), ("test", "exit 3")]));
    let ran = host.pod(&format!("up -f {file} --exit-code-from=test/app"));
    assert_eq!(ran.code, 3, "{ran:?}");
    let ran = host.pod(&format!("up -f {file} --exit-code-from=app"));
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("--exit-code-from=POD/app"), "{ran:?}");
    let ran = host.pod(&format!("up -f {file} --exit-code-from=web/none"));
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("only web/app, test/app"), "{ran:?}");
}

#[test]
fn pods_that_cannot_all_be_made_are_taken_away() {
    let host = Host::new();
    let file = host.manifest(&pods(&[("web", "exec sleep 1000"), ("web", "exit 3")]));
    let ran = host.pod(&format!("up -f {file}"));
    assert_eq!(ran.code, 5, "{ran:?}");
    assert_eq!(host.pod("get pods -o name").out, "");
}

#[test]
fn what_has_been_made_is_taken_away() {
    let host = Host::new();
    let file = host.manifest(&server());
    assert_eq!(host.pod(&format!("apply -f {file}")).code, 0);
    assert_eq!(host.pod(&format!("down -f {file}")).out, "pod \"web\" deleted\n");
    let again = host.pod(&format!("down -f {file}"));
    assert_eq!((again.code, again.err.as_str()), (0, ""), "{again:?}");
    assert_eq!(host.pod(&format!("apply -f {file}")).code, 0);
    assert_eq!(host.pod("down web --timeout=0").code, 0);
    assert_eq!(host.pod("down").code, 2);
}
