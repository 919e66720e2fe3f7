//! Our tables against the schema of the API, v1.36, as k8s-openapi has generated it from that of Kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};
use k8s_openapi::schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value as Json;

use super::{Object, Table, Type};
use crate::support;
use crate::types::{ConfigMap, Deployment, Job, PersistentVolumeClaim, Pod, Secret};

/// By path, with `[]` for items and `{}` for values: whether it must be given, or had better not be, and the type.
type Fields = BTreeMap<String, String>;

/// A difference that is meant.
struct Difference {
    /// The paths, or their ends when they begin with a dot.
    paths: &'static [&'static str],
    ours: &'static str,
    theirs: &'static str,
}

const DIFFERENCES: &[Difference] = &[
    // A server can tell them from the request; a text cannot.
    Difference { paths: &["apiVersion", "kind"], ours: "required string", theirs: "string" },
    // Kubernetes' schema does not ask for it. k8s-openapi does wherever an object is known by its name.
    Difference { paths: &["metadata"], ours: "object", theirs: "required object" },
    // Kubernetes' schema does not ask for them: they have the empty text as their default, and k8s-openapi no `Option`.
    Difference {
        paths: &[
            ".configMap.name",
            ".configMapKeyRef.name",
            ".configMapRef.name",
            ".imagePullSecrets[].name",
            ".nodePublishSecretRef.name",
            ".secret.name",
            ".secretKeyRef.name",
            ".secretRef.name",
        ],
        ours: "string",
        theirs: "required string",
    },
    // It never falls below zero, and a u32 says so.
    Difference {
        paths: &[
            ".containerStatuses[].restartCount",
            ".ephemeralContainerStatuses[].restartCount",
            ".initContainerStatuses[].restartCount",
        ],
        ours: "required natural32",
        theirs: "required int32",
    },
];

#[test]
fn every_object_has_the_fields_of_the_api() {
    let mut met = BTreeSet::new();
    met.extend(same::<Pod, core::Pod>());
    met.extend(same::<ConfigMap, core::ConfigMap>());
    met.extend(same::<Secret, core::Secret>());
    met.extend(same::<PersistentVolumeClaim, core::PersistentVolumeClaim>());
    met.extend(same::<Deployment, apps::Deployment>());
    met.extend(same::<Job, batch::Job>());
    let meant: BTreeSet<_> = DIFFERENCES.iter().flat_map(|d| d.paths).copied().collect();
    assert_eq!(met, meant, "a difference that is no more");
}

#[test]
fn every_field_of_a_pod_has_a_row_in_the_table_of_support() {
    let rows: BTreeSet<String> = support::table().into_iter().map(|row| row.path).collect();
    let api: BTreeSet<String> = api::<core::Pod>()
        .into_keys()
        .filter(|path| !path.ends_with("[]") && !path.ends_with("{}"))
        .collect();
    assert_eq!(rows, api);
}

