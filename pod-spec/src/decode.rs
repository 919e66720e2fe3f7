//! From the located tree to typed fields: every fault is noted, and the reading goes on with the field's default.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;

use crate::Time;
use crate::document::{Entry, Node, Number, Value};
use crate::fault::{Fault, FaultKind, quoted};
use crate::path::{Path, Places, Position, printable};
use crate::schema::Table;
use crate::spelling;

/// What can be read from the tree.
pub(crate) trait Decode: Default {
    /// The fields, when this is an object or a list of objects.
    const TABLE: Option<&'static Table> = None;
    /// Whether this is a list.
    const LIST: bool = false;

    /// Reads the value; on a fault it is noted and the default returned.
    fn decode(node: &Node, cx: &mut Cx) -> Self;

    /// Whether a field with this value is left out when it is written.
    fn is_absent(&self) -> bool {
        false
    }
}

/// For `skip_serializing_if`.
pub(crate) fn is_absent<T: Decode>(value: &T) -> bool {
    value.is_absent()
}

/// Checks the value and throws it away.
pub(crate) fn check<T: Decode>(node: &Node, cx: &mut Cx) {
    T::decode(node, cx);
}

/// Where the reading stands, and what it has found.
#[derive(Debug, Default)]
pub(crate) struct Cx {
    pub(crate) path: Path,
    pub(crate) faults: Vec<Fault>,
    pub(crate) places: Places,
}

impl Cx {
    /// Goes down to a field. What it returns takes [`Cx::leave`] back up.
    pub(crate) fn enter(&mut self, entry: &Entry) -> usize {
        let mark = self.path.push_field(&entry.key);
        self.places.record(&self.path, entry.at);
        mark
    }

    fn enter_bracket(&mut self, inner: &str, at: Option<Position>) -> usize {
        let mark = self.path.push_bracket(inner);
        self.places.record(&self.path, at);
        mark
    }

    pub(crate) fn leave(&mut self, mark: usize) {
        self.path.truncate(mark);
    }

    pub(crate) fn fault(
        &mut self,
        at: Option<Position>,
        kind: FaultKind,
        message: impl Into<String>,
    ) {
        self.fault_with(at, kind, message, None);
    }

    pub(crate) fn fault_with(
        &mut self,
        at: Option<Position>,
        kind: FaultKind,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let at = at.or_else(|| self.places.find(&self.path));
        self.faults.push(Fault::new(&self.path, at, kind, message).suggest(suggestion));
    }

    /// Notes that the value has the wrong type: `wanted` is what was wanted, article included.
    pub(crate) fn wrong_type(&mut self, node: &Node, wanted: &str, suggestion: Option<String>) {
        // A list or mapping begins on the line after its key, and nothing stands nowhere.
        let at = match node.value {
            Value::Bool(..) | Value::Number(..) | Value::Text(_) => node.at,
            Value::Null | Value::List(_) | Value::Map(_) => None,
        };
        let message = format!("found {}, but {wanted} is needed", found(node));
        self.fault_with(at, FaultKind::WrongType, message, suggestion);
    }

