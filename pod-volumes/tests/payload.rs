//! Writes the files of volumes and looks at them as a container does. Groups need root.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::stat::{Mode, umask};
use pod_volumes::{Payload, PayloadError, PayloadFile};
use tempfile::TempDir;

fn payload<const N: usize>(files: [(&str, &str, u32); N]) -> Payload {
    let mut payload = Payload::default();
    for (path, content, mode) in files {
        payload.insert(path, PayloadFile { content: content.into(), mode }).unwrap();
    }
    payload
}

fn volume() -> TempDir {
    umask(Mode::from_bits_truncate(0o077));
    tempfile::tempdir().unwrap()
}

fn write(volume: &TempDir, payload: &Payload) -> bool {
    write_for(volume, payload, None)
}

fn write_for(volume: &TempDir, payload: &Payload, group: Option<u32>) -> bool {
    let parent = File::open(volume.path().parent().unwrap()).unwrap();
    payload.write_to(parent.as_fd(), volume.path().file_name().unwrap(), group).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Everything at the top of a volume; what a link leads to after its name.
fn listing(volume: &TempDir) -> BTreeMap<String, String> {
    let entries = fs::read_dir(volume.path()).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let target = fs::read_link(entry.path()).unwrap_or_default();
        (entry.file_name().into_string().unwrap(), target.to_str().unwrap().to_owned())
    });
    entries.collect()
}

#[test]
fn b167_files_have_their_content_paths_and_modes() {
    let volume = volume();
    let files = [("a", "1", 0o644), ("deep/er/b", "2", 0o400), ("deep/c", "\0\u{ff}", 0o777)];
    assert!(write(&volume, &payload(files)));
    for (path, content, wanted) in files {
        let path = volume.path().join(path);
        assert_eq!(fs::read(&path).unwrap(), content.as_bytes());
        assert_eq!(mode(&path), wanted);
    }
    assert_eq!(mode(&volume.path().join("deep/er")), 0o755);
    let listing = listing(&volume);
    let data = &listing["..data"];
    assert!(data.starts_with("..") && listing.contains_key(data), "{listing:?}");
    assert_eq!(listing["a"], "..data/a");
    assert_eq!(listing["deep"], "..data/deep");
    assert_eq!(listing.len(), 4);
}

#[test]
fn b167_a_change_is_switched_to_and_what_is_gone_is_taken_away() {
    let volume = volume();
    write(&volume, &payload([("a", "1", 0o644), ("d/b", "2", 0o644)]));
    let before = listing(&volume);
    let held = File::open(volume.path().join("a")).unwrap();

    assert!(write(&volume, &payload([("a", "one", 0o600), ("c", "3", 0o644)])));
    let after = listing(&volume);
    assert_ne!(before["..data"], after["..data"]);
    let names: Vec<_> = after.keys().map(String::as_str).collect();
    assert_eq!(names, [after["..data"].as_str(), "..data", "a", "c"]);
    assert_eq!(fs::read_to_string(volume.path().join("a")).unwrap(), "one");
    assert_eq!(mode(&volume.path().join("a")), 0o600);
    // Whoever has the old file open goes on reading it: a subPath is one of them.
    assert_eq!(std::io::read_to_string(held).unwrap(), "1");
}

#[test]
fn what_has_not_changed_is_not_written() {
    let volume = volume();
    let same = payload([("a", "1", 0o644), ("d/b", "2", 0o444)]);
    assert!(write(&volume, &same));
    let before = listing(&volume);
    assert!(!write(&volume, &same));
    assert_eq!(listing(&volume), before);
    assert!(write(&volume, &payload([("a", "1", 0o644), ("d/b", "2", 0o440)])), "another mode");
    assert!(write(&volume, &payload([("a", "1", 0o644)])), "a file less");
}

#[test]
fn no_files_are_a_volume_too() {
    let volume = volume();
    assert!(write(&volume, &Payload::default()));
    assert!(!write(&volume, &Payload::default()));
    assert_eq!(listing(&volume).len(), 2);
}

