//! Objects as the command line names them: `pods NAME…`, `pod/NAME`, `NAME`, `cm NAME`, `pods,secrets`.

use crate::error::CliError;

/// What can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Pod,
    ConfigMap,
    Secret,
    Event,
    Deployment,
    Job,
    PersistentVolumeClaim,
}

/// The words that mean a kind.
#[derive(Debug)]
pub struct Names {
    /// As manifests have it.
    pub kind: &'static str,
    pub singular: &'static str,
    pub plural: &'static str,
    pub short: Option<&'static str>,
    pub api_version: &'static str,
    /// With the group of its API, where it has one: what stands before the name of one.
    pub word: &'static str,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::ConfigMap,
        Self::Deployment,
        Self::Event,
        Self::Job,
        Self::PersistentVolumeClaim,
        Self::Pod,
        Self::Secret,
    ];
    /// What `all` means: what runs.
    const RUNNING: [Self; 3] = [Self::Pod, Self::Deployment, Self::Job];

    pub const fn names(self) -> Names {
        let (kind, singular, plural, short, word) = match self {
            Self::Pod => ("Pod", "pod", "pods", Some("po"), "pod"),
            Self::ConfigMap => ("ConfigMap", "configmap", "configmaps", Some("cm"), "configmap"),
            Self::Secret => ("Secret", "secret", "secrets", None, "secret"),
            Self::Event => ("Event", "event", "events", Some("ev"), "event"),
            Self::Deployment => {
                ("Deployment", "deployment", "deployments", Some("deploy"), "deployment.apps")
            }
            Self::Job => ("Job", "job", "jobs", None, "job.batch"),
            Self::PersistentVolumeClaim => (
                "PersistentVolumeClaim",
                "persistentvolumeclaim",
                "persistentvolumeclaims",
                Some("pvc"),
                "persistentvolumeclaim",
            ),
        };
        let api_version = match self {
            Self::Deployment => "apps/v1",
            Self::Job => "batch/v1",
            _ => "v1",
        };
        Names { kind, singular, plural, short, api_version, word }
    }

    /// The word before the name of one.
    pub const fn word(self) -> &'static str {
        self.names().word
    }

    /// `pod/NAME` and the like.
    pub fn path(self, name: &str) -> String {
        format!("{}/{name}", self.word())
    }

    /// The kind that a word stands for, with or without the group of its API.
    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| {
            let names = kind.names();
            let group = names.word.strip_prefix(names.singular).unwrap_or_default();
            let bare = word.strip_suffix(group).unwrap_or(word);
            [Some(names.singular), Some(names.plural), names.short].contains(&Some(bare))
        })
    }
}

/// What stands in the place of types and names.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// The types, when no objects are named.
    pub kinds: Vec<Kind>,
    /// The objects, each once, in the order given.
    pub names: Vec<Named>,
}

/// The name of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub kind: Kind,
    pub name: String,
}

/// Reads `pods`, `pods,secrets`, `all`, `pods NAME…`, `pod/NAME…` and, where a kind is meant without a word, `NAME…`.
pub fn asked(words: &[String], default: Option<Kind>) -> Result<Asked, CliError> {
    let slashed = words.iter().any(|word| word.contains('/'));
    let first = words.first().filter(|_| !slashed).and_then(|word| kinds(word));
    let rest = &words[usize::from(first.is_some())..];
    let mut names: Vec<Named> = Vec::new();
    for word in rest {
        for named in named(word, first.as_deref(), default)? {
            if !names.contains(&named) {
                names.push(named);
            }
        }
    }
    let kinds = first.filter(|_| names.is_empty());
    Ok(Asked { kinds: kinds.unwrap_or_default(), names })
}

/// The kinds of `pods`, `pods,secrets` or `all`; `None` when a word is none of them.
pub fn kinds(word: &str) -> Option<Vec<Kind>> {
    let mut all = Vec::new();
    for word in word.split(',') {
        match Kind::of(word) {
            Some(kind) => all.push(kind),
            None if word == "all" => all.extend(Kind::RUNNING),
            None => return None,
        }
    }
    Some(all)
}

/// The objects that one word names, one for each kind.
fn named(
    word: &str,
    kinds: Option<&[Kind]>,
    default: Option<Kind>,
) -> Result<Vec<Named>, CliError> {
    let (own, name) = split(word)?;
    let kinds = match (own, kinds, default) {
        (Some(own), ..) => vec![own],
        (None, Some(kinds), _) => kinds.to_vec(),
        (None, None, Some(default)) => vec![default],
        (None, None, None) => return Err(unknown(&name)),
    };
    Ok(kinds.into_iter().map(|kind| Named { kind, name: name.clone() }).collect())
}

