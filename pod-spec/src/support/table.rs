//! The table of every field, and what happens to it.

use std::fmt::Write as _;

use serde::Serialize;

use super::rules::{self, Rule};
use super::{Support, rule};
use crate::schema::{Object as _, Table};
use crate::types::Pod;

/// A field of the API and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldSupport {
    /// The path, with `[]` for the items of a list: `spec.containers[].livenessProbe`.
    pub path: String,
    /// What happens to it when it is given.
    #[serde(flatten)]
    pub support: Support,
    /// The values that are honoured all the same, as texts.
    pub accepted: &'static [&'static str],
    /// Whether it has fields of its own.
    pub is_object: bool,
}

impl FieldSupport {
    /// The accepted values as documents show them: in backquotes, and `empty` for the empty one.
    pub fn accepted_words(&self) -> Vec<String> {
        let word =
            |text: &&str| if text.is_empty() { "empty".to_owned() } else { format!("`{text}`") };
        self.accepted.iter().map(word).collect()
    }
}

/// Every field of a v1.Pod, each object before its fields, in the order of the API's objects.
pub fn table() -> Vec<FieldSupport> {
    let mut rows = Vec::new();
    collect(Pod::TABLE, "", &rules::TOP, &mut rows);
    rows
}

fn collect(table: &Table, parent: &str, around: &'static Rule, rows: &mut Vec<FieldSupport>) {
    for field in table.fields() {
        let dot = if parent.is_empty() { "" } else { "." };
        let path = format!("{parent}{dot}{}", field.name);
        let rule = rule(&path, around);
        let nested = field.ty.table();
        let below = format!("{path}{}", if field.ty.is_list() { "[]" } else { "" });
        rows.push(row(path, rule, around, nested.is_some()));
        if let Some(nested) = nested {
            collect(nested, &below, rule, rows);
        }
    }
}

fn row(path: String, rule: &Rule, around: &Rule, is_object: bool) -> FieldSupport {
    // Values are accepted for the field that has the rule, not for those within.
    let accepted = if std::ptr::eq(rule, around) { &[] } else { rule.accepted };
    FieldSupport { path, support: rule.support, accepted, is_object }
}

/// What happens to the field at this path, with `[]` for the items of lists.
pub(crate) fn of(path: &str, is_object: bool) -> FieldSupport {
    let mut rules = (&rules::TOP, &rules::TOP);
    let ends = path.match_indices('.').map(|(end, _)| end).chain([path.len()]);
    for end in ends {
        let field = path[..end].trim_end_matches("[]");
        rules = (rule(field, rules.0), rules.0);
    }
    row(path.to_owned(), rules.0, rules.1, is_object)
}

/// The table as Markdown. What lies within a field that is refused or needs a cluster is left out: it is as that field.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Fields\n\nEvery field of the Kubernetes v1 Pod (v1.36), and what happens to it. Any other is an unknown field, \
         and a fault. What lies within a refused or cluster-only field is not listed: the same happens to it.\n\n\
         - **honoured**: it has the effect that it has in Kubernetes; the test shows it.\n\
         - **cluster only**: it makes sense in a cluster only; it is accepted, and a notice says so.\n\
         - **refused**: it is a fault, never ignored.\n\
         - **by field**: see the fields within.\n\n\
         Some values of honoured fields are refused too: resources other than `cpu` and `memory`; \
         a `fieldPath` below `status`; a relative `path` of a hostPath; a \
         `mountPath` with a `:`; a capability that Linux does not have; and a grace period below zero.\n\n\
         | field | | notice, reason or test |\n|---|---|---|\n",
    );
    let mut whole: Option<String> = None;
    for row in table() {
        let below = whole.as_ref().and_then(|whole| row.path.strip_prefix(whole));
        if below.is_some_and(|rest| rest.starts_with(['.', '['])) {
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", line(&row));
        whole = match row.support {
            Support::Honoured { .. } | Support::ByField => None,
            Support::ClusterOnly(_) | Support::Refused(_) => Some(row.path),
        };
    }
    out
}

fn line(row: &FieldSupport) -> String {
    let (word, text) = match row.support {
        Support::Honoured { test } => ("honoured", format!("`{test}`")),
        Support::ByField => ("by field", String::new()),
        Support::ClusterOnly(text) => ("cluster only", text.to_owned()),
        Support::Refused(text) => ("refused", text.to_owned()),
    };
    let accepted = row.accepted_words();
    let but = match (accepted.is_empty(), row.support) {
        (true, _) => String::new(),
        (false, Support::ClusterOnly(_)) => format!(" (no notice when {})", accepted.join(" or ")),
        (false, _) => format!(" (except {})", accepted.join(", ")),
    };
    format!("| `{}` | {word}{but} | {text} |", row.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str) -> Option<Support> {
        table().into_iter().find(|r| r.path == path).map(|r| r.support)
    }

    #[test]
    fn every_field_has_one_row() {
        let mut paths: Vec<_> = table().into_iter().map(|r| r.path).collect();
        let all = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), all);
        assert!(all > 1300, "{all}");
    }

    #[test]
    fn every_value_has_a_rule_and_every_rule_a_field() {
        let rows = table();
        for row in rows.iter().filter(|row| !row.is_object) {
            assert_ne!(row.support, Support::ByField, "{}", row.path);
        }
        let is_field = |path: &str| rows.iter().any(|row| row.path == path);
        for rule in rules::POD {
            assert!(is_field(rule.path), "{}", rule.path);
        }
        for rule in rules::CONTAINER {
            assert!(
                is_field(&format!("spec.ephemeralContainers[].{}", rule.path)),
                "{}",
                rule.path
            );
        }
    }

    #[test]
    fn rules_are_found_because_they_are_in_order() {
        for rules in [rules::POD, rules::CONTAINER] {
            assert!(rules.is_sorted_by(|a, b| a.path < b.path));
        }
    }

    #[test]
    fn rows_say_what_happens() {
        assert!(matches!(row("spec.containers[].image"), Some(Support::Honoured { .. })));
        assert!(matches!(row("spec.volumes[].emptyDir.medium"), Some(Support::Refused(_))));
        assert!(matches!(row("spec.containers[].volumeDevices"), Some(Support::Refused(_))));
        assert!(matches!(row("spec.containers[].volumeDevices[].name"), Some(Support::Refused(_))));
        assert!(matches!(row("spec.initContainers[].volumeDevices"), Some(Support::Refused(_))));
        assert!(matches!(row("spec.nodeSelector"), Some(Support::ClusterOnly(_))));
        assert!(matches!(row("status"), Some(Support::ClusterOnly(_))));
        assert_eq!(row("spec"), Some(Support::ByField));
        assert_eq!(row("spec.nodeSelektor"), None);
    }

    #[test]
    fn the_markdown_has_a_line_for_each_row_that_is_not_within_another() {
        let text = markdown();
        assert!(text.contains("| `spec.hostPID` | refused (except `false`) |"));
        assert!(text.contains("| `spec.containers[].volumeDevices` | refused |"));
        assert!(!text.contains("volumeDevices[].name"));
    }
}