#[test]
fn what_a_crash_has_left_is_put_right() {
    let volume = volume();
    let files = payload([("a", "1", 0o644), ("b", "2", 0o644)]);
    write(&volume, &files);
    let at = |name: &str| volume.path().join(name);
    fs::remove_file(at("b")).unwrap();
    fs::create_dir(at("..17")).unwrap();
    fs::write(at("..17/a"), "half").unwrap();
    symlink("..17", at("..data_tmp")).unwrap();
    fs::write(at("stale"), "").unwrap();
    assert!(!write(&volume, &files));
    assert_eq!(fs::read_to_string(at("b")).unwrap(), "2");
    let names: Vec<_> = listing(&volume).into_keys().skip(1).collect();
    assert_eq!(names, ["..data", "a", "b"]);
}

#[test]
fn no_link_in_a_volume_is_followed() {
    let (volume, outside) = (volume(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("a"), "kept").unwrap();
    symlink(outside.path(), volume.path().join("..data")).unwrap();
    symlink(outside.path().join("a"), volume.path().join("a")).unwrap();
    assert!(write(&volume, &payload([("a", "1", 0o644)])));
    assert_eq!(fs::read_to_string(outside.path().join("a")).unwrap(), "kept");
    assert_eq!(fs::read_to_string(volume.path().join("a")).unwrap(), "1");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn readers_see_all_old_or_all_new_files() {
    let volume = volume();
    let of = |n: u32| {
        let text = n.to_string();
        payload([("a", text.as_str(), 0o644), ("b", text.as_str(), 0o644)])
    };
    write(&volume, &of(0));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..300 {
                write(&volume, &of(n));
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            // As a program does that wants files that belong together.
            let Ok(dir) = fs::canonicalize(volume.path().join("..data")) else { continue };
            let read = |name| fs::read_to_string(dir.join(name));
            if let (Ok(a), Ok(b)) = (read("a"), read("b")) {
                assert_eq!(a, b);
            }
            // There is no moment without them. (The files that the link has led to may go while it is followed.)
            assert!(fs::symlink_metadata(volume.path().join("..data")).is_ok());
        }
    });
    assert_eq!(fs::read_to_string(volume.path().join("a")).unwrap(), "299");
}

#[test]
fn a_volume_is_made_where_it_is_asked_for_and_nowhere_else() {
    let place = volume();
    let parent = File::open(place.path()).unwrap();
    let files = payload([("a", "1", 0o644)]);
    let write = |name: &str| files.write_to(parent.as_fd(), OsStr::new(name), None);
    assert!(write("new").unwrap());
    assert_eq!(mode(&place.path().join("new")), 0o777);
    assert_eq!(fs::read_to_string(place.path().join("new/a")).unwrap(), "1");
    fs::create_dir(place.path().join("other")).unwrap();
    symlink("other", place.path().join("link")).unwrap();
    for name in ["..", ".", "", "other/b", "../b", "link"] {
        let error = write(name).unwrap_err();
        assert!(matches!(error, PayloadError::Io { action: "make", .. }), "{name}: {error}");
    }
    assert_eq!(fs::read_dir(place.path().join("other")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 3);
}

#[test]
fn b169_with_a_group_all_belongs_to_it_and_it_may_read() {
    let volume = volume();
    let files = payload([("d/a", "1", 0o400)]);
    assert!(write_for(&volume, &files, Some(1234)));
    assert!(!write_for(&volume, &files, Some(1234)));
    let path = volume.path().join("d/a");
    assert_eq!((fs::metadata(&path).unwrap().gid(), mode(&path)), (1234, 0o440));
    let path = volume.path().join("d");
    assert_eq!((fs::metadata(&path).unwrap().gid(), mode(&path)), (1234, 0o2755));
    assert_eq!((fs::metadata(volume.path()).unwrap().gid(), mode(volume.path())), (1234, 0o2777));
}
