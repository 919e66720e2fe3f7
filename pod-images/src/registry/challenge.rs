//! What a registry asks for when it answers 401: the `WWW-Authenticate` header.

/// How a registry wants to be shown who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// By a name and a password.
    Basic,
    /// By a token, which `realm` gives.
    Bearer { realm: String, service: Option<String> },
}

impl Challenge {
    /// The first challenge in the values of the headers that can be answered.
    ///
    /// A bearer token is preferred: the registry that asks for one too gets no password.
    pub(super) fn find<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        let challenges: Vec<Self> = headers.flat_map(parse).collect();
        let bearer = challenges.iter().find(|c| matches!(c, Self::Bearer { .. }));
        bearer.or(challenges.first()).cloned()
    }
}

/// A header's challenges of the known kinds. Source: RFC 9110, section 11.6.1.
fn parse(header: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let mut rest = header.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (scheme, after) = split_token(rest);
        if scheme.is_empty() {
            return found;
        }
        let (parameters, after) = parameters(after.trim_start());
        let find = |name: &str| {
            parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone())
        };
        if scheme.eq_ignore_ascii_case("basic") {
            found.push(Challenge::Basic);
        } else if scheme.eq_ignore_ascii_case("bearer")
            && let Some(realm) = find("realm")
        {
            found.push(Challenge::Bearer { realm, service: find("service") });
        }
        rest = after.trim_start_matches([' ', '\t', ',']);
    }
    found
}

/// `name=value` pairs, up to where the next challenge starts.
fn parameters(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    loop {
        let start = rest.trim_start_matches([' ', '\t', ',']);
        let (name, after) = split_token(start);
        // A word that no `=` follows is the scheme of the next challenge.
        let Some(after) = after.trim_start().strip_prefix('=') else { return (found, start) };
        if name.is_empty() {
            return (found, "");
        }
        let (value, after) = value(after.trim_start());
        found.push((name.to_owned(), value));
        rest = after;
    }
}

fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

fn split_token(text: &str) -> (&str, &str) {
    let end = text.find([' ', '\t', ',', '=', '"']).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer { realm: realm.into(), service: service.map(str::to_owned) })
    }

    #[test]
    fn challenges_are_found_in_headers() {
        for (headers, expected) in [
            (&["Basic realm=\"x\""][..], Some(Challenge::Basic)),
            (&["BASIC"], Some(Challenge::Basic)),
            (
                &["Bearer realm=\"https://a/t\",service=\"s, \\\"1\\\"\",scope=\"r:x:pull\""],
                bearer("https://a/t", Some("s, \"1\"")),
            ),
            (&["Bearer service=s realm=https://a/t"], bearer("https://a/t", Some("s"))),
            (&["Basic realm=\"x\", Bearer realm=\"https://a/t\""], bearer("https://a/t", None)),
            (&["Basic realm=\"x\"", "bearer realm=\"https://a/t\""], bearer("https://a/t", None)),
            (&["Negotiate", "Basic"], Some(Challenge::Basic)),
            (&["Negotiate abc==, Basic realm=x"], Some(Challenge::Basic)),
            (&["Bearer service=\"x\""], None),
            (&["", ", ,", "=", "\""], None),
            (&["Bearer realm=\"unclosed"], bearer("unclosed", None)),
            (&[], None),
        ] {
            assert_eq!(Challenge::find(headers.iter().copied()), expected, "{headers:?}");
        }
    }
}
