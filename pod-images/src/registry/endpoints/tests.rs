use std::path::Path;

use super::*;

const DIGEST: &str = "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

fn configuration(text: &str) -> Configuration {
    Configuration::parse(text, Path::new("test")).unwrap()
}

/// Each endpoint as `host/repository version`, with `!` for an insecure one.
fn listed(configuration: &Configuration, image: &str) -> Result<Vec<String>, EndpointError> {
    let endpoints = configuration.endpoints(&image.parse().unwrap())?;
    Ok(endpoints
        .iter()
        .map(|endpoint| {
            let version = match endpoint.version() {
                Version::Tag(tag) => tag.clone(),
                Version::Digest(digest) => digest.as_str()[..9].to_owned(),
            };
            let mark = if endpoint.is_insecure() { "!" } else { "" };
            format!("{}/{} {version}{mark}", endpoint.host(), endpoint.repository())
        })
        .collect())
}

#[test]
fn without_a_configuration_names_mean_what_they_say() {
    for (image, expected) in [
        ("nginx", "registry-1.docker.io/library/nginx latest"),
        ("team/app:1", "registry-1.docker.io/team/app 1"),
        ("quay.io/a/b:c", "quay.io/a/b c"),
        (&format!("quay.io/a/b:c@{DIGEST}"), "quay.io/a/b sha256:0a"),
        ("localhost/x", "localhost/x latest!"),
        ("127.8.0.1:5000/x", "127.8.0.1:5000/x latest!"),
        ("[::1]:5000/x", "[::1]:5000/x latest!"),
        ("localhost.example.com/x", "localhost.example.com/x latest"),
    ] {
        assert_eq!(listed(&Configuration::default(), image).unwrap(), [expected], "{image}");
    }
}

#[test]
fn short_names_are_aliases_then_searched() {
    let conf = configuration(
        "unqualified-search-registries = ['quay.io', 'docker.io']\n\
         [aliases]\nfedora = 'registry.test/fedora'\n'team/app' = 'quay.io/team/other'\n",
    );
    for (image, expected) in [
        ("fedora", &["registry.test/fedora latest"][..]),
        ("fedora:40", &["registry.test/fedora 40"]),
        (&format!("fedora:40@{DIGEST}"), &["registry.test/fedora sha256:0a"]),
        ("team/app:2", &["quay.io/team/other 2"]),
        ("nginx:1", &["quay.io/nginx 1", "registry-1.docker.io/library/nginx 1"]),
        ("docker.io/fedora", &["registry-1.docker.io/library/fedora latest"]),
    ] {
        assert_eq!(listed(&conf, image).unwrap(), expected, "{image}");
    }
    let strict = "short-name-mode = 'enforcing'\nunqualified-search-registries = ";
    let one = configuration(&format!("{strict}['quay.io']"));
    assert_eq!(listed(&one, "a").unwrap(), ["quay.io/a latest"]);
    let two = configuration(&format!("{strict}['quay.io', 'docker.io']"));
    assert_eq!(
        listed(&two, "a").unwrap_err().to_string(),
        "image \"a\" names no registry and could be of any of quay.io, docker.io; \
         write the registry, or an alias in registries.conf"
    );
}

#[test]
fn the_longest_prefix_moves_a_name() {
    let conf = configuration(
        "[[registry]]\nprefix = 'a.test'\nlocation = 'moved.test/all'\n\
         [[registry]]\nprefix = 'a.test/team'\nlocation = 'team.test'\ninsecure = true\n\
         [[registry]]\nprefix = '*.wild.test'\ninsecure = true\n\
         [[registry]]\nprefix = 'docker.io/library'\nlocation = 'hub.test/official'\n\
         [[registry]]\nlocation = 'localhost:5000'\ninsecure = false\n\
         [[registry]]\nlocation = 'bad.test'\nblocked = true\n\
         [[registry]]\nprefix = 'nowhere.test'\nlocation = 'nowhere'\n",
    );
    for (image, expected) in [
        ("a.test/x:1", "moved.test/all/x 1"),
        ("a.test/team/x:1", "team.test/x 1!"),
        ("a.test/teams/x:1", "moved.test/all/teams/x 1"),
        ("a.test:80/x", "a.test:80/x latest"),
        ("b.wild.test/x", "b.wild.test/x latest!"),
        ("c.b.wild.test/x", "c.b.wild.test/x latest!"),
        ("wild.test/x", "wild.test/x latest"),
        ("nginx", "hub.test/official/nginx latest"),
        ("team/nginx", "registry-1.docker.io/team/nginx latest"),
        ("localhost:5000/x", "localhost:5000/x latest"),
    ] {
        assert_eq!(listed(&conf, image).unwrap(), [expected], "{image}");
    }
    let blocked = listed(&conf, "bad.test/x").unwrap_err();
    assert!(matches!(blocked, EndpointError::Blocked { prefix, .. } if prefix == "bad.test"));
    let lost = listed(&conf, "nowhere.test/x").unwrap_err();
    assert!(matches!(lost, EndpointError::Rewritten { text, .. } if text == "nowhere/x"));
}

#[test]
fn mirrors_come_first_for_what_they_serve() {
    let conf = configuration(
        "[[registry]]\nlocation = 'a.test'\n\
         [[registry.mirror]]\nlocation = 'all.test/a'\n\
         [[registry.mirror]]\nlocation = 'digest.test'\npull-from-mirror = 'digest-only'\n\
         [[registry.mirror]]\nlocation = 'tag.test'\npull-from-mirror = 'tag-only'\ninsecure = true\n\
         [[registry]]\nlocation = 'b.test'\nmirror-by-digest-only = true\n\
         [[registry.mirror]]\nlocation = 'm.test'\n",
    );
    for (image, expected) in [
        ("a.test/x:1", &["all.test/a/x 1", "tag.test/x 1!", "a.test/x 1"][..]),
        (
            &format!("a.test/x@{DIGEST}"),
            &["all.test/a/x sha256:0a", "digest.test/x sha256:0a", "a.test/x sha256:0a"],
        ),
        ("b.test/x:1", &["b.test/x 1"]),
        (&format!("b.test/x@{DIGEST}"), &["m.test/x sha256:0a", "b.test/x sha256:0a"]),
    ] {
        assert_eq!(listed(&conf, image).unwrap(), expected, "{image}");
    }
}

#[test]
fn a_digest_that_cannot_be_checked_is_refused() {
    let image = format!("a.test/x@sha384:{}", "0a".repeat(48));
    let error = listed(&Configuration::default(), &image).unwrap_err();
    assert!(matches!(error, EndpointError::Digest { .. }), "{error}");
}
