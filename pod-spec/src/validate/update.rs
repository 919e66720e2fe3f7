//! What can be changed of a pod.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::annotation::{APP_ARMOR, MIRROR};
use super::check::Given as _;
use super::{Check, pod};
use crate::fault::quoted;
use crate::path::Path;
use crate::types::{
    Affinity, Container, NodeAffinity, NodeSelectorTerm, ObjectMeta, Pod, PodSpec, Toleration,
};

/// How many changed fields are named.
const MAX_NAMED: usize = 5;

/// What is wrong with the change of one pod to another.
pub(super) fn pod(check: &mut Check<'_>, old: &Pod, new: &Pod) {
    metadata(check, &old.metadata, &new.metadata);
    pod::pod_and_spec(check, new);
    annotations(check, &old.metadata, &new.metadata);
    let at = Path::new("spec");
    let (old, new) = (&old.spec, &new.spec);
    let lists = [
        ("containers", &old.containers, &new.containers),
        ("initContainers", &old.init_containers, &new.init_containers),
    ];
    for (field, old, new) in lists {
        if old.len() != new.len() {
            check.forbidden(&at.field(field), "containers are neither added to a pod nor removed");
            return;
        }
    }
    deadline(check, old, new, &at.field("activeDeadlineSeconds"));
    tolerations(check, &old.tolerations, &new.tolerations, &at.field("tolerations"));
    scheduling_gates(check, old, new, &at.field("schedulingGates"));
    others(check, old, new, &at);
}

/// Name, namespace and id stay.
pub(super) fn metadata(check: &mut Check<'_>, old: &ObjectMeta, new: &ObjectMeta) {
    let at = Path::new("metadata");
    let fields = [
        ("name", Some(old.name.as_str()), Some(new.name.as_str())),
        ("namespace", old.namespace.given(), new.namespace.given()),
        ("uid", old.uid.given(), new.uid.given()),
    ];
    for (field, old, new) in fields {
        if new.is_some_and(|new| old.is_some_and(|old| old != new)) {
            let message = format!("it is {} and stays so", quoted(old.unwrap_or("")));
            check.invalid(&at.field(field), message);
        }
    }
}

fn annotations(check: &mut Check<'_>, old: &ObjectMeta, new: &ObjectMeta) {
    let at = Path::new("metadata");
    let at = at.field("annotations");
    let keys = old.annotations.keys().chain(new.annotations.keys());
    for key in keys.filter(|key| *key == MIRROR || key.starts_with(APP_ARMOR)) {
        if old.annotations.get(key) != new.annotations.get(key) {
            check.forbidden(&at.key(key), "this annotation is neither added, changed nor removed");
        }
    }
}

fn deadline(check: &mut Check<'_>, old: &PodSpec, new: &PodSpec, at: &Path<'_>) {
    match (old.active_deadline_seconds, new.active_deadline_seconds) {
        (Some(old), Some(new)) if new > old => {
            check.invalid(at, format!("a deadline of {old} cannot become later"));
        }
        (Some(_), None) => check.invalid(at, "a deadline cannot be taken away"),
        _ => {}
    }
}

fn tolerations(check: &mut Check<'_>, old: &[Toleration], new: &[Toleration], at: &Path<'_>) {
    let kept = |old: &Toleration| new.iter().any(|new| is_same(old, new));
    if !old.iter().all(kept) {
        check.forbidden(at, "of a toleration only `tolerationSeconds` can be changed");
    }
}

/// Whether they differ in the seconds at most.
fn is_same(a: &Toleration, b: &Toleration) -> bool {
    (&a.key, a.operator, &a.value, a.effect) == (&b.key, b.operator, &b.value, b.effect)
}

fn scheduling_gates(check: &mut Check<'_>, old: &PodSpec, new: &PodSpec, at: &Path<'_>) {
    let known: BTreeSet<_> = old.scheduling_gates.iter().map(|gate| &gate.name).collect();
    for (i, gate) in new.scheduling_gates.iter().enumerate() {
        if !known.contains(&gate.name) {
            let at = at.index(i);
            check.forbidden(&at.field("name"), "scheduling gates are taken away, never added");
        }
    }
}

/// Everything else stays, but for where a pod with scheduling gates may run.
fn others(check: &mut Check<'_>, old: &PodSpec, new: &PodSpec, at: &Path<'_>) {
    if old == new {
        return;
    }
    let mut rest = new.clone();
    keep_images(&mut rest.containers, &old.containers);
    keep_images(&mut rest.init_containers, &old.init_containers);
    rest.active_deadline_seconds = old.active_deadline_seconds;
    rest.tolerations.clone_from(&old.tolerations);
    rest.scheduling_gates.clone_from(&old.scheduling_gates);
    let grace = (old.termination_grace_period_seconds, new.termination_grace_period_seconds);
    if matches!(grace, (Some(..0), Some(1))) {
        rest.termination_grace_period_seconds = old.termination_grace_period_seconds;
    }
    if !old.scheduling_gates.is_empty() {
        narrower(check, old, &mut rest, at);
    }
    if rest != *old {
        let message = format!("this cannot be changed: {}", changed(old, &rest).join(", "));
        check.forbidden(at, message);
    }
}

