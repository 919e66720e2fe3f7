use super::*;

fn parse(text: &str) -> Result<Configuration, ConfigurationError> {
    Configuration::parse(text, Path::new("/etc/containers/registries.conf"))
}

#[test]
fn faults_are_told_with_file_and_line() {
    for (text, expected) in [
        ("a = ", ":1: "),
        ("\nunqualified-search-registries = 3", ":2: invalid type"),
        ("\n\n[registries.search]\nregistries = ['docker.io']", ":3: the [registries] tables"),
        ("short-name-mode = 'ask'", ":1: short-name-mode \"ask\" is none of"),
        ("\n[aliases]\nx = 'y'", ":3: alias \"x\" has to stand for"),
        ("[aliases]\nx = 'quay.io/y:1'", ":2: alias \"x\" has to stand for"),
        ("\n[[registry]]\nblocked = true", ":2: this [[registry]] has neither"),
        ("[[registry]]\nprefix = 'a.b'", ":1: registry \"a.b\" needs a location"),
        ("[[registry]]\nlocation = 'https://a.b'", ":1: \"https://a.b\" starts with a scheme"),
        (
            "[[registry]]\nlocation = 'a.b'\n[[registry.mirror]]\nlocation = '/'",
            ":3: a location is empty",
        ),
        (
            "[[registry]]\nlocation = 'a.b'\n\
             [[registry.mirror]]\nlocation = 'c'\npull-from-mirror = 'no'",
            ":3: pull-from-mirror \"no\" is none of",
        ),
        (
            "[[registry]]\nlocation = 'a.b'\nmirror-by-digest-only = true\n\
             [[registry.mirror]]\nlocation = 'c'\npull-from-mirror = 'all'",
            ":4: pull-from-mirror cannot stand beside",
        ),
    ] {
        let error = parse(text).unwrap_err().to_string();
        let expected = format!("/etc/containers/registries.conf{expected}");
        assert!(error.starts_with(&expected), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn later_files_count_more_and_a_users_file_hides_the_machines() {
    let dir = tempfile::tempdir().unwrap();
    let (machine, user) = (dir.path().join("etc"), dir.path().join("home"));
    let places =
        Places { machine: Some(machine.clone()), user: Some(user.clone()), ..Places::default() };
    assert_eq!(Configuration::load(&places).unwrap(), Configuration::default());
    let search = |registry: &str| format!("unqualified-search-registries = ['{registry}']\n");
    write(&machine.join(FILE), &search("main.test"));
    let aliases = "[aliases]\na = 'x.test/a'\nb = 'x.test/b'\n";
    write(&machine.join(DROP_INS).join("000.conf"), aliases);
    write(&machine.join(DROP_INS).join("ignored.txt"), "not toml");
    let later = format!("{}[aliases]\na = ''\nb = 'y.test/b'\n", search("later.test"));
    write(&machine.join(DROP_INS).join("100.conf"), &later);
    let loaded = Configuration::load(&places).unwrap();
    assert_eq!(loaded.search, ["later.test"]);
    assert_eq!(loaded.aliases, [("b".to_owned(), "y.test/b".to_owned())].into());

    write(&user.join(DROP_INS).join("1.conf"), &search("users-drop-in.test"));
    assert_eq!(Configuration::load(&places).unwrap().search, ["users-drop-in.test"]);
    write(&user.join(FILE), "short-name-mode = 'enforcing'\n");
    let loaded = Configuration::load(&places).unwrap();
    assert_eq!(loaded.short_names, ShortNames::One);
    assert!(loaded.aliases.is_empty(), "the machine's files are hidden");

    let named = Places { registries: Some(dir.path().join("none")), ..places };
    let error = Configuration::load(&named).unwrap_err();
    assert!(matches!(error, ConfigurationError::Read { .. }), "{error}");
}

#[test]
fn a_registry_of_a_later_file_replaces_the_whole_table() {
    let mut whole = parse("[[registry]]\nlocation = 'a.b'\ninsecure = true").unwrap();
    whole.add(
        Layer::parse("[[registry]]\nlocation = 'a.b/'\nblocked = true", Path::new("x")).unwrap(),
    );
    assert_eq!(whole.registries.len(), 1);
    assert_eq!((whole.registries[0].blocked, whole.registries[0].insecure), (true, None));
}
