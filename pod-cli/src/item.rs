//! Objects as the Kubernetes API shows them, of any kind.

use std::collections::BTreeMap;

use pod_runtime::{EventKind, PodHandle, RecordedEvent, Runtime};
use pod_spec::{AdmittedObject, Container, Deployment, Job, ObjectMeta, Pod, Time};
use pod_workloads::{Workload, Workloads};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::object;
use crate::resource::Kind;

/// The moments in a status, which the API writes in whole seconds.
const MOMENTS: [&str; 7] = [
    "completionTime",
    "finishedAt",
    "lastProbeTime",
    "lastTransitionTime",
    "lastUpdateTime",
    "startTime",
    "startedAt",
];

/// Who reports events.
const COMPONENT: &str = "pod";

/// An object as it was when it was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub kind: Kind,
    pub object: Value,
}

/// What an object is known by, whether it is there or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectReference {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
}

impl ObjectReference {
    fn new(kind: Kind, metadata: &ObjectMeta) -> Self {
        let namespace = metadata.namespace.clone().unwrap_or_default();
        Self { kind, namespace, name: metadata.name.clone() }
    }

    /// That of an object of a manifest; `None` when it is of a kind that nothing is kept of.
    pub fn of(object: &AdmittedObject) -> Option<Self> {
        let (kind, metadata) = match object {
            AdmittedObject::Pod(pod) => (Kind::Pod, pod.pod.metadata()),
            AdmittedObject::ConfigMap(map, _) => (Kind::ConfigMap, &map.metadata),
            AdmittedObject::Secret(secret, _) => (Kind::Secret, &secret.metadata),
            AdmittedObject::PersistentVolumeClaim(claim, _) => {
                (Kind::PersistentVolumeClaim, &claim.metadata)
            }
            AdmittedObject::Deployment(deployment, _) => (Kind::Deployment, &deployment.metadata),
            AdmittedObject::Job(job, _) => (Kind::Job, &job.metadata),
            _ => return None,
        };
        Some(Self::new(kind, metadata))
    }

    /// That of an object that is there.
    pub fn of_item(item: &Item) -> Self {
        let (namespace, name) = (item.namespace().to_owned(), item.name().to_owned());
        Self { kind: item.kind, namespace, name }
    }

    /// That of a pod.
    pub fn of_pod(pod: &PodHandle) -> Self {
        Self::new(Kind::Pod, pod.pod().metadata())
    }

    /// `pod/NAME` and the like.
    pub fn path(&self) -> String {
        self.kind.path(&self.name)
    }
}

impl Item {
    /// An object of a manifest; `None` when it is of a kind that nothing is kept of.
    pub fn of(object: &AdmittedObject) -> Result<Option<Self>, CliError> {
        let Some(ObjectReference { kind, namespace, .. }) = ObjectReference::of(object) else {
            return Ok(None);
        };
        let mut object = match object {
            AdmittedObject::Pod(pod) => value(&pod.pod)?,
            AdmittedObject::ConfigMap(map, _) => value(map)?,
            AdmittedObject::Secret(secret, _) => value(secret)?,
            AdmittedObject::PersistentVolumeClaim(claim, _) => value(claim)?,
            AdmittedObject::Deployment(deployment, _) => value(deployment)?,
            AdmittedObject::Job(job, _) => value(job)?,
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
        self.kind.path(self.name())
    }

    /// The object in the type of its kind.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, CliError> {
        T::deserialize(&self.object).map_err(CliError::io("read the object"))
    }
}

/// The object with its moments in whole seconds. What its author wrote stays as it is.
fn in_seconds(mut object: Value) -> Value {
    for field in ["creationTimestamp", "deletionTimestamp"] {
        object.pointer_mut(&format!("/metadata/{field}")).into_iter().for_each(truncate);
    }
    object.get_mut("status").into_iter().for_each(truncate_within);
    object
}

fn truncate_within(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(truncate_within),
        Value::Object(fields) => {
            for (key, value) in fields {
                if MOMENTS.contains(&key.as_str()) {
                    truncate(value);
                } else {
                    truncate_within(value);
                }
            }
        }
        _ => {}
    }
}

fn truncate(moment: &mut Value) {
    if let Some(time) = moment.as_str().and_then(|text| Time::parse(text).ok()) {
        *moment = seconds(time);
    }
}

/// The object of this name.
pub fn one(runtime: &Runtime, kind: Kind, namespace: &str, name: &str) -> Result<Item, CliError> {
    let object = match kind {
        Kind::Pod => in_seconds(runtime.pod(namespace, name)?.object()?),
        Kind::ConfigMap => value(&runtime.config_maps().get(namespace, name)?)?,
        Kind::Secret => value(&runtime.secrets().get(namespace, name)?)?,
        Kind::PersistentVolumeClaim => value(&runtime.claims().get(namespace, name)?)?,
        Kind::Deployment => {
            in_seconds(value(&Workloads::<Deployment>::of(runtime).get(namespace, name)?)?)
        }
        Kind::Job => in_seconds(value(&Workloads::<Job>::of(runtime).get(namespace, name)?)?),
        Kind::Event => return event(runtime, namespace, name),
    };
    Ok(Item { kind, object })
}

