//! YAML as `kubectl` prints it: blocks, lists as deep as their keys, and quotes only where a text would be read as something
//! else, double ones where that would be another type.
//!
//! What is not a line of ASCII is written by `serde_yaml`, which knows all that can be in a text.

use std::fmt::Write as _;

use chrono::{NaiveDate, NaiveTime};
use serde_json::{Map, Value as Json};

use crate::document::Value;
use crate::scalar;

/// Longer keys need another form.
const MAX_KEY: usize = 1024;

/// How much deeper a mapping stands than its key.
const STEP: usize = 2;

/// The value as YAML, and whether all of it is sure to be read back; `None` for a key that has no simple form.
pub(crate) fn write(value: &Json) -> Option<(String, bool)> {
    let mut writer = Writer { text: String::new(), sure: true };
    match value {
        Json::Object(fields) if !fields.is_empty() => writer.mapping(fields, 0)?,
        Json::Array(items) if !items.is_empty() => writer.list(items, 0)?,
        scalar => writer.scalar(scalar, 0)?,
    }
    Some((writer.text, writer.sure))
}

struct Writer {
    text: String,
    /// Whether nothing in it is `serde_yaml`'s.
    sure: bool,
}

impl Writer {
    /// The fields, each on its own line; the first where the text ends.
    fn mapping(&mut self, fields: &Map<String, Json>, depth: usize) -> Option<()> {
        for (n, (key, value)) in fields.iter().enumerate() {
            if n > 0 {
                self.indent(depth);
            }
            if !is_line(key) || key.len() > MAX_KEY {
                return None;
            }
            match key.as_str() {
                // Bare, it would stand for a merge.
                "<<" => self.text.push_str("\"<<\""),
                key => self.line(key),
            }
            self.text.push(':');
            match value {
                Json::Object(fields) if !fields.is_empty() => {
                    self.text.push('\n');
                    self.indent(depth + STEP);
                    self.mapping(fields, depth + STEP)?;
                }
                Json::Array(items) if !items.is_empty() => {
                    self.text.push('\n');
                    self.indent(depth);
                    self.list(items, depth)?;
                }
                scalar => {
                    self.text.push(' ');
                    self.scalar(scalar, depth)?;
                }
            }
        }
        Some(())
    }

    /// The items, each behind its dash; the first where the text ends.
    fn list(&mut self, items: &[Json], depth: usize) -> Option<()> {
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                self.indent(depth);
            }
            self.text.push_str("- ");
            match item {
                Json::Object(fields) if !fields.is_empty() => self.mapping(fields, depth + STEP)?,
                Json::Array(items) if !items.is_empty() => self.list(items, depth + STEP)?,
                scalar => self.scalar(scalar, depth)?,
            }
        }
        Some(())
    }

    /// The rest of a line, and those that belong to it.
    fn scalar(&mut self, value: &Json, depth: usize) -> Option<()> {
        match value {
            Json::String(text) if is_line(text) => self.line(text),
            Json::String(text) => return self.other(text, depth),
            empty_or_plain => {
                let _ = write!(self.text, "{empty_or_plain}");
            }
        }
        self.text.push('\n');
        Some(())
    }

    /// A text that is one line of ASCII.
    fn line(&mut self, text: &str) {
        if is_another_type(text) {
            // No such text has a character that needs to be escaped.
            self.text.extend(["\"", text, "\""]);
        } else if is_bare(text) {
            self.text.push_str(text);
        } else {
            self.text.extend(["'", &text.replace('\'', "''"), "'"]);
        }
    }

    /// A text that is something else.
    fn other(&mut self, text: &str, depth: usize) -> Option<()> {
        self.sure = false;
        let written = serde_yaml::to_string(text).ok()?;
        for (n, line) in written.lines().enumerate() {
            if n > 0 && !line.is_empty() {
                self.indent(depth);
            }
            self.text.push_str(line);
            self.text.push('\n');
        }
        Some(())
    }

    fn indent(&mut self, depth: usize) {
        self.text.extend(std::iter::repeat_n(' ', depth));
    }
}