    /// The entries of a mapping, each key once; the others are noted.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node) -> Vec<&'n Entry> {
        let Value::Map(entries) = &node.value else {
            self.wrong_type(node, "a mapping", None);
            return Vec::new();
        };
        let mut seen = HashSet::new();
        let mut once = Vec::with_capacity(entries.len());
        for entry in entries {
            if seen.insert(entry.key.as_str()) {
                once.push(entry);
            } else {
                let mark = self.path.push_field(&entry.key);
                let message = format!("the key {} stands here a second time", quoted(&entry.key));
                self.fault(entry.at, FaultKind::DuplicateField, message);
                self.leave(mark);
            }
        }
        once
    }

    /// Notes a key that no field has. The path is that of the key.
    pub(crate) fn unknown_field(&mut self, entry: &Entry, table: &Table) {
        let suggestion = spelling::suggest(&entry.key, table.fields.iter().map(|f| f.name));
        let message = format!("unknown field {}", quoted(&entry.key));
        self.fault_with(entry.at, FaultKind::UnknownField, message, suggestion);
    }

    /// Notes each required field that is not there.
    pub(crate) fn require(&mut self, entries: &[&Entry], table: &Table) {
        for field in table.fields.iter().filter(|f| f.required) {
            if !entries.iter().any(|e| e.key == field.name && !e.value.is_null()) {
                let mark = self.path.push_field(field.name);
                self.fault(None, FaultKind::Required, "required, but not given");
                self.leave(mark);
            }
        }
    }

    /// The value as JSON, as it was written.
    pub(crate) fn json(&mut self, node: &Node) -> Json {
        match &node.value {
            Value::Null => Json::Null,
            Value::Bool(value, _) => Json::Bool(*value),
            Value::Number(Number::Int(value), _) => i64::try_from(*value)
                .map(Json::from)
                .or_else(|_| u64::try_from(*value).map(Json::from))
                .unwrap_or(Json::Null),
            Value::Number(Number::Float(value), _) => Json::from(*value),
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => Json::Array(items.iter().map(|item| self.json(item)).collect()),
            Value::Map(_) => {
                let entries = self.entries(node);
                Json::Object(
                    entries.into_iter().map(|e| (e.key.clone(), self.json(&e.value))).collect(),
                )
            }
        }
    }
}

/// What stands there, for a message.
fn found(node: &Node) -> String {
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value, text) if text == &value.to_string() => format!("the boolean `{value}`"),
        Value::Bool(value, text) => format!("`{text}`, which is the boolean `{value}` in YAML"),
        Value::Number(_, text) => format!("the number {}", quoted(text)),
        Value::Text(text) => format!("the text {}", quoted(text)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    }
}

impl Decode for String {
    fn decode(node: &Node, cx: &mut Cx) -> Self {
        let suggestion = match &node.value {
            Value::Text(text) => return text.clone(),
            Value::Bool(_, text) | Value::Number(_, text) => {
                Some(format!("write it in quotes: \"{}\"", printable(text)))
            }
            _ => None,
        };
        cx.wrong_type(node, "a text", suggestion);
        Self::default()
    }
}

impl Decode for bool {
    fn decode(node: &Node, cx: &mut Cx) -> Self {
        let suggestion = match &node.value {
            Value::Bool(value, _) => return *value,
            Value::Text(text) if matches!(text.as_str(), "true" | "false") => {
                Some(format!("write it without quotes: {text}"))
            }
            _ => None,
        };
        cx.wrong_type(node, "`true` or `false`", suggestion);
        false
    }
}

fn integer<T: TryFrom<i128> + Default>(node: &Node, cx: &mut Cx, bits: u32) -> T {
    let suggestion = match &node.value {
        Value::Number(Number::Int(value), text) => {
            return T::try_from(*value).unwrap_or_else(|_| {
                let message = format!("{} does not fit into {bits} bits", quoted(text));
                cx.fault(node.at, FaultKind::Invalid, message);
                T::default()
            });
        }
        Value::Text(text) if text.len() < 20 && text.parse::<i64>().is_ok() => {
            Some(format!("write it without quotes: {text}"))
        }
        _ => None,
    };
    cx.wrong_type(node, "a whole number", suggestion);
    T::default()
}

impl Decode for i32 {
    fn decode(node: &Node, cx: &mut Cx) -> Self {
        integer(node, cx, 32)
    }
}

impl Decode for i64 {
    fn decode(node: &Node, cx: &mut Cx) -> Self {
        integer(node, cx, 64)
    }
}

impl Decode for Time {
    fn decode(node: &Node, cx: &mut Cx) -> Self {
        let text = String::decode(node, cx);
        Time::parse(&text).unwrap_or_else(|error| {
            if matches!(node.value, Value::Text(_)) {
                cx.fault(node.at, FaultKind::Invalid, error.to_string());
            }
            Self::default()
        })
    }
}

impl<T: Decode> Decode for Option<T> {
    const TABLE: Option<&'static Table> = T::TABLE;
    const LIST: bool = T::LIST;

