//! `pod get`: shows pods, ConfigMaps, Secrets and claims.

use std::collections::BTreeMap;

use pod_runtime::{Configuration, Objects, PodStatus, Runtime, RuntimeError, ValidPod};
use pod_spec::{ConfigMap, PersistentVolumeAccessMode, PersistentVolumeClaim, Secret, Time};
use serde_json::Value;

use crate::args::{Format, Get, Globals};
use crate::error::CliError;
use crate::failures::Failures;
use crate::resource::{self, Kind, Targets};
use crate::summary::{Summary, age};
use crate::{clock, exit, object, output, table};

/// An object that can be shown.
trait Shown {
    const KIND: Kind;

    fn name(&self) -> &str;

    fn namespace(&self) -> &str;

    fn labels(&self) -> &BTreeMap<String, String>;

    fn json(&self) -> Result<Value, CliError>;

    fn yaml(&self) -> Result<String, CliError>;

    /// The headings of the table.
    fn heading(wide: bool) -> Vec<&'static str>;

    /// What stands under them.
    fn row(&self, wide: bool, now: Time) -> Result<Vec<String>, CliError>;
}

/// A pod as it was when it was looked at.
struct Found {
    pod: ValidPod,
    object: Value,
}

pub fn run(globals: &Globals, args: &Get) -> Result<u8, CliError> {
    let Targets { kind, names } = resource::targets(&args.targets)?;
    let Some(kind) = kind else {
        let word = args.targets.first().map_or("", String::as_str);
        return Err(CliError::Usage(format!(
            "there is no resource type `{word}`: write `pod get pods {word}`"
        )));
    };
    if args.all_namespaces && !names.is_empty() {
        let message = "nothing is looked for by name in all namespaces: leave -A or the name out";
        return Err(CliError::Usage(message.to_owned()));
    }
    if args.selector.is_some() && !names.is_empty() {
        let message = "names and labels say both what is meant: leave one of them out";
        return Err(CliError::Usage(message.to_owned()));
    }
    let runtime = globals.runtime()?;
    let namespace = (!args.all_namespaces).then(|| globals.namespace());
    match kind {
        Kind::Pod => {
            let one = |namespace: &str, name: &str| {
                let handle = runtime.pod(namespace, name)?;
                Ok(Found { pod: handle.pod().clone(), object: handle.object()? })
            };
            get(args, namespace, &names, || pods(&runtime, namespace), one)
        }
        Kind::ConfigMap => get_objects(args, namespace, &names, &runtime.config_maps()),
        Kind::Secret => get_objects(args, namespace, &names, &runtime.secrets()),
        Kind::PersistentVolumeClaim => {
            let claims = runtime.claims();
            let one = |namespace: &str, name: &str| Ok(claims.get(namespace, name)?);
            get(args, namespace, &names, || Ok(claims.list(namespace)?), one)
        }
    }
}

fn get_objects<T: Configuration + Shown>(
    args: &Get,
    namespace: Option<&str>,
    names: &[String],
    objects: &Objects<T>,
) -> Result<u8, CliError> {
    let one = |namespace: &str, name: &str| Ok(objects.get(namespace, name)?);
    get(args, namespace, names, || Ok(objects.list(namespace)?), one)
}

/// Shows all objects, or those of these names and what came of the others.
fn get<T: Shown>(
    args: &Get,
    namespace: Option<&str>,
    names: &[String],
    all: impl FnOnce() -> Result<Vec<T>, CliError>,
    one: impl Fn(&str, &str) -> Result<T, CliError>,
) -> Result<u8, CliError> {
    let Some(within) = namespace.filter(|_| !names.is_empty()) else {
        let mut found = all()?;
        found.retain(|object| args.selector.as_ref().is_none_or(|s| s.matches(object.labels())));
        show(args, &found, namespace, false)?;
        return Ok(exit::OK);
    };
    let (mut found, mut failures) = (Vec::new(), Failures::default());
    for name in names {
        match one(within, name) {
            Ok(object) => found.push(object),
            Err(error) => failures.add(error),
        }
    }
    if !found.is_empty() {
        show(args, &found, namespace, names.len() == 1)?;
    }
    failures.end()
}