fn unknown(word: &str) -> CliError {
    let types: Vec<&str> = Kind::ALL.map(|kind| kind.names().plural).to_vec();
    CliError::Usage(format!(
        "there is no resource type `{word}`, only {}: write `pods {word}` or `pod/{word}` for a pod of that name",
        types.join(", ")
    ))
}

/// Reads `deployment NAME…` or `deployment/NAME…`.
pub fn deployments(words: &[String]) -> Result<Vec<String>, CliError> {
    let asked = asked(words, None)?.names;
    if asked.is_empty() || asked.iter().any(|named| named.kind != Kind::Deployment) {
        let message = "this is done to Deployments: name them, deployment/NAME";
        return Err(CliError::Usage(message.to_owned()));
    }
    Ok(asked.into_iter().map(|named| named.name).collect())
}

/// Reads `NAME`, `pod/NAME`, or the name of something that makes pods: `deployment/NAME`.
pub fn of_pods(word: &str) -> Result<Named, CliError> {
    match split(word)? {
        (Some(kind @ (Kind::Deployment | Kind::Job)), name) => Ok(Named { kind, name }),
        _ => Ok(Named { kind: Kind::Pod, name: name(word)? }),
    }
}

/// Reads `NAME` or `pod/NAME`.
pub fn name(word: &str) -> Result<String, CliError> {
    match split(word)? {
        (None | Some(Kind::Pod), name) => Ok(name),
        (Some(other), _) => Err(CliError::Usage(format!(
            "a {} has no containers: name a pod, NAME or pod/NAME",
            other.names().singular
        ))),
    }
}

/// Reads `NAME` or `KIND/NAME`.
fn split(word: &str) -> Result<(Option<Kind>, String), CliError> {
    let (kind, name) = match word.split_once('/') {
        Some((kind, name)) => (Some(Kind::of(kind).ok_or_else(|| unknown(kind))?), name),
        None => (None, word),
    };
    if is_subdomain(name) {
        return Ok((kind, name.to_owned()));
    }
    Err(CliError::Usage(format!(
        "`{name}` is no name of {}: lower-case letters, digits, `-` and `.`",
        match kind {
            None | Some(Kind::Pod) => "a pod".to_owned(),
            Some(kind) => format!("a {}", kind.names().singular),
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

    fn read(words: &[&str], default: Option<Kind>) -> Option<Asked> {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        asked(&words, default).ok()
    }

    fn types(kinds: &[Kind]) -> Option<Asked> {
        Some(Asked { kinds: kinds.to_vec(), names: Vec::new() })
    }

    fn objects(names: &[(Kind, &str)]) -> Option<Asked> {
        let named = |(kind, name): &(Kind, &str)| Named { kind: *kind, name: (*name).to_owned() };
        Some(Asked { kinds: Vec::new(), names: names.iter().map(named).collect() })
    }

    #[test]
    fn every_form_is_read() {
        use Kind::{ConfigMap, Deployment, Event, Job, Pod, Secret};
        assert_eq!(read(&["pods"], None), types(&[Pod]));
        assert_eq!(read(&["po,cm,ev"], None), types(&[Pod, ConfigMap, Event]));
        assert_eq!(read(&["all,secrets"], None), types(&[Pod, Deployment, Job, Secret]));
        assert_eq!(read(&["deploy"], None), types(&[Deployment]));
        assert_eq!(
            read(&["deployments.apps/a", "job.batch/b"], None),
            objects(&[(Deployment, "a"), (Job, "b")])
        );
        assert_eq!(read(&["po", "a", "b", "a"], None), objects(&[(Pod, "a"), (Pod, "b")]));
        assert_eq!(read(&["pod/a", "cm/b.c"], None), objects(&[(Pod, "a"), (ConfigMap, "b.c")]));
        assert_eq!(read(&["po,cm", "a"], None), objects(&[(Pod, "a"), (ConfigMap, "a")]));
        assert_eq!(read(&["a"], Some(Pod)), objects(&[(Pod, "a")]));
        assert_eq!(read(&["cm/a", "b"], Some(Pod)), objects(&[(ConfigMap, "a"), (Pod, "b")]));
        assert_eq!(read(&["pod", "pod"], None), objects(&[(Pod, "pod")]));
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for words in [
            &["a"][..],
            &["svc/a"],
            &["pod/a", "b"],
            &["pods,x"],
            &["pod/"],
            &["pod/a/b"],
            &[".."],
            &["pods", "A"],
            &["pods", "a_b"],
            &["-a"],
            &["a..b"],
        ] {
            assert_eq!(read(words, None), None, "{words:?}");
        }
        assert!(namespace("team-a").is_ok());
        for text in ["", "a.b", "../x", "-", "A"] {
            assert!(namespace(text).is_err(), "{text}");
        }
    }
}
