//! The fields of the API as a JSON Schema, for editors.

use serde_json::{Map, Value as Json, json};

use crate::explain::sentence;
use crate::parse;
use crate::schema::{Field, Table, Type};

/// What a quantity looks like, when it is written as a text.
const QUANTITY: &str =
    r"^ *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)? *$";
const BASE64: &str = r"^[A-Za-z0-9+/\r\n]*=?[\r\n]*=?[\r\n]*$";

/// The JSON Schema of an object: `Pod`, `ConfigMap`, `Secret`, `PersistentVolumeClaim`, `Deployment` or `Job`. None for
/// any other kind.
///
/// It is of draft 7, the newest that the YAML extension of VS Code and other editors read. Each field has its type, its
/// description, the words it takes, and whether it must be given or is deprecated; one that is not known is a fault. A
/// field that need not be given can be null, as in Kubernetes. What [`Pod::validate`](crate::Pod::validate) finds
/// besides is no matter of a schema.
///
/// ```
/// let schema = pod_spec::json_schema("Pod").unwrap();
/// let spec = &schema["definitions"]["v1.PodSpec"];
/// assert_eq!(spec["required"][0], "containers");
/// assert_eq!(spec["properties"]["hostNetwork"]["type"][0], "boolean");
/// assert_eq!(pod_spec::json_schema("Node"), None);
/// ```
///
/// The example `schema` of this crate prints it. An editor finds it by a line in the manifest, such as
/// `# yaml-language-server: $schema=pod.schema.json`.
pub fn json_schema(kind: &str) -> Option<Json> {
    let (version, table) = parse::Object::table(kind)?;
    let mut definitions = Definitions(Map::new());
    let mut schema = definitions.object(table);
    schema.insert("$schema".to_owned(), "http://json-schema.org/draft-07/schema#".into());
    schema.insert("title".to_owned(), kind.into());
    schema.insert("type".to_owned(), "object".into());
    schema["properties"]["apiVersion"]["enum"] = json!([version]);
    schema["properties"]["kind"]["enum"] = json!([kind]);
    schema.insert("definitions".to_owned(), definitions.0.into());
    Some(schema.into())
}

/// The schemas of the objects that were met, by name.
struct Definitions(Map<String, Json>);

impl Definitions {
    fn object(&mut self, table: &Table) -> Map<String, Json> {
        let properties: Map<_, _> =
            table.fields().map(|field| (field.name.to_owned(), self.field(field))).collect();
        let required: Vec<_> = table.fields().filter(|f| f.required).map(|f| f.name).collect();
        let exclusive = table.fields().filter(|field| field.exclusive).count();
        let mut schema = Map::new();
        schema.insert("description".to_owned(), sentence(table.doc).into());
        schema.insert("type".to_owned(), json!(["object", "null"]));
        if !required.is_empty() {
            schema.insert("required".to_owned(), required.into());
        }
        if exclusive > 0 {
            let most = properties.len() - exclusive + 1;
            schema.insert("maxProperties".to_owned(), most.into());
        }
        schema.insert("properties".to_owned(), properties.into());
        schema.insert("additionalProperties".to_owned(), false.into());
        schema
    }

    fn field(&mut self, field: &Field) -> Json {
        let mut schema = self.value(&field.ty, !field.required);
        schema["description"] = sentence(field.doc).into();
        if field.deprecated {
            schema["deprecated"] = true.into();
            // Not of draft 7, but what editors show.
            schema["deprecationMessage"] = "Kubernetes advises against this field.".into();
        }
        schema
    }

    /// The schema of a value; `null` says whether it can be null as well.
    fn value(&mut self, ty: &Type, null: bool) -> Json {
        match ty {
            Type::Text => json!({"type": types(&["string"], null)}),
            Type::Words(words) => {
                let words = words.iter().map(|word| Json::from(*word));
                let words: Json = words.chain(null.then_some(Json::Null)).collect();
                json!({"type": types(&["string"], null), "enum": words})
            }
            Type::KnownWords(words) => {
                let words: Vec<_> = words.iter().filter(|word| !word.is_empty()).collect();
                json!({"type": types(&["string"], null), "examples": words})
            }
            Type::Bool => json!({"type": types(&["boolean"], null)}),
            Type::Int32 => integer(i32::MIN.into(), i32::MAX.into(), "int32", null),
            Type::Natural32 => integer(0, u32::MAX.into(), "int32", null),
            Type::Int64 => integer(i64::MIN, i64::MAX, "int64", null),
            Type::Quantity => {
                json!({"type": types(&["string", "number"], null), "pattern": QUANTITY})
            }
            Type::IntOrString => json!({
                "type": types(&["integer", "string"], null), "minimum": i32::MIN, "maximum": i32::MAX,
            }),
            Type::Time => json!({"type": types(&["string"], null), "format": "date-time"}),
            Type::Bytes => json!({
                "type": types(&["string"], null), "contentEncoding": "base64", "pattern": BASE64,
            }),
            Type::Any => json!({}),
            Type::Object(table) => self.reference(table, null),
            Type::List(items) => {
                json!({"type": types(&["array"], null), "items": self.value(items, false)})
            }
            // A null among the values is the empty value.
            Type::Map(values) => {
                let values = self.value(values, true);
                json!({"type": types(&["object"], null), "additionalProperties": values})
            }
        }
    }

