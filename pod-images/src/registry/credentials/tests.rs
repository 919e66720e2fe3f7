use super::*;

fn shown(text: &str, registry: &str, repository: &str) -> Vec<String> {
    Credentials::from_docker_config(text)
        .unwrap()
        .logins(registry, repository)
        .unwrap()
        .into_iter()
        .map(|login| match login {
            Login::Password { user, password } => format!("{user}:{}", password.reveal()),
            Login::Identity(token) => format!("identity {}", token.reveal()),
            Login::Bearer(token) => format!("bearer {}", token.reveal()),
        })
        .collect()
}

/// An entry whose user is `user`; base64 of "user:p:w" and zeros.
fn auths(keys: &[(&str, &str)]) -> String {
    let entries: Vec<String> = keys
        .iter()
        .map(|(key, user)| {
            format!("\"{key}\":{{\"auth\":\"{}\"}}", STANDARD.encode(format!("{user}:p:w\0")))
        })
        .collect();
    format!("{{\"auths\":{{{}}}}}", entries.join(","))
}

#[test]
fn keys_match_hosts_and_paths_narrowest_first() {
    let text = auths(&[
        ("a.test", "host"),
        ("a.test/team", "team"),
        ("a.test/team/app", "app"),
        ("https://b.test/v2/", "scheme"),
        ("https://index.docker.io/v1/", "hub"),
        ("*.wild.test", "wild"),
        ("re*y.wide.test:5000", "wide"),
    ]);
    for (registry, repository, users) in [
        ("a.test", "other", &["host"][..]),
        ("a.test", "team/app", &["app", "team", "host"]),
        ("a.test", "team/apps", &["team", "host"]),
        ("a.test:5000", "team", &[]),
        ("b.test", "x", &["scheme"]),
        ("docker.io", "library/nginx", &["hub"]),
        ("x.wild.test", "x", &["wild"]),
        ("y.x.wild.test", "x", &[]),
        ("registry.wide.test:5000", "x", &["wide"]),
        ("registers.wide.test:5000", "x", &[]),
    ] {
        let expected: Vec<_> = users.iter().map(|user| format!("{user}:p:w")).collect();
        assert_eq!(shown(&text, registry, repository), expected, "{registry}/{repository}");
    }
}

#[test]
fn every_form_of_entry_is_read() {
    for (entry, expected) in [
        (r#"{"username":"u","password":"p"}"#, &["u:p"][..]),
        (r#"{"auth":"dTpw","username":"x","password":"y"}"#, &["u:p"]),
        (r#"{"auth":"dTpw","identitytoken":"t"}"#, &["identity t"]),
        (r#"{"registrytoken":"t"}"#, &["bearer t"]),
        (r#"{"auth":""}"#, &[]),
        ("{}", &[]),
    ] {
        let whole = format!(r#"{{"auths":{{"a.test":{entry}}}}}"#);
        assert_eq!(shown(&whole, "a.test", "x"), expected, "{entry}");
        let older = format!(r#"{{"a.test":{entry}}}"#);
        assert_eq!(shown(&older, "a.test", "x"), expected, "{entry}");
    }
    assert_eq!(Credentials::from_docker_config("{}").unwrap(), Credentials::default());
    assert_eq!(Credentials::from_docker_config("").unwrap(), Credentials::default());
}

#[test]
fn no_error_and_no_debug_output_tells_a_secret() {
    for text in [
        r#"{"auths":{"a.test":"hunter2"}}"#,
        r#"{"auths":{"a.test":{"auth":"hunter2"}}}"#,
        r#"{"auths":{"a.test":{"password":["hunter2"]}}}"#,
        r#"{"auths":{"a.test":{"auth":"aHVudGVyMg=="}}}"#,
        "hunter2",
    ] {
        let error = Credentials::from_docker_config(text).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains("hunter2") && !told.contains("aHVudGVyMg"), "{told}");
    }
    let text = auths(&[("a.test", "u")]);
    let credentials = Credentials::from_docker_config(&text).unwrap();
    assert!(!format!("{credentials:?}").contains("p:w"), "{credentials:?}");
}

#[test]
fn files_are_read_in_turn_and_need_not_exist() {
    let dir = tempfile::tempdir().unwrap();
    let places = Places {
        user: Some(dir.path().join("none")),
        docker: Some(dir.path().to_owned()),
        ..Places::default()
    };
    assert_eq!(Credentials::load(&places).unwrap(), []);
    let file = dir.path().join("config.json");
    std::fs::write(&file, auths(&[("a.test", "u")])).unwrap();
    assert_eq!(Credentials::load(&places).unwrap()[0].logins("a.test", "x").unwrap().len(), 1);
    std::fs::write(&file, r#"{"credsStore":"../evil"}"#).unwrap();
    let error = Credentials::load(&places).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot understand the logins in {}", file.display()));
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "\"../evil\" is not the name of a credential helper");
}

#[test]
fn a_secret_of_a_pod_runs_no_program() {
    let text = r#"{"credsStore":"none","credHelpers":{"a.test":"none"}}"#;
    let credentials = Credentials::from_docker_config(text).unwrap();
    assert_eq!(credentials.logins("a.test", "x").unwrap(), []);
}
