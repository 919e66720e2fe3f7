//! What the documentation says is what the code does.

use std::path::Path;

use pod_tests::coverage::{self, sources, tests};

#[expect(dead_code, reason = "its main is that of an example")]
#[path = "../../pod-spec/examples/podman.rs"]
mod podman;

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
fn the_comparison_with_podman_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/podman.md");
    let written = std::fs::read_to_string(path).expect("docs/podman.md is there");
    assert!(written == podman::page(), "docs/podman.md is out of date: run `make docs`");
}

#[test]
fn the_table_of_behaviours_names_the_tests_that_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/behaviour.md");
    let written = std::fs::read_to_string(path).expect("docs/behaviour.md is there");
    assert!(written == coverage::page(), "docs/behaviour.md is out of date: run `make docs`");
    assert_eq!(coverage::faults(), Vec::<String>::new());
}

#[test]
fn what_is_honoured_is_shown_by_a_test() {
    let texts = sources();
    let known: std::collections::BTreeSet<_> = texts.iter().flat_map(|text| tests(text)).collect();
    for row in pod_spec::support::table() {
        if let pod_spec::support::Support::Honoured { test } = row.support {
            assert!(known.contains(test), "{}: there is no test `{test}`", row.path);
        }
    }
}

#[test]
fn every_example_is_a_valid_manifest() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).expect("examples are there") {
        let path = entry.expect("can be read").path();
        let text = std::fs::read_to_string(&path).expect("can be read");
        let objects = pod_spec::Object::read(&text);
        for object in objects.unwrap_or_else(|faults| panic!("{}: {faults}", path.display())) {
            let checked = pod_spec::AdmittedObject::new(object);
            assert!(checked.is_ok(), "{}: {}", path.display(), checked.expect_err("is wrong"));
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} examples were found");
}
