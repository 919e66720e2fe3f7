//! ConfigMaps, Secrets, claims and events.

use pod_spec::{ConfigMap, ObjectMeta, PersistentVolumeClaim, Secret};
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

pub fn claim(page: &mut Page, claim: &PersistentVolumeClaim) {
    let (spec, status) = (&claim.spec, claim.status.clone().unwrap_or_default());
    page.pair("Name", &claim.metadata.name);
    page.pair("Namespace", claim.metadata.namespace.as_deref().unwrap_or_default());
    page.pair("StorageClass", spec.storage_class_name.as_deref().unwrap_or_default());
    let phase = status.phase.unwrap_or_default().as_str();
    let deleted = claim.metadata.deletion_timestamp.is_some();
    page.pair("Status", if deleted { "Terminating" } else { phase });
    page.pair("Volume", spec.volume_name.as_deref().unwrap_or_default());
    page.labels(&claim.metadata);
    page.pair("Finalizers", format!("[{}]", claim.metadata.finalizers.join(" ")));
    let capacity = status.capacity.get("storage").map(ToString::to_string);
    page.pair("Capacity", capacity.unwrap_or_default());
    let modes: Vec<_> = spec.access_modes.iter().map(|mode| mode.as_str()).collect();
    page.pair("Access Modes", modes.join(","));
    page.some("VolumeMode", spec.volume_mode.map(|mode| mode.as_str()));
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
