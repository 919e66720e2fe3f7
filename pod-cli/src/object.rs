//! Whole objects as YAML and JSON.

use serde_json::{Value, json};

use crate::error::CliError;

/// Indented JSON.
pub fn json(object: &Value) -> String {
    format!("{object:#}\n")
}

/// A list of objects, as `kubectl get -o json` wraps it.
pub fn list(items: Vec<Value>) -> Value {
    let mut list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}});
    // Not within the macro, which copies.
    list["items"] = Value::Array(items);
    list
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

    #[test]
    fn a_list_indents_its_pods() {
        let pods = ["a", "b"].map(|name| format!("metadata:\n  name: {name}\nspec: {{}}\n"));
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
