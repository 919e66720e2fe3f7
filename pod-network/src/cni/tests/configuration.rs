use super::{Installation, told};
use crate::cni::attachment::prepare;
use crate::cni::configuration::load;

const GOOD: &str = r#"{"cniVersion": "1.0.0", "name": "good", "plugins": [{"type": "one"}]}"#;

#[test]
fn the_first_file_by_name_that_is_called_like_a_configuration_is_used() {
    let installation = Installation::new();
    assert!(!installation.cni().is_configured());
    installation.configure("00-notes.txt", "nothing");
    installation.configure("20-good.conflist", GOOD);
    assert!(installation.cni().is_configured());
    assert_eq!(load(&installation.path("conf")).unwrap().name, "good");

    let single = r#"{"cniVersion": "0.3.1", "name": "single", "type": "one", "mtu": 1400}"#;
    installation.configure("10-single.conf", single);
    let configuration = load(&installation.path("conf")).unwrap();
    assert_eq!(configuration.name, "single");
    assert_eq!(configuration.plugins[0].kind, "one");
    assert_eq!(configuration.plugins[0].rest["mtu"], 1400);
}

#[test]
fn without_a_configuration_the_directory_is_named() {
    let installation = Installation::new();
    let conf = installation.path("conf");
    let expected = format!("no CNI configuration is in {}", conf.display());
    assert_eq!(told(&prepare(&installation.cni()).unwrap_err()), expected);
    std::fs::remove_dir(&conf).unwrap();
    assert!(!installation.cni().is_configured());
    assert_eq!(told(&prepare(&installation.cni()).unwrap_err()), expected);
}

#[test]
fn a_fault_is_named_with_the_file_and_the_place() {
    let cases = [
        ("{\"cniVersion\": \"1.0.0\",\n\"name\" \"x\"}", "expected `:` at line 2 column 8"),
        (
            "{\"cniVersion\": \"1.0.0\",\n\"plugins\": []}",
            "missing field `name` at line 2 column 14",
        ),
        (
            r#"{"cniVersion": "0.2.0", "name": "x", "plugins": [{"type": "one"}]}"#,
            "0.2.0 is not a version of CNI from 0.3.0 to 1.1.0",
        ),
        (
            r#"{"cniVersion": "1.0.0", "name": "x/y", "plugins": [{"type": "one"}]}"#,
            r#"the name "x/y" is not letters, digits, `_`, `.` and `-` after a letter or digit"#,
        ),
        (r#"{"cniVersion": "1.0.0", "name": "x", "plugins": []}"#, "its list of plugins is empty"),
        (
            r#"{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "../sh"}]}"#,
            r#"the plugin type "../sh" is not the name of a program"#,
        ),
        (
            r#"{"cniVersion": "1.0.0", "name": "x", "plugins": [{"bridge": "cni0"}]}"#,
            "missing field `type` at line 1 column 67",
        ),
        (
            r#"{"cniVersion": "1.0.0", "name": "x", "disableCheck": "yes", "plugins": [{"type": "a"}]}"#,
            r#"invalid value: string "yes", expected true or false at line 1 column 58"#,
        ),
    ];
    for (content, fault) in cases {
        let installation = Installation::new();
        installation.configure("10-x.conflist", content);
        installation.configure("20-good.conflist", GOOD);
        let file = installation.path("conf/10-x.conflist");
        assert_eq!(
            told(&prepare(&installation.cni()).unwrap_err()),
            format!("cannot use the CNI configuration {}: {fault}", file.display()),
        );
    }
}

#[test]
fn flags_may_be_strings_and_versions_several() {
    let installation = Installation::new();
    installation.configure(
        "10-x.conflist",
        r#"{"cniVersion": "0.4.0", "cniVersions": ["1.0.0", "9.0.0", "0.4.0"], "name": "x",
            "disableCheck": "true", "disableGC": true, "plugins": [{"type": "one"}]}"#,
    );
    let configuration = load(&installation.path("conf")).unwrap();
    let versions: Vec<_> = configuration.versions.iter().map(|v| v.as_str()).collect();
    assert_eq!(versions, ["1.0.0", "0.4.0"]);
    assert!(!configuration.check && !configuration.collect_garbage);
}
