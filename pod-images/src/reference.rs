//! Image references: parsing, checking and display.
//!
//! The grammar is that of the container registries:
//! `[domain[:port]/]path[/path…][:tag][@algorithm:hex]`, where the first component
//! is a domain only when it holds a `.`, a `:` or an upper-case letter, or is
//! `localhost`.

use std::fmt;
use std::str::FromStr;

/// The reserved name of the machine's own root filesystem.
///
/// It takes neither a tag nor a digest: there is one host, and it is what it is.
pub const HOST_IMAGE: &str = "pod.local/host";

const DEFAULT_REGISTRY: &str = "docker.io";
const DEFAULT_TAG: &str = "latest";
const DEFAULT_NAMESPACE: &str = "library/";
const MAX_NAME: usize = 255;
const MAX_TAG: usize = 128;
/// The length of a bare image id, which must not be taken for a name.
const ID_LENGTH: usize = 64;

/// A checked image reference, displayed as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    text: String,
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// The registry's host name and port; `docker.io` when none is written.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path within the registry, with `library/` where Docker Hub implies it.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag as written. With neither a tag nor a digest, `latest` is meant.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest as written, for example `sha256:…`.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The reference as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether no registry is written, so that [`registry`](Self::registry) is a default.
    #[must_use]
    pub fn is_short(&self) -> bool {
        split_domain(&self.text).0.is_none()
    }

    /// The whole name, with all that is implied: `docker.io/library/busybox:latest`. A digest counts more than a tag,
    /// which is left out beside it.
    #[must_use]
    pub fn canonical(&self) -> String {
        let version = match (self.digest(), self.tag()) {
            (Some(digest), _) => format!("@{digest}"),
            (None, tag) => format!(":{}", tag.unwrap_or(DEFAULT_TAG)),
        };
        format!("{}/{}{version}", self.registry, self.repository)
    }

    /// Whether this names the machine's own root filesystem.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.text == HOST_IMAGE
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The text does not follow the grammar.
    #[error("couldn't parse image reference {text:?}: invalid reference format")]
    Format {
        /// What was to be parsed.
        text: String,
    },
    /// The path holds upper-case letters.
    #[error(
        "couldn't parse image reference {text:?}: \
         invalid reference format: repository name must be lowercase"
    )]
    UpperCase {
        /// What was to be parsed.
        text: String,
    },
    /// The name without tag and digest is too long.
    #[error(
        "couldn't parse image reference {text:?}: \
         repository name must not be more than {MAX_NAME} characters"
    )]
    TooLong {
        /// What was to be parsed.
        text: String,
    },
    /// A tag or a digest follows the reserved name of the host.
    #[error(
        "couldn't parse image reference {text:?}: \
         {HOST_IMAGE} is the machine itself and takes no tag or digest"
    )]
    HostVersion {
        /// What was to be parsed.
        text: String,
    },
}

impl ReferenceError {
    /// Kubernetes' reason for a container that waits because of this error.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        "InvalidImageName"
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let format = || ReferenceError::Format { text: text.to_owned() };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let (name, tag) = split_tag(rest);
        if name.len() > MAX_NAME {
            return Err(ReferenceError::TooLong { text: text.to_owned() });
        }
        let (domain, path) = split_domain(name);
        let well_formed = domain.is_none_or(is_domain)
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest)
            && !is_bare_id(rest);
        if !well_formed {
            return Err(format());
        }
        if !is_path(path) {
            return Err(if is_path(&path.to_ascii_lowercase()) {
                ReferenceError::UpperCase { text: text.to_owned() }
            } else {
                format()
            });
        }
        if name == HOST_IMAGE && text != HOST_IMAGE {
            return Err(ReferenceError::HostVersion { text: text.to_owned() });
        }
        let registry = domain.unwrap_or(DEFAULT_REGISTRY);
        let implied = registry == DEFAULT_REGISTRY && !path.contains('/');
        let namespace = if implied { DEFAULT_NAMESPACE } else { "" };
        // What is implied counts, as the name is used with it.
        if registry.len() + 1 + namespace.len() + path.len() > MAX_NAME {
            return Err(ReferenceError::TooLong { text: text.to_owned() });
        }
        Ok(Self {
            text: text.to_owned(),
            registry: registry.to_owned(),
            repository: format!("{namespace}{path}"),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

/// Splits off a tag: a colon after the last slash, so that a port is not one.
fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (text, None),
    }
}

