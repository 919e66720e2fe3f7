//! Where a field stands: its path in the object, and its place in the text.

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use crate::document::{self, Node, Value};

/// A line and a column of the text, both counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// The path of a field, written as Kubernetes writes it: `spec.containers[0].ports[1].hostPort`.
///
/// Each path borrows the one around it, so that going down costs nothing until a fault has to be told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    segment: Segment<'a>,
    at: Option<Position>,
}

#[derive(Debug, Clone, Copy)]
enum Segment<'a> {
    /// The object itself.
    Root,
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// The object as a whole.
    pub(crate) const ROOT: Path<'static> = Path { parent: None, segment: Segment::Root, at: None };

    /// The path of a field of the object.
    pub(crate) const fn new(field: &'a str) -> Self {
        Self { parent: None, segment: Segment::Field(field), at: None }
    }

    /// The path of a field below this one.
    pub(crate) const fn field<'b>(&'b self, name: &'b str) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), segment: Segment::Field(name), at: None }
    }

    /// The path of an item of this list.
    pub(crate) const fn index<'b>(&'b self, index: usize) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), segment: Segment::Index(index), at: None }
    }

    /// The path of a key of this free-form mapping.
    pub(crate) const fn key<'b>(&'b self, key: &'b str) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), segment: Segment::Key(key), at: None }
    }

    /// The same path, known to stand at this place.
    pub(crate) const fn at(mut self, at: Option<Position>) -> Self {
        self.at = at;
        self
    }

    /// The place of this, else of the nearest thing around it whose place is known.
    pub(crate) fn position(&self) -> Option<Position> {
        self.at.or_else(|| self.parent?.position())
    }

    /// The place in this tree, else that of the nearest thing around it that is there.
    fn find(&self, root: &Node<'_>) -> Option<Position> {
        self.locate(root).map_or_else(|around| around, |(_, at)| at)
    }

    /// The value with its place, else the place of the last thing on the way to it.
    fn locate<'n>(
        &self,
        root: &'n Node<'n>,
    ) -> Result<(&'n Node<'n>, Option<Position>), Option<Position>> {
        let (around, place) = match self.parent {
            Some(parent) => parent.locate(root)?,
            None => (root, None),
        };
        match (self.segment, &around.value) {
            (Segment::Root, _) => Ok((around, place)),
            (Segment::Field(key) | Segment::Key(key), Value::Map(entries)) => {
                let entry = entries.iter().find(|entry| entry.key == key);
                entry.map(|entry| (&entry.value, entry.at)).ok_or(place)
            }
            (Segment::Index(index), Value::List(items)) => {
                items.get(index).map(|item| (item, item.at)).ok_or(place)
            }
            _ => Err(place),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.segment {
            Segment::Root => Ok(()),
            Segment::Field(name) => {
                if self.parent.is_some_and(|p| !matches!(p.segment, Segment::Root)) {
                    f.write_str(".")?;
                }
                f.write_str(&printable(name))
            }
            Segment::Index(index) => write!(f, "[{index}]"),
            Segment::Key(key) => write!(f, "[{}]", printable(key)),
        }
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

/// The text that an object was read from, if it was.
///
/// Two of them are always equal: where something stands is no part of what it says.
#[derive(Clone, Default)]
pub(crate) struct Source(Option<Arc<Origin>>);

/// Where in which text.
struct Origin {
    text: Box<str>,
    /// Which of the documents of the text.
    document: usize,
    /// Which of the items, when the document is a `List`.
    item: Option<usize>,
}

impl Source {
    pub(crate) fn new(text: &str, document: usize, item: Option<usize>) -> Self {
        Self(Some(Arc::new(Origin { text: text.into(), document, item })))
    }

    /// Which of the documents of its text it is, from 0.
    pub(crate) fn document(&self) -> usize {
        self.0.as_ref().map_or(0, |origin| origin.document)
    }

    /// The tree of the object, read once more.
    fn tree(&self) -> Option<Node<'_>> {
        let origin = self.0.as_ref()?;
        let root = document::read(&origin.text).ok()?.into_iter().nth(origin.document)?;
        match origin.item {
            None => Some(root),
            Some(item) => root.into_item("items", item),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Source(a text)" } else { "Source(no text)" })
    }
}

impl PartialEq for Source {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Finds the places of fields.
pub(crate) trait Places {
    /// The place of the field, else of the nearest thing around it that was written.
    fn find(&self, path: &Path<'_>) -> Option<Position>;
}

impl Places for Node<'_> {
    fn find(&self, path: &Path<'_>) -> Option<Position> {
        path.find(self)
    }
}

/// The places in a text, which is read again when the first is asked for: most objects have no faults.
pub(crate) struct InText<'a> {
    source: &'a Source,
    tree: OnceCell<Option<Node<'a>>>,
}

impl<'a> InText<'a> {
    pub(crate) fn of(source: &'a Source) -> Self {
        Self { source, tree: OnceCell::new() }
    }
}

impl Places for InText<'_> {
    fn find(&self, path: &Path<'_>) -> Option<Position> {
        path.find(self.tree.get_or_init(|| self.source.tree()).as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_kubernetes_writes_it() {
        let spec = Path::new("spec");
        assert_eq!(
            spec.field("containers").index(2).field("name").to_string(),
            "spec.containers[2].name"
        );
        assert_eq!(
            Path::ROOT.field("metadata").field("labels").key("a.b/c").to_string(),
            "metadata.labels[a.b/c]"
        );
        assert_eq!(Path::ROOT.to_string(), "");
    }

    #[test]
    fn what_is_not_written_stands_where_its_parent_stands() {
        let source = Source::new("metadata:\n  labels: {a.b.c/d: x}\n", 0, None);
        let places = InText::of(&source);
        let labels = Path::new("metadata");
        let labels = labels.field("labels");
        let at = |line, column| Some(Position { line, column });
        assert_eq!(places.find(&labels), at(2, 3));
        assert_eq!(places.find(&labels.key("a.b.c/d")), at(2, 12));
        assert_eq!(places.find(&labels.key("other").field("x")), at(2, 3));
        assert_eq!(places.find(&Path::new("spec")), None);
    }

    #[test]
    fn an_item_of_a_list_is_found_in_the_list() {
        let source = Source::new("a: 1\n---\nitems:\n- a: 1\n- a: 2\n", 1, Some(1));
        let found = InText::of(&source).find(&Path::new("a"));
        assert_eq!(found, Some(Position { line: 5, column: 3 }));
    }

    #[test]
    fn hostile_names_are_made_harmless() {
        assert_eq!(printable("a\u{1b}[31m"), "a\\u{1b}[31m");
        assert_eq!(printable(&"x".repeat(5000)).chars().count(), 80);
    }
}
