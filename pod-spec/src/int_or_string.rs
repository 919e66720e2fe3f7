//! A number or a text.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::decode::{Cx, Decode};
use crate::document::{Node, Value};
use crate::path::Path;
use crate::schema::Type;

/// A whole number or a text, as `intstr.IntOrString` of the Kubernetes API: a port by its number or its name, a count or
/// a percentage.
///
/// In a manifest a text of digits stays a text: `"80"` is the name of a port, and `80` its number. A word of a command
/// line has no quotes to tell, so [`str::parse`] makes a number of every text that is one, as `intstr.Parse` does.
///
/// ```
/// use pod_spec::IntOrString;
///
/// let read = |json| serde_json::from_str::<IntOrString>(json).unwrap();
/// assert_eq!(read("80"), IntOrString::Int(80));
/// assert_eq!(read("\"80\""), IntOrString::String("80".to_owned()));
/// assert_eq!("80".parse(), Ok(IntOrString::Int(80)));
/// assert_eq!(IntOrString::from("25%").percent(), Some(25));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntOrString {
    /// A whole number.
    Int(i32),
    /// A text.
    String(String),
}

impl IntOrString {
    /// The number, when it is one.
    pub const fn as_int(&self) -> Option<i32> {
        match self {
            Self::Int(value) => Some(*value),
            Self::String(_) => None,
        }
    }

    /// The text, when it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Int(_) => None,
            Self::String(text) => Some(text),
        }
    }

    /// How many hundredths, when it is a text of digits and `%`.
    pub fn percent(&self) -> Option<u32> {
        let digits = self.as_str()?.strip_suffix('%')?;
        // A sign would be taken as well.
        digits.parse().ok().filter(|_| digits.starts_with(|c: char| c.is_ascii_digit()))
    }
}

impl Default for IntOrString {
    /// The number 0.
    fn default() -> Self {
        Self::Int(0)
    }
}

impl From<i32> for IntOrString {
    fn from(value: i32) -> Self {
        Self::Int(value)
    }
}

impl From<String> for IntOrString {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<&str> for IntOrString {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl FromStr for IntOrString {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::from(text), Self::Int))
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::String(text) => f.pad(text),
        }
    }
}

impl Serialize for IntOrString {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(value) => s.serialize_i32(*value),
            Self::String(text) => s.serialize_str(text),
        }
    }
}

impl Decode for IntOrString {
    const TYPE: Type = Type::IntOrString;

    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        match &node.value {
            Value::Number(..) => Self::Int(i32::decode(node, at, cx)),
            Value::Text(text) => Self::String(text.clone().into_owned()),
            _ => {
                cx.wrong_type(node, at, "a whole number or a text", None);
                Self::default()
            }
        }
    }
}

crate::schema::deserialize!(IntOrString);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    #[test]
    fn the_quotes_tell_a_text_from_a_number() {
        let text = |text: &str| Ok(IntOrString::from(text));
        let cases = [
            ("80", Ok(IntOrString::Int(80))),
            ("-1", Ok(IntOrString::Int(-1))),
            ("0x50", Ok(IntOrString::Int(80))),
            ("80.0", Ok(IntOrString::Int(80))),
            ("'80'", text("80")),
            ("http", text("http")),
            ("25%", text("25%")),
            ("''", text("")),
            ("3000000000", Err("line 1: `3000000000` does not fit into 32 bits")),
            ("1.5", Err("line 1: found the number `1.5`, but a whole number is needed")),
            (
                "on",
                Err(
                    "line 1: found `on`, which is the boolean `true` in YAML, but a whole number or a text is needed",
                ),
            ),
            ("[80]", Err("found a list, but a whole number or a text is needed")),
        ];
        for (yaml, want) in cases {
            let mut cx = Cx::default();
            let got =
                IntOrString::decode(&document::read(yaml).unwrap().remove(0), &Path::ROOT, &mut cx);
            let fault = cx.faults.first().map(ToString::to_string);
            assert_eq!(fault.map_or(Ok(got), Err), want.map_err(str::to_owned), "{yaml}");
        }
    }

    #[test]
    fn it_is_written_as_what_it_is() {
        for (json, shown) in [("80", "80"), ("\"80\"", "80"), ("\"http\"", "http")] {
            let value: IntOrString = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(value.to_string(), shown);
        }
    }

    #[test]
    fn a_word_is_a_number_when_it_can_be() {
        let cases = [
            ("80", Some(80)),
            ("-5", Some(-5)),
            ("3000000000", None),
            ("http", None),
            ("", None),
            ("8 0", None),
        ];
        for (word, want) in cases {
            let value: IntOrString = word.parse().unwrap();
            assert_eq!(value.as_int(), want, "{word}");
            assert_eq!(value.to_string(), word);
        }
    }

    #[test]
    fn percentages_are_digits_and_a_percent_sign() {
        let cases = [
            ("0%", Some(0)),
            ("25%", Some(25)),
            ("150%", Some(150)),
            ("25", None),
            ("%", None),
            ("+5%", None),
            ("-5%", None),
            ("1.5%", None),
            ("99999999999%", None),
        ];
        for (text, want) in cases {
            assert_eq!(IntOrString::from(text).percent(), want, "{text}");
        }
        assert_eq!(IntOrString::Int(25).percent(), None);
    }
}
