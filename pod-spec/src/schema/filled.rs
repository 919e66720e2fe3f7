//! Objects in which every field is filled: nothing of them is lost, and nothing renamed.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use super::{Object, Table, Type};
use crate::Time;
use crate::types::{ConfigMap, Deployment, Job, PersistentVolumeClaim, Pod, Secret};

/// For each of the kinds, with the type that k8s-openapi has for it.
macro_rules! every_kind {
    ($check:ident) => {
        $check!(Pod, core::Pod);
        $check!(ConfigMap, core::ConfigMap);
        $check!(Secret, core::Secret);
        $check!(PersistentVolumeClaim, core::PersistentVolumeClaim);
        $check!(Deployment, apps::Deployment);
        $check!(Job, batch::Job);
    };
}

#[test]
fn a_filled_object_is_read_and_written_whole() {
    macro_rules! check {
        ($kind:ident, $_api:ty) => {
            for (round, json) in
                filled::<$kind>($kind::API_VERSION, $kind::KIND).into_iter().enumerate()
            {
                let object = $kind::from_json(&json.to_string()).unwrap();
                same(&json, &serde_json::from_str(&object.to_json().unwrap()).unwrap());
                // The other rounds differ by words, which are texts like any other.
                if round == 0 {
                    let yaml = object.to_yaml().unwrap();
                    assert_eq!($kind::from_yaml(&yaml).unwrap(), object);
                    same(&json, &serde_yaml::from_str(&yaml).unwrap());
                }
                assert_eq!(serde_json::from_value::<$kind>(json).unwrap(), object);
            }
        };
    }
    every_kind!(check);
}

#[test]
fn kubernetes_types_read_a_filled_object_whole() {
    macro_rules! check {
        ($kind:ident, $api:ty) => {
            for json in filled::<$kind>($kind::API_VERSION, $kind::KIND) {
                same(&with_plain_times(json.clone()), &through::<$api>(json));
            }
        };
    }
    every_kind!(check);
}

/// The object as the API's own type gives it back.
fn through<Api: Serialize + DeserializeOwned>(json: Json) -> Json {
    serde_json::to_value(serde_json::from_value::<Api>(json).unwrap()).unwrap()
}

/// Our times have nanoseconds; k8s-openapi writes whole seconds.
fn with_plain_times(json: Json) -> Json {
    match json {
        Json::String(text) => match Time::parse(&text) {
            Ok(time) => Json::String(time.to_seconds_string()),
            Err(_) => Json::String(text),
        },
        Json::Array(items) => items.into_iter().map(with_plain_times).collect(),
        Json::Object(fields) => {
            fields.into_iter().map(|(key, value)| (key, with_plain_times(value))).collect()
        }
        other => other,
    }
}

/// Compares two values leaf by leaf: all of one would be too long to look at.
fn same(want: &Json, got: &Json) {
    let (want, got) = (leaves(want), leaves(got));
    let lost: Vec<_> = want.difference(&got).take(10).collect();
    let new: Vec<_> = got.difference(&want).take(10).collect();
    assert!(lost.is_empty() && new.is_empty(), "lost: {lost:#?}, new: {new:#?}");
}

fn leaves(json: &Json) -> BTreeSet<String> {
    fn add(json: &Json, path: &str, leaves: &mut BTreeSet<String>) {
        match json {
            Json::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    add(item, &format!("{path}[{i}]"), leaves);
                }
            }
            Json::Object(fields) => {
                for (key, value) in fields {
                    add(value, &format!("{path}.{key}"), leaves);
                }
            }
            _ => {}
        }
        if !json.is_array() && !json.is_object() {
            leaves.insert(format!("{path} = {json}"));
        } else if json.as_array().is_some_and(Vec::is_empty) || *json == json!({}) {
            leaves.insert(format!("{path} is empty"));
        }
    }
    let mut found = BTreeSet::new();
    add(json, "", &mut found);
    found
}

/// Objects with a value for every field, as many as it takes for each word to stand in its field once.
pub(crate) fn filled<Kind: Object>(version: &str, kind: &str) -> Vec<Json> {
    let rounds = longest(Kind::TABLE);
    let fill = |round| {
        let mut json = Filler { round, count: 0 }.object(Kind::TABLE, "", None);
        json["apiVersion"] = version.into();
        json["kind"] = kind.into();
        json
    };
    (0..rounds).map(fill).collect()
}

/// How many words the field with the most words takes; at least two, so that each switch is once on and once off.
fn longest(table: &Table) -> usize {
    fn of(ty: &Type) -> usize {
        match ty {
            Type::Words(words) | Type::KnownWords(words) => words.len(),
            Type::Object(table) => longest(table),
            Type::List(within) | Type::Map(within) => of(within),
            _ => 2,
        }
    }
    table.fields().map(|field| of(&field.ty)).max().unwrap_or(2)
}

/// Fills objects. Texts say where they stand, and no two numbers are the same, so that nothing can change places.
struct Filler {
    round: usize,
    count: usize,
}

impl Filler {
    /// An object with every field; of fields that exclude each other, the one that is chosen.
    fn object(&mut self, table: &'static Table, path: &str, choice: Option<usize>) -> Json {
        let mut fields = Map::new();
        let chosen = choice.map(|choice| table.choices()[choice]);
        for field in table.fields() {
            if !field.exclusive || chosen == Some(field.name) {
                let path = format!("{path}.{}", field.name);
                fields.insert(field.name.to_owned(), self.value(&field.ty, &path));
            }
        }
        Json::Object(fields)
    }

    fn value(&mut self, ty: &Type, path: &str) -> Json {
        self.count += 1;
        let number = self.count;
        match ty {
            Type::Text => path.into(),
            Type::Bool => ((number + self.round) & 1 == 0).into(),
            Type::Int32 | Type::Natural32 | Type::Int64 => number.into(),
            // Odd, so that it is not written with a greater suffix.
            Type::Quantity => format!("{}m", 2 * number + 1).into(),
            Type::IntOrString if (number + self.round) & 1 == 0 => number.into(),
            Type::IntOrString => path.into(),
            Type::Time => {
                let seconds = i64::try_from(number).expect("a small number");
                Time::from_nanos(seconds * 1_000_000_000).to_string().into()
            }
            Type::Bytes => STANDARD.encode(path).into(),
            Type::Any => json!({path: {"f:name": {}, ".": number}}),
            Type::Words(words) | Type::KnownWords(words) => words[self.round % words.len()].into(),
            Type::Object(table) => self.object(table, path, None),
            Type::List(items) => self.items(items, path).into(),
            Type::Map(values) => {
                let mut value =
                    |key: &str| (key.to_owned(), self.value(values, &format!("{path}.{key}")));
                Json::Object([value("example.com/a"), value("b")].into_iter().collect())
            }
        }
    }

    /// Two items; where some of the fields exclude each other, one item for each of those.
    fn items(&mut self, items: &Type, path: &str) -> Vec<Json> {
        let choices = items.table().map(|table| (table, table.choices().len()));
        match choices {
            Some((table, choices @ 1..)) => {
                (0..choices).map(|i| self.object(table, &format!("{path}[{i}]"), Some(i))).collect()
            }
            _ => (0..2).map(|i| self.value(items, &format!("{path}[{i}]"))).collect(),
        }
    }
}

impl Table {
    /// The fields of which at most one can be given.
    fn choices(&self) -> Vec<&'static str> {
        self.fields().filter(|field| field.exclusive).map(|field| field.name).collect()
    }
}
