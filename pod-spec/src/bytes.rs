//! Bytes in base64, and texts that nobody should see by accident.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use crate::decode::{Content, Cx, Decode, value_at};
use crate::document::{Node, Value};
use crate::fault::FaultKind;
use crate::path::Path;
use crate::schema::{Type, deserialize};

/// Bytes, written in base64. `Debug` tells how many they are, and nothing else.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ByteString(pub Vec<u8>);

impl fmt::Debug for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteString({} bytes)", self.0.len())
    }
}

impl Serialize for ByteString {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl Decode for ByteString {
    const TYPE: Type = Type::Bytes;

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        let text = String::decode(node, at, cx);
        // Go's decoder skips line breaks.
        let text: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
        match STANDARD.decode(&text) {
            Ok(bytes) => Self(bytes),
            Err(_) => {
                let message = "it is not base64";
                let plain = "write texts that are not in base64 under `stringData` of a Secret or `data` of a ConfigMap";
                cx.fault_with(&value_at(node, at), FaultKind::Invalid, message, Some(plain.into()));
                Self::default()
            }
        }
    }
}

impl Content for ByteString {}

deserialize!(ByteString);

/// A text that `Debug` does not show.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretText({} bytes)", self.0.len())
    }
}

impl Decode for SecretText {
    const TYPE: Type = Type::Text;

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        match &node.value {
            Value::Text(text) => Self(text.clone().into_owned()),
            _ => {
                // What stands there is not told.
                let message = "a text is needed, and this is none";
                let quotes = Some("write it in quotes".to_owned());
                cx.fault_with(&value_at(node, at), FaultKind::WrongType, message, quotes);
                Self::default()
            }
        }
    }
}

impl Content for SecretText {}

deserialize!(SecretText);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_and_written_in_base64() {
        let bytes: ByteString = serde_yaml::from_str("aGVs\n bG8=").unwrap_or_default();
        assert_eq!(serde_yaml::to_string(&ByteString(b"hello".to_vec())).unwrap(), "aGVsbG8=\n");
        assert!(serde_yaml::from_str::<ByteString>("hello").is_err());
        assert_eq!(bytes, ByteString::default(), "a space is none of base64's");
    }

    #[test]
    fn secrets_do_not_show() {
        let shown = format!("{:?} {:?}", ByteString(b"hello".to_vec()), SecretText("abc".into()));
        assert_eq!(shown, "ByteString(5 bytes) SecretText(3 bytes)");
        let error = serde_yaml::from_str::<SecretText>("4711").unwrap_err().to_string();
        assert!(!error.contains("4711"), "{error}");
    }
}
