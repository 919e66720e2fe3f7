//! Where the pod may run.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Check, Given as _};
use super::selector::{self, Values};
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::types::{
    LabelSelector, NodeAffinity, ObjectMeta, PodAffinityTerm, PodSpec, TaintEffect, Toleration,
    TolerationOperator, TopologySpreadConstraint, UnsatisfiableConstraintAction,
    WeightedPodAffinityTerm,
};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

type Labels = BTreeMap<String, String>;

pub(super) fn scheduling(
    check: &mut Check<'_>,
    spec: &PodSpec,
    metadata: &ObjectMeta,
    at: &Path<'_>,
) {
    tolerations(check, &spec.tolerations, &at.field("tolerations"));
    let constraints = at.field("topologySpreadConstraints");
    spread(check, &spec.topology_spread_constraints, &metadata.labels, &constraints);
    let Some(affinity) = &spec.affinity else { return };
    let at = at.field("affinity");
    if let Some(nodes) = &affinity.node_affinity {
        node_affinity(check, nodes, &at.field("nodeAffinity"));
    }
    if let Some(pods) = &affinity.pod_affinity {
        let at = at.field("podAffinity");
        let required = &pods.required_during_scheduling_ignored_during_execution;
        let preferred = &pods.preferred_during_scheduling_ignored_during_execution;
        pod_affinity(check, required, preferred, &metadata.labels, &at);
    }
    if let Some(pods) = &affinity.pod_anti_affinity {
        let at = at.field("podAntiAffinity");
        let required = &pods.required_during_scheduling_ignored_during_execution;
        let preferred = &pods.preferred_during_scheduling_ignored_during_execution;
        pod_affinity(check, required, preferred, &metadata.labels, &at);
    }
}

pub(super) fn tolerations(check: &mut Check<'_>, tolerations: &[Toleration], at: &Path<'_>) {
    for (i, one) in tolerations.iter().enumerate() {
        toleration(check, one, &at.index(i));
    }
}

fn toleration(check: &mut Check<'_>, toleration: &Toleration, at: &Path<'_>) {
    let operator = at.field("operator");
    let kind = toleration.operator.unwrap_or_default();
    match toleration.key.given() {
        Some(key) => check.format(&at.field("key"), key, rule::qualified),
        None if kind != TolerationOperator::Exists => {
            check.invalid(&operator, "without a key it is `Exists`, and every taint is meant");
        }
        None => {}
    }
    let value = toleration.value.given();
    match kind {
        TolerationOperator::Equal => {
            check.format(&operator, value.unwrap_or(""), rule::label_value);
        }
        TolerationOperator::Exists if value.is_some() => {
            check.invalid(&operator, "with `Exists` there is no value to compare with");
        }
        TolerationOperator::Exists => {}
        TolerationOperator::Lt | TolerationOperator::Gt => {
            let message =
                format!("`{kind}` is not there yet in Kubernetes: there are `Equal` and `Exists`");
            check.fault(&operator, FaultKind::NotSupported, message);
        }
    }
    let seconds = toleration.toleration_seconds.is_some();
    if seconds && toleration.effect != Some(TaintEffect::NoExecute) {
        check.invalid(&at.field("effect"), "`tolerationSeconds` needs the effect `NoExecute`");
    }
}

fn spread(
    check: &mut Check<'_>,
    constraints: &[TopologySpreadConstraint],
    labels: &Labels,
    at: &Path<'_>,
) {
    let mut later = BTreeSet::new();
    for (i, constraint) in constraints.iter().enumerate().rev() {
        let at = at.index(i);
        spread_constraint(check, constraint, labels, &at);
        let kind = (constraint.topology_key.as_str(), constraint.when_unsatisfiable.as_str());
        if !later.insert(kind) {
            let message = format!("another one says `{}` for {}, too", kind.1, quoted(kind.0));
            check.fault(&at, FaultKind::Duplicate, message);
        }
    }
}