fn pods(runtime: &Runtime, namespace: Option<&str>) -> Result<Vec<Found>, CliError> {
    let mut found = Vec::new();
    for handle in runtime.list(namespace)? {
        match handle.object() {
            Ok(object) => found.push(Found { pod: handle.pod().clone(), object }),
            // It went while we looked.
            Err(RuntimeError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

fn show<T: Shown>(
    args: &Get,
    found: &[T],
    namespace: Option<&str>,
    single: bool,
) -> Result<(), CliError> {
    match (args.output, found) {
        (Some(Format::Json), [one]) if single => output::data(object::json(&one.json()?)),
        (Some(Format::Yaml), [one]) if single => output::data(one.yaml()?),
        (Some(Format::Json), _) => {
            let items: Vec<Value> = found.iter().map(T::json).collect::<Result<_, _>>()?;
            output::data(object::json(&object::list(&items)))
        }
        (Some(Format::Yaml), _) => {
            let items: Vec<String> = found.iter().map(T::yaml).collect::<Result<_, _>>()?;
            output::data(object::yaml_list(&items))
        }
        (Some(Format::Name), _) => {
            let name = |object: &T| format!("{}/{}\n", T::KIND.word(), object.name());
            output::data(found.iter().map(name).collect::<String>())
        }
        (None | Some(Format::Wide), []) => {
            output::message(&match namespace {
                Some(namespace) => format!("No resources found in {namespace} namespace."),
                None => "No resources found".to_owned(),
            });
            Ok(())
        }
        (None | Some(Format::Wide), _) => output::data(rows(args, found)?),
    }
}

fn rows<T: Shown>(args: &Get, found: &[T]) -> Result<String, CliError> {
    let wide = args.output == Some(Format::Wide);
    let now = clock::now();
    let mut heading = T::heading(wide);
    if args.all_namespaces {
        heading.insert(0, "NAMESPACE");
    }
    if args.show_labels {
        heading.push("LABELS");
    }
    if args.no_headers {
        heading.clear();
    }
    let mut rows = Vec::new();
    for object in found {
        let mut row = object.row(wide, now)?;
        if args.all_namespaces {
            row.insert(0, object.namespace().to_owned());
        }
        if args.show_labels {
            row.push(labels(object.labels()));
        }
        rows.push(row);
    }
    Ok(table::render(&heading, &rows))
}

/// Labels in one cell.
fn labels(labels: &BTreeMap<String, String>) -> String {
    let words: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if words.is_empty() { "<none>".to_owned() } else { words.join(",") }
}

impl Shown for Found {
    const KIND: Kind = Kind::Pod;

    fn name(&self) -> &str {
        self.pod.name()
    }

    fn namespace(&self) -> &str {
        self.pod.namespace()
    }

    fn labels(&self) -> &BTreeMap<String, String> {
        &self.pod.metadata().labels
    }

    fn json(&self) -> Result<Value, CliError> {
        Ok(self.object.clone())
    }

    fn yaml(&self) -> Result<String, CliError> {
        object::yaml(&self.object)
    }

    fn heading(wide: bool) -> Vec<&'static str> {
        let mut heading = vec!["NAME", "READY", "STATUS", "RESTARTS", "AGE"];
        if wide {
            heading.extend(["IP", "NODE"]);
        }
        heading
    }

    fn row(&self, wide: bool, now: Time) -> Result<Vec<String>, CliError> {
        let Self { pod, object } = self;
        let status: PodStatus = serde_json::from_value(object["status"].clone())
            .map_err(CliError::io("read the pod's status"))?;
        let deleted = object["metadata"].get("deletionTimestamp").is_some();
        let summary = Summary::new(pod, &status, deleted, now);
        let mut row = vec![
            pod.name().to_owned(),
            summary.ready,
            summary.status,
            summary.restarts,
            summary.age,
        ];
        if wide {
            let text = |value: &Value| value.as_str().unwrap_or("<none>").to_owned();
            row.extend([text(&object["status"]["podIP"]), text(&object["spec"]["nodeName"])]);
        }
        Ok(row)
    }
}

/// What is kept for pods, with its columns between name and age.
macro_rules! shown {
    ($($name:ident $heading:expr, $cells:expr;)*) => {
        $(
            impl Shown for $name {
                const KIND: Kind = Kind::$name;

                fn name(&self) -> &str {
                    &self.metadata.name
                }

                fn namespace(&self) -> &str {
                    self.metadata.namespace.as_deref().unwrap_or_default()
                }

                fn labels(&self) -> &BTreeMap<String, String> {
                    &self.metadata.labels
                }

                fn json(&self) -> Result<Value, CliError> {
                    serde_json::to_value(self).map_err(object::unwritable)
                }

                fn yaml(&self) -> Result<String, CliError> {
                    self.to_yaml().map_err(object::unwritable)
                }

                fn heading(_wide: bool) -> Vec<&'static str> {
                    $heading.to_vec()
                }

                fn row(&self, _wide: bool, now: Time) -> Result<Vec<String>, CliError> {
                    let cells: fn(&Self) -> Vec<String> = $cells;
                    let mut row = vec![self.metadata.name.clone()];
                    row.extend(cells(self));
                    row.push(age(&self.metadata, now));
                    Ok(row)
                }
            }
        )*
    };
}

shown! {
    ConfigMap ["NAME", "DATA", "AGE"],
        |map| vec![(map.data.len() + map.binary_data.len()).to_string()];
    Secret ["NAME", "TYPE", "DATA", "AGE"],
        |secret| vec![secret.kind.clone().unwrap_or_default(), secret.data.len().to_string()];
    PersistentVolumeClaim
        ["NAME", "STATUS", "VOLUME", "CAPACITY", "ACCESS MODES", "STORAGECLASS", "VOLUMEATTRIBUTESCLASS", "AGE"],
        claimed;
}

/// Status, volume, capacity, access modes and classes of a claim, as kubectl shows them.
fn claimed(claim: &PersistentVolumeClaim) -> Vec<String> {
    let status = claim.status.as_ref();
    let phase = match &claim.metadata.deletion_timestamp {
        Some(_) => "Terminating".to_owned(),
        None => status.and_then(|s| s.phase).unwrap_or_default().as_str().to_owned(),
    };
    let capacity = status.and_then(|s| s.capacity.get("storage"));
    let modes: Vec<&str> = claim.spec.access_modes.iter().map(abbreviation).collect();
    vec![
        phase,
        claim.spec.volume_name.clone().unwrap_or_default(),
        capacity.map(ToString::to_string).unwrap_or_default(),
        modes.join(","),
        claim.spec.storage_class_name.clone().unwrap_or_default(),
        "<unset>".to_owned(),
    ]
}

fn abbreviation(mode: &PersistentVolumeAccessMode) -> &'static str {
    match mode {
        PersistentVolumeAccessMode::ReadWriteOnce => "RWO",
        PersistentVolumeAccessMode::ReadOnlyMany => "ROX",
        PersistentVolumeAccessMode::ReadWriteMany => "RWX",
        PersistentVolumeAccessMode::ReadWriteOncePod => "RWOP",
    }
}
