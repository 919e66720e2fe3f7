//! The tree from any serde format, for reading back what was saved.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::decode::{Cx, Decode};
use crate::document::{self, Entry, Node, Number, Value};
use crate::fault::Faults;
use crate::path::Path;

/// Reads a value with its own decoder.
pub(crate) fn deserialize<'de, T: Decode, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
    let node = Node::deserialize(d)?;
    let mut cx = Cx::default();
    let value = T::decode(&node, &Path::ROOT, &mut cx);
    Faults::or(cx.faults, value).map_err(D::Error::custom)
}

fn node(value: Value<'static>) -> Node<'static> {
    Node { at: None, value }
}

impl<'de> Deserialize<'de> for Node<'static> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Limits { left: &Cell::new(document::MAX_NODES), depth: 0 }.deserialize(d)
    }
}

/// How much may still be read: the same as from YAML.
#[derive(Clone, Copy)]
struct Limits<'c> {
    left: &'c Cell<usize>,
    depth: usize,
}

impl Limits<'_> {
    /// For a value that lies within.
    fn within(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Limits<'_> {
    type Value = Node<'static>;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        let left = self.left.get().checked_sub(1).filter(|_| self.depth <= document::MAX_DEPTH);
        self.left.set(left.ok_or_else(|| D::Error::custom("too much"))?);
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Limits<'_> {
    type Value = Node<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the Kubernetes API")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
        Ok(node(Value::Bool(v, v.to_string().into())))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
        Ok(node(Value::Number(Number::Int(v.into()), v.to_string().into())))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
        Ok(node(Value::Number(Number::Int(v.into()), v.to_string().into())))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        Ok(node(Value::Number(Number::from_float(v), v.to_string().into())))
    }

    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(node(Value::Text(v.to_owned().into())))
    }

    fn visit_string<E>(self, v: String) -> Result<Self::Value, E> {
        Ok(node(Value::Text(v.into())))
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(node(Value::Null))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(node(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.within())? {
            items.push(item);
        }
        Ok(node(Value::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(self.within())?;
            entries.push(Entry { key: key.into(), at: None, value });
        }
        Ok(node(Value::Map(entries)))
    }
}
