//! Whole objects as YAML and JSON.

use pod_runtime::Pod;
use serde_json::{Value, json};

use crate::error::CliError;

/// Indented JSON.
pub fn json(object: &Value) -> String {
    format!("{object:#}\n")
}

/// A list of objects, as `kubectl get -o json` wraps it.
pub fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})
}

/// A pod as YAML, with the quotes that readers of YAML 1.1 need.
pub fn yaml(pod: &Value) -> Result<String, CliError> {
    let pod = Pod::from_json(&pod.to_string()).map_err(unwritable)?;
    pod.to_yaml().map_err(unwritable)
}

/// A list of objects, each of them YAML, as YAML.
pub fn yaml_list(objects: &[String]) -> String {
    let mut items = String::new();
    for object in objects {
        for (i, line) in object.lines().enumerate() {
            items += match (i, line) {
                (0, _) => "- ",
                (_, "") => "",
                _ => "  ",
            };
            items += line;
            items.push('\n');
        }
    }
    let items =
        if items.is_empty() { "items: []\n".to_owned() } else { format!("items:\n{items}") };
    format!("apiVersion: v1\n{items}kind: List\nmetadata:\n  resourceVersion: \"\"\n")
}

/// An object could not be shown.
pub fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> CliError {
    CliError::io("write the object as text")(std::io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "annotations": {"a": "yes", "b": "one\n\n two\n"}},
            "spec": {"containers": [{"name": "app", "image": "pod.local/host"}]},
            "status": {"phase": "Running"},
        })
    }

    #[test]
    fn a_pod_is_written_with_its_status() {
        let yaml = yaml(&pod("web")).unwrap();
        assert!(yaml.contains("\nstatus:\n  phase: Running\n"), "{yaml}");
        assert!(yaml.contains("a: \"yes\"") || yaml.contains("a: 'yes'"), "{yaml}");
    }

    #[test]
    fn a_list_indents_its_pods() {
        let pods = [pod("a"), pod("b")].map(|pod| yaml(&pod).unwrap());
        let text = yaml_list(&pods);
        let first = text.split("\n- ").nth(1).unwrap();
        let alone: String =
            first.lines().map(|l| format!("{}\n", l.strip_prefix("  ").unwrap_or(l))).collect();
        assert_eq!(alone, pods[0]);
        assert_eq!(
            yaml_list(&[]),
            "apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: \"\"\n"
        );
    }
}
