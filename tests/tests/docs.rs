//! What the documentation says is what the code does.

use std::path::Path;

#[test]
fn the_table_of_fields_is_the_one_in_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fields.md");
    let written = std::fs::read_to_string(path).expect("docs/fields.md is there");
    assert!(
        written == pod_spec::support::markdown(),
        "docs/fields.md is out of date: run `make docs`"
    );
}

#[test]
fn every_example_is_a_valid_manifest() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).expect("examples are there") {
        let path = entry.expect("can be read").path();
        let text = std::fs::read_to_string(&path).expect("can be read");
        let checked = pod_spec::Pod::from_yaml(&text).and_then(pod_spec::Pod::validate);
        assert!(checked.is_ok(), "{}: {}", path.display(), checked.expect_err("is wrong"));
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} examples were found");
}
