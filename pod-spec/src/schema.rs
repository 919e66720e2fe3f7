//! One declaration for each object of the API. It gives the struct, its decoder, its serialised form, the list behind
//! "did you mean", and its rows in the table of what is supported.
//!
//! To support a further field, move its line from `others` up to the struct.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::decode::Cx;
use crate::document::{Entry, Node};
use crate::support::Support;

/// What is known of one field.
#[derive(Debug)]
pub(crate) struct Field {
    /// Its name in the API.
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) support: Support,
    /// The scalar values, or an empty text for the empty value, to which `support` does not apply: they are honoured.
    pub(crate) accepted: &'static [&'static str],
    /// The fields of its value, when that is an object.
    pub(crate) nested: Option<&'static Table>,
    /// Whether its value is a list.
    pub(crate) list: bool,
    /// Checks the type of a value that is kept as written. None for a field of the struct.
    pub(crate) check: Option<fn(&Node, &mut Cx)>,
}

/// The fields of one object.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) fields: &'static [Field],
}

impl Table {
    /// Reads a key that is no field of the struct: kept as written when the API knows it, else noted.
    pub(crate) fn other(&self, entry: &Entry, others: &mut OtherFields, cx: &mut Cx) {
        let Some(field) = self.fields.iter().find(|f| f.name == entry.key) else {
            return cx.unknown_field(entry, self);
        };
        let (false, Some(check)) = (entry.value.is_null(), field.check) else { return };
        let before = cx.faults.len();
        check(&entry.value, cx);
        let value = cx.json(&entry.value);
        // An empty list says nothing. What has a fault is told once.
        if cx.faults.len() == before && value != Json::Array(Vec::new()) {
            others.0.insert(field.name, value);
        }
    }
}

/// Fields of the Kubernetes API that are known by name only, kept as they were written.
///
/// Each is in the [support table](crate::support): validation refuses it, or accepts it with a notice.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct OtherFields(BTreeMap<&'static str, Json>);

impl OtherFields {
    /// The value of the field with this API name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The API names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Json)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}

/// The support of a field: `honoured` when nothing is said.
macro_rules! support {
    (@support) => { $crate::support::Support::Honoured };
    (@support required) => { $crate::support::Support::Honoured };
    (@support required($($state:tt)+)) => { $crate::schema::support!(@support $($state)+) };
    (@support refused($why:literal $($rest:tt)*)) => { $crate::support::Support::Refused($why) };
    (@support cluster_only($why:literal $($rest:tt)*)) => { $crate::support::Support::ClusterOnly($why) };
    (@accepted) => { &[] };
    (@accepted required) => { &[] };
    (@accepted required($($state:tt)+)) => { $crate::schema::support!(@accepted $($state)+) };
    (@accepted $state:ident($why:literal)) => { &[] };
    (@accepted $state:ident($why:literal, except $($value:literal)+)) => { &[$($value),+] };
    (@required required $(($($state:tt)+))?) => { true };
    (@required $($rest:tt)*) => { false };
}

/// A row of the table for a field of the struct.
macro_rules! typed_field {
    ($key:literal, $ty:ty $(, $($state:tt)+)?) => {
        $crate::schema::Field {
            name: $key,
            required: $crate::schema::support!(@required $($($state)+)?),
            support: $crate::schema::support!(@support $($($state)+)?),
            accepted: $crate::schema::support!(@accepted $($($state)+)?),
            nested: <$ty as $crate::decode::Decode>::TABLE,
            list: <$ty as $crate::decode::Decode>::LIST,
            check: None,
        }
    };
}

/// A row of the table for a field that is known by name only.
macro_rules! other_field {
    ($key:literal, $ty:ty, $($state:tt)+) => {
        $crate::schema::Field {
            name: $key,
            required: false,
            support: $crate::schema::support!(@support $($state)+),
            accepted: $crate::schema::support!(@accepted $($state)+),
            nested: None,
            list: <$ty as $crate::decode::Decode>::LIST,
            check: Some($crate::decode::check::<$ty>),
        }
    };
}

/// Declares an object: see the module.
macro_rules! object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                $(#[$field_meta:meta])*
                $key:literal $field:ident: $ty:ty $(=> $state:ident $(($($arg:tt)*))?)?,
            )*
        }
        others {
            $($other_key:literal: $other_ty:ty => $other_state:ident ($($other_arg:tt)*),)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(rename = $key, skip_serializing_if = "crate::decode::is_absent")]
                pub $field: $ty,
            )*
            /// The fields that are known by name only, as written.
            #[serde(flatten)]
            pub other: $crate::schema::OtherFields,
        }

        impl $crate::decode::Decode for $name {
            const TABLE: Option<&'static $crate::schema::Table> = Some(&$crate::schema::Table {
                fields: &[
                    $($crate::schema::typed_field!($key, $ty $(, $state $(($($arg)*))?)?),)*
                    $($crate::schema::other_field!($other_key, $other_ty, $other_state($($other_arg)*)),)*
                ],
            });

            fn decode(node: &$crate::document::Node, cx: &mut $crate::decode::Cx) -> Self {
                let mut out = Self::default();
                let Some(table) = Self::TABLE else { return out };
                let entries = cx.entries(node);
                for entry in &entries {
                    let mark = cx.enter(entry);
                    match entry.key.as_str() {
                        $(
                            $key if entry.value.is_null() => {}
                            $key => out.$field = $crate::decode::Decode::decode(&entry.value, cx),
                        )*
                        _ => table.other(entry, &mut out.other, cx),
                    }
                    cx.leave(mark);
                }
                if matches!(node.value, $crate::document::Value::Map(_)) {
                    cx.require(&entries, table);
                }
                out
            }

            fn is_absent(&self) -> bool {
                *self == Self::default()
            }
        }

        $crate::schema::deserialize!($name);
    };
}

/// Declares an enumeration of words.
macro_rules! words {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[$word_meta:meta])* $variant:ident = $word:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        $vis enum $name {
            $($(#[$word_meta])* $variant,)*
        }

        impl $name {
            /// The word the API uses.
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl $crate::decode::Decode for $name {
            fn decode(node: &$crate::document::Node, cx: &mut $crate::decode::Cx) -> Self {
                $crate::schema::word(node, cx, &[$(($word, Self::$variant)),*])
            }
        }

        $crate::schema::deserialize!($name);
    };
}

/// Reads one of a few words.
pub(crate) fn word<T: Copy + Default>(node: &Node, cx: &mut Cx, words: &[(&'static str, T)]) -> T {
    let before = cx.faults.len();
    let text = <String as crate::decode::Decode>::decode(node, cx);
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return *value;
    }
    if cx.faults.len() == before {
        let list: Vec<_> = words
            .iter()
            .map(|(w, _)| if w.is_empty() { "`\"\"`".to_owned() } else { format!("`{w}`") })
            .collect();
        let message = format!("{} is not one of {}", crate::fault::quoted(&text), list.join(", "));
        let suggestion = crate::spelling::suggest(&text, words.iter().map(|(w, _)| *w));
        cx.fault_with(node.at, crate::fault::FaultKind::NotOneOf, message, suggestion);
    }
    T::default()
}

/// `Deserialize` by the type's own decoder, so that there is one reading of the API and not two.
macro_rules! deserialize {
    ($name:ty) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                $crate::reader::deserialize(d)
            }
        }
    };
}

pub(crate) use {deserialize, object, other_field, support, typed_field, words};