/// All objects of a kind, or those of one namespace.
pub fn all(runtime: &Runtime, kind: Kind, namespace: Option<&str>) -> Result<Vec<Item>, CliError> {
    match kind {
        Kind::Pod => {
            let object = |pod: PodHandle| Ok(Item { kind, object: in_seconds(pod.object()?) });
            Ok(runtime.look(namespace, object)?)
        }
        Kind::ConfigMap => items(kind, &runtime.config_maps().list(namespace)?),
        Kind::Secret => items(kind, &runtime.secrets().list(namespace)?),
        Kind::PersistentVolumeClaim => items(kind, &runtime.claims().list(namespace)?),
        Kind::Deployment => items(kind, &Workloads::<Deployment>::of(runtime).list(namespace)?),
        Kind::Job => items(kind, &Workloads::<Job>::of(runtime).list(namespace)?),
        Kind::Event => events(runtime, namespace),
    }
}

fn items(kind: Kind, objects: &[impl Serialize]) -> Result<Vec<Item>, CliError> {
    objects.iter().map(|object| Ok(Item { kind, object: in_seconds(value(object)?) })).collect()
}

fn value(object: &impl Serialize) -> Result<Value, CliError> {
    serde_json::to_value(object).map(in_seconds).map_err(object::unwritable)
}

/// The events of all that runs, in the order in which they were last seen.
fn events(runtime: &Runtime, namespace: Option<&str>) -> Result<Vec<Item>, CliError> {
    let of_pods = runtime.look(namespace, |pod| Ok(events_of(&pod, pod.events()?)))?;
    let mut items: Vec<Item> = of_pods.into_iter().flatten().collect();
    items.extend(events_of_workloads::<Deployment>(runtime, namespace)?);
    items.extend(events_of_workloads::<Job>(runtime, namespace)?);
    items.sort_by(|a, b| last_seen(a).cmp(last_seen(b)));
    Ok(items)
}

fn events_of_workloads<T: Workload>(
    runtime: &Runtime,
    namespace: Option<&str>,
) -> Result<Vec<Item>, CliError> {
    let workloads = Workloads::<T>::of(runtime);
    let mut items = Vec::new();
    for object in workloads.objects().list(namespace)? {
        let involved = Involved::new(T::API_VERSION, T::KIND, object.metadata());
        let events = workloads.events(&object)?;
        items.extend(events.iter().map(|event| involved.event(event)));
    }
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
fn events_of(pod: &PodHandle, events: Vec<RecordedEvent>) -> Vec<Item> {
    let involved = Involved::new(Pod::API_VERSION, Pod::KIND, pod.pod().metadata());
    let item = |recorded: &RecordedEvent| {
        let mut item = involved.event(recorded);
        if let Some(container) = &recorded.event.container {
            item.object["involvedObject"]["fieldPath"] = field_path(pod, container).into();
        }
        item
    };
    events.iter().map(item).collect()
}

/// The events of a pod that has been looked at.
pub fn events_about(pod: &Item, events: &[RecordedEvent]) -> Vec<Item> {
    let [name, namespace, uid] =
        ["name", "namespace", "uid"].map(|field| pod.metadata(field).to_owned());
    let metadata =
        ObjectMeta { name, namespace: Some(namespace), uid: Some(uid), ..ObjectMeta::default() };
    let involved = Involved::new(Pod::API_VERSION, Pod::KIND, &metadata);
    events.iter().map(|event| involved.event(event)).collect()
}

/// What an event is about.
struct Involved<'o> {
    api_version: &'static str,
    kind: &'static str,
    metadata: &'o ObjectMeta,
}

impl<'o> Involved<'o> {
    const fn new(api_version: &'static str, kind: &'static str, metadata: &'o ObjectMeta) -> Self {
        Self { api_version, kind, metadata }
    }

    fn event(&self, recorded: &RecordedEvent) -> Item {
        let (event, first) = (&recorded.event, recorded.first.as_nanos());
        let ObjectMeta { name, namespace, uid, .. } = self.metadata;
        let object = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                // As the kubelet names them: by the object and the moment.
                "name": format!("{name}.{first:x}"),
                "namespace": namespace,
                "uid": format!("{}.{first:x}.{}", uid.as_deref().unwrap_or_default(), event.reason),
                "creationTimestamp": seconds(recorded.first),
            },
            "involvedObject": {
                "apiVersion": self.api_version,
                "kind": self.kind,
                "name": name,
                "namespace": namespace,
                "uid": uid,
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
        Item { kind: Kind::Event, object }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_in_whole_seconds() {
        let object = json!({
            "metadata": {"creationTimestamp": "2026-01-02T03:04:05.678Z", "annotations": {"startTime": "2026-01-02T03:04:05.678Z"}},
            "status": {"conditions": [{"lastTransitionTime": "2026-01-02T03:04:05.1Z"}], "startTime": "soon"},
        });
        let want = json!({
            "metadata": {"creationTimestamp": "2026-01-02T03:04:05Z", "annotations": {"startTime": "2026-01-02T03:04:05.678Z"}},
            "status": {"conditions": [{"lastTransitionTime": "2026-01-02T03:04:05Z"}], "startTime": "soon"},
        });
        assert_eq!(in_seconds(object), want);
    }
}
