//! What pods are configured with.

use std::collections::BTreeMap;

use super::ObjectMeta;
use crate::schema::kind;
use crate::{ByteString, SecretText};

kind! {
    /// Texts and bytes by key, for pods to read.
    pub struct ConfigMap: "v1" "ConfigMap" {
        /// Name, labels and the like.
        "metadata" metadata: ObjectMeta,
        /// The texts.
        "data" data: BTreeMap<String, String>,
        /// The bytes, in base64.
        "binaryData" binary_data: BTreeMap<String, ByteString>,
        /// Whether it can no longer be changed.
        "immutable" immutable: Option<bool>,
    }
}

kind! {
    /// Bytes by key that few may see, for pods to read.
    pub struct Secret: "v1" "Secret" {
        /// Name, labels and the like.
        "metadata" metadata: ObjectMeta,
        /// What it is for. `Opaque` when not given.
        "type" kind: Option<String>,
        /// The bytes, in base64.
        "data" data: BTreeMap<String, ByteString>,
        /// Texts that are put among `data`, and win there. Never written back by an API server.
        "stringData" string_data: BTreeMap<String, SecretText>,
        /// Whether it can no longer be changed.
        "immutable" immutable: Option<bool>,
    }
}
