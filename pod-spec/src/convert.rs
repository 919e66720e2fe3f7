//! To and from the types of k8s-openapi, by way of their form in JSON, which both sides know.

use ::k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};
use serde::Serialize;
use serde::de::{Deserialize as _, DeserializeOwned};
use serde_json::Value as Json;

use crate::document::Node;
use crate::fault::{FaultKind, Faults};
use crate::parse::{self, Kind};
use crate::types::{ConfigMap, Deployment, Job, PersistentVolumeClaim, Pod, Secret};

/// An object that has no form in the types of k8s-openapi.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// A value of it cannot be held.
    #[error("a value does not fit into the types of k8s-openapi")]
    Value(#[from] serde_json::Error),
    /// The version of the API that k8s-openapi has been built for lacks the fields at these paths.
    #[error("the version of the API that k8s-openapi is built for has no {}", .0.join(", "))]
    Fields(Vec<String>),
}

macro_rules! conversions {
    ($($name:ident: $api:ty;)*) => {
        $(
            impl TryFrom<&$api> for $name {
                type Error = Faults;

                /// Takes the object over, every field of it.
                ///
                /// # Errors
                /// Every field that this crate does not know, of a newer version of the API, and every value that it
                /// does not take.
                fn try_from(object: &$api) -> Result<Self, Faults> {
                    taken_over(object)
                }
            }

            impl TryFrom<$api> for $name {
                type Error = Faults;

                /// As from a reference.
                fn try_from(object: $api) -> Result<Self, Faults> {
                    taken_over(&object)
                }
            }

            impl TryFrom<&$name> for $api {
                type Error = ConvertError;

                /// Hands the object over, every field of it.
                ///
                /// # Errors
                /// When k8s-openapi has been built for a version of the API that lacks a field that is given.
                fn try_from(object: &$name) -> Result<Self, ConvertError> {
                    handed_over(object)
                }
            }

            impl TryFrom<$name> for $api {
                type Error = ConvertError;

                /// As from a reference.
                fn try_from(object: $name) -> Result<Self, ConvertError> {
                    handed_over(&object)
                }
            }
        )*
    };
}

conversions! {
    Pod: core::Pod;
    ConfigMap: core::ConfigMap;
    Secret: core::Secret;
    PersistentVolumeClaim: core::PersistentVolumeClaim;
    Deployment: apps::Deployment;
    Job: batch::Job;
}

fn taken_over<T: Kind>(object: &impl Serialize) -> Result<T, Faults> {
    let node = serde_json::to_value(object).and_then(Node::deserialize);
    match node {
        Ok(node) => parse::from_node(&node),
        Err(error) => Err(Faults::one(None, FaultKind::Invalid, error.to_string())),
    }
}

fn handed_over<Api: Serialize + DeserializeOwned>(
    object: &impl Serialize,
) -> Result<Api, ConvertError> {
    let given = serde_json::to_value(object)?;
    let api: Api = Api::deserialize(&given)?;
    // k8s-openapi skips what it does not know.
    let mut missing = Vec::new();
    add_missing(&given, &serde_json::to_value(&api)?, "", &mut missing);
    if missing.is_empty() { Ok(api) } else { Err(ConvertError::Fields(missing)) }
}

/// Notes the fields of `given` that `taken` does not have. How a value is written does not matter.
fn add_missing(given: &Json, taken: &Json, path: &str, missing: &mut Vec<String>) {
    match (given, taken) {
        (Json::Object(given), Json::Object(taken)) => {
            for (key, value) in given {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{key}");
                match taken.get(key) {
                    Some(taken) => add_missing(value, taken, &path, missing),
                    None => missing.push(path),
                }
            }
        }
        (Json::Array(given), Json::Array(taken)) => {
            for (i, (given, taken)) in given.iter().zip(taken).enumerate() {
                add_missing(given, taken, &format!("{path}[{i}]"), missing);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_an_older_api_lacks_is_told() {
        let given = json!({"a": "1.0", "b": {"c": 1, "new": 2}, "d": [{"e": 1}, {"new": [1]}]});
        let taken = json!({"a": "1", "b": {"c": 1}, "d": [{"e": 1}, {}]});
        let mut missing = Vec::new();
        add_missing(&given, &taken, "", &mut missing);
        assert_eq!(missing, ["b.new", "d[1].new"]);
    }
}
