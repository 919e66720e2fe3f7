//! get, describe, events and wait, in kubectl's words.

use std::process::Stdio;

use k8s_openapi::api::core::v1::{Event, Pod};
use serde_json::Value;

use crate::host::{Host, end, eventually, lines_from, read_until, script, server};

const OBJECTS: &str = "
---
apiVersion: v1
kind: ConfigMap
metadata: {name: app, labels: {app: web}}
data: {COLOUR: red}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: hunter2}
";

/// Two pods, of which one is over, a ConfigMap and a Secret.
fn some(host: &Host) {
    let web = server().replace("{name: web}", "{name: web, labels: {app: web, tier: front}}");
    let done = script("echo done", "Never").replace("name: web", "name: done");
    let ran = host.pod_on("apply", &format!("{web}\n---\n{done}{OBJECTS}"));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(host.pod("wait pod/web --for=condition=Ready").code, 0);
    assert_eq!(host.pod("wait pod done --for=jsonpath={.status.phase}=Succeeded").code, 0);
}

fn clear(host: &Host) {
    assert_eq!(host.pod("delete pods,cm,secrets --all").code, 0);
}

fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split_whitespace().collect()).collect()
}

#[test]
fn objects_of_several_types_are_shown() {
    let host = Host::new();
    some(&host);
    let both = host.pod("get pods,cm --no-headers").out;
    let rows_of_both = rows(&both);
    let names: Vec<&str> = rows_of_both.iter().filter_map(|row| row.first().copied()).collect();
    assert_eq!(names, ["pod/done", "pod/web", "configmap/app"], "{both}");
    assert_eq!(host.pod("get all -o name").out, "pod/done\npod/web\n");
    let named = host.pod("get pod/web cm/app secret/none");
    assert_eq!(named.code, 4, "{named:?}");
    assert!(named.err.contains("there is no Secret `none`"), "{named:?}");
    assert!(
        named.out.starts_with("NAME      READY") && named.out.contains("\n\nNAME            DATA"),
        "{}",
        named.out
    );
    assert_eq!(host.pod("get pod none --ignore-not-found").code, 0);
    assert_eq!(host.pod("get pod none -w").code, 4);

    let wide = host.pod("get pod web -o wide -L tier,none --show-labels").out;
    assert!(
        wide.starts_with("NAME   READY   STATUS    RESTARTS   AGE")
            && wide.contains("   IP ")
            && wide.contains("NOMINATED NODE   READINESS GATES   TIER    NONE     LABELS"),
        "{wide}"
    );
    assert!(
        wide.contains("<none>           <none>            front   <none>   app=web,tier=front\n"),
        "{wide}"
    );

    let by = |selector: &str| {
        host.pod_args(&["get", "pods", "-o", "name", "--field-selector", selector]).out
    };
    assert_eq!(by("status.phase=Running"), "pod/web\n");
    assert_eq!(by("status.phase!=Running,metadata.name=done"), "pod/done\n");
    assert_eq!(by("spec.restartPolicy=Always"), "pod/web\n");
    assert_eq!(host.pod("get pods --field-selector spec.x=y").code, 2);
    let sorted = host.pod("get pods -o name --sort-by={.status.phase}").out;
    assert_eq!(sorted, "pod/web\npod/done\n");
    assert_eq!(host.pod("get web").code, 2);
    clear(&host);
}

