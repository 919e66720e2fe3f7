//! Processes that die in the middle of their work, and those that come after them.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod image;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use image::{Archive, ImageArchive};
use pod_images::{Images, LoadError, RootSource};

const NAME: &str = "test.local/killed:1";
/// Names the store, and is set in a process that is there to be killed.
const STORE: &str = "POD_IMAGES_TEST_STORE";
const HELPER: &str = "POD_IMAGES_TEST_HELPER";
const UNPACK: &str = env!("CARGO_BIN_EXE_pod-unpack");

/// This test again, in a process of its own that loads what comes on its standard input.
fn loader(test: &str, store: &Path, helper: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test]).env(STORE, store).env(HELPER, helper);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Does the work of that process, if this is it.
fn is_loader() -> bool {
    let Some(store) = std::env::var_os(STORE) else { return false };
    let images = Images::with_helper(store, std::env::var_os(HELPER).unwrap());
    images.load(std::io::stdin()).unwrap();
    true
}

fn archive() -> Vec<u8> {
    ImageArchive::new(NAME).layer(&Archive::new().file("base", &[1; 300_000])).layout()
}

/// The image is whole after a load of the usual kind, and nothing else is there.
fn assert_whole(store: &Path) {
    let images = Images::with_helper(store, UNPACK);
    assert!(images.resolve(&NAME.parse().unwrap()).is_err());
    assert_eq!(images.list().unwrap(), []);
    images.load(&archive()[..]).unwrap();
    let RootSource::Layers(layers) = images.resolve(&NAME.parse().unwrap()).unwrap().root else {
        panic!("not of layers")
    };
    assert_eq!(fs::read(layers[0].join("base")).unwrap(), [1; 300_000]);
    assert_eq!(fs::read_dir(store.join("tmp")).unwrap().count(), 0);
}

#[test]
fn killed_while_reading_the_archive() {
    if is_loader() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut child = loader("killed_while_reading_the_archive", dir.path(), Path::new(UNPACK));
    let mut child = child.spawn().unwrap();
    let archive = archive();
    // More than a pipe holds: when it is written, the process has begun with it.
    child.stdin.as_mut().unwrap().write_all(&archive[..archive.len() / 2]).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(fs::read_dir(dir.path().join("tmp")).unwrap().count() > 0);
    assert_whole(dir.path());
}

/// A program in the place of the one that unpacks.
fn script(dir: &Path, text: &str) -> PathBuf {
    let path = dir.join("helper");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn killed_while_a_layer_is_unpacked() {
    if is_loader() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (started, go_on) = (dir.path().join("started"), dir.path().join("go-on"));
    for fifo in [&started, &go_on] {
        nix::unistd::mkfifo(fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    }
    let (from, to) = (go_on.display(), started.display());
    let wait = format!("exec 3>{to}; echo unpacking >&3; read x <{from}");
    let store = dir.path().join("store");
    let mut child = loader("killed_while_a_layer_is_unpacked", &store, &script(dir.path(), &wait));
    let mut child = child.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&archive()).unwrap();
    let mut said = BufReader::new(File::open(&started).unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "unpacking\n");
    child.kill().unwrap();
    child.wait().unwrap();
    File::options().write(true).open(&go_on).unwrap().write_all(b"\n").unwrap();
    assert_eq!(said.read_line(&mut line).unwrap(), 0, "the script has ended");
    assert!(fs::read_dir(store.join("tmp")).unwrap().count() > 0);
    assert_whole(&store);
}

#[test]
fn a_program_that_does_not_unpack_is_told_about() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["exit 3", "kill -9 $$", "echo '{}'"] {
        let images = Images::with_helper(dir.path().join("store"), script(dir.path(), text));
        match images.load(&archive()[..]) {
            Err(error @ LoadError::Commit(_)) => {
                assert!(error.to_string().contains("`pod_images::init`"), "{error}");
            }
            other => panic!("{text}: {other:?}"),
        }
        assert_eq!(fs::read_dir(dir.path().join("store/tmp")).unwrap().count(), 0, "{text}");
    }
    assert_whole(&dir.path().join("store"));
}
