//! Words of which the API may know more than this crate.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::decode::{Content, Cx, Decode};
use crate::document::{Node, Value};
use crate::path::Path;
use crate::schema::Type;

/// One of the words `T`, or one that is none of them, kept apart.
///
/// Fields in which the API server takes any word have this type.
///
/// ```
/// use pod_spec::{EmptyDirMedium, Word};
///
/// let word: Word<EmptyDirMedium> = serde_yaml::from_str("Memory")?;
/// assert_eq!(word, Word::Known(EmptyDirMedium::Memory));
/// let word: Word<EmptyDirMedium> = serde_yaml::from_str("HugePages-64Ki")?;
/// assert_eq!(word, Word::Unknown("HugePages-64Ki".to_owned()));
/// # Ok::<(), serde_yaml::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Word<T> {
    /// A word of `T`.
    Known(T),
    /// Any other.
    Unknown(String),
}

impl<T> Word<T> {
    /// The word of `T`, if it is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(word) => Some(word),
            Self::Unknown(_) => None,
        }
    }
}

impl<T: Default> Default for Word<T> {
    fn default() -> Self {
        Self::Known(T::default())
    }
}

impl<T: fmt::Display> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(word) => word.fmt(f),
            Self::Unknown(word) => f.write_str(word),
        }
    }
}

impl<T: fmt::Display> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<T: Decode> Decode for Word<T> {
    const TYPE: Type = match T::TYPE {
        Type::Words(words) => Type::KnownWords(words),
        ty => ty,
    };

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        match (&node.value, &T::TYPE) {
            (Value::Text(text), Type::Words(words)) if !words.contains(&&**text) => {
                Self::Unknown(text.clone().into_owned())
            }
            _ => Self::Known(T::decode(node, at, cx)),
        }
    }
}

impl<T: fmt::Display> Content for Word<T> {
    fn scalar(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl<'de, T: Decode> serde::Deserialize<'de> for Word<T> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        crate::reader::deserialize(d)
    }
}
