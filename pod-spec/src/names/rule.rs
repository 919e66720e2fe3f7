//! The rules for names. Each gives what is wanted when a text does not follow it.

/// What a rule gives.
type Rule = Result<(), &'static str>;

fn rule(holds: bool, wanted: &'static str) -> Rule {
    if holds { Ok(()) } else { Err(wanted) }
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    let edge = |b: Option<&u8>| b.is_some_and(|b| *b != b'-');
    bytes.iter().all(inner) && edge(bytes.first()) && edge(bytes.last())
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// A DNS label of RFC 1123.
pub(crate) fn label(text: &str) -> Rule {
    rule(
        text.len() <= 63 && is_label(text),
        "a DNS label: at most 63 lower-case letters, digits and `-`, with a letter or digit first and last",
    )
}

/// A DNS subdomain of RFC 1123.
pub(crate) fn subdomain(text: &str) -> Rule {
    rule(
        is_subdomain(text),
        "a DNS subdomain: at most 253 lower-case letters, digits, `-` and `.`, with a letter or digit first and last \
         in each part",
    )
}

/// The beginning of a DNS subdomain: more follows, so that it may end in `-`.
pub(crate) fn subdomain_prefix(text: &str) -> Rule {
    // As the API server does: the last two characters stand for what follows.
    let begun = text.strip_suffix('-').and_then(|begun| begun.get(..begun.len().checked_sub(1)?));
    begun.map_or_else(|| subdomain(text), |begun| subdomain(&format!("{begun}a")))
}

fn is_domain_with_underscores(text: &str) -> bool {
    let bytes = text.strip_prefix('_').unwrap_or(text).as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    bytes.iter().all(inner) && edge(bytes.first()) && edge(bytes.last())
}

/// A domain that names are looked up in, with or without a dot at its end; a dot alone is that of all domains.
pub(crate) fn search_domain(text: &str) -> Rule {
    let domain = text.strip_suffix('.').unwrap_or(text);
    rule(
        text == "." || domain.len() <= 253 && domain.split('.').all(is_domain_with_underscores),
        "a domain: at most 253 lower-case letters, digits, `-`, `_` and `.`",
    )
}

fn is_qualified_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    text.len() <= 63
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && edge(bytes.first())
        && edge(bytes.last())
}

/// The key of a label or annotation: a name, after a DNS subdomain and `/` if it likes.
pub(crate) fn qualified(text: &str) -> Rule {
    let (prefix, name) =
        text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    rule(
        prefix.is_none_or(is_subdomain) && is_qualified_part(name),
        "a qualified name: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit first and last, \
         after a DNS subdomain and `/` if need be",
    )
}

/// The key of an annotation: that of a label, in which case does not matter.
pub(crate) fn annotation_key(text: &str) -> Rule {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        qualified(&text.to_ascii_lowercase())
    } else {
        qualified(text)
    }
}

/// The value of a label.
pub(crate) fn label_value(text: &str) -> Rule {
    rule(
        text.is_empty() || is_qualified_part(text),
        "a label's value: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit first and last",
    )
}

/// The name of a variable.
pub(crate) fn variable(text: &str) -> Rule {
    rule(
        !text.is_empty() && text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'='),
        "a variable's name: printable ASCII characters other than `=`",
    )
}

/// The key of a ConfigMap or Secret.
pub(crate) fn config_key(text: &str) -> Rule {
    rule(
        (1..=253).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && text != "."
            && !text.starts_with(".."),
        "a key: at most 253 letters, digits, `-`, `_` and `.`, neither `.` alone nor with `..` first",
    )
}

/// The name of a header of HTTP.
pub(crate) fn header(text: &str) -> Rule {
    rule(
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
        "a header's name: letters, digits and `-`",
    )
}

/// The name of a kernel parameter, with dots or slashes between its parts.
pub(crate) fn sysctl(text: &str) -> Rule {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        bytes.iter().all(inner) && edge(bytes.first()) && edge(bytes.last())
    };
    rule(
        text.len() <= 253 && text.split(['.', '/']).all(is_part),
        "a kernel parameter: at most 253 lower-case letters, digits, `-` and `_`, with `.` or `/` between its parts",
    )
}

/// The name of a port: RFC 6335.
pub(crate) fn port(text: &str) -> Rule {
    rule(
        text.len() <= 15
            && is_label(text)
            && !text.contains("--")
            && text.bytes().any(|b| b.is_ascii_lowercase()),
        "a port's name: at most 15 lower-case letters, digits and single `-`, at least one of them a letter, with a \
         letter or digit first and last",
    )
}

/// The name with the usual slips put right, when that makes it follow the rule.
pub(crate) fn repair(text: &str, rule: fn(&str) -> Rule) -> Option<String> {
    if text.len() > 63 {
        return None;
    }
    let repaired: String = text
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c == '_' || c == ' ' { '-' } else { c })
        .collect();
    let repaired = repaired.trim_matches('-');
    (repaired != text && !repaired.is_empty() && rule(repaired).is_ok())
        .then(|| repaired.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_rules() {
        let long = "a".repeat(64);
        type Case<'a> = (fn(&str) -> Rule, &'a [&'a str], &'a [&'a str]);
        let cases: [Case<'_>; 12] = [
            (label, &["a", "a-b", "0", "a1"], &["", "A", "a_b", "-a", "a-", "a.b", "ä", &long]),
            (subdomain, &["a", "a.b-c.d", &long], &["", "a..b", ".a", "a.-b", "A"]),
            (qualified, &["a", "A_b.c", "a.b/C"], &["", "/a", "a/", "a/b/c", "-a", "A_b/c", &long]),
            (label_value, &["", "a", "A.b_c-d"], &["-a", "a b", "a/b", &long]),
            (variable, &["A", "a.b-c", "1 2"], &["", "a=b", "ä", "a\n"]),
            (
                port,
                &["http", "a-1", "8080a"],
                &["8080", "HTTP", "a--b", "-a", "sixteen-letters-", ""],
            ),
            (subdomain_prefix, &["a", "a-", "a.b-", "ab-"], &["", "-", "Ab-", "a_", "a.", "a_b-"]),
            (search_domain, &["a", "a.b.", ".", "_a.b_c"], &["", "..", "a..b", "A", "a b", "-a"]),
            (annotation_key, &["a", "A.Example.com/b", "a.b/C"], &["", "a/b/c", "-a", "a b"]),
            (config_key, &["a", ".a", "A_b-c.d", "a..b"], &["", ".", "..", "..a", "a/b", "a b"]),
            (header, &["Accept", "X-1"], &["", "a:", "a b", "a_b"]),
            (
                sysctl,
                &["kernel.shm_rmid_forced", "net/ipv4/conf/eno2.100/rp_filter", "a"],
                &["", "A", "a..b", ".a", "a.", "a/-b", "a b"],
            ),
        ];
        for (rule, good, bad) in cases {
            for text in good {
                assert_eq!(rule(text), Ok(()), "{text:?}");
            }
            for text in bad {
                assert!(rule(text).is_err(), "{text:?}");
            }
        }
    }

    #[test]
    fn usual_slips_are_put_right() {
        assert_eq!(repair("My_App", label).as_deref(), Some("my-app"));
        assert_eq!(repair("a/b", label), None);
        assert_eq!(repair("_", label), None);
    }
}
