//! What is wrong with a manifest: every fault at once, each with its place.

use std::fmt::{self, Write as _};

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::path::{Path, Position, escaped, is_unprintable, printable};

/// How many faults are rendered: nobody reads more, and each takes time in proportion to its line.
const MAX_RENDERED: usize = 100;

/// What sort of fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The text is neither YAML nor JSON.
    Syntax,
    /// The text is larger, deeper or more repetitive than any manifest.
    TooMuch,
    /// The text holds no object of the kind that is read, or more than one.
    WrongKind,
    /// No such field exists.
    UnknownField,
    /// The same key stands twice in one mapping.
    DuplicateField,
    /// A value has another type than the field.
    WrongType,
    /// A field that must be there is not.
    Required,
    /// A value is not one of the few that the field takes.
    NotSupported,
    /// A value has the right type and is still wrong.
    Invalid,
    /// A name or path is taken twice.
    Duplicate,
    /// A name refers to nothing.
    NotFound,
    /// A field must not be given here.
    Forbidden,
    /// A text is too long.
    TooLong,
    /// A list holds too much.
    TooMany,
    /// Kubernetes knows this; this project does not do it, and says so rather than ignore it.
    Refused,
}

impl FaultKind {
    /// The name as it stands here: `UnknownField`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "Syntax",
            Self::TooMuch => "TooMuch",
            Self::WrongKind => "WrongKind",
            Self::UnknownField => "UnknownField",
            Self::DuplicateField => "DuplicateField",
            Self::WrongType => "WrongType",
            Self::Required => "Required",
            Self::NotSupported => "NotSupported",
            Self::Invalid => "Invalid",
            Self::Duplicate => "Duplicate",
            Self::NotFound => "NotFound",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "TooLong",
            Self::TooMany => "TooMany",
            Self::Refused => "Refused",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FaultKind {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The field: `spec.containers[0].ports[1].hostPort`. Empty when the text as a whole is meant.
    pub path: String,
    /// The line, counted from one. None when the pod did not come from a text.
    pub line: Option<usize>,
    /// The column in characters, counted from one.
    pub column: Option<usize>,
    /// What sort of fault it is.
    pub kind: FaultKind,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What to write instead: a fragment that follows the message after a comma.
    pub suggestion: Option<String>,
}

impl Fault {
    pub(crate) fn new(
        path: &Path<'_>,
        at: Option<Position>,
        kind: FaultKind,
        message: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_string(),
            line: at.map(|at| at.line),
            column: at.map(|at| at.column),
            kind,
            // Texts of the manifest are in it.
            message: escaped(&message.into()),
            suggestion: None,
        }
    }

    pub(crate) fn suggest(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion.map(|text| escaped(&text));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, ", {suggestion}"),
            None => Ok(()),
        }
    }
}

/// Every fault of a manifest, in the order of the text. There is at least one.
///
/// Its `Display` gives one line for each fault, [`render`](Self::render) what a person wants to see, and
/// [`to_json`](Self::to_json) what a program does. It is serialised as the list of faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults {
    faults: Vec<Fault>,
}

impl Faults {
    pub(crate) fn one(at: Option<Position>, kind: FaultKind, message: impl Into<String>) -> Self {
        Fault::new(&Path::ROOT, at, kind, message).into()
    }

    /// `value` when nothing was found, else what was found.
    pub(crate) fn or<T>(faults: Vec<Fault>, value: T) -> Result<T, Self> {
        if faults.is_empty() { Ok(value) } else { Err(Self::some(faults)) }
    }

    /// These, of which there is one at least.
    pub(crate) fn some(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|f| (f.line.unwrap_or(usize::MAX), f.column.unwrap_or(usize::MAX)));
        faults.dedup();
        Self { faults }
    }

    /// The faults, in the order of the text.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.faults.iter()
    }

    /// The faults as JSON, a list of objects in one line. What is not known is null.
    ///
    /// ```
    /// let text = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: a, comand: [a]}]}}";
    /// let faults = pod_spec::Pod::from_yaml(text).unwrap_err();
    /// let json: serde_json::Value = serde_json::from_str(&faults.to_json())?;
    /// assert_eq!(
    ///     json,
    ///     serde_json::json!([{
    ///         "path": "spec.containers[0].comand",
    ///         "line": 1,
    ///         "column": 90,
    ///         "kind": "UnknownField",
    ///         "message": "unknown field `comand`",
    ///         "suggestion": "did you mean `command`?",
    ///     }]),
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn to_json(&self) -> String {
        json!(self).to_string()
    }

    /// The faults as a compiler shows them: each with its line of `source`, the text that was read, and with `file`,
    /// the name that text goes by. The first hundred are shown, the others counted.
    pub fn render(&self, source: &str, file: &str) -> String {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        let lines: Vec<&str> = source.lines().collect();
        let mut out = String::new();
        for fault in self.faults.iter().take(MAX_RENDERED) {
            render_one(&mut out, fault, &lines, file);
        }
        if let Some(more) = self.faults.len().checked_sub(MAX_RENDERED).filter(|more| *more > 0) {
            out += &format!("error: {more} more faults in {file}\n");
        }
        out
    }
}

