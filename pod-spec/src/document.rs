//! The text as a tree in which every value knows its place.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::fault::{FaultKind, Faults, quoted};
use crate::path::Position;
use crate::scalar;

/// The largest text that is read, in bytes. The API server stops at 3 MiB.
const MAX_TEXT: usize = 4 << 20;
/// How many values a text may hold once its aliases are expanded.
pub(crate) const MAX_NODES: usize = 100_000;
/// How many bytes of text the values may hold once the aliases are expanded.
const MAX_BYTES: usize = 8 << 20;
/// How deep values may lie in one another.
pub(crate) const MAX_DEPTH: usize = 100;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<'t> {
    pub(crate) at: Option<Position>,
    pub(crate) value: Value<'t>,
}

/// A value. What was written without quotes and is no text keeps what was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'t> {
    Null,
    Bool(bool, Cow<'t, str>),
    Number(Number, Cow<'t, str>),
    Text(Cow<'t, str>),
    List(Vec<Node<'t>>),
    /// In the order of the text, duplicates included.
    Map(Vec<Entry<'t>>),
}

impl Value<'_> {
    /// What was written, when it is a scalar.
    fn written(&self) -> &str {
        match self {
            Value::Bool(_, text) | Value::Number(_, text) | Value::Text(text) => text,
            Value::Null | Value::List(_) | Value::Map(_) => "",
        }
    }
}

/// A number. A float without a fraction is an integer, as it is in JSON.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub(crate) fn from_float(value: f64) -> Self {
        // Up to here an f64 counts every integer.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() <= EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
            return Self::Int(value as i128);
        }
        Self::Float(value)
    }
}

/// One key of a mapping, with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry<'t> {
    pub(crate) key: Cow<'t, str>,
    /// Where the key stands.
    pub(crate) at: Option<Position>,
    pub(crate) value: Node<'t>,
}

impl<'t> Node<'t> {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The first value under this key, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.value),
            _ => None,
        }
    }

    /// The mapping with a version and kind, unless it says of which it is.
    pub(crate) fn implying(mut self, headers: &[(&'static str, &'static str)]) -> Self {
        let says = self.get("kind").is_some() || self.get("apiVersion").is_some();
        if let Value::Map(entries) = &mut self.value
            && !says
        {
            let header = |(key, text): (&'static str, &'static str)| Entry {
                key: key.into(),
                at: None,
                value: Self { at: None, value: Value::Text(text.into()) },
            };
            let headers = headers.iter();
            entries.extend(headers.flat_map(|(version, kind)| {
                [("apiVersion", *version), ("kind", *kind)].map(header)
            }));
        }
        self
    }

    /// An item of the list under this key.
    pub(crate) fn into_item(self, key: &str, index: usize) -> Option<Self> {
        let Value::Map(entries) = self.value else { return None };
        match entries.into_iter().find(|e| e.key == key)?.value.value {
            Value::List(items) => items.into_iter().nth(index),
            _ => None,
        }
    }

    /// How many values this is with all within it, and how many bytes of text they hold.
    fn weight(&self) -> (usize, usize) {
        let (mut nodes, mut bytes) = (1, 0);
        let mut add = |node: &Self, key: usize| {
            let (n, b) = node.weight();
            nodes += n;
            bytes += b + key;
        };
        match &self.value {
            Value::Null => {}
            Value::Bool(_, text) | Value::Number(_, text) | Value::Text(text) => {
                return (1, text.len());
            }
            Value::List(items) => items.iter().for_each(|item| add(item, 0)),
            Value::Map(entries) => entries.iter().for_each(|e| add(&e.value, e.key.len())),
        }
        (nodes, bytes)
    }
}

/// Reads every document of the text that says anything.
///
/// # Errors
/// When the text is no YAML, or exceeds one of the limits of this module.
pub(crate) fn read(text: &str) -> Result<Vec<Node<'_>>, Faults> {
    if text.len() > MAX_TEXT {
        return Err(too_much(None, format!("the text is larger than {} MiB", MAX_TEXT >> 20)));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    no_control_characters(text)?;
    let mut tree = Tree::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| syntax(&e))?;
        tree.event(event, position(span))?;
    }
    Ok(tree.documents)
}

