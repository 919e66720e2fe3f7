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

/// An object could not be shown.
pub fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> CliError {
    CliError::io("write the object as text")(std::io::Error::other(error))
}
