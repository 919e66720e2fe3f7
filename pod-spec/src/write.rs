//! An object as text.

use serde::Serialize;
use serde_json::Value as Json;

use crate::decode::Cx;
use crate::document;
use crate::path::Path;
use crate::yaml;

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
    match yaml::write(&json) {
        // To read it back takes longer than to write it.
        Some((yaml, sure)) if sure || reads_back(&yaml, &json) => Ok(yaml),
        // JSON is YAML too, and can escape what YAML folds.
        _ => Ok(escape_breaks(&serde_json::to_string_pretty(&json)?)),
    }
}

/// The object as indented JSON, the keys in the order of the alphabet.
pub(crate) fn json(object: &impl Serialize) -> Result<String, WriteError> {
    Ok(serde_json::to_string_pretty(&serde_json::to_value(object)?)?)
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
    fn every_line_of_ascii_reads_back() {
        let signs: Vec<String> = (b' '..=b'~').map(|sign| char::from(sign).to_string()).collect();
        let mut texts = signs.clone();
        for a in &signs {
            for b in &signs {
                texts.extend([format!("{a}{b}"), format!("{a} {b}"), format!("x{a}{b}x")]);
            }
        }
        texts.push("a long text of many words, ".repeat(20));
        for text in [
            "", "<<", "yes", "on", "n", "Off", "1_000", "0b1", "0o7", "08", "0644", "1e3", "~",
            "null", ".5", "-", "=", "1:2",
        ] {
            texts.push(text.to_owned());
        }
        for json in [
            Json::from(texts.clone()),
            texts.iter().map(|text| (text.clone(), Json::from(text.as_str()))).collect(),
        ] {
            let (yaml, sure) = yaml::write(&json).unwrap();
            assert!(sure);
            let node = document::read(&yaml).unwrap().remove(0);
            assert!(Cx::default().json(&node, &Path::ROOT) == json);
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