fn spread_constraint(
    check: &mut Check<'_>,
    constraint: &TopologySpreadConstraint,
    labels: &Labels,
    at: &Path<'_>,
) {
    check.range(&at.field("maxSkew"), constraint.max_skew, 1..=i32::MAX);
    check.given(&at.field("topologyKey"), &constraint.topology_key);
    if let Some(domains) = constraint.min_domains {
        let at = at.field("minDomains");
        check.range(&at, domains, 1..=i32::MAX);
        if constraint.when_unsatisfiable != UnsatisfiableConstraintAction::DoNotSchedule {
            check.invalid(&at, "it needs `whenUnsatisfiable: DoNotSchedule`");
        }
    }
    let selector = constraint.label_selector.as_ref();
    label_keys(check, &constraint.match_label_keys, selector, &at.field("matchLabelKeys"));
    not_in_both(check, &constraint.match_label_keys, selector, labels, at);
    if let Some(selector) = selector {
        selector::labels(check, selector, &at.field("labelSelector"));
    }
}

/// Checks keys of labels that are added to the selector.
fn label_keys(
    check: &mut Check<'_>,
    keys: &[String],
    selector: Option<&LabelSelector>,
    at: &Path<'_>,
) {
    if !keys.is_empty() && selector.is_none() {
        check.forbidden(at, "it needs a `labelSelector`");
        return;
    }
    for (i, key) in keys.iter().enumerate() {
        check.format(&at.index(i), key, rule::qualified);
    }
}

/// Notes labels of the pod that the selector speaks of already: their values are added to it.
fn not_in_both(
    check: &mut Check<'_>,
    keys: &[String],
    selector: Option<&LabelSelector>,
    labels: &Labels,
    at: &Path<'_>,
) {
    let Some(selector) = selector else { return };
    let at = at.field("matchLabelKeys");
    if keys.is_empty() {
        return;
    }
    let expressions = selector.match_expressions.iter().map(|requirement| &requirement.key);
    let said: BTreeSet<_> = selector.match_labels.keys().chain(expressions).collect();
    for (i, key) in keys.iter().enumerate() {
        if labels.contains_key(key) && said.contains(key) {
            check.invalid(&at.index(i), format!("the selector speaks of {} too", quoted(key)));
        }
    }
}

fn node_affinity(check: &mut Check<'_>, affinity: &NodeAffinity, at: &Path<'_>) {
    if let Some(nodes) = &affinity.required_during_scheduling_ignored_during_execution {
        selector::nodes(check, nodes, &at.field(REQUIRED));
    }
    let at = at.field(PREFERRED);
    let preferred = &affinity.preferred_during_scheduling_ignored_during_execution;
    for (i, preferred) in preferred.iter().enumerate() {
        let at = at.index(i);
        check.range(&at.field("weight"), preferred.weight, 1..=100);
        selector::term(check, &preferred.preference, Values::Any, &at.field("preference"));
    }
}

fn pod_affinity(
    check: &mut Check<'_>,
    required: &[PodAffinityTerm],
    preferred: &[WeightedPodAffinityTerm],
    labels: &Labels,
    at: &Path<'_>,
) {
    let terms = at.field(REQUIRED);
    for (i, one) in required.iter().enumerate() {
        term(check, one, labels, &terms.index(i));
    }
    let terms = at.field(PREFERRED);
    for (i, preferred) in preferred.iter().enumerate() {
        let at = terms.index(i);
        check.range(&at.field("weight"), preferred.weight, 1..=100);
        term(check, &preferred.pod_affinity_term, labels, &at.field("podAffinityTerm"));
    }
}

fn term(check: &mut Check<'_>, term: &PodAffinityTerm, labels: &Labels, at: &Path<'_>) {
    let topology = at.field("topologyKey");
    check.given(&topology, &term.topology_key);
    check.format(&topology, &term.topology_key, rule::qualified);
    let selectors =
        [("labelSelector", &term.label_selector), ("namespaceSelector", &term.namespace_selector)];
    for (field, selector) in selectors {
        if let Some(selector) = selector {
            selector::labels(check, selector, &at.field(field));
        }
    }
    for namespace in &term.namespaces {
        check.format(&at.field("namespaces"), namespace, rule::label);
    }
    let selector = term.label_selector.as_ref();
    let keys = at.field("matchLabelKeys");
    label_keys(check, &term.match_label_keys, selector, &keys);
    label_keys(check, &term.mismatch_label_keys, selector, &at.field("mismatchLabelKeys"));
    not_in_both(check, &term.match_label_keys, selector, labels, at);
    let mismatch: BTreeSet<_> = term.mismatch_label_keys.iter().collect();
    for (i, key) in term.match_label_keys.iter().enumerate() {
        if mismatch.contains(key) {
            check.invalid(&keys.index(i), "it stands in `mismatchLabelKeys` too");
        }
    }
}
