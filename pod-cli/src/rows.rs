//! The columns of each kind of object, as kubectl's printers have them.

use pod_spec::{Pod, Time};
use serde_json::Value;

use crate::error::CliError;
use crate::item::Item;
use crate::resource::Kind;
use crate::span;
use crate::summary::Summary;

const NONE: &str = "<none>";

/// The headings of a kind.
pub fn heading(kind: Kind, wide: bool) -> Vec<&'static str> {
    match (kind, wide) {
        (Kind::Pod, false) => vec!["NAME", "READY", "STATUS", "RESTARTS", "AGE"],
        (Kind::Pod, true) => {
            let mut heading = heading(kind, false);
            heading.extend(["IP", "NODE", "NOMINATED NODE", "READINESS GATES"]);
            heading
        }
        (Kind::ConfigMap, _) => vec!["NAME", "DATA", "AGE"],
        (Kind::Secret, _) => vec!["NAME", "TYPE", "DATA", "AGE"],
        (Kind::PersistentVolumeClaim, wide) => {
            let mut heading = vec![
                "NAME",
                "STATUS",
                "VOLUME",
                "CAPACITY",
                "ACCESS MODES",
                "STORAGECLASS",
                "VOLUMEATTRIBUTESCLASS",
                "AGE",
            ];
            heading.extend(wide.then_some("VOLUMEMODE"));
            heading
        }
        (Kind::Deployment, _) => {
            let own = vec!["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"];
            [own, template_heading(wide)].concat()
        }
        (Kind::Job, _) => {
            let own = vec!["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"];
            [own, template_heading(wide)].concat()
        }
        (Kind::Event, false) => vec!["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"],
        (Kind::Event, true) => vec![
            "LAST SEEN",
            "TYPE",
            "REASON",
            "OBJECT",
            "SUBOBJECT",
            "SOURCE",
            "MESSAGE",
            "FIRST SEEN",
            "COUNT",
            "NAME",
        ],
    }
}

/// What stands under them, `shown` being the name.
pub fn row(item: &Item, shown: String, wide: bool, now: Time) -> Result<Vec<String>, CliError> {
    let object = &item.object;
    let age = age(&object["metadata"]["creationTimestamp"], now);
    Ok(match item.kind {
        Kind::Pod => pod(item, shown, wide, now)?,
        Kind::ConfigMap => {
            vec![shown, (size(object, "data") + size(object, "binaryData")).to_string(), age]
        }
        Kind::Secret => vec![shown, text(&object["type"]), size(object, "data").to_string(), age],
        Kind::Event => event(object, shown, wide, now),
        Kind::PersistentVolumeClaim => {
            let mut row = vec![shown];
            row.extend(claim(object));
            row.push(age);
            row.extend(wide.then(|| text(&object["spec"]["volumeMode"])));
            row
        }
        Kind::Deployment => {
            let own = vec![
                shown,
                ready(object),
                count(object, "updatedReplicas"),
                count(object, "availableReplicas"),
                age,
            ];
            [own, template(object, wide)].concat()
        }
        Kind::Job => {
            let own =
                vec![shown, job_status(object), completions(object), duration(object, now), age];
            [own, template(object, wide)].concat()
        }
    })
}

/// Status, volume, capacity, access modes and classes of a claim.
fn claim(claim: &Value) -> [String; 6] {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let deleted = claim["metadata"]["deletionTimestamp"].is_string();
    let phase = if deleted { "Terminating".to_owned() } else { word(&claim["status"]["phase"]) };
    let modes = claim["spec"]["accessModes"].as_array().into_iter().flatten();
    let short = |mode: &Value| match mode.as_str().unwrap_or_default() {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        _ => "RWOP",
    };
    [
        phase,
        word(&claim["spec"]["volumeName"]),
        word(&claim["status"]["capacity"]["storage"]),
        modes.map(short).collect::<Vec<_>>().join(","),
        word(&claim["spec"]["storageClassName"]),
        "<unset>".to_owned(),
    ]
}

/// The columns of what pods are made from.
fn template_heading(wide: bool) -> Vec<&'static str> {
    if wide { vec!["CONTAINERS", "IMAGES", "SELECTOR"] } else { Vec::new() }
}

