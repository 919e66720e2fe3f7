//! Layers as overlayfs shows them, one on the other, in a mount namespace that goes with each test.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod image;

use std::path::Path;
use std::process::Command;

use image::{Archive, ImageArchive};
use pod_images::{Images, RootSource};

/// Loads an image of these layers, mounts them, and tells what a shell says in the result.
fn seen(layers: &[Archive], script: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let images = Images::with_helper(dir.path().join("s"), env!("CARGO_BIN_EXE_pod-unpack"));
    let name = "test.local/overlay:1";
    let image = layers.iter().fold(ImageArchive::new(name), ImageArchive::layer);
    images.load(&image.layout()[..]).unwrap();
    let RootSource::Layers(mut paths) = images.resolve(&name.parse().unwrap()).unwrap().root else {
        panic!("not of layers")
    };
    // Overlayfs wants more than one layer, and has them in the other order.
    let (root, empty) = (dir.path().join("root"), dir.path().join("empty"));
    std::fs::create_dir(&root).unwrap();
    std::fs::create_dir(&empty).unwrap();
    paths.insert(0, empty);
    let lower: Vec<&str> = paths.iter().rev().map(|path| path.to_str().unwrap()).collect();
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-ec"])
        .arg(format!(
            "mount -t overlay overlay -o lowerdir={} .; cd \"$PWD\"; {script}",
            lower.join(":")
        ))
        .current_dir(&root)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!Path::new("/pod-images-escape").exists());
    text.trim().to_owned()
}

const FIND: &str = "find . -mindepth 1 | sort | tr '\\n' ' '";

#[test]
fn what_an_upper_layer_removes_is_gone() {
    let base = Archive::new()
        .dir("d")
        .file("d/a", b"1")
        .file("d/b", b"1")
        .dir("e")
        .file("e/a", b"1")
        .file("f", b"1");
    let new = Archive::new;
    for (case, upper, expected) in [
        ("a file", new().file("d/.wh.a", b""), "./d ./d/b ./e ./e/a ./f"),
        ("a directory", new().file(".wh.d", b""), "./e ./e/a ./f"),
        ("what is not there", new().file(".wh.x", b""), "./d ./d/a ./d/b ./e ./e/a ./f"),
        (
            "all of a directory",
            new().dir("d").file("d/.wh..wh..opq", b"").file("d/c", b"2"),
            "./d ./d/c ./e ./e/a ./f",
        ),
        (
            "all of a directory, said last",
            new().dir("d").file("d/c", b"2").file("d/.wh..wh..opq", b""),
            "./d ./d/c ./e ./e/a ./f",
        ),
        (
            "a directory that comes again",
            new().file(".wh.d", b"").dir("d").file("d/c", b"2"),
            "./d ./d/c ./e ./e/a ./f",
        ),
        (
            "a directory that came again",
            new().dir("d").file("d/c", b"2").file(".wh.d", b""),
            "./d ./d/c ./e ./e/a ./f",
        ),
        (
            "a directory that is implied",
            new().file(".wh.d", b"").file("d/c", b"2"),
            "./d ./d/c ./e ./e/a ./f",
        ),
        (
            "a file that comes again",
            new().file("f", b"2").file(".wh.f", b""),
            "./d ./d/a ./d/b ./e ./e/a ./f",
        ),
        (
            "files of other tools",
            new().file(".wh..wh.plnk", b"").file(".wh..wh.aufs/x", b""),
            "./d ./d/a ./d/b ./e ./e/a ./f",
        ),
    ] {
        assert_eq!(seen(&[base.clone(), upper], FIND), expected, "{case}");
    }
}

#[test]
fn a_directory_that_becomes_a_link_leads_nowhere() {
    let layers = [
        Archive::new().dir("d").file("d/a", b"1"),
        Archive::new().symlink("d", "/"),
        // What would be written to the host's root by who unpacks layers one over the other.
        Archive::new().file("d/pod-images-escape", b"3"),
    ];
    assert_eq!(seen(&layers, FIND), "./d ./d/pod-images-escape");
    assert_eq!(seen(&layers[..2], "readlink d"), "/");
}

#[test]
fn the_root_and_links_are_what_the_layers_say() {
    let layers = [
        Archive::new().file("a", b"1").hard_link("b", "a"),
        Archive::new().with(b'5', b"./", b"", |header| header.set_mode(0o1711)),
    ];
    assert_eq!(seen(&layers, "stat -c '%a %h' . a; cat b"), "1711 1\n644 2\n1");
}
