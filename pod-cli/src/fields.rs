//! Field selectors, as `kubectl --field-selector` takes them.

use std::str::FromStr;

use serde_json::Value;

use crate::error::CliError;
use crate::resource::Kind;

/// The fields of every kind.
const OF_ALL: [&str; 2] = ["metadata.name", "metadata.namespace"];
const OF_PODS: [&str; 9] = [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
];
const OF_EVENTS: [&str; 8] = [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "type",
];

/// What fields have to be: `status.phase=Running,metadata.name!=web`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSelector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    field: String,
    value: String,
    equal: bool,
}

impl FromStr for FieldSelector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(Requirement::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl Requirement {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no field and its value: `status.phase=Running`, or with `!=`");
        let at = text.find(['=', '!']).ok_or_else(wrong)?;
        let (field, rest) = text.split_at(at);
        let (equal, value) = match rest.strip_prefix("!=") {
            Some(value) => (false, value),
            None => (true, rest.strip_prefix("==").or(rest.strip_prefix('=')).ok_or_else(wrong)?),
        };
        Ok(Self { field: field.trim().to_owned(), value: value.trim().to_owned(), equal })
    }

    fn holds(&self, object: &Value) -> bool {
        let place = self.field.split('.').try_fold(object, |value, field| value.get(field));
        let words = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let is = match place {
            // Of several addresses one is enough.
            Some(Value::Array(items)) => items.iter().any(|item| words(&item["ip"]) == self.value),
            Some(value) => words(value) == self.value,
            None => self.value.is_empty() || self.value == "false",
        };
        is == self.equal
    }
}

impl FieldSelector {
    /// Whether an object is meant.
    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|requirement| requirement.holds(object))
    }

    /// Whether objects of this kind can be selected by these fields.
    pub fn check(&self, kind: Kind) -> Result<(), CliError> {
        let own: &[&str] = match kind {
            Kind::Pod => &OF_PODS,
            Kind::Event => &OF_EVENTS,
            Kind::ConfigMap | Kind::Secret => &[],
        };
        let known = |field: &str| OF_ALL.contains(&field) || own.contains(&field);
        match self.0.iter().find(|requirement| !known(&requirement.field)) {
            None => Ok(()),
            Some(Requirement { field, .. }) => {
                let all: Vec<&str> = OF_ALL.iter().chain(own).copied().collect();
                Err(CliError::Usage(format!(
                    "{} are not selected by `{field}`, only by {}",
                    kind.names().plural,
                    all.join(", ")
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_compared_as_words() {
        let pod = json!({
            "metadata": {"name": "web"},
            "spec": {"restartPolicy": "Always"},
            "status": {"phase": "Running", "podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.2"}, {"ip": "fd::2"}]},
        });
        let matches = |text: &str| text.parse::<FieldSelector>().expect(text).matches(&pod);
        for text in [
            "",
            "metadata.name=web",
            "status.phase==Running,spec.restartPolicy!=Never",
            "status.podIPs=fd::2",
            "spec.nodeName=",
            "spec.hostNetwork=false",
        ] {
            assert!(matches(text), "{text}");
        }
        for text in [
            "metadata.name!=web",
            "status.phase=Pending",
            "status.podIPs!=fd::2",
            "spec.nodeName=a",
        ] {
            assert!(!matches(text), "{text}");
        }
        assert!("status.phase".parse::<FieldSelector>().is_err());
        let by = |text: &str, kind| text.parse::<FieldSelector>().expect(text).check(kind).is_ok();
        assert!(by("status.phase=Running", Kind::Pod) && by("type=Normal", Kind::Event));
        assert!(!by("status.phase=Running", Kind::Secret) && !by("spec.containers=a", Kind::Pod));
    }
}
