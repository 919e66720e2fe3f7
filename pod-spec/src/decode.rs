//! From the located tree to typed fields: every fault is noted, and the reading goes on with the field's default.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;

use crate::Time;
use crate::document::{Entry, Node, Number, Value};
use crate::fault::{Fault, FaultKind, quoted};
use crate::path::{Path, printable};
use crate::schema::{Field, Object, Table, Type};
use crate::spelling;
use crate::support::{Rules, Survey};

/// What can be read from the tree.
pub(crate) trait Decode: Default {
    /// What it is in the API.
    const TYPE: Type;

    /// Reads the value; on a fault it is noted and the default returned.
    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self;
}

/// What a field can hold, as the survey of what is supported sees it.
pub(crate) trait Content {
    /// Whether a field with this value is left out when it is written.
    fn is_absent(&self) -> bool {
        false
    }

    /// The value as a text, when it is a scalar.
    fn scalar(&self) -> Option<String> {
        None
    }

    /// Looks at the fields within.
    fn survey(&self, _at: &Path<'_>, _rules: Rules, _survey: &mut Survey<'_>) {}
}

/// For `skip_serializing_if`.
pub(crate) fn is_absent<T: Content>(value: &T) -> bool {
    value.is_absent()
}

/// What the reading has found.
#[derive(Debug, Default)]
pub(crate) struct Cx {
    pub(crate) faults: Vec<Fault>,
}

impl Cx {
    pub(crate) fn fault(&mut self, at: &Path<'_>, kind: FaultKind, message: impl Into<String>) {
        self.fault_with(at, kind, message, None);
    }

    pub(crate) fn fault_with(
        &mut self,
        at: &Path<'_>,
        kind: FaultKind,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        self.faults.push(Fault::new(at, at.position(), kind, message).suggest(suggestion));
    }

    /// Notes that the value has the wrong type: `wanted` is what was wanted, article included.
    pub(crate) fn wrong_type(
        &mut self,
        node: &Node<'_>,
        at: &Path<'_>,
        wanted: &str,
        suggestion: Option<String>,
    ) {
        let message = format!("found {}, but {wanted} is needed", found(node));
        self.fault_with(&value_at(node, at), FaultKind::WrongType, message, suggestion);
    }

    /// The entries of a mapping, each key once; the others are noted.
    pub(crate) fn entries<'n, 't>(
        &mut self,
        node: &'n Node<'t>,
        at: &Path<'_>,
    ) -> Vec<&'n Entry<'t>> {
        let Value::Map(entries) = &node.value else {
            self.wrong_type(node, at, "a mapping", None);
            return Vec::new();
        };
        let mut seen = HashSet::with_capacity(entries.len());
        let mut once = Vec::with_capacity(entries.len());
        for entry in entries {
            if seen.insert(&*entry.key) {
                once.push(entry);
            } else {
                let message = format!("the key {} stands here a second time", quoted(&entry.key));
                let at = at.field(&entry.key).at(entry.at);
                self.fault(&at, FaultKind::DuplicateField, message);
            }
        }
        once
    }

    /// The value as JSON, as it was written.
    pub(crate) fn json(&mut self, node: &Node<'_>, at: &Path<'_>) -> Json {
        match &node.value {
            Value::Null => Json::Null,
            Value::Bool(value, _) => Json::Bool(*value),
            Value::Number(Number::Int(value), _) => i64::try_from(*value)
                .map(Json::from)
                .or_else(|_| u64::try_from(*value).map(Json::from))
                .unwrap_or(Json::Null),
            Value::Number(Number::Float(value), _) => Json::from(*value),
            Value::Text(text) => Json::String(text.clone().into_owned()),
            Value::List(items) => {
                let items = items.iter().enumerate();
                Json::Array(items.map(|(i, item)| self.json(item, &at.index(i))).collect())
            }
            Value::Map(_) => {
                let entries = self.entries(node, at).into_iter();
                let json = |e: &Entry<'_>| {
                    (e.key.clone().into_owned(), self.json(&e.value, &at.field(&e.key)))
                };
                Json::Object(entries.map(json).collect())
            }
        }
    }
}

