//! Where a field stands: its path in the object, and its place in the text.

use std::collections::BTreeMap;
use std::fmt;

/// A line and a column of the text, both counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// The path of a field, written as Kubernetes writes it: `spec.containers[0].ports[1].hostPort`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(String);

impl Path {
    /// The path of a field of the root object.
    pub(crate) fn new(field: &str) -> Self {
        Self(field.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of a field below this one.
    pub(crate) fn field(&self, name: &str) -> Self {
        let mut path = self.clone();
        path.push_field(name);
        path
    }

    /// The path of an item of this list.
    pub(crate) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The path of a key of this free-form mapping.
    pub(crate) fn key(&self, key: &str) -> Self {
        Self(format!("{}[{}]", self.0, printable(key)))
    }

    /// Goes down to a field; what it returns takes [`Path::truncate`] back up.
    pub(crate) fn push_field(&mut self, name: &str) -> usize {
        let mark = self.0.len();
        if !self.0.is_empty() {
            self.0.push('.');
        }
        self.0.push_str(&printable(name));
        mark
    }

    /// Goes down to an item or to a key; what it returns takes [`Path::truncate`] back up.
    pub(crate) fn push_bracket(&mut self, inner: &str) -> usize {
        let mark = self.0.len();
        self.0.push('[');
        self.0.push_str(&printable(inner));
        self.0.push(']');
        mark
    }

    pub(crate) fn truncate(&mut self, mark: usize) {
        self.0.truncate(mark);
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text cut to a length that can be read, with nothing in it that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    const LONGEST: usize = 80;
    if text.chars().nth(LONGEST).is_none() {
        return escaped(text);
    }
    let end = text.char_indices().nth(LONGEST - 1).map_or(text.len(), |(end, _)| end);
    escaped(&text[..end]) + "…"
}

/// The text with nothing in it that a terminal would obey.
pub(crate) fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_unprintable(c) {
            out.extend(c.escape_unicode())
        } else {
            out.push(c)
        }
        out
    })
}

/// Whether a terminal would obey the character, or turn the text around at it.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Where each field was written.
///
/// Two of them are always equal: where something stands is no part of what it says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(BTreeMap<String, Position>);

impl Places {
    pub(crate) fn record(&mut self, path: &Path, at: Option<Position>) {
        if let Some(at) = at {
            self.0.insert(path.0.clone(), at);
        }
    }

    /// The place of the field, else of the nearest thing around it that was written.
    pub(crate) fn find(&self, path: &Path) -> Option<Position> {
        let mut path = path.as_str();
        loop {
            if let Some(at) = self.0.get(path) {
                return Some(*at);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }
}

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_kubernetes_writes_it() {
        let spec = Path::new("spec");
        assert_eq!(
            spec.field("containers").index(2).field("name").as_str(),
            "spec.containers[2].name"
        );
        assert_eq!(
            Path::new("metadata").field("labels").key("a.b/c").as_str(),
            "metadata.labels[a.b/c]"
        );
    }

    #[test]
    fn what_is_not_written_stands_where_its_parent_stands() {
        let at = Position { line: 3, column: 5 };
        let mut places = Places::default();
        places.record(&Path::new("metadata").field("labels"), Some(at));
        assert_eq!(places.find(&Path::new("metadata").field("labels").key("a.b.c/d")), Some(at));
        assert_eq!(places.find(&Path::new("spec")), None);
    }

    #[test]
    fn hostile_names_are_made_harmless() {
        assert_eq!(printable("a\u{1b}[31m"), "a\\u{1b}[31m");
        assert_eq!(printable(&"x".repeat(5000)).chars().count(), 80);
    }
}
