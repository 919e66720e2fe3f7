//! From an object to the values that a path leads to, and to the text of a template.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Comparison, End, Filter, Operand, Path, PathError, Piece, Slice, Step, Template};

impl Template {
    /// The text, with the values of this object.
    pub fn render(&self, object: &Value) -> Result<String, PathError> {
        let mut out = String::new();
        render(&self.0, object, &mut out)?;
        Ok(out)
    }

    /// The values that are shown, without the text between them.
    pub fn values<'a>(&self, object: &'a Value) -> Result<Vec<&'a Value>, PathError> {
        let mut found = Vec::new();
        collect(&self.0, object, &mut found)?;
        Ok(found)
    }
}

fn render(pieces: &[Piece], object: &Value, out: &mut String) -> Result<(), PathError> {
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Values(path) => {
                let words: Vec<String> = path.values(object)?.into_iter().map(words).collect();
                out.push_str(&words.join(" "));
            }
            Piece::Range(path, within) => {
                for value in path.values(object)? {
                    render(within, value, out)?;
                }
            }
        }
    }
    Ok(())
}

fn collect<'a>(
    pieces: &[Piece],
    object: &'a Value,
    found: &mut Vec<&'a Value>,
) -> Result<(), PathError> {
    for piece in pieces {
        match piece {
            Piece::Text(_) => {}
            Piece::Values(path) => found.extend(path.values(object)?),
            Piece::Range(path, within) => {
                for value in path.values(object)? {
                    collect(within, value, found)?;
                }
            }
        }
    }
    Ok(())
}

/// A value as text: a plain one as it is, others as JSON.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

impl Path {
    /// The values that it leads to. A field that is missing leads to none.
    pub fn values<'a>(&self, object: &'a Value) -> Result<Vec<&'a Value>, PathError> {
        let mut values = vec![object];
        for step in &self.0 {
            let mut next = Vec::new();
            for value in values {
                step.take(value, &mut next)?;
            }
            values = next;
        }
        Ok(values)
    }
}

impl Step {
    fn take<'a>(&self, value: &'a Value, next: &mut Vec<&'a Value>) -> Result<(), PathError> {
        match self {
            Self::Field(name) => next.extend(value.get(name)),
            Self::Every => next.extend(inner(value)),
            Self::Within => within(value, next),
            Self::Slice(slice) if !value.is_null() => next.extend(slice.of(list(value)?)?),
            Self::Filter(filter) if !value.is_null() => {
                for item in list(value)? {
                    if filter.holds(item)? {
                        next.push(item);
                    }
                }
            }
            Self::Union(paths) => {
                for path in paths {
                    next.extend(path.values(value)?);
                }
            }
            Self::Slice(_) | Self::Filter(_) => {}
        }
        Ok(())
    }
}

fn list(value: &Value) -> Result<&Vec<Value>, PathError> {
    value.as_array().ok_or_else(|| PathError(format!("{value} is no list")))
}

/// The fields, or the items.
fn inner(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}

fn within<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    let inner = inner(value);
    if !inner.is_empty() {
        found.push(value);
    }
    inner.into_iter().for_each(|value| within(value, found));
}

impl Slice {
    fn of<'a>(&self, items: &'a [Value]) -> Result<impl Iterator<Item = &'a Value>, PathError> {
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let from_end = |index: i64| if index < 0 { index + length } else { index };
        let start = from_end(self.start.unwrap_or(0));
        let end = match self.end {
            End::Last => length,
            End::AfterStart => start + 1,
            End::At(end) => from_end(end),
        };
        let outside =
            |index: i64| PathError(format!("there is no item {index} in a list of {length}"));
        let index = |index: i64| usize::try_from(index).map_err(|_| outside(index));
        let (first, last) = (index(start)?, index(end)?);
        if start == end {
            return Ok(items[..0].iter().step_by(1));
        }
        if start >= length {
            return Err(outside(start));
        }
        let part = items.get(first..last).ok_or_else(|| outside(end - 1))?;
        let step = self.step.unwrap_or(1);
        let step = usize::try_from(step).ok().filter(|step| *step > 0);
        let step = step.ok_or_else(|| PathError("a step is 1 or more".to_owned()))?;
        Ok(part.iter().step_by(step))
    }
}

impl Filter {
    fn holds(&self, item: &Value) -> Result<bool, PathError> {
        let left = self.left.values(item)?;
        let Some((comparison, right)) = &self.right else { return Ok(!left.is_empty()) };
        let right = right.values(item)?;
        match (&left[..], &right[..]) {
            ([], _) | (_, []) => Ok(false),
            ([left], [right]) => Ok(comparison.holds(left, right)),
            _ => Err(PathError("a filter compares one value with one other".to_owned())),
        }
    }
}

impl Operand {
    fn values<'a>(&'a self, item: &'a Value) -> Result<Vec<&'a Value>, PathError> {
        match self {
            Self::Path(path) => path.values(item),
            Self::Value(value) => Ok(vec![value]),
        }
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = || compare(left, right);
        match self {
            Self::Equal => left == right || order() == Some(Ordering::Equal),
            Self::NotEqual => left != right && order() != Some(Ordering::Equal),
            Self::Less => order().is_some_and(Ordering::is_lt),
            Self::LessOrEqual => order().is_some_and(Ordering::is_le),
            Self::Greater => order().is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
        }
    }
}

/// Which of two values comes first; `None` when they are of different types.
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
        },
        _ => None,
    }
}
