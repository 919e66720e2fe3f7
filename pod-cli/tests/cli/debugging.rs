//! Pods looked into with another container.

use std::process::Stdio;

use crate::host::{Host, run, server};

#[test]
fn b214_a_container_is_added_to_look_into_a_pod() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let mut debug = host.command([
        "debug",
        "web",
        "--image=pod.local/host",
        "--target=app",
        "-i",
        "-c",
        "look",
        "--env=WHO=me",
        "--",
        "sh",
        "-c",
        "read -r line; echo $WHO $line; kill -0 1; tr '\\0' ' ' </proc/1/cmdline; exit 6",
    ]);
    let ran = run(debug.stdin(Stdio::piped()), b"typed\n");
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(ran.out.starts_with("me typed\nsh -c trap"), "{ran:?}");
    let ran = host.pod("debug web --image pod.local/host --attach=false -- true");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.starts_with("Defaulting debug container name to debugger-"), "{ran:?}");
    // One that has ended before anybody attached shows what it wrote.
    let ran = host.pod("debug web --image pod.local/host --attach -q -- echo soon over");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "soon over\n", ""));
    assert_ne!(host.pod("debug web --image pod.local/host --target none -- true").code, 0);
    assert_eq!(host.pod("delete web --force").code, 0);
}

#[test]
fn a_copy_of_a_pod_is_changed_and_the_pod_is_not() {
    let host = Host::new();
    assert_eq!(host.pod_on("apply", &server()).code, 0);
    let ran = host.pod_args(&[
        "debug",
        "web",
        "--copy-to=other",
        "--image=pod.local/host",
        "--share-processes",
        "--attach",
        "-q",
        "--",
        "sh",
        "-c",
        "grep -l trap /proc/[0-9]*/cmdline >/dev/null && echo found",
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "found\n"), "{ran:?}");
    assert_eq!(host.pod("get pods -o name").out, "pod/other\npod/web\n");
    let ran = host.pod("debug web --copy-to=third --set-image=none=pod.local/host");
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran =
        host.pod("debug web --copy-to=third --set-image=*=pod.local/host --replace --same-node");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(host.pod("get pods -o name").out, "pod/other\npod/third\n");
    assert_eq!(host.pod("delete other third --force").code, 0);
}