fn render_one(out: &mut String, fault: &Fault, lines: &[&str], file: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "error: {}", fault.message);
    let line = fault.line.unwrap_or(0);
    let width = line.to_string().len();
    let _ = write!(out, "{:width$}--> {file}", "");
    if let Some(line) = fault.line {
        let _ = write!(out, ":{line}:{}", fault.column.unwrap_or(1));
    }
    let _ = if fault.path.is_empty() { writeln!(out) } else { writeln!(out, " ({})", fault.path) };
    if let Some(text) = line.checked_sub(1).and_then(|i| lines.get(i)) {
        let (text, pad, carets) = excerpt(text, fault.column.unwrap_or(1));
        let _ = writeln!(out, "{:width$} |", "");
        let _ = writeln!(out, "{line} | {text}");
        let _ = writeln!(out, "{:width$} | {pad}{carets}", "");
    }
    if let Some(suggestion) = &fault.suggestion {
        let _ = writeln!(out, "{:width$} = help: {suggestion}", "");
    }
    out.push('\n');
}

/// The line made fit for a terminal, what stands before the mark, and the mark below the word at `column`.
fn excerpt(line: &str, column: usize) -> (String, String, String) {
    const BEFORE: usize = 100;
    let skip = (column - column.min(1)).saturating_sub(BEFORE);
    let shown: Vec<char> = line
        .chars()
        .skip(skip)
        .take(BEFORE + 60)
        .map(|c| if is_unprintable(c) { ' ' } else { c })
        .collect();
    let start = (column - column.min(1) - skip).min(shown.len());
    let word = shown[start..]
        .iter()
        .take_while(|c| c.is_alphanumeric() || "._-/\"'".contains(**c))
        .count();
    (shown.iter().collect(), " ".repeat(start), "^".repeat(word.max(1)))
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.faults.iter().enumerate() {
            if i > 0 {
                f.write_char('\n')?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Extend<Fault> for Faults {
    fn extend<T: IntoIterator<Item = Fault>>(&mut self, more: T) {
        let mut all = std::mem::take(&mut self.faults);
        all.extend(more);
        *self = Self::some(all);
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.faults.into_iter()
    }
}

/// A value in backquotes, cut and made harmless.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", printable(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(line: usize, column: usize, message: &str) -> Fault {
        Fault::new(&Path::new("spec"), Some(Position { line, column }), FaultKind::Invalid, message)
    }

    #[test]
    fn faults_come_in_the_order_of_the_text() {
        let faults = Faults::or(vec![fault(9, 1, "b"), fault(2, 3, "a")], ()).unwrap_err();
        assert_eq!(faults.to_string(), "line 2: spec: a\nline 9: spec: b");
    }

    #[test]
    fn a_rendered_fault_shows_its_line() {
        let fault =
            fault(2, 3, "unknown field `comand`").suggest(Some("did you mean `command`?".into()));
        let text = Faults::from(fault).render("spec:\n  comand: [a]\r\n", "web.yaml");
        let want = "error: unknown field `comand`
 --> web.yaml:2:3 (spec)
  |
2 |   comand: [a]
  |   ^^^^^^
  = help: did you mean `command`?

";
        assert_eq!(text, want);
    }

    #[test]
    fn a_kind_goes_by_its_own_name() {
        for kind in
            [FaultKind::Syntax, FaultKind::WrongType, FaultKind::TooMany, FaultKind::Refused]
        {
            assert_eq!(kind.as_str(), format!("{kind:?}"));
        }
        let nowhere = Faults::one(None, FaultKind::TooMuch, "x").to_json();
        let want = r#"[{"column":null,"kind":"TooMuch","line":null,"message":"x","path":"","suggestion":null}]"#;
        assert_eq!(nowhere, want);
    }

    #[test]
    fn rendering_never_leaves_the_text() {
        for (line, column) in [(0, 0), (1, 0), (1, 500), (7, 7), (usize::MAX, usize::MAX)] {
            let text = Faults::from(fault(line, column, "x")).render("a: 1", "f");
            assert!(text.starts_with("error: x\n"));
        }
    }
}