    /// Names the schema of an object, which is added when it is not there yet.
    fn reference(&mut self, table: &Table, null: bool) -> Json {
        // A slash would separate two names.
        let name = table.name.replace('/', ".");
        if !self.0.contains_key(&name) {
            let schema = self.object(table);
            self.0.insert(name.clone(), schema.into());
        }
        // What stands beside `$ref` does not count.
        let within = json!([{"$ref": format!("#/definitions/{name}")}]);
        if null { json!({"allOf": within}) } else { json!({"type": "object", "allOf": within}) }
    }
}

fn integer(minimum: i64, maximum: i64, format: &str, null: bool) -> Json {
    json!({"type": types(&["integer"], null), "format": format, "minimum": minimum, "maximum": maximum})
}

/// The value of `type`.
fn types(types: &[&str], null: bool) -> Json {
    match (types, null) {
        ([one], false) => (*one).into(),
        _ => types.iter().copied().chain(null.then_some("null")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use regex::Regex;

    use super::*;
    use crate::decode::Cx;
    use crate::path::Path;
    use crate::schema::{Object, filled::filled};
    use crate::types::{ConfigMap, Deployment, Job, PersistentVolumeClaim, Pod, Secret};
    use crate::{Quantity, document};

    /// As much of JSON Schema as there is in ours.
    struct Check {
        root: Json,
        faults: Vec<String>,
    }

    /// What is wrong with the value, each by its path and the keyword that says so.
    fn faults(kind: &str, value: &Json) -> Vec<String> {
        let mut check = Check { root: json_schema(kind).unwrap(), faults: Vec::new() };
        let root = check.root.clone();
        check.value(&root, value, "");
        check.faults
    }

    impl Check {
        fn value(&mut self, schema: &Json, value: &Json, path: &str) {
            for (keyword, limit) in schema.as_object().unwrap() {
                if !self.holds(keyword, limit, schema, value, path) {
                    self.faults.push(format!("{path}: {keyword}"));
                }
            }
        }

        fn holds(
            &mut self,
            word: &str,
            limit: &Json,
            schema: &Json,
            value: &Json,
            path: &str,
        ) -> bool {
            match (word, value) {
                ("type", _) => limit.as_str().map_or_else(
                    || limit.as_array().unwrap().iter().any(|ty| is(ty.as_str().unwrap(), value)),
                    |ty| is(ty, value),
                ),
                ("enum", _) => limit.as_array().unwrap().contains(value),
                ("pattern", Json::String(text)) => {
                    Regex::new(limit.as_str().unwrap()).unwrap().is_match(text)
                }
                ("minimum", Json::Number(n)) => n.as_i64() >= limit.as_i64(),
                ("maximum", Json::Number(n)) => n.as_i64() <= limit.as_i64(),
                ("maxProperties", Json::Object(fields)) => {
                    fields.len() as u64 <= limit.as_u64().unwrap()
                }
                ("required", Json::Object(fields)) => limit
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|name| fields.contains_key(name.as_str().unwrap())),
                ("additionalProperties", Json::Object(fields)) => fields
                    .iter()
                    .filter(|(name, _)| schema["properties"].get(name).is_none())
                    .all(|(name, value)| {
                        let is_known = limit.is_object();
                        if is_known {
                            self.value(limit, value, &format!("{path}.{name}"));
                        }
                        is_known
                    }),
                ("properties", Json::Object(fields)) => {
                    for (name, schema) in limit.as_object().unwrap() {
                        if let Some(value) = fields.get(name) {
                            self.value(schema, value, &format!("{path}.{name}"));
                        }
                    }
                    true
                }
                ("items", Json::Array(items)) => {
                    for (i, item) in items.iter().enumerate() {
                        self.value(limit, item, &format!("{path}[{i}]"));
                    }
                    true
                }
                ("allOf", _) => {
                    let name =
                        limit[0]["$ref"].as_str().unwrap().trim_start_matches("#/definitions/");
                    let schema = self.root["definitions"][name].clone();
                    self.value(&schema, value, path);
                    true
                }
                (
                    "$schema" | "definitions" | "deprecated" | "deprecationMessage" | "description"
                    | "examples" | "format" | "contentEncoding" | "title",
                    _,
                ) => true,
                // It says something of another type.
                ("pattern" | "minimum" | "maximum" | "maxProperties" | "required" | "items", _)
                | ("properties" | "additionalProperties", _) => true,
                _ => panic!("{word} is not evaluated"),
            }
        }
    }

    fn is(ty: &str, value: &Json) -> bool {
        match ty {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => panic!("{ty}"),
        }
    }

    #[test]
    fn valid_manifests_are_accepted() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/valid");
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            // An API server reads YAML 1.1, in which `yes` is a boolean.
            let text = fs::read_to_string(&path).unwrap();
            let pod = Cx::default().json(&document::read(&text).unwrap()[0], &Path::ROOT);
            assert_eq!(faults("Pod", &pod), Vec::<String>::new(), "{path:?}");
        }
    }

    #[test]
    fn objects_with_every_field_are_accepted() {
        fn check<Kind: Object>(version: &str, kind: &str) {
            let json = filled::<Kind>(version, kind).swap_remove(0);
            assert_eq!(faults(kind, &json), Vec::<String>::new(), "{kind}");
        }
        check::<Pod>(Pod::API_VERSION, Pod::KIND);
        check::<ConfigMap>(ConfigMap::API_VERSION, ConfigMap::KIND);
        check::<Secret>(Secret::API_VERSION, Secret::KIND);
        check::<PersistentVolumeClaim>(
            PersistentVolumeClaim::API_VERSION,
            PersistentVolumeClaim::KIND,
        );
        check::<Deployment>(Deployment::API_VERSION, Deployment::KIND);
        check::<Job>(Job::API_VERSION, Job::KIND);
    }

    #[test]
    fn what_is_wrong_is_refused_where_it_stands() {
        let pod = |container: &str, spec: &str| {
            let text = format!(
                "{{apiVersion: v1, kind: Pod, metadata: {{creationTimestamp: null}}, spec: {{containers: [{{name: a, \
                 {container}}}], {spec}}}}}"
            );
            faults("Pod", &serde_yaml::from_str(&text).unwrap())
        };
        let cases = [
            ("image: a", "", None),
            (
                "image: a",
                "volumes: [{name: a, emptyDir: {medium: HugePages-64Ki}}], status: null",
                Some(".spec: additionalProperties"),
            ),
            (
                "image: a",
                "volumes: [{name: a, emptyDir: {medium: HugePages-64Ki}}], dnsConfig: null",
                None,
            ),
            ("comand: [a]", "", Some(".spec.containers[0]: additionalProperties")),
            ("command: a", "", Some(".spec.containers[0].command: type")),
            ("command: [1]", "", Some(".spec.containers[0].command[0]: type")),
            ("tty: \"yes\"", "", Some(".spec.containers[0].tty: type")),
            (
                "ports: [{containerPort: \"80\"}]",
                "",
                Some(".spec.containers[0].ports[0].containerPort: type"),
            ),
            (
                "ports: [{containerPort: 3000000000}]",
                "",
                Some(".spec.containers[0].ports[0].containerPort: maximum"),
            ),
            ("ports: [{name: a}]", "", Some(".spec.containers[0].ports[0]: required")),
            ("ports: [null]", "", Some(".spec.containers[0].ports[0]: type")),
            ("imagePullPolicy: always", "", Some(".spec.containers[0].imagePullPolicy: enum")),
            ("resources: {limits: {cpu: 0.5, memory: 1Gi}}", "", None),
            (
                "resources: {limits: {memory: 1GB}}",
                "",
                Some(".spec.containers[0].resources.limits.memory: pattern"),
            ),
            (
                "livenessProbe: {httpGet: {port: [80]}}",
                "",
                Some(".spec.containers[0].livenessProbe.httpGet.port: type"),
            ),
            (
                "image: a",
                "volumes: [{name: a, emptyDir: {}, hostPath: {path: /a}}]",
                Some(".spec.volumes[0]: maxProperties"),
            ),
            ("image: a", "restartPolicy: 5", Some(".spec.restartPolicy: enum")),
        ];
        for (container, spec, want) in cases {
            let found = pod(container, spec);
            match want {
                None => assert_eq!(found, Vec::<String>::new(), "{container} {spec}"),
                Some(want) => assert!(
                    found.iter().any(|fault| fault == want),
                    "{container} {spec}: {found:?}"
                ),
            }
        }
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": {"a": "aGVsbG8=", "b": "not base64"}});
        assert_eq!(faults("Secret", &secret), [".data.b: pattern"]);
        let other = json!({"apiVersion": "v1", "kind": "Job"});
        assert_eq!(faults("Job", &other), [".apiVersion: enum"]);
    }

    #[test]
    fn quantities_are_those_that_are_read() {
        let pattern = Regex::new(QUANTITY).unwrap();
        for text in [
            "1", "1.5", ".5", "5.", "+1", "-1", "1Ki", "1k", "1K", "1m", "1e3", "1E-3", "1E",
            "1Ei", "1e", "1MB", "", ".", "Mi", "1 Gi", "--1", "1.2.3", "0x10", "1n", "1u", "1M",
            "1P", "1Pi", "1ki", "1i",
        ] {
            assert_eq!(pattern.is_match(text), text.parse::<Quantity>().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_deprecated_says_so() {
        let schema = json_schema("Pod").unwrap();
        let volumes = &schema["definitions"]["v1.Volume"]["properties"];
        assert_eq!(volumes["gitRepo"]["deprecated"], true);
        assert_eq!(volumes["emptyDir"].get("deprecated"), None);
        assert!(volumes["emptyDir"]["description"].as_str().unwrap().starts_with("A directory"));
    }
}