/// Splits off the registry where the first component can only be one.
fn split_domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, path))
            if first == "localhost"
                || first.contains(['.', ':'])
                || first.contains(|c: char| c.is_ascii_uppercase()) =>
        {
            (Some(first), path)
        }
        _ => (None, name),
    }
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let port_fits = port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    port_fits && (is_ipv6_literal(host) || host.split('.').all(is_domain_label))
}

fn is_ipv6_literal(host: &str) -> bool {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_domain_label(label: &str) -> bool {
    !label.is_empty()
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_path(path: &str) -> bool {
    path.split('/').all(is_path_component)
}

/// Lower-case words and digits, joined by `.`, `_`, `__` or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    component.starts_with(is_word)
        && component.ends_with(is_word)
        && component
            .split(is_word)
            .all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= MAX_TAG
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|b| is_word(b) || b == b'.' || b == b'-')
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let length_fits = match algorithm {
        "sha256" => hex.len() == 64,
        "sha384" => hex.len() == 96,
        "sha512" => hex.len() == 128,
        _ => false,
    };
    length_fits && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_bare_id(text: &str) -> bool {
    text.len() == ID_LENGTH && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Reference, ReferenceError> {
        text.parse()
    }

    #[test]
    fn the_whole_name_is_the_same_for_all_ways_to_write_it() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, whole) in [
            ("busybox", "docker.io/library/busybox:latest".to_owned()),
            ("docker.io/library/busybox:latest", "docker.io/library/busybox:latest".to_owned()),
            ("localhost:5000/x:1", "localhost:5000/x:1".to_owned()),
            (&format!("q.io/a/b:1@{digest}"), format!("q.io/a/b@{digest}")),
        ] {
            assert_eq!(parse(text).unwrap().canonical(), whole);
        }
    }

    #[test]
    fn parts_are_found_and_the_text_is_kept() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let digested = format!("localhost:5000/x@{digest}");
        let both = format!("a.b/c:v1@{digest}");
        for (text, registry, repository, tag, wants_digest) in [
            ("nginx", "docker.io", "library/nginx", None, false),
            ("user/app:1", "docker.io", "user/app", Some("1"), false),
            ("quay.io/a/b:c", "quay.io", "a/b", Some("c"), false),
            ("[::1]:5000/x", "[::1]:5000", "x", None, false),
            ("Reg/x", "Reg", "x", None, false),
            ("a__b/c--d.e_f", "docker.io", "a__b/c--d.e_f", None, false),
            (&digested, "localhost:5000", "x", None, true),
            (&both, "a.b", "c", Some("v1"), true),
            (HOST_IMAGE, "pod.local", "host", None, false),
        ] {
            let reference = parse(text).unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!(reference.registry(), registry, "{text}");
            assert_eq!(reference.repository(), repository, "{text}");
            assert_eq!(reference.tag(), tag, "{text}");
            assert_eq!(reference.digest(), wants_digest.then_some(digest.as_str()), "{text}");
            assert_eq!(reference.is_host(), text == HOST_IMAGE);
            assert_eq!(reference.is_short(), registry == "docker.io", "{text}");
        }
    }

    #[test]
    fn faults_are_named() {
        let id = "0f".repeat(32);
        for text in [
            "",
            " ",
            ":tag",
            "a:",
            "a//b",
            "/a",
            "a/",
            "-a",
            "a..b",
            "a___b",
            "a b",
            "a@sha256:12",
            "a@md5:00",
            "x.y:port/a",
            "a:t:u",
            "a@",
            "ä",
            "[::g]/a",
            &id,
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, ReferenceError::Format { .. }), "{text:?}: {error}");
            assert_eq!(error.reason(), "InvalidImageName");
        }
        assert_eq!(
            parse("Nginx").unwrap_err().to_string(),
            "couldn't parse image reference \"Nginx\": \
             invalid reference format: repository name must be lowercase"
        );
        // The second is one byte too long with what it implies.
        for long in ["a".repeat(256), "a".repeat(255 - "docker.io/library/".len() + 1)] {
            assert!(matches!(parse(&long), Err(ReferenceError::TooLong { .. })));
        }
        assert!(parse(&"a".repeat(255 - "docker.io/library/".len())).is_ok());
        assert!(matches!(parse("pod.local/host:1"), Err(ReferenceError::HostVersion { .. })));
        let digested = format!("pod.local/host@sha256:{id}");
        assert!(matches!(parse(&digested), Err(ReferenceError::HostVersion { .. })));
    }
}
