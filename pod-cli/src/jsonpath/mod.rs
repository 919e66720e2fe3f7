//! kubectl's JSONPath templates: `{.items[*].metadata.name}`, `{range .items[*]}{.kind}{"\n"}{end}`.
//!
//! Its own code, since the dialect is kubectl's alone: RFC 9535, which the crates for JSONPath follow, has no templates, and
//! filters that read otherwise.

mod parse;
mod walk;

pub use walk::compare;

use serde_json::Value;

/// A template or path that is wrong, or does not fit what it is asked of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PathError(String);

/// Text, and places in an object whose values stand between it.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Values(Path),
    /// The pieces within, once for each value.
    Range(Path, Vec<Piece>),
}

/// A place in an object, or many.
#[derive(Debug, Clone, PartialEq)]
pub struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    /// All fields, or all items.
    Every,
    /// Everything within that holds something, and itself.
    Within,
    Slice(Slice),
    /// What each of these leads to.
    Union(Vec<Path>),
    Filter(Filter),
}

/// Some items of a list. What is left out means from the first, to the last, each one.
#[derive(Debug, Clone, PartialEq, Default)]
struct Slice {
    start: Option<i64>,
    end: End,
    step: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
enum End {
    #[default]
    Last,
    /// One item is meant.
    AfterStart,
    At(i64),
}

/// Items of a list for which something holds.
#[derive(Debug, Clone, PartialEq)]
struct Filter {
    left: Operand,
    /// Without one, the left side has to be there.
    right: Option<(Comparison, Operand)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Path(Path),
    Value(Value),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value as Go prints it: `map[a:b]`, `[1 2]`.
pub fn go_words(value: &Value) -> String {
    let joined = |words: Vec<String>| words.join(" ");
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", joined(items.iter().map(go_words).collect())),
        Value::Object(fields) => {
            let field = |(key, value)| format!("{key}:{}", go_words(value));
            format!("map[{}]", joined(fields.iter().map(field).collect()))
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
