//! What concerns the whole machine.

use std::fs;

use serde_json::Value;

use crate::host::{Host, server};

#[test]
fn what_the_machine_has_is_shown() {
    let host = Host::new();
    let checked = host.pod("system check");
    assert_eq!((checked.code, checked.err.as_str()), (0, ""), "{checked:?}");
    for name in ["rights", "kernel", "cgroups", "overlayfs", "seccomp", "disk"] {
        let line = checked.out.lines().find(|line| line.split_whitespace().nth(1) == Some(name));
        assert!(line.is_some_and(|line| line.starts_with("ok ")), "{name}: {}", checked.out);
    }
    let data: Value = serde_json::from_str(&host.pod("system check -o json").out).expect("JSON");
    assert_eq!(data["ok"], true);
    let of =
        |requirement: &Value| requirement["verdict"] == "ok" || requirement["mend"].is_string();
    assert!(data["requirements"].as_array().expect("a list").iter().all(of), "{data}");
    assert!(host.pod("system info").out.contains("\npods                         0\n"));
    let data: Value = serde_json::from_str(&host.pod("system info -o json").out).expect("JSON");
    assert_eq!(data["images"]["count"], 0);
}

#[test]
fn what_would_be_removed_is_told_and_stays() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let nothing = host.pod("system prune --dry-run --images");
    assert_eq!((nothing.code, nothing.out.as_str()), (0, ""), "{nothing:?}");
    let state = host.root().join("run/pods/default/web");
    let aside = host.path("aside");
    fs::rename(&state, &aside).expect("it is moved");
    let told = host.pod("system prune --dry-run").out;
    fs::rename(&aside, &state).expect("it is moved back");
    assert!(told.starts_with("would remove the sandbox ") && told.lines().count() == 1, "{told}");
    assert_eq!(host.pod("exec web -- true").code, 0, "it is still there");
    assert_eq!(host.pod("system prune --images").out, "Total reclaimed space: 0B\n");
    assert_eq!(host.pod("delete web --force").code, 0);
}
