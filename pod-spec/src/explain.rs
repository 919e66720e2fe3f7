//! What the API says of a field, and what this project does with it.

use serde::Serialize;

use crate::schema::{Field, Object as _, Table, Type};
use crate::spelling;
use crate::support::{self, FieldSupport};
use crate::types::Pod;

/// A field of a v1.Pod, explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The field, and what happens to it. Its path is empty when the Pod itself is meant.
    #[serde(flatten)]
    pub field: FieldSupport,
    /// Its type, as kubectl names types: `string`, `[]Container`, `map[string]Quantity`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Whether Kubernetes' schema says that it must be given.
    pub required: bool,
    /// Whether Kubernetes advises against it.
    pub deprecated: bool,
    /// Whether it is one of several fields of its object of which at most one can be given.
    pub exclusive: bool,
    /// What it is for.
    pub description: String,
    /// The words that it takes, when it is an enumeration.
    pub words: &'static [&'static str],
    /// The fields within, when it is an object or a list of objects.
    pub fields: Vec<Explanation>,
}

/// Explains a field by its path: `spec.containers.ports`, with or without `[]` after lists. The empty path is the Pod.
///
/// ```
/// let ports = pod_spec::explain("spec.containers.ports")?;
/// assert_eq!(ports.type_name, "[]ContainerPort");
/// assert!(ports.fields.iter().any(|field| field.field.path == "spec.containers[].ports[].containerPort"));
/// # Ok::<(), pod_spec::NoSuchField>(())
/// ```
///
/// For tools it is also data:
///
/// ```
/// let policy = serde_json::to_value(pod_spec::explain("spec.restartPolicy")?)?;
/// assert_eq!((&policy["type"], &policy["support"]), (&"string".into(), &"Honoured".into()));
/// assert_eq!(policy["words"], serde_json::json!(["Always", "OnFailure", "Never"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When there is no such field.
pub fn explain(path: &str) -> Result<Explanation, NoSuchField> {
    let mut table = Pod::TABLE;
    let mut found = None;
    let mut at = String::new();
    for name in path.split('.').filter(|name| !name.is_empty()) {
        let name = name.strip_suffix("[]").unwrap_or(name);
        let field = table.field(name).ok_or_else(|| NoSuchField {
            name: name.to_owned(),
            within: table.name.to_owned(),
            suggestion: spelling::nearest(name, table.fields().map(|f| f.name)),
        })?;
        at = below(&at, found, name);
        // What has no fields of its own is followed by none.
        table = field.ty.table().unwrap_or(&NONE);
        found = Some(field);
    }
    let within = |of: &str| table.fields().map(|f| one(f, below(of, found, f.name))).collect();
    Ok(match found {
        Some(field) => Explanation { fields: within(&at), ..one(field, at.clone()) },
        None => Explanation {
            field: support::of("", true),
            type_name: "Pod".to_owned(),
            required: true,
            deprecated: false,
            exclusive: false,
            description: sentence(Pod::TABLE.doc),
            words: &[],
            fields: within(""),
        },
    })
}

/// A path that leads to no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{within} has no field `{name}`{}", suggestion.map(|s| format!(", did you mean `{s}`?")).unwrap_or_default())]
pub struct NoSuchField {
    /// The part of the path that leads nowhere.
    pub name: String,
    /// The type that has no such field.
    pub within: String,
    /// The field that was probably meant.
    pub suggestion: Option<&'static str>,
}

/// The fields of what is no object.
static NONE: Table = Table { name: "a value", doc: "", own: &[], inline: None };

fn below(path: &str, field: Option<&Field>, name: &str) -> String {
    let items = if field.is_some_and(|field| field.ty.is_list()) { "[]" } else { "" };
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{items}{dot}{name}")
}

fn one(field: &Field, path: String) -> Explanation {
    Explanation {
        field: support::of(&path, field.ty.table().is_some()),
        type_name: type_name(&field.ty),
        required: field.required,
        deprecated: field.deprecated,
        exclusive: field.exclusive,
        description: sentence(field.doc),
        words: words(&field.ty),
        fields: Vec::new(),
    }
}

/// The documentation as one paragraph.
pub(crate) fn sentence(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn words(ty: &Type) -> &'static [&'static str] {
    match ty {
        Type::Words(words) | Type::KnownWords(words) => words,
        Type::List(items) => words(items),
        _ => &[],
    }
}

fn type_name(ty: &Type) -> String {
    match ty {
        Type::Text | Type::Words(_) | Type::KnownWords(_) | Type::Time | Type::Bytes => {
            "string".to_owned()
        }
        Type::Bool => "boolean".to_owned(),
        Type::Int32 | Type::Natural32 | Type::Int64 => "integer".to_owned(),
        Type::Quantity => "Quantity".to_owned(),
        Type::IntOrString => "IntOrString".to_owned(),
        Type::Any => "Object".to_owned(),
        // The name without its version.
        Type::Object(table) => table.name.rsplit('.').next().unwrap_or(table.name).to_owned(),
        Type::List(items) => format!("[]{}", type_name(items)),
        Type::Map(values) => format!("map[string]{}", type_name(values)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::Support;

    #[test]
    fn a_field_is_explained_with_what_lies_within() {
        let probe = explain("spec.containers.livenessProbe").unwrap();
        assert_eq!((probe.type_name.as_str(), probe.required), ("Probe", false));
        assert_eq!(probe.field.path, "spec.containers[].livenessProbe");
        assert!(
            probe.fields.iter().any(|f| f.field.path == "spec.containers[].livenessProbe.httpGet")
        );
        assert!(probe.fields.iter().all(|f| !f.description.is_empty()));
        let policy = explain("spec.restartPolicy").unwrap();
        assert_eq!(policy.words, ["Always", "OnFailure", "Never"]);
        assert!(matches!(policy.field.support, Support::Honoured { .. }));
        assert_eq!(explain("spec.containers[].env").unwrap().type_name, "[]EnvVar");
        assert_eq!(
            explain("spec.containers.resources.limits").unwrap().type_name,
            "map[string]Quantity"
        );
        assert_eq!(explain("").unwrap().fields.len(), 5);
        let volume = explain("spec.volumes").unwrap();
        let flags = |name: &str| {
            let path = format!("spec.volumes[].{name}");
            volume.fields.iter().find(|f| f.field.path == path).map(|f| (f.exclusive, f.deprecated))
        };
        assert_eq!(flags("name"), Some((false, false)));
        assert_eq!(flags("emptyDir"), Some((true, false)));
        assert_eq!(flags("gitRepo"), Some((true, true)));
    }

    #[test]
    fn a_path_that_leads_nowhere_is_told() {
        let error = |path: &str| explain(path).unwrap_err().to_string();
        assert_eq!(
            error("spec.container.image"),
            "v1.PodSpec has no field `container`, did you mean `containers`?"
        );
        assert_eq!(error("spec.nodeName.x"), "a value has no field `x`");
    }
}
