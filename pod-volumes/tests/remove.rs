//! Removes trees that fight back. The mount tests need root.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use nix::fcntl::{OFlag, RenameFlags, renameat2};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, mkdirat};
use pod_volumes::{RemoveError, remove_tree};

fn remove(parent: &Path, name: &str) -> Result<(), Vec<RemoveError>> {
    remove_tree(File::open(parent).unwrap().as_fd(), OsStr::new(name))
}

/// Runs `test` on a thread with a mount namespace of its own.
fn in_mount_namespace(test: impl FnOnce() + Send) {
    thread::scope(|scope| {
        scope
            .spawn(|| {
                unshare(CloneFlags::CLONE_NEWNS).expect("making a mount namespace needs root");
                let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
                mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
                test();
            })
            .join()
            .unwrap();
    });
}

fn bind(from: &Path, to: &Path) {
    mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
}

#[test]
fn files_links_and_directories_go_and_an_absent_entry_is_fine() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    fs::create_dir_all(tree.join("a/b/c")).unwrap();
    fs::write(tree.join("a/file"), "x").unwrap();
    symlink("nowhere", tree.join("a/b/dangling")).unwrap();
    symlink("..", tree.join("a/loop")).unwrap();
    fs::write(dir.path().join("beside"), "x").unwrap();
    remove(dir.path(), "tree").unwrap();
    assert!(!tree.exists());
    remove(dir.path(), "tree").unwrap();
    remove(dir.path(), "beside").unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    for name in ["", ".", "..", "/", "a/", "a/b", "/etc"] {
        let errors = remove(dir.path(), name).unwrap_err();
        assert!(matches!(errors[..], [RemoveError::UnsafeName { .. }]), "{name:?}");
    }
    assert!(dir.path().join("a").exists());
}

#[test]
fn links_are_removed_and_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let kept = outside.path().join("kept");
    fs::write(&kept, "x").unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("tree")).unwrap();
    symlink(outside.path(), dir.path().join("tree/link")).unwrap();
    remove(dir.path(), "tree").unwrap();
    symlink(outside.path(), dir.path().join("tree")).unwrap();
    remove(dir.path(), "tree").unwrap();
    assert!(dir.path().join("tree").symlink_metadata().is_err());
    assert!(kept.exists());
}

#[test]
fn a_tree_too_deep_to_name_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let long = "d".repeat(100);
    let mut deepest = nix::fcntl::open(dir.path(), flags, Mode::empty()).unwrap();
    for level in 0..300 {
        let name = if level == 0 { "tree" } else { &long };
        mkdirat(&deepest, name, Mode::S_IRWXU).unwrap();
        nix::fcntl::openat(&deepest, "file", OFlag::O_CREAT, Mode::S_IRUSR).unwrap();
        deepest = nix::fcntl::openat(&deepest, name, flags, Mode::empty()).unwrap();
    }
    drop(deepest);
    remove(dir.path(), "tree").unwrap();
    assert!(!dir.path().join("tree").exists());
}

#[test]
fn a_mount_is_not_crossed_and_the_rest_goes() {
    in_mount_namespace(|| {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "x").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir_all(tree.join("mounted")).unwrap();
        fs::create_dir_all(tree.join("tmpfs")).unwrap();
        fs::create_dir_all(tree.join("other/one")).unwrap();
        fs::write(tree.join("file"), "x").unwrap();
        bind(outside.path(), &tree.join("mounted"));
        bind(&outside.path().join("kept"), &tree.join("file"));
        let no_data = None::<&str>;
        mount(Some("tmpfs"), &tree.join("tmpfs"), Some("tmpfs"), MsFlags::empty(), no_data)
            .unwrap();
        fs::write(tree.join("tmpfs/kept"), "x").unwrap();

        let mut stuck: Vec<_> = remove(dir.path(), "tree")
            .unwrap_err()
            .into_iter()
            .map(|error| match error {
                RemoveError::MountPoint { path } => path,
                other => panic!("{other}"),
            })
            .collect();
        stuck.sort();
        assert_eq!(stuck, ["tree/file", "tree/mounted", "tree/tmpfs"].map(Path::new));
        assert!(outside.path().join("kept").exists());
        assert!(tree.join("tmpfs/kept").exists());
        assert!(!tree.join("other").exists());

        for mounted in ["mounted", "file", "tmpfs"] {
            nix::mount::umount(&tree.join(mounted)).unwrap();
        }
        remove(dir.path(), "tree").unwrap();
    });
}

