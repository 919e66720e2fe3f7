//! From text to templates and paths.

use std::iter::Peekable;
use std::str::CharIndices;

use serde_json::Value;

use super::{Comparison, End, Filter, Operand, Path, PathError, Piece, Slice, Step, Template};

fn wrong<T>(message: impl Into<String>) -> Result<T, PathError> {
    Err(PathError(message.into()))
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut open: Vec<(Path, Vec<Piece>)> = Vec::new();
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let Some(length) = closing(after, '}') else { return wrong("a `{` is not closed") };
            match Action::parse(after[..length].trim())? {
                Action::Piece(piece) => pieces.push(piece),
                Action::Range(path) => open.push((path, std::mem::take(&mut pieces))),
                Action::End => match open.pop() {
                    Some((path, outer)) => {
                        let within = std::mem::replace(&mut pieces, outer);
                        pieces.push(Piece::Range(path, within));
                    }
                    None => return wrong("there is an `end` without its `range`"),
                },
            }
            rest = &after[length + 1..];
        }
        if !open.is_empty() {
            return wrong("a `range` has no `end`");
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }
}

/// What stands between braces.
enum Action {
    Piece(Piece),
    Range(Path),
    End,
}

impl Action {
    fn parse(text: &str) -> Result<Self, PathError> {
        if text == "end" {
            return Ok(Self::End);
        }
        if let Some(path) = text.strip_prefix("range ") {
            return Path::parse(path.trim()).map(Self::Range);
        }
        let piece = match text.chars().next() {
            Some('"' | '\'') => Piece::Text(unquote(text)?),
            _ => Piece::Values(Path::parse(text)?),
        };
        Ok(Self::Piece(piece))
    }
}

impl Path {
    /// Reads a path in any of the forms that are used where nothing but one can stand: `{.a.b}`, `.a.b` and `a.b`.
    pub fn relaxed(text: &str) -> Result<Self, PathError> {
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
        match inner.chars().next() {
            None => wrong("a path is needed, such as `.metadata.name`"),
            Some('.' | '[' | '$' | '@') => Self::parse(inner),
            Some(_) => Self::parse(&format!(".{inner}")),
        }
    }

    fn parse(text: &str) -> Result<Self, PathError> {
        let mut steps = Vec::new();
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                // Both are the object that is looked at.
                '$' | '@' => {}
                c if c.is_whitespace() => {}
                '.' if chars.next_if(|(_, c)| *c == '.').is_some() => {
                    steps.push(Step::Within);
                    steps.extend(field(&mut chars));
                }
                '.' => steps.extend(field(&mut chars)),
                '[' => {
                    let rest = &text[at + 1..];
                    let Some(length) = closing(rest, ']') else {
                        return wrong("a `[` is not closed");
                    };
                    steps.extend(bracket(rest[..length].trim())?);
                    while chars.next_if(|(i, _)| *i <= at + 1 + length).is_some() {}
                }
                _ => return wrong(format!("`{}` is no path: it begins with `.`", &text[at..])),
            }
        }
        Ok(Self(steps))
    }
}

/// The field after a point; `None` when there is no name.
fn field(chars: &mut Peekable<CharIndices<'_>>) -> Option<Step> {
    let mut name = String::new();
    while let Some((_, c)) = chars.next_if(|(_, c)| !" .,[]$@{}".contains(*c)) {
        match c {
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            c => name.push(c),
        }
    }
    match name.as_str() {
        "" => None,
        "*" => Some(Step::Every),
        _ => Some(Step::Field(name)),
    }
}