/// YAML forbids them, and the parser would take a NUL for the end.
fn no_control_characters(text: &str) -> Result<(), Faults> {
    for (i, line) in text.split('\n').enumerate() {
        let forbidden = |c: char| c.is_control() && !matches!(c, '\t' | '\r' | '\u{85}');
        if let Some(column) = line.chars().position(forbidden) {
            let at = Position { line: i + 1, column: column + 1 };
            return Err(Faults::one(
                Some(at),
                FaultKind::Syntax,
                "a control character cannot stand in YAML",
            ));
        }
    }
    Ok(())
}

fn position(span: Span) -> Position {
    Position { line: span.start.line(), column: span.start.col() + 1 }
}

fn syntax(error: &ScanError) -> Faults {
    let at = Position { line: error.marker().line(), column: error.marker().col() + 1 };
    Faults::one(Some(at), FaultKind::Syntax, format!("not valid YAML: {}", error.info()))
}

fn too_much(at: Option<Position>, message: impl Into<String>) -> Faults {
    Faults::one(at, FaultKind::TooMuch, message)
}

/// A list or mapping that has begun and not ended.
struct Frame<'t> {
    at: Position,
    anchor: usize,
    open: Open<'t>,
}

enum Open<'t> {
    List(Vec<Node<'t>>),
    Map { entries: Vec<Entry<'t>>, key: Option<Key<'t>>, merged: Vec<Node<'t>> },
}

struct Key<'t> {
    text: Cow<'t, str>,
    at: Option<Position>,
    /// Whether it is an unquoted `<<`.
    merge: bool,
}

/// The tree as far as it has grown.
#[derive(Default)]
struct Tree<'t> {
    documents: Vec<Node<'t>>,
    frames: Vec<Frame<'t>>,
    /// What an alias stands for, with its weight.
    anchors: HashMap<usize, (Node<'t>, (usize, usize))>,
    nodes: usize,
    bytes: usize,
}

impl<'t> Tree<'t> {
    fn event(&mut self, event: Event<'t>, at: Position) -> Result<(), Faults> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let merge = style == ScalarStyle::Plain && text == "<<" && tag.is_none();
                self.spend((1, text.len()), at)?;
                let value = tagged(text, style, tag.as_deref(), at)?;
                self.finish(Node { at: Some(at), value }, anchor, merge)
            }
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_deref(), "seq", at)?;
                self.begin(Frame { at, anchor, open: Open::List(Vec::new()) })
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_deref(), "map", at)?;
                let open = Open::Map { entries: Vec::new(), key: None, merged: Vec::new() };
                self.begin(Frame { at, anchor, open })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => {
                let Some((node, weight)) = self.anchors.get(&anchor) else {
                    return Err(Faults::one(
                        Some(at),
                        FaultKind::Syntax,
                        "this alias stands within its own anchor",
                    ));
                };
                let (node, weight) = (node.clone(), *weight);
                self.spend(weight, at)?;
                self.finish(node, 0, false)
            }
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn spend(&mut self, (nodes, bytes): (usize, usize), at: Position) -> Result<(), Faults> {
        self.nodes += nodes;
        self.bytes += bytes;
        if self.nodes > MAX_NODES {
            return Err(too_much(
                Some(at),
                format!("more than {MAX_NODES} values, aliases expanded"),
            ));
        }
        if self.bytes > MAX_BYTES {
            return Err(too_much(
                Some(at),
                format!("more than {} MiB of text, aliases expanded", MAX_BYTES >> 20),
            ));
        }
        Ok(())
    }

    fn begin(&mut self, frame: Frame<'t>) -> Result<(), Faults> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(too_much(Some(frame.at), format!("nested more than {MAX_DEPTH} deep")));
        }
        self.spend((1, 0), frame.at)?;
        self.frames.push(frame);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Faults> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let value = match frame.open {
            Open::List(items) => Value::List(items),
            Open::Map { mut entries, merged, .. } => {
                merge(&mut entries, merged)?;
                Value::Map(entries)
            }
        };
        self.finish(Node { at: Some(frame.at), value }, frame.anchor, false)
    }

    /// Puts a whole node where it belongs.
    fn finish(&mut self, node: Node<'t>, anchor: usize, is_merge_key: bool) -> Result<(), Faults> {
        if anchor != 0 {
            // A copy is kept, so it is paid for even when no alias ever names it.
            let weight = node.weight();
            self.spend(weight, node.at.unwrap_or(Position { line: 1, column: 1 }))?;
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        match self.frames.last_mut().map(|frame| &mut frame.open) {
            None if node.is_null() => {}
            None => self.documents.push(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map { entries, key, merged }) => match key.take() {
                None => {
                    *key = Some(Key { at: node.at, text: key_text(node)?, merge: is_merge_key })
                }
                Some(key) if key.merge => merged.push(node),
                Some(key) => entries.push(Entry { key: key.text, at: key.at, value: node }),
            },
        }
        Ok(())
    }
}