/// The path with the place of the value: a list or mapping begins on the line after its key, and nothing stands nowhere.
pub(crate) fn value_at<'p>(node: &Node<'_>, at: &Path<'p>) -> Path<'p> {
    match node.value {
        Value::Bool(..) | Value::Number(..) | Value::Text(_) => at.at(node.at.or(at.position())),
        Value::Null | Value::List(_) | Value::Map(_) => *at,
    }
}

/// Reads an object field by field.
pub(crate) fn object<T: Object>(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> T {
    let mut out = T::default();
    let entries = cx.entries(node, at);
    for entry in &entries {
        let at = at.field(&entry.key).at(entry.at);
        if entry.value.is_null() && T::TABLE.field(&entry.key).is_some() {
            continue;
        }
        if !out.set(entry, &at, cx) {
            unknown_field(&at, &entry.key, T::TABLE, cx);
        }
    }
    if matches!(node.value, Value::Map(_)) {
        require(&entries, T::TABLE, at, cx);
    }
    out
}

fn unknown_field(at: &Path<'_>, key: &str, table: &Table, cx: &mut Cx) {
    let suggestion = spelling::suggest(key, table.fields().map(|f| f.name));
    let message = format!("unknown field {}", quoted(key));
    cx.fault_with(at, FaultKind::UnknownField, message, suggestion);
}

/// Notes each word that must be there and is not. Everything else has an empty value, which validation sees.
fn require(entries: &[&Entry<'_>], table: &Table, at: &Path<'_>, cx: &mut Cx) {
    let is_word = |field: &&Field| field.required && matches!(field.ty, Type::Words(_));
    for field in table.fields().filter(is_word) {
        if !entries.iter().any(|e| e.key == field.name && !e.value.is_null()) {
            cx.fault(&at.field(field.name), FaultKind::Required, "required, but not given");
        }
    }
}

/// What stands there, for a message.
fn found(node: &Node<'_>) -> String {
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value, text) if *text == value.to_string() => format!("the boolean `{value}`"),
        Value::Bool(value, text) => format!("`{text}`, which is the boolean `{value}` in YAML"),
        Value::Number(_, text) => format!("the number {}", quoted(text)),
        Value::Text(text) => format!("the text {}", quoted(text)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    }
}

impl Decode for String {
    const TYPE: Type = Type::Text;

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        let suggestion = match &node.value {
            Value::Text(text) => return text.clone().into_owned(),
            Value::Bool(_, text) | Value::Number(_, text) => {
                Some(format!("write it in quotes: \"{}\"", printable(text)))
            }
            _ => None,
        };
        cx.wrong_type(node, at, "a text", suggestion);
        Self::default()
    }
}

impl Content for String {
    fn scalar(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl Decode for bool {
    const TYPE: Type = Type::Bool;

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        let suggestion = match &node.value {
            Value::Bool(value, _) => return *value,
            Value::Text(text) if matches!(&**text, "true" | "false") => {
                Some(format!("write it without quotes: {text}"))
            }
            _ => None,
        };
        cx.wrong_type(node, at, "`true` or `false`", suggestion);
        false
    }
}

fn integer<T: TryFrom<i128> + Default>(
    node: &Node<'_>,
    at: &Path<'_>,
    cx: &mut Cx,
    limit: &str,
) -> T {
    let suggestion = match &node.value {
        Value::Number(Number::Int(value), text) => {
            return T::try_from(*value).unwrap_or_else(|_| {
                let message = format!("{} does not fit into {limit}", quoted(text));
                cx.fault(&value_at(node, at), FaultKind::Invalid, message);
                T::default()
            });
        }
        Value::Text(text) if text.len() < 20 && text.parse::<i64>().is_ok() => {
            Some(format!("write it without quotes: {text}"))
        }
        _ => None,
    };
    cx.wrong_type(node, at, "a whole number", suggestion);
    T::default()
}

/// Integers and moments: scalars that are written as their `Display`.
macro_rules! integers {
    ($($ty:ty: $api:ident, $limit:literal;)*) => {
        $(
            impl Decode for $ty {
                const TYPE: Type = Type::$api;

                fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
                    integer(node, at, cx, $limit)
                }
            }
        )*
    };
}