fn template(object: &Value, wide: bool) -> Vec<String> {
    if !wide {
        return Vec::new();
    }
    let containers = object["spec"]["template"]["spec"]["containers"].as_array();
    let of = |field: &str| -> String {
        let words = containers.into_iter().flatten().map(|c| text(&c[field]));
        words.collect::<Vec<_>>().join(",")
    };
    let labels = object["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    let labels: Vec<String> = labels.map(|(key, value)| format!("{key}={}", text(value))).collect();
    let selector = if labels.is_empty() { NONE.to_owned() } else { labels.join(",") };
    vec![of("name"), of("image"), selector]
}

/// A number of the status.
fn number(object: &Value, field: &str) -> i64 {
    object["status"][field].as_i64().unwrap_or(0)
}

fn count(object: &Value, field: &str) -> String {
    number(object, field).to_string()
}

fn ready(deployment: &Value) -> String {
    let wanted = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    format!("{}/{wanted}", number(deployment, "readyReplicas"))
}

fn job_status(job: &Value) -> String {
    let conditions = || job["status"]["conditions"].as_array().into_iter().flatten();
    let holds = |kind: &str| conditions().any(|c| c["type"] == kind && c["status"] == "True");
    let word = ["Complete", "Failed"].into_iter().find(|kind| holds(kind));
    let deleted = job["metadata"]["deletionTimestamp"].is_string();
    let other = || match (deleted, holds("Suspended"), holds("FailureTarget")) {
        (true, ..) => "Terminating",
        (_, true, _) => "Suspended",
        (.., true) => "FailureTarget",
        _ => "Running",
    };
    word.unwrap_or_else(other).to_owned()
}

fn completions(job: &Value) -> String {
    let succeeded = number(job, "succeeded");
    match (job["spec"]["completions"].as_i64(), job["spec"]["parallelism"].as_i64()) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, Some(parallelism)) if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

/// From its start to its end, or to now.
fn duration(job: &Value, now: Time) -> String {
    let time = |field: &str| Time::parse(job["status"][field].as_str()?).ok();
    match time("startTime") {
        Some(start) => span::age(time("completionTime").unwrap_or(now).since(start)),
        None => String::new(),
    }
}

fn pod(item: &Item, shown: String, wide: bool, now: Time) -> Result<Vec<String>, CliError> {
    let pod: Pod = item.read()?;
    let summary = Summary::new(&pod, now);
    let mut row = vec![shown, summary.ready, summary.status, summary.restarts, summary.age];
    if wide {
        let status = &item.object["status"];
        row.extend(
            [&status["podIP"], &item.object["spec"]["nodeName"], &status["nominatedNodeName"]]
                .map(text),
        );
        row.push(gates(&item.object));
    }
    Ok(row)
}

/// How many of a pod's readiness gates are open.
fn gates(pod: &Value) -> String {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let gates = list(&pod["spec"]["readinessGates"]);
    if gates.is_empty() {
        return NONE.to_owned();
    }
    let conditions = list(&pod["status"]["conditions"]);
    let is_open = |gate: &&Value| {
        conditions.iter().any(|c| c["type"] == gate["conditionType"] && c["status"] == "True")
    };
    format!("{}/{}", gates.iter().filter(is_open).count(), gates.len())
}

fn event(event: &Value, name: String, wide: bool, now: Time) -> Vec<String> {
    let involved = &event["involvedObject"];
    let kind = text(&involved["kind"]).to_lowercase();
    let mut row = vec![
        age(&event["lastTimestamp"], now),
        text(&event["type"]),
        text(&event["reason"]),
        format!("{kind}/{}", text(&involved["name"])),
    ];
    if wide {
        row.extend([
            involved["fieldPath"].as_str().unwrap_or_default().to_owned(),
            text(&event["source"]["component"]),
        ]);
    }
    row.push(event["message"].as_str().unwrap_or_default().to_owned());
    if wide {
        row.extend([age(&event["firstTimestamp"], now), event["count"].to_string(), name]);
    }
    row
}

/// How long ago a moment of an object was.
pub fn age(time: &Value, now: Time) -> String {
    match time.as_str().and_then(|text| Time::parse(text).ok()) {
        Some(time) => span::age(now.since(time)),
        None => "<unknown>".to_owned(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or(NONE).to_owned()
}

fn size(object: &Value, field: &str) -> usize {
    object[field].as_object().map_or(0, serde_json::Map::len)
}