/// What stands between square brackets.
fn bracket(text: &str) -> Result<Vec<Step>, PathError> {
    if let Some(inner) = text.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        return Ok(vec![Step::Filter(filter(inner)?)]);
    }
    let parts = split(text, ',');
    if parts.len() > 1 {
        let paths = parts.into_iter().map(|part| bracket(part.trim()).map(Path));
        return Ok(vec![Step::Union(paths.collect::<Result<_, _>>()?)]);
    }
    match text.chars().next() {
        Some('\'' | '"') => {
            let inner = text[1..].strip_suffix(&text[..1]);
            let Some(inner) = inner else { return wrong(format!("{text} is not closed")) };
            Ok(Path::parse(&format!(".{inner}"))?.0)
        }
        Some('*') if text.len() == 1 => Ok(vec![Step::Every]),
        _ => slice(text).map(|slice| vec![Step::Slice(slice)]),
    }
}

fn slice(text: &str) -> Result<Slice, PathError> {
    let number = |part: &str| match part.trim() {
        "" => Ok(None),
        part => {
            part.parse().map(Some).or_else(|_| wrong(format!("`[{text}]` is no place in a list")))
        }
    };
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        [one] if !one.is_empty() => {
            Ok(Slice { start: number(one)?, end: End::AfterStart, step: None })
        }
        [start, end] | [start, end, _] => Ok(Slice {
            start: number(start)?,
            end: number(end)?.map_or(End::Last, End::At),
            step: parts.get(2).map(|step| number(step)).transpose()?.flatten(),
        }),
        _ => wrong(format!("`[{text}]` is no place in a list")),
    }
}

fn filter(text: &str) -> Result<Filter, PathError> {
    let Some(at) = outside_quotes(text).find(|(_, c)| "=!<>".contains(*c)).map(|(at, _)| at) else {
        return Ok(Filter { left: operand(text)?, right: None });
    };
    let rest = &text[at..];
    let length = rest.find(|c| !"=!<>".contains(c)).unwrap_or(rest.len());
    let comparison = match &rest[..length] {
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        other => return wrong(format!("`{other}` is no comparison")),
    };
    let right = Some((comparison, operand(&rest[length..])?));
    Ok(Filter { left: operand(&text[..at])?, right })
}

fn operand(text: &str) -> Result<Operand, PathError> {
    let text = text.trim();
    match text.chars().next() {
        Some('"' | '\'') => Ok(Operand::Value(unquote(text)?.into())),
        Some('.' | '@' | '$' | '[') => Path::parse(text).map(Operand::Path),
        _ => match serde_json::from_str::<Value>(text) {
            Ok(value) if value.is_number() || value.is_boolean() => Ok(Operand::Value(value)),
            _ => wrong(format!("`{text}` is neither a path nor a value")),
        },
    }
}

/// The text in quotes, with the escapes of Go.
fn unquote(text: &str) -> Result<String, PathError> {
    let inner = text.get(1..).and_then(|rest| rest.strip_suffix(&text[..1]));
    let Some(inner) = inner else { return wrong(format!("{text} is not closed")) };
    let mut chars = inner.chars();
    let mut out = String::new();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(c @ ('\\' | '"' | '\'')) => c,
                _ => return wrong(format!("{text} has an escape that is not known")),
            },
            c => c,
        });
    }
    Ok(out)
}

/// Where the bracket that is open at the beginning is closed.
fn closing(text: &str, close: char) -> Option<usize> {
    let mut depth = 0_u32;
    for (at, c) in outside_quotes(text) {
        match c {
            c if c == close && depth == 0 => return Some(at),
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The parts between separators that do not stand in quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, _) in outside_quotes(text).filter(|(_, c)| *c == separator) {
        parts.push(&text[from..at]);
        from = at + separator.len_utf8();
    }
    parts.push(&text[from..]);
    parts
}

/// The characters that stand in no quotes, and are not escaped.
fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    let mut escaped = false;
    text.char_indices().filter(move |(_, c)| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match (c, quote) {
            ('\\', _) => escaped = true,
            (c, Some(open)) if *c == open => quote = None,
            ('"' | '\'', None) => quote = Some(*c),
            _ => return quote.is_none(),
        }
        false
    })
}
