//! What selects objects by their labels.

use super::{Check, meta};
use crate::fault::FaultKind;
use crate::names::rule;
use crate::path::Path;
use crate::types::{
    LabelSelector, LabelSelectorOperator, LabelSelectorRequirement, NodeSelector,
    NodeSelectorOperator, NodeSelectorRequirement, NodeSelectorTerm,
};

/// Whether the values that labels are compared with must be values of labels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    OfLabels,
    Any,
}

pub(super) fn labels(check: &mut Check<'_>, selector: &LabelSelector, at: &Path<'_>) {
    meta::labels(check, &selector.match_labels, &at.field("matchLabels"));
    let at = at.field("matchExpressions");
    for (i, requirement) in selector.match_expressions.iter().enumerate() {
        label(check, requirement, &at.index(i));
    }
}

fn label(check: &mut Check<'_>, requirement: &LabelSelectorRequirement, at: &Path<'_>) {
    check.format(&at.field("key"), &requirement.key, rule::qualified);
    match requirement.operator {
        LabelSelectorOperator::In | LabelSelectorOperator::NotIn => {
            some_values(check, &requirement.values, at);
        }
        LabelSelectorOperator::Exists | LabelSelectorOperator::DoesNotExist => {
            no_values(check, &requirement.values, at);
        }
    }
    values(check, &requirement.values, rule::label_value, at);
}

fn some_values(check: &mut Check<'_>, values: &[String], at: &Path<'_>) {
    if values.is_empty() {
        let message = "there must be a value to compare with";
        check.fault(&at.field("values"), FaultKind::Required, message);
    }
}

fn no_values(check: &mut Check<'_>, values: &[String], at: &Path<'_>) {
    if !values.is_empty() {
        check.forbidden(&at.field("values"), "there is nothing to compare values with");
    }
}

fn one_value(check: &mut Check<'_>, values: &[String], at: &Path<'_>) {
    if values.len() != 1 {
        let message = "there must be exactly one value to compare with";
        check.fault(&at.field("values"), FaultKind::Required, message);
    }
}

fn values(check: &mut Check<'_>, values: &[String], rule: super::check::Rule, at: &Path<'_>) {
    let at = at.field("values");
    for (i, value) in values.iter().enumerate() {
        check.format(&at.index(i), value, rule);
    }
}

pub(super) fn nodes(check: &mut Check<'_>, selector: &NodeSelector, at: &Path<'_>) {
    let at = at.field("nodeSelectorTerms");
    if selector.node_selector_terms.is_empty() {
        check.required(&at);
    }
    for (i, one) in selector.node_selector_terms.iter().enumerate() {
        term(check, one, Values::OfLabels, &at.index(i));
    }
}

pub(super) fn term(check: &mut Check<'_>, term: &NodeSelectorTerm, values: Values, at: &Path<'_>) {
    let labels = at.field("matchExpressions");
    for (i, requirement) in term.match_expressions.iter().enumerate() {
        node_label(check, requirement, values, &labels.index(i));
    }
    let fields = at.field("matchFields");
    for (i, requirement) in term.match_fields.iter().enumerate() {
        node_field(check, requirement, &fields.index(i));
    }
}

fn node_label(
    check: &mut Check<'_>,
    requirement: &NodeSelectorRequirement,
    of: Values,
    at: &Path<'_>,
) {
    check.format(&at.field("key"), &requirement.key, rule::qualified);
    let given = &requirement.values;
    match requirement.operator {
        NodeSelectorOperator::In | NodeSelectorOperator::NotIn => some_values(check, given, at),
        NodeSelectorOperator::Exists | NodeSelectorOperator::DoesNotExist => {
            no_values(check, given, at);
        }
        NodeSelectorOperator::Gt | NodeSelectorOperator::Lt => one_value(check, given, at),
    }
    if of == Values::OfLabels {
        values(check, given, rule::label_value, at);
    }
}

fn node_field(check: &mut Check<'_>, requirement: &NodeSelectorRequirement, at: &Path<'_>) {
    match requirement.operator {
        NodeSelectorOperator::In | NodeSelectorOperator::NotIn => {
            one_value(check, &requirement.values, at);
        }
        _ => {
            check.invalid(&at.field("operator"), "a field of a node is compared by `In` or `NotIn`")
        }
    }
    if requirement.key == "metadata.name" {
        values(check, &requirement.values, rule::subdomain, at);
    } else {
        check.invalid(&at.field("key"), "only `metadata.name` can be compared");
    }
}
