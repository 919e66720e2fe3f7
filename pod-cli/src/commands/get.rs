//! `pod get`: shows pods.

use pod_runtime::{PodStatus, Runtime, RuntimeError, ValidPod};
use serde_json::Value;

use crate::args::{Format, Get, Globals};
use crate::error::CliError;
use crate::failures::Failures;
use crate::resource::{self, Targets};
use crate::summary::Summary;
use crate::{clock, exit, object, output, table};

/// A pod as it was when it was looked at.
struct Found {
    pod: ValidPod,
    object: Value,
}

pub fn run(globals: &Globals, args: &Get) -> Result<u8, CliError> {
    let Targets { typed, names } = resource::targets(&args.targets)?;
    if !typed {
        let word = args.targets.first().map_or("", String::as_str);
        return Err(CliError::Usage(format!(
            "there is no resource type `{word}`: write `pod get pods {word}`"
        )));
    }
    if args.all_namespaces && !names.is_empty() {
        let message = "a pod is not looked for by name in all namespaces: leave -A or the name out";
        return Err(CliError::Usage(message.to_owned()));
    }
    let runtime = globals.runtime()?;
    if names.is_empty() {
        let namespace = (!args.all_namespaces).then(|| globals.namespace());
        show(args, &all(&runtime, namespace)?, namespace, false)?;
        return Ok(exit::OK);
    }
    let (found, failures) = named(&runtime, globals.namespace(), &names);
    if !found.is_empty() {
        show(args, &found, Some(globals.namespace()), names.len() == 1)?;
    }
    failures.end()
}

fn all(runtime: &Runtime, namespace: Option<&str>) -> Result<Vec<Found>, CliError> {
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

/// The pods of these names, and what came of the others.
fn named(runtime: &Runtime, namespace: &str, names: &[String]) -> (Vec<Found>, Failures) {
    let (mut found, mut failures) = (Vec::new(), Failures::default());
    for name in names {
        let pod = runtime
            .pod(namespace, name)
            .and_then(|h| Ok(Found { pod: h.pod().clone(), object: h.object()? }));
        match pod.map_err(CliError::from) {
            Ok(pod) => found.push(pod),
            Err(error) => failures.add(error),
        }
    }
    (found, failures)
}

fn show(
    args: &Get,
    found: &[Found],
    namespace: Option<&str>,
    single: bool,
) -> Result<(), CliError> {
    let objects = || found.iter().map(|f| &f.object);
    match (args.output, found) {
        (Some(Format::Json), [one]) if single => output::data(object::json(&one.object)),
        (Some(Format::Yaml), [one]) if single => output::data(object::yaml(&one.object)?),
        (Some(Format::Json), _) => output::data(object::json(&object::list(objects()))),
        (Some(Format::Yaml), _) => output::data(object::yaml_list(objects())?),
        (Some(Format::Name), _) => output::data(names(found)),
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

fn names(found: &[Found]) -> String {
    found.iter().map(|f| format!("pod/{}\n", f.pod.name())).collect()
}

fn rows(args: &Get, found: &[Found]) -> Result<String, CliError> {
    let wide = args.output == Some(Format::Wide);
    let now = clock::now();
    let mut heading = vec!["NAME", "READY", "STATUS", "RESTARTS", "AGE"];
    if args.all_namespaces {
        heading.insert(0, "NAMESPACE");
    }
    if wide {
        heading.extend(["IP", "NODE"]);
    }
    if args.no_headers {
        heading.clear();
    }
    let mut rows = Vec::new();
    for Found { pod, object } in found {
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
        if args.all_namespaces {
            row.insert(0, pod.namespace().to_owned());
        }
        if wide {
            let text = |value: &Value| value.as_str().unwrap_or("<none>").to_owned();
            row.extend([text(&object["status"]["podIP"]), text(&object["spec"]["nodeName"])]);
        }
        rows.push(row);
    }
    Ok(table::render(&heading, &rows))
}
