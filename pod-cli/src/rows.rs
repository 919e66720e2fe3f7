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
    })
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
