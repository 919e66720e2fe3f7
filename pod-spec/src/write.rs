//! An object as text.

use serde::Serialize;
use serde_json::Value as Json;

use crate::decode::Cx;
use crate::document::{self, Value};
use crate::path::Path;
use crate::scalar;

/// An object that could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot write the object: {0}")]
pub struct WriteError(String);

impl From<serde_json::Error> for WriteError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// An object as YAML, the keys in the order of the alphabet, with the quotes that Kubernetes needs to read it back.
///
/// # Errors
/// When it has no form in JSON.
pub fn to_yaml(object: &impl Serialize) -> Result<String, WriteError> {
    // Over JSON, whose maps are sorted.
    let json = serde_json::to_value(object)?;
    let yaml = serde_yaml::to_string(&json).map_err(|e| WriteError(e.to_string()))?;
    // To read it back takes longer than all else.
    if is_plain(&json) || reads_back(&yaml, &json) {
        return Ok(yaml);
    }
    let yaml = quote_ambiguous(yaml);
    if reads_back(&yaml, &json) {
        return Ok(yaml);
    }
    // JSON is YAML too, and can escape what YAML folds.
    Ok(escape_breaks(&serde_json::to_string_pretty(&json)?))
}

/// The object as indented JSON, the keys in the order of the alphabet.
pub(crate) fn json(object: &impl Serialize) -> Result<String, WriteError> {
    Ok(serde_json::to_string_pretty(&serde_json::to_value(object)?)?)
}

/// Whether nothing in it can be written so that Kubernetes reads something else: every text is one line of ASCII, which means
/// itself also when it is left bare.
fn is_plain(json: &Json) -> bool {
    let is_plain_text = |text: &str| {
        let is_one_line = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        // Bare, that would be the key of a merge.
        is_one_line && text != "<<" && matches!(scalar::resolve(text.into()), Value::Text(_))
    };
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => true,
        Json::String(text) => is_plain_text(text),
        Json::Array(items) => items.iter().all(is_plain),
        Json::Object(fields) => {
            fields.iter().all(|(key, value)| is_plain_text(key) && is_plain(value))
        }
    }
}

/// Quotes the texts that serde_yaml, a YAML 1.2 writer, leaves bare although Kubernetes reads something else in them,
/// such as `yes` and `1_000`.
fn quote_ambiguous(mut yaml: String) -> String {
    let is_text =
        |text: &str| matches!(serde_yaml::from_str(text), Ok(serde_yaml::Value::String(_)));
    let bare = document::bare_scalars(&yaml);
    // From the end, so that what is still to come keeps its place.
    for (start, text) in bare.into_iter().rev() {
        if !matches!(scalar::resolve(text.as_str().into()), Value::Text(_)) && is_text(&text) {
            yaml.insert(start + text.len(), '"');
            yaml.insert(start, '"');
        }
    }
    yaml
}

/// Whether the text says what was to be written. serde_yaml leaves U+2028 and the like bare, where they are line breaks.
fn reads_back(yaml: &str, json: &Json) -> bool {
    match document::read(yaml) {
        Ok(documents) => {
            documents.first().is_some_and(|node| Cx::default().json(node, &Path::ROOT) == *json)
        }
        Err(_) => false,
    }
}

/// Escapes the characters that are line breaks in YAML 1.1, or no characters at all. In JSON they stand in texts only.
fn escape_breaks(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                out += &format!("\\u{:04x}", u32::from(c))
            }
            _ => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pod;
    use crate::decode::Decode;

    #[test]
    fn what_kubernetes_takes_for_another_type_is_quoted() {
        for text in [
            "yes", "on", "n", "Off", "1_000", "0b1", "0o7", "08", "0644", "1e3", "~", "null", "",
            ".5", "-", "=", "é: yes",
        ] {
            let yaml =
                quote_ambiguous(serde_yaml::to_string(&Json::from(vec![text, "é", text])).unwrap());
            let node = document::read(&yaml).unwrap().remove(0);
            let Value::List(items) = node.value else { panic!("{yaml}") };
            assert_eq!(items[2].value, Value::Text(text.into()), "{yaml}");
        }
        let numbers = serde_yaml::to_string(&serde_json::json!([5, true, 0.5, null])).unwrap();
        assert_eq!(quote_ambiguous(numbers.clone()), numbers);
    }

    #[test]
    fn what_is_plain_reads_back() {
        let signs: Vec<String> = (b' '..=b'~').map(|sign| char::from(sign).to_string()).collect();
        let mut texts = signs.clone();
        for a in &signs {
            for b in &signs {
                texts.extend([format!("{a}{b}"), format!("{a} {b}"), format!("x{a}{b}x")]);
            }
        }
        texts.push("a long text of many words, ".repeat(20));
        texts.retain(|text| is_plain(&Json::from(text.as_str())));
        assert!(texts.len() > 20_000, "{}", texts.len());
        for json in [
            Json::from(texts.clone()),
            texts.iter().map(|text| (text.clone(), Json::from(text.as_str()))).collect(),
        ] {
            let yaml = serde_yaml::to_string(&json).unwrap();
            let node = document::read(&yaml).unwrap().remove(0);
            assert!(Cx::default().json(&node, &Path::ROOT) == json);
        }
        for text in ["", "<<", "yes", "1_000", "~", "a\nb", "\u{e9}"] {
            assert!(!is_plain(&Json::from(text)), "{text:?}");
        }
    }

    #[test]
    fn no_character_is_lost() {
        for c in [
            '\t',
            '\n',
            '\r',
            '\0',
            '\u{7f}',
            '\u{85}',
            '\u{a0}',
            '\u{2028}',
            '\u{feff}',
            '\u{fffe}',
            '\u{1f600}',
        ] {
            for text in [format!("a{c}b"), format!("{c}"), format!("a: {c}"), format!("{c}\n {c}")]
            {
                let mut pod = Pod::default();
                pod.metadata.annotations.insert("a".to_owned(), text);
                let yaml = pod.to_yaml().unwrap();
                let back = Pod::decode(
                    &document::read(&yaml).unwrap()[0],
                    &Path::ROOT,
                    &mut Cx::default(),
                );
                assert_eq!(back.metadata.annotations, pod.metadata.annotations, "{yaml}");
            }
        }
    }
}
