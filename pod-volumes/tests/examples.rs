//! The examples run, as their readers would run them. Needs root.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Command;

/// What an example of this crate, which cargo has built beside this test, writes.
fn output(name: &str) -> String {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(|deps| deps.parent()).unwrap();
    let output = Command::new(target.join("examples").join(name)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_driver_of_ones_own_fills_a_volume() {
    assert_eq!(output("driver"), "site: <h1>Hello</h1>\n");
}

#[test]
fn volumes_are_measured() {
    let table = output("volume_timing");
    assert_eq!(table.lines().count(), 4, "{table}");
}
