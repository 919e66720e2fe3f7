//! Unpacks an archive beside a file that has to stay as it is.
//!
//! It runs as root in the process itself, not shut in as in earnest: what stands between an archive and the machine is then
//! the code under test alone.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// Panics when the archive reaches out of the directory `root` that is its own.
pub fn assert_untouched(input: &[u8]) {
    let dir = tempfile::Builder::new().tempdir_in("/dev/shm").expect("a directory");
    let (root, bait) = (dir.path().join("root"), dir.path().join("bait"));
    fs::create_dir(&root).expect("a directory");
    fs::write(&bait, "bait").expect("a file");
    let before = fs::metadata(&bait).expect("a file");
    pod_images::fuzzing::layer(input, &root);
    let after = fs::symlink_metadata(&bait).expect("the file is still there");
    let state =
        |m: &fs::Metadata| (m.ino(), m.mode(), m.uid(), m.gid(), m.nlink(), m.mtime(), m.len());
    assert_eq!(state(&before), state(&after), "something outside was changed");
    assert_eq!(
        fs::read_dir(dir.path()).expect("a directory").count(),
        2,
        "something was made outside"
    );
    assert!(fs::symlink_metadata(&root).expect("the root").is_dir());
    dir.close().expect("what was made can be removed");
}
