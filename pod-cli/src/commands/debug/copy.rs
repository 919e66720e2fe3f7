//! The manifest of a changed copy of a pod.

use pod_runtime::{Faults, Pod, ValidPod};
use serde_json::{Map, Value, json};

use super::Debug;
use crate::error::CliError;

/// The object of a pod, as another one of this name with what the command line changes.
pub(super) fn changed(
    object: Value,
    name: &str,
    container: &str,
    fields: Map<String, Value>,
    args: &Debug,
) -> Result<Value, CliError> {
    let mut spec = object["spec"].clone();
    if let Some(spec) = spec.as_object_mut() {
        for left_out in ["ephemeralContainers", "nodeName"] {
            spec.remove(left_out);
        }
        spec.insert("shareProcessNamespace".to_owned(), args.copy.share_processes.into());
    }
    let none = &mut Vec::new();
    let containers = spec["containers"].as_array_mut().unwrap_or(none);
    set_images(containers, &args.copy.set_image)?;
    for one in containers.iter_mut().filter_map(Value::as_object_mut) {
        let probes = ["livenessProbe", "readinessProbe", "startupProbe"];
        for probe in probes.iter().filter(|_| !args.profile.keeps_probes()) {
            one.remove(*probe);
        }
    }
    match containers.iter_mut().find(|one| one["name"] == container) {
        Some(Value::Object(one)) => {
            if fields.contains_key("command") {
                one.remove("args");
            }
            one.extend(fields);
        }
        _ => containers.push(fields.into()),
    }
    let namespace = &object["metadata"]["namespace"];
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }))
}

fn set_images(containers: &mut [Value], images: &[String]) -> Result<(), CliError> {
    for text in images {
        let usage = |what| CliError::Usage(format!("--set-image {text}: {what}"));
        let (name, image) = text.split_once('=').ok_or_else(|| usage("give NAME=IMAGE"))?;
        let mut found = false;
        for one in containers.iter_mut().filter(|one| name == "*" || one["name"] == name) {
            one["image"] = image.into();
            found = true;
        }
        if !found {
            return Err(usage("the pod has no such container"));
        }
    }
    Ok(())
}

pub(super) fn checked(manifest: &Value) -> Result<ValidPod, Faults> {
    Pod::from_json(&manifest.to_string())?.validate()
}
