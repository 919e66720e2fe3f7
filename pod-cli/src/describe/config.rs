//! ConfigMaps, Secrets and events.

use pod_spec::{ConfigMap, ObjectMeta, Secret};
use serde_json::Value;

use super::Page;

fn head(page: &mut Page, metadata: &ObjectMeta) {
    page.pair("Name", &metadata.name);
    page.pair("Namespace", metadata.namespace.as_deref().unwrap_or_default());
    page.labels(metadata);
}

fn section(page: &mut Page, name: &str) {
    page.line("");
    page.line(name);
    page.line("====");
}

pub fn config_map(page: &mut Page, map: &ConfigMap) {
    head(page, &map.metadata);
    section(page, "Data");
    for (key, value) in &map.data {
        page.line(format!("{key}:\n----\n{value}\n"));
    }
    section(page, "BinaryData");
    for (key, value) in &map.binary_data {
        page.line(format!("{key}: {} bytes", value.0.len()));
    }
    page.line("");
}

/// The sizes only: what is secret is not shown.
pub fn secret(page: &mut Page, secret: &Secret) {
    head(page, &secret.metadata);
    page.line("");
    page.pair("Type", secret.kind.as_deref().unwrap_or_default());
    section(page, "Data");
    for (key, value) in &secret.data {
        page.pair(key, format!("{} bytes", value.0.len()));
    }
}

pub fn event(page: &mut Page, event: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    page.pair("Name", text(&event["metadata"]["name"]));
    page.pair("Namespace", text(&event["metadata"]["namespace"]));
    let involved = &event["involvedObject"];
    page.pair(
        "Involved Object",
        format!("{}/{}", text(&involved["kind"]), text(&involved["name"])),
    );
    page.pair("Type", text(&event["type"]));
    page.pair("Reason", text(&event["reason"]));
    page.pair("Message", text(&event["message"]));
    page.pair("Count", event["count"].to_string());
    page.pair("First Timestamp", text(&event["firstTimestamp"]));
    page.pair("Last Timestamp", text(&event["lastTimestamp"]));
}
