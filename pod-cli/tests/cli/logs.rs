//! Logs of many containers and pods, parts of them, and where they lie.

use std::fs;
use std::path::Path;

use crate::host::{Host, eventually, script};

/// A pod of an init container and two main ones, each of which writes something.
fn manifest(name: &str, app: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: {app}}}}}
spec:
  restartPolicy: Never
  initContainers:
  - {{name: prepare, image: pod.local/host, command: [echo, prepared]}}
  containers:
  - {{name: one, image: pod.local/host, command: [sh, -c, 'echo {name} one; echo 12345678']}}
  - {{name: two, image: pod.local/host, command: [echo, {name} two]}}
"
    )
}

fn host() -> Host {
    let host = Host::new();
    for (name, app) in [("web", "web"), ("db", "db")] {
        assert_eq!(host.pod_on("apply", &manifest(name, app)).code, 0);
        eventually("it has ended", || host.pod("get pods --no-headers").out.contains("Completed"));
    }
    eventually("both have ended", || {
        host.pod("get pods --no-headers").out.matches("Completed").count() == 2
    });
    host
}

fn delete(host: &Host) {
    assert_eq!(host.pod("delete web db").code, 0);
}

#[test]
fn b227_all_pods_of_a_label_are_shown_and_deleted_together() {
    let host = host();
    let table = host.pod("get pods -l app=web --show-labels").out;
    let rows: Vec<Vec<&str>> = table.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 2, "{table}");
    assert_eq!((rows[0].last(), rows[1].last()), (Some(&"LABELS"), Some(&"app=web")), "{table}");
    assert_eq!(host.pod("get pods web -l app").code, 2);
    assert_eq!(host.pod("delete pods web -l app").code, 2);
    let none = host.pod("delete pods -l app=cache");
    assert_eq!((none.code, none.out.as_str(), none.err.as_str()), (0, "", "No resources found\n"));
    assert_eq!(host.pod("delete pods -l app=web").out, "pod \"web\" deleted\n");
    assert_eq!(host.pod("get pods -o name").out, "pod/db\n");
    assert_eq!(host.pod("delete po --all").out, "pod \"db\" deleted\n");
}

#[test]
fn a_pod_says_which_of_its_containers_is_meant() {
    let host = Host::new();
    for (name, err) in
        [("two", ""), ("three", "Default container name \"three\" not found in pod web\n")]
    {
        let annotation =
            format!("annotations: {{kubectl.kubernetes.io/default-container: {name}}}, labels:");
        let annotated = manifest("web", "web").replace("labels:", &annotation);
        assert_eq!(host.pod_on("apply", &annotated).code, 0);
        eventually("it has ended", || host.pod("get pods --no-headers").out.contains("Completed"));
        let logs = host.pod("logs web");
        assert!(logs.err.starts_with(err), "{}", logs.err);
        assert_eq!(logs.out.contains("web two"), err.is_empty(), "{}", logs.out);
        assert_eq!(logs.err.contains("Defaulted container"), !err.is_empty(), "{}", logs.err);
        assert_eq!(host.pod("delete web").code, 0);
    }
}

#[test]
fn all_containers_are_shown_in_the_order_of_their_start() {
    let host = host();
    let all = host.pod("logs web --all-containers=true --prefix").out;
    assert_eq!(
        all,
        "[pod/web/prepare] prepared\n[pod/web/one] web one\n[pod/web/one] 12345678\n[pod/web/two] web two\n"
    );
    // The container may be a word of its own.
    assert_eq!(host.pod("logs web two").out, "web two\n");
    let followed = host.pod("logs web --all-containers -f").out;
    let mut lines: Vec<&str> = followed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["12345678", "prepared", "web one", "web two"]);
    let too_many = host.pod("logs web --all-containers -f --max-log-requests 2");
    assert_eq!(too_many.code, 2);
    assert!(too_many.err.contains("3 logs would be followed"), "{}", too_many.err);
    delete(&host);
}

#[test]
fn pods_are_found_by_their_labels() {
    let host = host();
    assert_eq!(host.pod("logs -l app=web -c two").out, "web two\n");
    let both = host.pod("logs -l app -c two");
    assert_eq!(both.out, "db two\nweb two\n");
    let selected = host.pod_args(&["logs", "-l", "app in (web, db)", "-c", "two", "--prefix"]).out;
    assert_eq!(selected, "[pod/db/two] db two\n[pod/web/two] web two\n");
    let none = host.pod("logs -l app=cache");
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert_eq!(none.err, "No resources found in default namespace.\n");
    delete(&host);
}

