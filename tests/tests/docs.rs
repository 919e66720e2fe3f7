//! What the documentation says is what the code does.

use std::path::Path;

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

/// The text of every source file of the project.
fn sources(dir: &Path, out: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).expect("can be read") {
        let path = entry.expect("can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !matches!(name, "target" | "fuzz" | ".git") {
            sources(&path, out);
        } else if name.ends_with(".rs") {
            out.push(std::fs::read_to_string(&path).expect("can be read"));
        }
    }
}

/// The names of the tests in a source file, without those that are ignored. Those of pod-sandbox have a world of their own
/// in place of an attribute.
fn tests(text: &str) -> Vec<&str> {
    let attributed = text.split("#[test]").skip(1).chain(text.split("#[tokio::test]").skip(1));
    let attributed = attributed.filter_map(|rest| {
        let (before, after) = rest.split_once("fn ")?;
        let name = after.split_once('(')?.0;
        (!before.contains("#[ignore")).then_some(name)
    });
    let worlds =
        text.lines().filter_map(|line| line.strip_prefix("fn ")?.strip_suffix("(w: &World) {"));
    attributed.chain(worlds).collect()
}

#[test]
fn the_comparison_with_podman_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/podman.md");
    let written = std::fs::read_to_string(path).expect("docs/podman.md is there");
    assert!(written == podman::page(), "docs/podman.md is out of date: run `make docs`");
}

#[test]
fn what_is_honoured_is_shown_by_a_test() {
    let mut texts = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut texts);
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
        let checked = pod_spec::Pod::from_yaml(&text).and_then(pod_spec::Pod::validate);
        assert!(checked.is_ok(), "{}: {}", path.display(), checked.expect_err("is wrong"));
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} examples were found");
}