/// Compares our tables with the API's schema, and gives the differences that are meant.
fn same<Ours: Object, Theirs: JsonSchema>() -> Vec<&'static str> {
    let (ours, theirs) = (ours(Ours::TABLE), api::<Theirs>());
    let text = |fields: &Fields, path| fields.get(path).cloned().unwrap_or("missing".to_owned());
    let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let (mut meant, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        let (ours, theirs) = (text(&ours, path), text(&theirs, path));
        match difference(path, &ours, &theirs) {
            _ if ours == theirs => {}
            Some(known) => meant.push(known),
            None => wrong.push(format!("{path}: ours is {ours}, the API's {theirs}")),
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", Ours::TABLE.name, wrong.join("\n"));
    meant
}

/// The path of a difference that is meant, as it is listed.
fn difference(path: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    let stands_at = |end: &&&str| path == **end || (end.starts_with('.') && path.ends_with(**end));
    let alike = DIFFERENCES.iter().filter(|d| (ours, theirs) == (d.ours, d.theirs));
    alike.flat_map(|d| d.paths).find(stands_at).copied()
}

fn ours(table: &Table) -> Fields {
    let mut fields = Fields::new();
    add_fields(table, "", &mut fields);
    fields
}

fn add_fields(table: &Table, within: &str, fields: &mut Fields) {
    for field in table.fields() {
        let mark = mark(field.required, field.deprecated);
        add(&field.ty, mark, below(within, field.name), fields);
    }
}

fn add(ty: &Type, mark: &str, path: String, fields: &mut Fields) {
    let name = match ty {
        Type::Text | Type::Words(_) | Type::KnownWords(_) => "string",
        Type::Bool => "boolean",
        Type::Int32 => "int32",
        Type::Natural32 => "natural32",
        Type::Int64 => "int64",
        Type::Quantity => "quantity",
        Type::IntOrString => "int or string",
        Type::Time => "date-time",
        Type::Bytes => "bytes",
        Type::Any => "anything",
        Type::Object(table) => {
            add_fields(table, &path, fields);
            "object"
        }
        Type::List(items) => {
            add(items, "", format!("{path}[]"), fields);
            "list"
        }
        Type::Map(values) => {
            add(values, "", format!("{path}{{}}"), fields);
            "map"
        }
    };
    fields.insert(path, format!("{mark}{name}"));
}

fn mark(required: bool, deprecated: bool) -> &'static str {
    match (required, deprecated) {
        (false, false) => "",
        (true, false) => "required ",
        (false, true) => "deprecated ",
        (true, true) => "required and deprecated ",
    }
}

fn below(within: &str, name: &str) -> String {
    if within.is_empty() { name.to_owned() } else { format!("{within}.{name}") }
}

fn api<T: JsonSchema>() -> Fields {
    let root = SchemaGenerator::default().into_root_schema_for::<T>().to_value();
    let mut fields = Fields::new();
    Api { root: &root }.add_fields(&root, "", &mut fields);
    fields
}

/// A JSON Schema with its definitions.
struct Api<'s> {
    root: &'s Json,
}

impl Api<'_> {
    fn add_fields(&self, schema: &Json, within: &str, fields: &mut Fields) {
        let required: Vec<&str> = schema["required"]
            .as_array()
            .map_or(Vec::new(), |names| names.iter().filter_map(Json::as_str).collect());
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let is_deprecated =
                field["description"].as_str().is_some_and(|text| text.contains("Deprecated: "));
            let mark = mark(required.contains(&name.as_str()), is_deprecated);
            self.add(field, mark, below(within, name), fields);
        }
    }

    fn add(&self, schema: &Json, mark: &str, path: String, fields: &mut Fields) {
        let name = match schema["$ref"].as_str() {
            Some(name) => name.rsplit('/').next(),
            None => None,
        };
        let schema = name.map_or(schema, |name| &self.root["$defs"][name]);
        let type_name = match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("string"), Some("byte")) => "bytes",
            (Some("string"), Some("date-time")) => "date-time",
            (Some("string"), None) => "string",
            (Some("boolean"), None) => "boolean",
            (Some("integer"), Some(format @ ("int32" | "int64"))) => format,
            (None, None) if name.is_some_and(|name| name.ends_with(".Quantity")) => "quantity",
            (None, None) if name.is_some_and(|name| name.ends_with(".IntOrString")) => {
                "int or string"
            }
            (Some("array"), None) => {
                self.add(&schema["items"], "", format!("{path}[]"), fields);
                "list"
            }
            (Some("object"), None) if schema["additionalProperties"].is_object() => {
                self.add(&schema["additionalProperties"], "", format!("{path}{{}}"), fields);
                "map"
            }
            (Some("object"), None) if schema["properties"].is_object() => {
                self.add_fields(schema, &path, fields);
                "object"
            }
            (Some("object"), None) => "anything",
            _ => panic!("{path}: {schema}"),
        };
        fields.insert(path, format!("{mark}{type_name}"));
    }
}
