//! `pod create configmap`.

use clap::Args;
use pod_spec::ByteString;
use serde_json::{Map, Value, json};

use crate::commands::create::sources::Sources;
use crate::error::CliError;
use crate::generated::Generated;
use crate::resource::Kind;

#[derive(Debug, Args)]
pub struct ConfigMap {
    /// Its name
    pub name: String,
    #[command(flatten)]
    pub sources: Sources,
}

impl ConfigMap {
    /// Texts are `data`, all else is `binaryData`.
    pub fn generate(&self, namespace: Option<&str>) -> Result<Generated, CliError> {
        let mut generated = Generated::new(Kind::ConfigMap, &self.name, namespace);
        let (mut texts, mut binary) = (Map::new(), Map::new());
        for (key, value) in self.sources.read()? {
            match String::from_utf8(value) {
                Ok(text) => texts.insert(key, text.into()),
                Err(error) => binary.insert(key, json!(ByteString(error.into_bytes()))),
            };
        }
        for (field, values) in [("data", texts), ("binaryData", binary)] {
            if !values.is_empty() {
                generated.object[field] = Value::Object(values);
            }
        }
        Ok(generated)
    }
}
