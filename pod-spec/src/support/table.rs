//! The table of every field, and what happens to it.

use std::fmt::Write as _;

use serde::Serialize;

use super::Support;
use super::rules::KindRules;
use super::rules::{self, Rule};
use crate::schema::{Object as _, Table};
use crate::types::{Deployment, Job, Pod};

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
    collect(&rules::OF_PODS, Pod::TABLE, "", &rules::TOP, &mut rows);
    rows
}

/// The fields of a kind that makes pods, but for its metadata, its status and the pod in it.
fn table_of(kind: &'static KindRules, table: &Table) -> Vec<FieldSupport> {
    let mut rows = Vec::new();
    collect(kind, table, "", &rules::TOP, &mut rows);
    rows.retain(|row| row.path.starts_with("spec.") && !row.path.starts_with("spec.template"));
    rows
}

fn collect(
    kind: &'static KindRules,
    table: &Table,
    parent: &str,
    around: &'static Rule,
    rows: &mut Vec<FieldSupport>,
) {
    for field in table.fields() {
        let dot = if parent.is_empty() { "" } else { "." };
        let path = format!("{parent}{dot}{}", field.name);
        let rule = kind.rule(&path, around);
        let nested = field.ty.table();
        let below = format!("{path}{}", if field.ty.is_list() { "[]" } else { "" });
        rows.push(row(path, rule, around, nested.is_some()));
        if let Some(nested) = nested {
            collect(kind, nested, &below, rule, rows);
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
        rules = (rules::OF_PODS.rule(field, rules.0), rules.0);
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
         `mountPath` with a `:`; `mountPropagation: Bidirectional` with `hostUsers: false`; a capability that Linux \
         does not have; and a grace period below zero.\n\n\
         | field | | notice, reason or test |\n|---|---|---|\n",
    );
    lines(&mut out, table());
    let kinds = [
        ("Deployment", table_of(&rules::OF_DEPLOYMENTS, Deployment::TABLE)),
        ("Job", table_of(&rules::OF_JOBS, Job::TABLE)),
    ];
    for (kind, rows) in kinds {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "\n## {kind}\n\nIts metadata and the pod of `spec.template` are as above.\n\n\
             | field | | notice, reason or test |\n|---|---|---|\n",
        );
        lines(&mut out, rows);
    }
    out
}

fn lines(out: &mut String, rows: Vec<FieldSupport>) {
    let mut whole: Option<String> = None;
    for row in rows {
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
    fn kinds_that_make_pods_have_rules_for_all_that_is_their_own() {
        for (kind, table) in
            [(&rules::OF_DEPLOYMENTS, Deployment::TABLE), (&rules::OF_JOBS, Job::TABLE)]
        {
            let rows = table_of(kind, table);
            for row in rows.iter().filter(|row| !row.is_object) {
                assert_ne!(row.support, Support::ByField, "{}", row.path);
            }
            let mut all = Vec::new();
            collect(kind, table, "", &rules::TOP, &mut all);
            for rule in kind.own {
                assert!(all.iter().any(|row| row.path == rule.path), "{}", rule.path);
            }
            let of_pods = all.iter().find(|r| r.path == "spec.template.spec.nodeSelector");
            assert!(matches!(of_pods.unwrap().support, Support::ClusterOnly(_)));
        }
    }

    #[test]
    fn rules_are_found_because_they_are_in_order() {
        for rules in [rules::POD, rules::CONTAINER, rules::OF_DEPLOYMENTS.own, rules::OF_JOBS.own] {
            assert!(rules.is_sorted_by(|a, b| a.path < b.path));
        }
    }

    #[test]
    fn rows_say_what_happens() {
        assert!(matches!(row("spec.containers[].image"), Some(Support::Honoured { .. })));
        assert!(matches!(row("spec.volumes[].nfs"), Some(Support::Refused(_))));
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