/// A key as the API server sees it after the turn to JSON.
fn key_text(node: Node<'_>) -> Result<Cow<'_, str>, Faults> {
    match node.value {
        Value::Text(text) | Value::Number(Number::Float(_), text) => Ok(text),
        Value::Number(Number::Int(value), _) => Ok(value.to_string().into()),
        Value::Bool(value, _) => Ok(value.to_string().into()),
        Value::Null | Value::List(_) | Value::Map(_) => {
            Err(Faults::one(node.at, FaultKind::Syntax, "a key must be a text"))
        }
    }
}

/// What `<<` brings in: the keys that are not there yet.
fn merge<'t>(entries: &mut Vec<Entry<'t>>, merged: Vec<Node<'t>>) -> Result<(), Faults> {
    if merged.is_empty() {
        return Ok(());
    }
    let mut seen: HashSet<Cow<'t, str>> = entries.iter().map(|e| e.key.clone()).collect();
    for node in merged {
        let sources = match node.value {
            Value::List(items) => items,
            value => vec![Node { at: node.at, value }],
        };
        for source in sources {
            let Value::Map(more) = source.value else {
                return Err(Faults::one(
                    source.at,
                    FaultKind::Syntax,
                    "only a mapping can be merged with `<<`",
                ));
            };
            entries.extend(more.into_iter().filter(|e| seen.insert(e.key.clone())));
        }
    }
    Ok(())
}

/// The name of a tag of YAML's own, such as `str` for `!!str`; an empty one for the bare `!`.
fn tag_name(tag: Option<&Tag>, at: Position) -> Result<Option<&str>, Faults> {
    match tag {
        None => Ok(None),
        Some(tag) if tag.is_yaml_core_schema() => Ok(Some(&tag.suffix)),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(Some("")),
        Some(tag) => Err(unknown_tag(&format!("{}{}", tag.handle, tag.suffix), at)),
    }
}

fn unknown_tag(tag: &str, at: Position) -> Faults {
    Faults::one(
        Some(at),
        FaultKind::Syntax,
        format!("the tag {} means nothing in a manifest", quoted(tag)),
    )
}

fn check_tag(tag: Option<&Tag>, wanted: &str, at: Position) -> Result<(), Faults> {
    match tag_name(tag, at)? {
        None | Some("") => Ok(()),
        Some(name) if name == wanted => Ok(()),
        Some(name) => Err(unknown_tag(&format!("!!{name}"), at)),
    }
}