    fn decode(node: &Node, cx: &mut Cx) -> Self {
        // The empty value of a field is the same as no field, so this is asked for values only.
        Some(T::decode(node, cx))
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Decode> Decode for Vec<T> {
    const TABLE: Option<&'static Table> = T::TABLE;
    const LIST: bool = true;

    fn decode(node: &Node, cx: &mut Cx) -> Self {
        let Value::List(items) = &node.value else {
            cx.wrong_type(node, "a list", Some("begin each item with `- `".to_owned()));
            return Self::new();
        };
        let mut out = Self::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let mark = cx.enter_bracket(&i.to_string(), item.at);
            out.push(T::decode(item, cx));
            cx.leave(mark);
        }
        out
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn decode(node: &Node, cx: &mut Cx) -> Self {
        let mut out = Self::new();
        for entry in cx.entries(node) {
            let mark = cx.enter_bracket(&entry.key, entry.at);
            // Go reads null into a map's value as the zero value.
            let value =
                if entry.value.is_null() { T::default() } else { T::decode(&entry.value, cx) };
            out.insert(entry.key.clone(), value);
            cx.leave(mark);
        }
        out
    }

    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

/// A value of any type.
#[derive(Debug, Default)]
pub(crate) struct Any;

impl Decode for Any {
    fn decode(_: &Node, _: &mut Cx) -> Self {
        Self
    }
}

/// A mapping of any content.
#[derive(Debug, Default)]
pub(crate) struct AnyMap;

impl Decode for AnyMap {
    fn decode(node: &Node, cx: &mut Cx) -> Self {
        if !matches!(node.value, Value::Map(_)) {
            cx.wrong_type(node, "a mapping", None);
        }
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn decode<T: Decode>(text: &str) -> Result<T, String> {
        let node = document::read(text).unwrap().remove(0);
        let mut cx = Cx { path: Path::new("x"), ..Cx::default() };
        let value = T::decode(&node, &mut cx);
        match cx.faults.first() {
            None => Ok(value),
            Some(fault) => Err(fault.to_string()),
        }
    }

    #[test]
    fn a_wrong_type_says_what_was_found_and_what_to_write() {
        let cases = [
            (
                decode::<String>("8080").err(),
                "line 1: x: found the number `8080`, but a text is needed, write it in quotes: \"8080\"",
            ),
            (
                decode::<String>("yes").err(),
                "line 1: x: found `yes`, which is the boolean `true` in YAML, but a text is needed, \
                 write it in quotes: \"yes\"",
            ),
            (decode::<String>("[a]").err(), "x: found a list, but a text is needed"),
            (
                decode::<bool>("\"true\"").err(),
                "line 1: x: found the text `true`, but `true` or `false` is needed, write it without quotes: true",
            ),
            (
                decode::<i32>("\"80\"").err(),
                "line 1: x: found the text `80`, but a whole number is needed, write it without quotes: 80",
            ),
            (
                decode::<i32>("1.5").err(),
                "line 1: x: found the number `1.5`, but a whole number is needed",
            ),
            (
                decode::<i32>("3000000000").err(),
                "line 1: x: `3000000000` does not fit into 32 bits",
            ),
            (
                decode::<Vec<String>>("a").err(),
                "line 1: x: found the text `a`, but a list is needed, begin each item with `- `",
            ),
            (decode::<Vec<String>>("[a, 1]").err(), {
                "line 1: x[1]: found the number `1`, but a text is needed, write it in quotes: \"1\""
            }),
            (decode::<AnyMap>("a").err(), "line 1: x: found the text `a`, but a mapping is needed"),
            (
                decode::<BTreeMap<String, String>>("{a: b, a: c}").err(),
                "line 1: x.a: the key `a` stands here a second time",
            ),
        ];
        for (got, want) in cases {
            assert_eq!(got.as_deref(), Some(want));
        }
    }

    #[test]
    fn right_types_are_read() {
        assert_eq!(decode::<bool>("on"), Ok(true));
        assert_eq!(decode::<i64>("0644"), Ok(0o644));
        assert_eq!(decode::<i32>("80.0"), Ok(80));
        assert_eq!(
            decode::<BTreeMap<String, String>>("{a: }"),
            Ok([("a".to_owned(), String::new())].into())
        );
    }
}