/// Whether it is printable ASCII in one line.
fn is_line(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Whether it is no text, or may be none, when it is left bare.
fn is_another_type(text: &str) -> bool {
    !matches!(scalar::resolve(text.into()), Value::Text(_))
        || is_of_base_60(text)
        || is_moment(text)
}

/// Whether YAML 1.1 takes it for a date or a moment: `2026-1-2`, `2026-01-02T03:04:05.6Z`, `2026-01-02 03:04:05`.
fn is_moment(text: &str) -> bool {
    let year = text.bytes().take_while(u8::is_ascii_digit).count();
    if year != 4 || text.as_bytes().get(4) != Some(&b'-') {
        return false;
    }
    let is_date = |date: &str| NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok();
    let is_time = |time: &str| NaiveTime::parse_from_str(time, "%H:%M:%S%.f").is_ok();
    if let Some((date, time)) = text.split_once(' ') {
        return is_date(date) && is_time(time);
    }
    match text.split_once(['T', 't']) {
        Some((date, time)) => {
            let zone = time.find(['Z', '+', '-']).map(|at| time.split_at(at));
            let is_zone = |zone: &str| zone == "Z" || zone.len() == "+00:00".len();
            is_date(date) && zone.is_some_and(|(time, zone)| is_time(time) && is_zone(zone))
        }
        None => is_date(text),
    }
}

/// Whether YAML 1.1 takes it for a number: `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`
fn is_of_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = unsigned.split_once('.').map_or(unsigned, |(whole, _)| whole);
    let Some((first, digits)) = whole.split_once(':') else { return false };
    let is_pair = |pair: &str| pair.len() <= 2 && pair.parse::<u8>().is_ok_and(|n| n < 60);
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && digits.split(':').all(is_pair)
}

/// Whether a line of ASCII that is a text can stand without quotes in a block.
fn is_bare(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let ends_word = |at: usize| bytes.get(at).is_none_or(|next| *next == b' ');
    let is_sign = match first {
        b'-' | b'?' | b':' => ends_word(1),
        first => b"#,[]{}&*!|>'\"%@` ".contains(first),
    };
    let is_sign_within = |(at, byte): (usize, &u8)| match byte {
        b':' => ends_word(at + 1),
        b'#' => at > 0 && bytes[at - 1] == b' ',
        _ => false,
    };
    !is_sign
        && *last != b' '
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !bytes.iter().enumerate().any(is_sign_within)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(value: &Json) -> String {
        let (text, sure) = write(value).expect("keys of a simple form");
        assert!(sure, "{text}");
        text
    }

    #[test]
    fn blocks_stand_as_kubectl_prints_them() {
        let value = json!({
            "a": {"b": [{"c": 1, "d": [[1, 2.5], [], {}]}, "x"], "e": null},
            "f": [], "g": {}, "h": true,
        });
        let want = "a:\n  b:\n  - c: 1\n    d:\n    - - 1\n      - 2.5\n    - []\n    - {}\n  - x\n  e: null\n\
                    f: []\ng: {}\nh: true\n";
        assert_eq!(written(&value), want);
        assert_eq!(written(&json!([])), "[]\n");
        assert_eq!(written(&json!("a")), "a\n");
    }

    #[test]
    fn texts_have_the_quotes_that_kubectl_gives_them() {
        for text in [
            "a", "a b", "a:b", "a#b", "-a", "--a", "1.2.3", "128Mi", "a'b", "/x", "=", "a, b", "x]",
        ] {
            assert_eq!(written(&json!(text)), format!("{text}\n"));
        }
        for text in [
            "",
            "1",
            "0x1",
            "1_000",
            "1e3",
            "yes",
            "off",
            "~",
            "null",
            "10:20",
            "1:2:3.5",
            "2026-01-02T03:04:05Z",
            ".5",
        ] {
            assert_eq!(written(&json!(text)), format!("\"{text}\"\n"));
        }
        for text in [
            "a: b", "a:", "a #b", "- a", "-", "? a", "?", ": a", "#a", "[a]", "{a}", "&a", "*a",
            "!a", "|", ">", "%a", "@a", "`a`", "\"a\"", " a", "a ", "---", "--- a", "...", ",a",
        ] {
            assert_eq!(written(&json!(text)), format!("'{text}'\n"));
        }
        assert_eq!(written(&json!("'a'")), "'''a'''\n");
        assert_eq!(
            written(&json!({"yes": "<<", "b: c": 1, "<<": 2})),
            "\"<<\": 2\n'b: c': 1\n\"yes\": <<\n"
        );
    }

    #[test]
    fn lines_stand_below_their_key() {
        let value = json!({"a": {"script": "one\n  two\n\nthree\n"}, "b": [["x\ny"]]});
        let want = "a:\n  script: |\n    one\n      two\n\n    three\nb:\n- - |-\n    x\n    y\n";
        assert_eq!(write(&value), Some((want.to_owned(), false)));
    }
}
