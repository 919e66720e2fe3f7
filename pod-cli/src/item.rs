//! Objects as the Kubernetes API shows them, of any kind.

use std::collections::BTreeMap;

use pod_runtime::{
    Configuration, EventKind, Objects, PodHandle, RecordedEvent, Runtime, RuntimeError,
};
use pod_spec::{AdmittedObject, Container, Time};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::object;
use crate::resource::Kind;

/// Who reports events.
const COMPONENT: &str = "pod";

/// An object as it was when it was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub kind: Kind,
    pub object: Value,
}

impl Item {
    /// An object of a manifest; `None` when it is of a kind that nothing is kept of.
    pub fn of(object: &AdmittedObject) -> Result<Option<Self>, CliError> {
        let (kind, namespace, mut object) = match object {
            AdmittedObject::Pod(pod) => (Kind::Pod, Some(pod.pod.namespace()), value(&pod.pod)?),
            AdmittedObject::ConfigMap(map, _) => {
                (Kind::ConfigMap, map.metadata.namespace.as_deref(), value(map)?)
            }
            AdmittedObject::Secret(secret, _) => {
                (Kind::Secret, secret.metadata.namespace.as_deref(), value(secret)?)
            }
            _ => return Ok(None),
        };
        object["metadata"]["namespace"] = namespace.into();
        Ok(Some(Self { kind, object }))
    }

    pub fn name(&self) -> &str {
        self.metadata("name")
    }

    pub fn namespace(&self) -> &str {
        self.metadata("namespace")
    }

    pub fn uid(&self) -> &str {
        self.metadata("uid")
    }

    fn metadata(&self, field: &str) -> &str {
        self.object["metadata"][field].as_str().unwrap_or_default()
    }

    /// Its labels, or its annotations.
    pub fn words(&self, field: &str) -> BTreeMap<String, String> {
        let words = self.object["metadata"][field].as_object().into_iter().flatten();
        words
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect()
    }

    /// `pod/NAME` and the like.
    pub fn path(&self) -> String {
        format!("{}/{}", self.kind.word(), self.name())
    }

    /// The object in the type of its kind.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, CliError> {
        T::deserialize(&self.object).map_err(CliError::io("read the object"))
    }
}

/// The object of this name.
pub fn one(runtime: &Runtime, kind: Kind, namespace: &str, name: &str) -> Result<Item, CliError> {
    let object = match kind {
        Kind::Pod => runtime.pod(namespace, name)?.object()?,
        Kind::ConfigMap => value(&runtime.config_maps().get(namespace, name)?)?,
        Kind::Secret => value(&runtime.secrets().get(namespace, name)?)?,
        Kind::Event => return event(runtime, namespace, name),
    };
    Ok(Item { kind, object })
}

/// All objects of a kind, or those of one namespace.
pub fn all(runtime: &Runtime, kind: Kind, namespace: Option<&str>) -> Result<Vec<Item>, CliError> {
    match kind {
        Kind::Pod => {
            each_pod(runtime, namespace, |pod| Ok(vec![Item { kind, object: pod.object()? }]))
        }
        Kind::ConfigMap => kept(kind, &runtime.config_maps(), namespace),
        Kind::Secret => kept(kind, &runtime.secrets(), namespace),
        Kind::Event => events(runtime, namespace),
    }
}

fn kept<T: Configuration>(
    kind: Kind,
    objects: &Objects<T>,
    namespace: Option<&str>,
) -> Result<Vec<Item>, CliError> {
    let item = |object: &T| Ok(Item { kind, object: value(object)? });
    objects.list(namespace)?.iter().map(item).collect()
}

fn value(object: &impl Serialize) -> Result<Value, CliError> {
    serde_json::to_value(object).map_err(object::unwritable)
}

/// What there is to show of each pod. One that goes while we look has nothing.
fn each_pod(
    runtime: &Runtime,
    namespace: Option<&str>,
    show: impl Fn(&PodHandle) -> Result<Vec<Item>, RuntimeError>,
) -> Result<Vec<Item>, CliError> {
    let mut items = Vec::new();
    for pod in runtime.list(namespace)? {
        match show(&pod) {
            Ok(shown) => items.extend(shown),
            Err(RuntimeError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(items)
}

/// The events of all pods, in the order in which they were last seen.
fn events(runtime: &Runtime, namespace: Option<&str>) -> Result<Vec<Item>, CliError> {
    let mut items = each_pod(runtime, namespace, |pod| Ok(events_of(pod, pod.events()?)))?;
    items.sort_by(|a, b| last_seen(a).cmp(last_seen(b)));
    Ok(items)
}

fn event(runtime: &Runtime, namespace: &str, name: &str) -> Result<Item, CliError> {
    let found = events(runtime, Some(namespace))?.into_iter().find(|event| event.name() == name);
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    found.ok_or(CliError::NoEvent { namespace, name })
}

fn last_seen(event: &Item) -> &str {
    event.object["lastTimestamp"].as_str().unwrap_or_default()
}

/// The events of a pod as objects.
pub fn events_of(pod: &PodHandle, events: Vec<RecordedEvent>) -> Vec<Item> {
    events
        .iter()
        .map(|event| Item { kind: Kind::Event, object: event_object(pod, event) })
        .collect()
}

fn event_object(pod: &PodHandle, recorded: &RecordedEvent) -> Value {
    let event = &recorded.event;
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            // As the kubelet names them: by the pod and the moment.
            "name": format!("{}.{:x}", pod.name(), recorded.first.as_nanos()),
            "namespace": pod.namespace(),
            "uid": format!("{}.{:x}.{}", pod.uid(), recorded.first.as_nanos(), event.reason),
            "creationTimestamp": seconds(recorded.first),
        },
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": pod.name(),
            "namespace": pod.namespace(),
            "uid": pod.uid(),
        },
        "type": match event.kind { EventKind::Normal => "Normal", EventKind::Warning => "Warning" },
        "reason": event.reason,
        "message": event.message.trim(),
        "count": recorded.count,
        "firstTimestamp": seconds(recorded.first),
        "lastTimestamp": seconds(recorded.last),
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": "",
    });
    if let Some(container) = &event.container {
        object["involvedObject"]["fieldPath"] = field_path(pod, container).into();
    }
    object
}

fn seconds(time: Time) -> Value {
    time.to_seconds_string().into()
}

/// Where a container stands in its pod.
fn field_path(pod: &PodHandle, container: &str) -> String {
    let spec = pod.pod().spec();
    let has = |list: &[Container]| list.iter().any(|c| c.name == container);
    let list = match container {
        _ if has(&spec.containers) => "containers",
        _ if has(&spec.init_containers) => "initContainers",
        _ => "ephemeralContainers",
    };
    format!("spec.{list}{{{container}}}")
}
