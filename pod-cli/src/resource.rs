//! Objects as the command line names them: `pods NAME…`, `pod/NAME`, `NAME`, `cm NAME`.

use crate::error::CliError;

/// What can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Pod,
    ConfigMap,
    Secret,
    PersistentVolumeClaim,
}

impl Kind {
    /// The kind that a word stands for.
    fn of(word: &str) -> Option<Self> {
        match word {
            "pods" | "pod" | "po" => Some(Self::Pod),
            "configmaps" | "configmap" | "cm" => Some(Self::ConfigMap),
            "secrets" | "secret" => Some(Self::Secret),
            "persistentvolumeclaims" | "persistentvolumeclaim" | "pvc" => {
                Some(Self::PersistentVolumeClaim)
            }
            _ => None,
        }
    }

    /// The word before the name of one.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
            Self::PersistentVolumeClaim => "persistentvolumeclaim",
        }
    }
}

/// What stands in the place of names.
#[derive(Debug, PartialEq, Eq)]
pub struct Targets {
    /// What they are, when it was said.
    pub kind: Option<Kind>,
    /// The names, each once, in the order given. May be empty.
    pub names: Vec<String>,
}

/// Reads `pods`, `pods NAME…`, `pod/NAME…` or `NAME…`, and the same of other kinds.
pub fn targets(words: &[String]) -> Result<Targets, CliError> {
    let slashed = words.iter().any(|word| word.contains('/'));
    let first = words.first().filter(|_| !slashed).and_then(|word| Kind::of(word));
    let mut typed = true;
    let (mut kinds, mut names) = (Vec::from_iter(first), Vec::new());
    for word in &words[usize::from(first.is_some())..] {
        let (own, name) = split(word)?;
        let said = own.or(first);
        typed &= said.is_some();
        // A name alone is that of a pod.
        kinds.push(said.unwrap_or(Kind::Pod));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if kinds.iter().any(|kind| Some(kind) != kinds.first()) {
        return Err(CliError::Usage("name objects of one kind at a time".to_owned()));
    }
    Ok(Targets { kind: kinds.first().copied().filter(|_| typed), names })
}

/// As [`targets`], of pods alone.
pub fn pods(words: &[String]) -> Result<Vec<String>, CliError> {
    let Targets { kind, names } = targets(words)?;
    match kind {
        None | Some(Kind::Pod) => Ok(names),
        Some(other) => Err(CliError::Usage(format!(
            "a {} is nothing to wait for, only pods are",
            other.word()
        ))),
    }
}

/// Reads `NAME` or `pod/NAME`.
pub fn name(word: &str) -> Result<String, CliError> {
    match split(word)? {
        (None | Some(Kind::Pod), name) => Ok(name),
        (Some(other), _) => Err(CliError::Usage(format!(
            "a {} has no containers: name a pod, NAME or pod/NAME",
            other.word()
        ))),
    }
}

/// Reads `NAME` or `KIND/NAME`.
fn split(word: &str) -> Result<(Option<Kind>, String), CliError> {
    let (kind, name) = match word.split_once('/') {
        Some((kind, name)) => {
            let unknown = || {
                CliError::Usage(format!(
                    "there is no resource type `{kind}`, only pod, configmap, secret and \
                     persistentvolumeclaim: pod/NAME"
                ))
            };
            (Some(Kind::of(kind).ok_or_else(unknown)?), name)
        }
        None => (None, word),
    };
    if is_subdomain(name) {
        return Ok((kind, name.to_owned()));
    }
    Err(CliError::Usage(format!(
        "`{name}` is no name of {}: lower-case letters, digits, `-` and `.`",
        match kind {
            None | Some(Kind::Pod) => "a pod".to_owned(),
            Some(kind) => format!("a {}", kind.word()),
        }
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

    type Read = Option<(Option<Kind>, Vec<String>)>;

    fn read(words: &[&str]) -> Read {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        targets(&words).ok().map(|t| (t.kind, t.names))
    }

    fn want(kind: impl Into<Option<Kind>>, names: &[&str]) -> Read {
        Some((kind.into(), names.iter().map(|n| (*n).to_owned()).collect()))
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(read(&["pods"]), want(Kind::Pod, &[]));
        assert_eq!(read(&["po", "a", "b", "a"]), want(Kind::Pod, &["a", "b"]));
        assert_eq!(read(&["pod/a", "pods/b.c"]), want(Kind::Pod, &["a", "b.c"]));
        assert_eq!(read(&["a"]), want(None, &["a"]));
        assert_eq!(read(&["pod/a", "b"]), want(None, &["a", "b"]));
        assert_eq!(read(&["pod", "pod"]), want(Kind::Pod, &["pod"]));
        assert_eq!(read(&["cm", "a"]), want(Kind::ConfigMap, &["a"]));
        assert_eq!(read(&["configmap/a", "configmaps/b"]), want(Kind::ConfigMap, &["a", "b"]));
        assert_eq!(read(&["secrets"]), want(Kind::Secret, &[]));
        assert_eq!(read(&["pvc", "a"]), want(Kind::PersistentVolumeClaim, &["a"]));
    }

    #[test]
    fn what_names_no_pod_is_refused() {
        for words in [
            &["svc/a"][..],
            &["pod/a", "cm/a"],
            &["cm/a", "b"],
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