integers! {
    i32: Int32, "32 bits";
    i64: Int64, "64 bits";
    u32: Natural32, "32 bits without a sign";
}

macro_rules! scalars {
    ($($ty:ty)*) => {
        $(
            impl Content for $ty {
                fn scalar(&self) -> Option<String> {
                    Some(self.to_string())
                }
            }
        )*
    };
}

scalars! { bool i32 i64 u32 Time crate::Quantity crate::IntOrString }

impl Decode for Time {
    const TYPE: Type = Type::Time;

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        let text = String::decode(node, at, cx);
        Time::parse(&text).unwrap_or_else(|error| {
            if matches!(node.value, Value::Text(_)) {
                cx.fault(&value_at(node, at), FaultKind::Invalid, error.to_string());
            }
            Self::default()
        })
    }
}

impl<T: Decode> Decode for Option<T> {
    const TYPE: Type = T::TYPE;

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        // Go's empty text is no word at all, unless it is one of the words.
        let is_no_word = matches!(
            (&node.value, &T::TYPE),
            (Value::Text(text), Type::Words(words) | Type::KnownWords(words))
                if text.is_empty() && !words.contains(&"")
        );
        if is_no_word {
            return None;
        }
        Some(T::decode(node, at, cx))
    }
}

impl<T: Content> Content for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }

    fn scalar(&self) -> Option<String> {
        self.as_ref()?.scalar()
    }

    fn survey(&self, at: &Path<'_>, rules: Rules, survey: &mut Survey<'_>) {
        if let Some(value) = self {
            value.survey(at, rules, survey);
        }
    }
}

impl<T: Decode> Decode for Box<T> {
    const TYPE: Type = T::TYPE;

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        Self::new(T::decode(node, at, cx))
    }
}

impl<T: Content> Content for Box<T> {
    fn is_absent(&self) -> bool {
        T::is_absent(self)
    }

    fn scalar(&self) -> Option<String> {
        T::scalar(self)
    }

    fn survey(&self, at: &Path<'_>, rules: Rules, survey: &mut Survey<'_>) {
        T::survey(self, at, rules, survey);
    }
}

impl<T: Decode> Decode for Vec<T> {
    const TYPE: Type = Type::List(&T::TYPE);

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        let Value::List(items) = &node.value else {
            cx.wrong_type(node, at, "a list", Some("begin each item with `- `".to_owned()));
            return Self::new();
        };
        let items = items.iter().enumerate();
        items.map(|(i, item)| T::decode(item, &at.index(i).at(item.at), cx)).collect()
    }
}

impl<T: Content> Content for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }

    fn survey(&self, at: &Path<'_>, rules: Rules, survey: &mut Survey<'_>) {
        survey.items(at, rules, self);
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    const TYPE: Type = Type::Map(&T::TYPE);

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        let mut out = Self::new();
        for entry in cx.entries(node, at) {
            let at = at.key(&entry.key).at(entry.at);
            // Go reads null into a map's value as the zero value.
            let value =
                if entry.value.is_null() { T::default() } else { T::decode(&entry.value, &at, cx) };
            out.insert(entry.key.clone().into_owned(), value);
        }
        out
    }
}

impl<T: Content> Content for BTreeMap<String, T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Decode for Json {
    const TYPE: Type = Type::Any;

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        cx.json(node, at)
    }
}

impl Content for Json {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    fn decode<T: Decode>(text: &str) -> Result<T, String> {
        let node = document::read(text).unwrap().remove(0);
        let mut cx = Cx::default();
        let value = T::decode(&node, &Path::new("x"), &mut cx);
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
            (
                decode::<crate::Capabilities>("a").err(),
                "line 1: x: found the text `a`, but a mapping is needed",
            ),
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