#[test]
fn old_lines_and_surplus_bytes_are_left_out() {
    let host = host();
    assert_eq!(
        host.pod("logs web -c one --since-time=2020-02-01T09:50:00Z").out,
        "web one\n12345678\n"
    );
    assert_eq!(host.pod("logs web -c one --since-time=2199-01-01T00:00:00Z").out, "");
    assert_eq!(host.pod("logs web -c one --since=1h").out, "web one\n12345678\n");
    assert_eq!(host.pod("logs web -c one --since=0s").out, "");
    assert_eq!(host.pod("logs web -c one --limit-bytes 10").out, "web one\n12");
    assert_eq!(host.pod("logs web -c one --tail=1 --follow=false").out, "12345678\n");
    delete(&host);
}

#[test]
fn a_log_is_followed_over_rotation_and_restart() {
    const LINES: usize = 150_000;
    let host = Host::new();
    // More than a log may hold before it is put aside.
    let text = format!(
        "[ -e /data/second ] && {{ echo again; exit 0; }}; touch /data/second; seq {LINES} | sed 's/$/ {}/'; exit 1",
        "x".repeat(64)
    );
    let pod = script(&text, "OnFailure")
        .replace("command:", "volumeMounts: [{name: data, mountPath: /data}], command:")
        .replace("  containers:", "  volumes: [{name: data, emptyDir: {}}]\n  containers:");
    assert_eq!(host.pod_on("apply", &pod).code, 0);
    let followed = host.pod("logs -f web");
    assert_eq!((followed.code, followed.err.as_str()), (0, ""));
    let mut lines = followed.out.lines();
    for n in 1..=LINES {
        let line = lines.next().expect("all lines are there");
        assert_eq!(line.split(' ').next(), Some(n.to_string().as_str()));
    }
    assert_eq!((lines.next(), lines.next()), (Some("again"), None));
    let mut find = std::process::Command::new("find");
    let found = find.arg(host.root().join("logs/pods")).output().expect("find runs");
    let files = String::from_utf8(found.stdout).expect("UTF-8");
    assert!(files.lines().any(|file| file.contains("0.log.")), "it has been rotated: {files}");
    assert_eq!(host.pod("delete pod web").code, 0);
}

/// What lies in a directory, by name and in order.
fn listed(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("it is there").file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

/// The instances of the container whose logs are linked: the links carry their names, and lead to their logs.
fn linked(host: &Host, logs: &Path, uid: &str) -> Vec<u32> {
    let links = host.root().join("logs/containers");
    let instance = |name: &String| {
        let attempt = name.strip_prefix(&format!("web_default_app-{uid}-app-"));
        let attempt = attempt.and_then(|rest| rest.strip_suffix(".log")).expect("it is the pod's");
        let target = fs::canonicalize(links.join(name)).expect("the link leads to a file");
        assert_eq!(target, logs.join(format!("{attempt}.log")));
        attempt.parse().expect("it is a number")
    };
    listed(&links).iter().map(instance).collect()
}

#[test]
fn b212_logs_lie_where_a_node_has_them_and_are_linked() {
    let host = Host::new();
    let text = "trap 'exit 1' TERM; echo hello; sleep 1000 & wait";
    let hasty = "metadata: {name: web, annotations: {pod.local/backoff-initial: 100ms}}";
    let pod = script(text, "Always").replace("metadata: {name: web}", hasty);
    assert_eq!(host.pod_on("apply", &pod).code, 0);
    let uid = host.pod("get pod web -o jsonpath={.metadata.uid}").out;
    let pods = host.root().join("logs/pods");
    assert_eq!(listed(&pods), [format!("default_web_{uid}")]);
    let logs = pods.join(format!("default_web_{uid}/app"));
    let written = |attempt: u32| fs::read_to_string(logs.join(format!("{attempt}.log")));
    // The instance before the running one keeps its log, for `logs -p`; those before that go.
    for (restarts, want) in [(0, &[0][..]), (1, &[0, 1]), (2, &[1, 2])] {
        let count = "{.status.containerStatuses[0].restartCount}";
        assert_eq!(host.pod(&format!("wait pod/web --for=jsonpath={count}={restarts}")).code, 0);
        eventually("it is in the log", || {
            written(restarts).is_ok_and(|text| text.ends_with(" stdout F hello\n"))
        });
        assert_eq!(linked(&host, &logs, &uid), want, "after {restarts} restarts");
        let names: Vec<String> = want.iter().map(|attempt| format!("{attempt}.log")).collect();
        assert_eq!(listed(&logs), names);
        // It may be killed itself with the container that it ends.
        host.pod("exec web -- kill 1");
    }
    assert_eq!(host.pod("delete pod web").code, 0);
    assert_eq!(listed(&pods), Vec::<String>::new());
    assert_eq!(listed(&host.root().join("logs/containers")), Vec::<String>::new());
}