fn keep_images(new: &mut [Container], old: &[Container]) {
    for (new, old) in new.iter_mut().zip(old) {
        new.image.clone_from(&old.image);
    }
}

/// A pod with scheduling gates can be given to fewer nodes, never to others.
fn narrower(check: &mut Check<'_>, old: &PodSpec, new: &mut PodSpec, at: &Path<'_>) {
    if old.node_selector.iter().any(|(key, value)| new.node_selector.get(key) != Some(value)) {
        check.invalid(&at.field("nodeSelector"), "labels of nodes are only added");
    }
    new.node_selector.clone_from(&old.node_selector);
    let affinity = at.field("affinity");
    let nodes = |spec: &PodSpec| spec.affinity.as_ref().and_then(|a| a.node_affinity.clone());
    let (before, after) = (nodes(old), nodes(new));
    if let Some(before) = &before {
        only_more_conditions(check, before, after.as_ref(), &affinity.field("nodeAffinity"));
    }
    new.affinity.get_or_insert_with(Affinity::default).node_affinity = before;
    if old.affinity.is_none() && new.affinity == Some(Affinity::default()) {
        new.affinity = None;
    }
}

fn only_more_conditions(
    check: &mut Check<'_>,
    old: &NodeAffinity,
    new: Option<&NodeAffinity>,
    at: &Path<'_>,
) {
    let terms = |affinity: &NodeAffinity| {
        let required = affinity.required_during_scheduling_ignored_during_execution.as_ref();
        required.map(|nodes| nodes.node_selector_terms.clone()).unwrap_or_default()
    };
    let (old, new) = (terms(old), new.map(terms).unwrap_or_default());
    let at = at.field("requiredDuringSchedulingIgnoredDuringExecution");
    let at = at.field("nodeSelectorTerms");
    if !old.is_empty() && old.len() != new.len() {
        check.invalid(&at, "terms are neither added nor removed");
        return;
    }
    for (i, (old, new)) in old.iter().zip(&new).enumerate() {
        if !has_only_more(old, new) {
            check.invalid(&at.index(i), "conditions of a term are only added");
        }
    }
}

fn has_only_more(old: &NodeSelectorTerm, new: &NodeSelectorTerm) -> bool {
    let said_nothing = old.match_expressions.is_empty() && old.match_fields.is_empty();
    new.match_expressions.starts_with(&old.match_expressions)
        && new.match_fields.starts_with(&old.match_fields)
        && (!said_nothing || old == new)
}

/// The first few fields that differ.
fn changed(old: &PodSpec, new: &PodSpec) -> Vec<String> {
    let json = |spec: &PodSpec| serde_json::to_value(spec).unwrap_or_default();
    let mut names = Vec::new();
    differences(&json(old), &json(new), "spec", &mut names);
    if names.len() > MAX_NAMED {
        let more = names.len() - MAX_NAMED;
        names.truncate(MAX_NAMED);
        names.push(format!("{more} more"));
    }
    names
}

fn differences(old: &Json, new: &Json, at: &str, names: &mut Vec<String>) {
    match (old, new) {
        _ if old == new => {}
        (Json::Object(old), Json::Object(new)) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                let nothing = Json::Null;
                let (old, new) = (old.get(key), new.get(key));
                let (old, new) = (old.unwrap_or(&nothing), new.unwrap_or(&nothing));
                differences(old, new, &format!("{at}.{key}"), names);
            }
        }
        (Json::Array(old), Json::Array(new)) if old.len() == new.len() => {
            for (i, (old, new)) in old.iter().zip(new).enumerate() {
                differences(old, new, &format!("{at}[{i}]"), names);
            }
        }
        _ => names.push(at.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::types::Pod;

    /// What is told when the one becomes the other.
    fn told(old: &str, new: &str) -> String {
        let pod = |spec: &str| {
            let text =
                format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{{spec}}}}}");
            Pod::from_yaml(&text).unwrap()
        };
        let told = pod(old).validate().unwrap().check_update(&pod(new));
        told.err().map(|faults| faults.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_was_changed_is_named() {
        assert_eq!(
            told(
                "nodeName: a, containers: [{name: a, image: a, args: [x]}, {name: b, image: b}]",
                "hostname: b, containers: [{name: a, image: a, args: [z]}, {name: c, image: b}]",
            ),
            "line 1: spec: this cannot be changed: spec.containers[0].args[0], spec.containers[1].name, spec.nodeName, \
             spec.hostname"
        );
    }

    #[test]
    fn of_many_changes_the_first_are_named() {
        let args = |arg: &str| {
            let args = [arg; 9].join(", ");
            format!("containers: [{{name: a, image: a, args: [{args}]}}]")
        };
        let told = told(&args("x"), &args("z"));
        assert!(told.ends_with("args[3], spec.containers[0].args[4], 4 more"), "{told}");
    }

    #[test]
    fn a_fault_of_the_new_pod_is_told_too() {
        let told =
            told("containers: [{name: a, image: a}]", "containers: [{name: a, image: ' a'}]");
        assert!(told.contains("spec.containers[0].image: it must not begin"), "{told}");
    }
}