fn tagged<'t>(
    text: Cow<'t, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    at: Position,
) -> Result<Value<'t>, Faults> {
    let name = tag_name(tag, at)?;
    let value = match (name, style) {
        (None, ScalarStyle::Plain) | (Some("null" | "bool" | "int" | "float"), _) => {
            scalar::resolve(text)
        }
        (None | Some("" | "str"), _) => Value::Text(text),
        (Some(name), _) => return Err(unknown_tag(&format!("!!{name}"), at)),
    };
    match (name, &value) {
        (None | Some("" | "str"), _)
        | (Some("null"), Value::Null)
        | (Some("bool"), Value::Bool(..))
        | (Some("int" | "float"), Value::Number(..)) => Ok(value),
        (Some(name), _) => {
            let message = format!("{} is no !!{name}", quoted(value.written()));
            Err(Faults::one(Some(at), FaultKind::Syntax, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node<'_> {
        let mut documents = read(text).unwrap();
        assert_eq!(documents.len(), 1, "{text:?}");
        documents.remove(0)
    }

    fn keys<'n>(node: &'n Node<'_>) -> Vec<&'n str> {
        let Value::Map(entries) = &node.value else { panic!("no mapping") };
        entries.iter().map(|e| &*e.key).collect()
    }

    #[test]
    fn every_value_knows_its_place() {
        let root = one("a: 1\nb:\n  - x\n  - {c: d}\n");
        let Some(Node { value: Value::List(items), .. }) = root.get("b") else { panic!() };
        assert_eq!(items[0].at, Some(Position { line: 3, column: 5 }));
        let Value::Map(entries) = &items[1].value else { panic!() };
        assert_eq!(entries[0].at, Some(Position { line: 4, column: 6 }));
        assert_eq!(entries[0].value.at, Some(Position { line: 4, column: 9 }));
    }

    #[test]
    fn bom_crlf_and_comments_are_read() {
        let root = one("\u{feff}# hello\r\na: b\r\nc: \"d\"\r\n");
        assert_eq!(keys(&root), ["a", "c"]);
        assert_eq!(root.get("a").map(|n| &n.value), Some(&Value::Text("b".into())));
    }

    #[test]
    fn aliases_and_merges_are_expanded() {
        let root = one("a: &x {k: 1, l: 2}\nb: *x\nc:\n  <<: *x\n  l: 3\n");
        assert_eq!(root.get("b").map(keys), Some(vec!["k", "l"]));
        assert_eq!(root.get("c").map(keys), Some(vec!["l", "k"]));
    }

    #[test]
    fn quotes_and_tags_make_text() {
        let root = one("a: \"80\"\nb: !!str 80\nc: ! 80\nd: |\n  yes\n");
        for key in ["a", "b", "c", "d"] {
            assert!(matches!(root.get(key).map(|n| &n.value), Some(Value::Text(_))), "{key}");
        }
    }

    #[test]
    fn empty_documents_do_not_count() {
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read("---\n# nothing\n---\n").unwrap(), []);
        assert_eq!(read("---\na: 1\n---\n").unwrap().len(), 1);
        assert_eq!(read("a: 1\n---\nb: 2\n").unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_manifest_is_one_fault() {
        let bomb = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, i| {
            text + &format!("a{i}: &a{i} [*a{}, *a{}]\n", i - 1, i - 1)
        });
        let long = format!("a: &a {}\nb: [{}]", "x".repeat(1 << 20), "*a, ".repeat(1000));
        let cases = [
            ("a: [1", FaultKind::Syntax),
            ("a: b: c", FaultKind::Syntax),
            ("a:\n\t- b", FaultKind::Syntax),
            ("a: \0b", FaultKind::Syntax),
            ("a: \u{1b}[31m", FaultKind::Syntax),
            ("a: *nowhere", FaultKind::Syntax),
            ("a: &a [*a]", FaultKind::Syntax),
            ("? [a]\n: b", FaultKind::Syntax),
            ("a: !!int x", FaultKind::Syntax),
            ("a: !thing x", FaultKind::Syntax),
            ("<<: 5", FaultKind::Syntax),
            (&bomb, FaultKind::TooMuch),
            (&long, FaultKind::TooMuch),
            (&"- ".repeat(5000), FaultKind::TooMuch),
            (&"a\n".repeat(MAX_TEXT), FaultKind::TooMuch),
            (&"- a\n".repeat(MAX_NODES + 1), FaultKind::TooMuch),
        ];
        for (text, kind) in cases {
            let faults = read(text).unwrap_err();
            let kinds: Vec<_> = faults.iter().map(|f| f.kind).collect();
            assert_eq!(kinds, [kind], "{:?}: {faults}", &text[..text.len().min(40)]);
        }
    }

    #[test]
    fn deep_flow_nesting_is_refused() {
        for text in ["[".repeat(100_000), "{a: ".repeat(5000), "a: {".repeat(5000)] {
            assert!(read(&text).is_err());
        }
    }
}