#[test]
fn objects_are_printed_as_data() {
    let host = Host::new();
    some(&host);
    let json = host.pod("get pod web -o json").out;
    let pod: Pod = serde_json::from_str(&json).expect("it is a v1.Pod");
    assert_eq!(pod.status.expect("a status").phase.as_deref(), Some("Running"));
    let list: Value = serde_json::from_str(&host.pod("get pods,cm -o json").out).expect("JSON");
    assert_eq!((&list["kind"], list["items"].as_array().map(Vec::len)), (&"List".into(), Some(3)));
    let yaml = host.pod("get pod web -o yaml").out;
    assert!(yaml.starts_with("apiVersion: v1\nkind: Pod\nmetadata:\n"), "{yaml}");
    assert_eq!(host.pod_on("apply", &yaml).out, "pod/web unchanged\n");

    let path = |words: &[&str]| host.pod_args(&[&["get"], words].concat());
    let names = path(&["pods", "-o", "jsonpath={.items[*].metadata.name}"]);
    assert_eq!((names.code, names.out.as_str()), (0, "done web"), "{names:?}");
    let range = r#"jsonpath={range .items[*]}{.metadata.name}{"\t"}{.status.phase}{"\n"}{end}"#;
    assert_eq!(path(&["po", "-o", range]).out, "done\tSucceeded\nweb\tRunning\n");
    let ready = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
    assert_eq!(path(&["po", "web", "-o", ready]).out, "True");
    assert_eq!(path(&["po", "web", "-o", "jsonpath={.spec.containers[3]}"]).code, 1);
    let columns =
        path(&["po", "-o", "custom-columns=NAME:.metadata.name,PHASE:status.phase,NONE:.a"]);
    assert_eq!(
        columns.out,
        "NAME   PHASE       NONE\ndone   Succeeded   <none>\nweb    Running     <none>\n"
    );
    let template = path(&["po", "-o", "go-template={{.kind}}"]);
    assert!(template.code == 2 && template.err.contains("not done here"), "{template:?}");
    clear(&host);
}