#[test]
fn a_mount_on_the_tree_itself_is_not_entered() {
    in_mount_namespace(|| {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "x").unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("tree")).unwrap();
        bind(outside.path(), &dir.path().join("tree"));
        let errors = remove(dir.path(), "tree").unwrap_err();
        assert!(matches!(errors[..], [RemoveError::MountPoint { .. }]));
        assert!(outside.path().join("kept").exists());
        nix::mount::umount(&dir.path().join("tree")).unwrap();
    });
}

/// How many trees are removed, and how many directories of each are swapped for links meanwhile.
const ROUNDS: usize = 100;
const SWAPPED: usize = 50;

/// How many files a directory has.
const FILES: usize = 4;

/// Counts how often all directories of a tree were swapped for links or back.
#[derive(Default)]
struct Swaps(AtomicUsize);

impl Swaps {
    /// Waits until a link is at `path`, unless its turn passes without one.
    fn wait_for_link(&self, path: &Path) {
        let before = self.0.load(Ordering::Relaxed);
        while !path.is_symlink() && self.0.load(Ordering::Relaxed) < before + 2 {
            thread::yield_now();
        }
    }
}

/// Removes trees while a thread keeps swapping their directories for links to an outside one. Says whether that one has
/// kept what is in it.
fn race(remove_racing: impl Fn(&Path, &Swaps)) -> bool {
    let outside = tempfile::tempdir().unwrap();
    fill(outside.path());
    for _ in 0..ROUNDS {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        let names: Vec<_> =
            (0..SWAPPED).map(|n| (format!("real{n}"), format!("link{n}"))).collect();
        for (real, link) in &names {
            fs::create_dir_all(tree.join(real)).unwrap();
            fill(&tree.join(real));
            symlink(outside.path(), tree.join(link)).unwrap();
        }
        let removed = AtomicBool::new(false);
        let swaps = Swaps::default();
        let at = File::open(&tree).unwrap();
        thread::scope(|scope| {
            let swapper = scope.spawn(|| {
                while !removed.load(Ordering::Relaxed) {
                    for (real, link) in &names {
                        let exchange = RenameFlags::RENAME_EXCHANGE;
                        let _ = renameat2(&at, real.as_str(), &at, link.as_str(), exchange);
                        // Or whoever removes would hardly get hold of the directory.
                        thread::yield_now();
                    }
                    swaps.0.fetch_add(1, Ordering::Relaxed);
                }
            });
            while fs::read_link(tree.join("real0")).is_err() && !swapper.is_finished() {
                thread::yield_now();
            }
            remove_racing(&tree, &swaps);
            removed.store(true, Ordering::Relaxed);
            swapper.join().unwrap();
        });
        remove(dir.path(), "tree").unwrap();
        assert!(!tree.exists());
        if fs::read_dir(outside.path()).unwrap().count() < FILES {
            return false;
        }
    }
    true
}

fn fill(dir: &Path) {
    for name in 0..FILES {
        fs::write(dir.join(name.to_string()), "x").unwrap();
    }
}

#[test]
fn a_directory_swapped_for_a_link_does_not_lead_outside() {
    let safe = race(|tree, _| {
        // It may lose against the swapping; then it says so.
        let done = remove(tree.parent().unwrap(), "tree").is_ok();
        assert!(!done || !tree.exists());
    });
    assert!(safe);
}

/// Shows that the swaps lead outside whoever goes by what a path was. It waits for them after its look, since on a busy
/// processor it might be through before the next one.
#[test]
fn a_look_at_the_path_before_it_is_removed_loses_the_race() {
    fn remove_by_path(path: &Path, swaps: &Swaps) {
        if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            swaps.wait_for_link(path);
            for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                remove_by_path(&entry.path(), swaps);
            }
            let _ = fs::remove_dir(path);
        } else {
            let _ = fs::remove_file(path);
        }
    }
    assert!(!race(remove_by_path));
}
