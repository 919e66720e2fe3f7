//! Pods as the command line names them: `pods NAME…`, `pod/NAME`, `NAME`.

use crate::error::CliError;

/// The words that mean the resource Pod.
const TYPE: [&str; 3] = ["pods", "pod", "po"];

/// What stands in the place of names.
#[derive(Debug, PartialEq, Eq)]
pub struct Targets {
    /// Whether the resource was named.
    pub typed: bool,
    /// The names, each once, in the order given. May be empty.
    pub names: Vec<String>,
}

/// Reads `pods`, `pods NAME…`, `pod/NAME…` or `NAME…`.
pub fn targets(words: &[String]) -> Result<Targets, CliError> {
    let slashed = words.iter().any(|word| word.contains('/'));
    let typed_first = !slashed && words.first().is_some_and(|word| TYPE.contains(&word.as_str()));
    let mut names = Vec::new();
    for word in &words[usize::from(typed_first)..] {
        let name = name(word)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let all_slashed = !words.is_empty() && words.iter().all(|word| word.contains('/'));
    Ok(Targets { typed: typed_first || all_slashed, names })
}

/// Reads `NAME` or `pod/NAME`.
pub fn name(word: &str) -> Result<String, CliError> {
    let name = match word.split_once('/') {
        Some((kind, name)) if TYPE.contains(&kind) => name,
        Some((kind, _)) => {
            return Err(CliError::Usage(format!(
                "there is no resource type `{kind}`, only `pod`: pod/NAME"
            )));
        }
        None => word,
    };
    if is_subdomain(name) {
        return Ok(name.to_owned());
    }
    Err(CliError::Usage(format!(
        "`{name}` is no name of a pod: lower-case letters, digits, `-` and `.`"
    )))
}

/// Checks a namespace's name, for the command line.
pub fn namespace(text: &str) -> Result<String, String> {
    if text.len() <= 63 && is_label(text) {
        return Ok(text.to_owned());
    }
    Err("a namespace is 1 to 63 lower-case letters, digits and `-`, with a letter or digit at both ends".to_owned())
}

fn is_subdomain(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_label(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    edge(text.chars().next())
        && edge(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Option<(bool, Vec<String>)> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        targets(&words).ok().map(|t| (t.typed, t.names))
    }

    fn want(typed: bool, names: &[&str]) -> Option<(bool, Vec<String>)> {
        Some((typed, names.iter().map(|n| (*n).to_owned()).collect()))
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(read(&["pods"]), want(true, &[]));
        assert_eq!(read(&["po", "a", "b", "a"]), want(true, &["a", "b"]));
        assert_eq!(read(&["pod/a", "pods/b.c"]), want(true, &["a", "b.c"]));
        assert_eq!(read(&["a"]), want(false, &["a"]));
        assert_eq!(read(&["pod", "pod"]), want(true, &["pod"]));
    }

    #[test]
    fn what_names_no_pod_is_refused() {
        for words in [
            &["svc/a"][..],
            &["pod/"],
            &["pod/a/b"],
            &[".."],
            &["A"],
            &["pods", "a_b"],
            &["-a"],
            &["a..b"],
        ] {
            assert_eq!(read(words), None, "{words:?}");
        }
        assert!(namespace("team-a").is_ok());
        for text in ["", "a.b", "../x", "-", "A"] {
            assert!(namespace(text).is_err(), "{text}");
        }
    }
}