#[test]
fn changes_are_watched() {
    let host = Host::new();
    let mut child = host
        .command(["get", "pods", "-w", "--output-watch-events"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = lines_from(child.stdout.take().expect("it is piped"));
    // It stays in each state until it has been seen there: one who looks late sees the last of several.
    let stubborn = script("trap '' TERM; echo hello; sleep 1000 & wait", "Always")
        .replace("Seconds: 2", "Seconds: 1000")
        .replace(
            "{name: app,",
            "{name: app, readinessProbe: {exec: {command: [test, -f, /tmp/go]}, periodSeconds: 1},",
        );
    assert_eq!(host.pod_on("apply", &stubborn).code, 0);
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut first = None;
    read_until(&mut lines, |line| {
        first.get_or_insert_with(|| line.to_owned());
        line.starts_with("ADDED")
    });
    assert_eq!(words(&first.expect("a heading"))[..3], ["EVENT", "NAME", "READY"]);
    assert_eq!(host.pod("exec web -- touch /tmp/go").code, 0);
    read_until(&mut lines, |line| {
        words(line).get(..4) == Some(&["MODIFIED", "web", "1/1", "Running"].map(str::to_owned))
    });
    assert_eq!(host.pod("delete pod web --wait=false").code, 0);
    read_until(&mut lines, |line| {
        words(line).get(..4) == Some(&["MODIFIED", "web", "1/1", "Terminating"].map(str::to_owned))
    });
    assert_eq!(host.pod("delete pod web --grace-period=0 --force").code, 0);
    read_until(&mut lines, |line| line.starts_with("DELETED") && line.contains(" web "));
    // It goes on until it is told not to.
    child.kill().expect("it runs");
    assert_eq!(end(child).err, "");
}

#[test]
fn events_are_shown_as_objects_and_in_a_table() {
    let host = Host::new();
    some(&host);
    let list: Value = serde_json::from_str(&host.pod("get events -o json").out).expect("JSON");
    let events: Vec<Event> = serde_json::from_value(list["items"].clone()).expect("v1.Events");
    let started = |event: &&Event| {
        event.reason.as_deref() == Some("Started")
            && event.involved_object.name.as_deref() == Some("web")
    };
    let started = events.iter().find(started).expect("it has started");
    assert_eq!(started.involved_object.field_path.as_deref(), Some("spec.containers{app}"));
    let table = host.pod("get events").out;
    let table = rows(&table);
    assert_eq!(table[0], ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]);
    assert!(table.iter().any(|row| row[1..4] == ["Normal", "Started", "pod/web"]), "{table:?}");
    let of_one = host.pod("events --for pod/done --no-headers").out;
    assert!(rows(&of_one).iter().all(|row| row.contains(&"Pod/done")), "{of_one}");
    assert_eq!(host.pod("events --for pod/none").code, 4);
    assert_eq!(host.pod("events --types=Warning").err, "No events found in default namespace.\n");
    let by = host.pod("get ev --field-selector involvedObject.name=web,reason=Started -o name").out;
    assert_eq!(by.lines().count(), 1, "{by}");

    let mut child = host
        .command(["get", "events", "-w", "--watch-only"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = lines_from(child.stdout.take().expect("it is piped"));
    assert_eq!(host.pod("delete pod web --wait=false").code, 0);
    read_until(&mut lines, |line| line.contains("Killing") && line.contains("pod/web"));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    clear(&host);
}

#[test]
fn a_pod_is_described() {
    let host = Host::new();
    some(&host);
    let page = host.pod("describe pod web").out;
    for part in [
        "Name:             web\nNamespace:        default\n",
        "Labels:           app=web\n                  tier=front\n",
        "Status:           Running\n",
        "Containers:\n  app:\n    Container ID:  ",
        "    State:          Running\n      Started:      ",
        "    Ready:          True\n    Restart Count:  0\n",
        "  ContainersReady             True \n",
        "\nQoS Class:                    BestEffort\n",
        "\nEvents:\n  Type    Reason",
        "Container created\n",
    ] {
        assert!(page.contains(part), "{part:?} in\n{page}");
    }
    let both = host.pod("describe pods").out;
    assert!(
        both.starts_with("Name:             done\n")
            && both.contains("\n\n\nName:             web\n"),
        "{both}"
    );
    let secret = host.pod("describe secret/login").out;
    assert!(secret.contains("password:  7 bytes") && !secret.contains("hunter2"), "{secret}");
    assert_eq!(host.pod("describe pod none").code, 4);
    clear(&host);
}

#[test]
fn values_and_creation_are_waited_for() {
    let host = Host::new();
    let waiting = host
        .command(["wait", "pod/web", "--for=create", "--timeout=60s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    some(&host);
    let created = end(waiting);
    assert_eq!((created.code, created.out.as_str()), (0, "pod/web condition met\n"), "{created:?}");
    let all = host.pod("wait pods --all --for=jsonpath={.status.podIP}");
    assert_eq!(all.out, "pod/done condition met\npod/web condition met\n", "{all:?}");
    assert_eq!(host.pod("wait pods -l app=none --for=condition=Ready").code, 1);
    let over = host.pod("wait pod/done --for=condition=Ready");
    assert!(over.code == 1 && over.err.contains("is over (Succeeded)"), "{over:?}");
    assert_eq!(host.pod("wait pod/none --for=condition=Ready").code, 4);
    let late = host.pod("wait pod/web --for=jsonpath={.status.phase}=Failed --timeout=0");
    assert!(late.code == 1 && late.err.contains("{.status.phase} to be Failed"), "{late:?}");
    eventually("both are there", || host.pod("get pods -o name").out.lines().count() == 2);
    clear(&host);
}

#[test]
fn what_pods_consume_is_measured() {
    let host = Host::new();
    let busy = script(
        "x=$(head -c 33554432 /dev/zero | tr '\\0' x); echo full; while :; do :; done",
        "Always",
    );
    let busy = busy.replace("name: web", "name: busy");
    assert_eq!(host.pod_on("apply", &format!("{}---\n{busy}", server())).code, 0);
    eventually("it is busy", || host.pod("logs busy").out == "full\n");
    let top = host.pod("top pod").out;
    let table = rows(&top);
    assert_eq!(table[0], ["NAME", "CPU(cores)", "MEMORY(bytes)"]);
    let number = |row: &[&str], column: usize| -> u64 {
        row[column].trim_end_matches(char::is_alphabetic).parse().expect("a number")
    };
    let busy = table.iter().find(|row| row[0] == "busy").expect("it is there");
    let idle = table.iter().find(|row| row[0] == "web").expect("it is there");
    assert!(number(busy, 1) > 50 && number(busy, 2) >= 32, "{top}");
    assert!(number(idle, 1) < number(busy, 1) && number(idle, 2) < number(busy, 2), "{top}");
    let first = host.pod("top pods -A --containers --sort-by=cpu --no-headers").out;
    assert_eq!(rows(&first)[0][..3], ["default", "busy", "app"], "{first}");
    assert_eq!(host.pod("top pod none").code, 4);
    assert_eq!(host.pod("delete pods --all --now").code, 0);
    assert_eq!(host.pod("top pod").err, "No resources found in default namespace.\n");
}
