//! Directories that are kept, and the groups that they are given to. Needs root.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::fcntl::{RenameFlags, renameat2};
use pod_volumes::{GroupChange, Ownership, Shelf};

const GROUP: u32 = 4242;

fn ownership(change: GroupChange) -> Option<Ownership> {
    Some(Ownership { group: GROUP, change })
}

fn shown(path: &Path) -> (u32, u32) {
    let metadata = fs::symlink_metadata(path).unwrap();
    (metadata.mode() & 0o7777, metadata.gid())
}

#[test]
fn a_volume_is_kept_until_it_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(dir.path().join("shelf"));
    let data = shelf.prepare("data", None).unwrap();
    assert_eq!(data, shelf.path("data"));
    assert_eq!(shown(&data).0, 0o777);
    fs::write(data.join("file"), "kept").unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    shelf.prepare("data", None).unwrap();
    assert_eq!(shown(&data).0, 0o700, "what somebody made of it stays");
    assert_eq!(fs::read_to_string(data.join("file")).unwrap(), "kept");

    shelf.prepare("other", None).unwrap();
    shelf.remove("data").unwrap();
    shelf.remove("data").unwrap();
    assert!(!data.exists() && shelf.path("other").exists());
    for name in ["", ".", "..", "a/b", "../other"] {
        assert!(shelf.prepare(name, None).is_err() && shelf.remove(name).is_err(), "{name:?}");
    }
}

#[test]
fn a_link_in_the_place_of_a_volume_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(dir.path().join("shelf"));
    shelf.prepare("other", None).unwrap();
    fs::create_dir(dir.path().join("outside")).unwrap();
    symlink(dir.path().join("outside"), shelf.path("data")).unwrap();
    assert!(shelf.prepare("data", ownership(GroupChange::Always)).is_err());
    assert_eq!(shown(&dir.path().join("outside")).1, 0);
}

#[test]
fn all_that_is_in_a_volume_is_given_to_a_group() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(dir.path().join("shelf"));
    let data = shelf.prepare("data", None).unwrap();
    fs::create_dir(data.join("d")).unwrap();
    fs::write(data.join("d/f"), "").unwrap();
    let outside = dir.path().join("outside");
    fs::write(&outside, "").unwrap();
    symlink(&outside, data.join("link")).unwrap();
    for (path, mode) in [("d", 0o700), ("d/f", 0o4400)] {
        fs::set_permissions(data.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    shelf.prepare("data", ownership(GroupChange::OnRootMismatch)).unwrap();
    assert_eq!(shown(&data), (0o2777, GROUP));
    assert_eq!(shown(&data.join("d")), (0o2770, GROUP));
    assert_eq!(shown(&data.join("d/f")), (0o4660, GROUP));
    assert_eq!(shown(&data.join("link")).1, GROUP);
    assert_eq!(shown(&outside).1, 0, "what a link leads to is nobody's business");

    fs::write(data.join("new"), "").unwrap();
    nix::unistd::chown(&data.join("new"), None, Some(0.into())).unwrap();
    shelf.prepare("data", ownership(GroupChange::OnRootMismatch)).unwrap();
    assert_eq!(shown(&data.join("new")).1, 0, "the root is the group's already");
    shelf.prepare("data", ownership(GroupChange::Always)).unwrap();
    assert_eq!(shown(&data.join("new")).1, GROUP);
}

/// Gives a directory to a group again and again while something in it is swapped for a link that leads outside.
#[test]
fn what_is_swapped_for_a_link_meanwhile_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (data, outside) = (dir.path().join("data"), dir.path().join("outside"));
    for dir in [&data, &outside, &data.join("d")] {
        fs::create_dir_all(dir).unwrap();
    }
    fs::write(outside.join("f"), "").unwrap();
    fs::write(data.join("d/f"), "").unwrap();
    symlink(&outside, data.join("link")).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let data = File::open(&data).unwrap();
            while !done.load(Ordering::Relaxed) {
                renameat2(&data, "d", &data, "link", RenameFlags::RENAME_EXCHANGE).unwrap();
            }
        });
        let whole = File::open(&data).unwrap();
        let ownership = Ownership { group: GROUP, change: GroupChange::Always };
        for _ in 0..5_000 {
            ownership.apply(whole.as_fd()).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    for path in [&outside, &outside.join("f")] {
        assert_eq!(shown(path).1, 0, "{}", path.display());
    }
}
