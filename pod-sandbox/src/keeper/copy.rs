//! Layers put together by copying them, where the kernel has no overlayfs.
//!
//! They are read as overlayfs reads them: a character device 0/0 removes what lies below it, and a directory marked as
//! opaque all that lies in it below. The layers lie in a store and the target in a directory of ours, so nobody changes
//! either meanwhile, and paths may be used; no link is followed.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{Mode, SFlag, UtimensatFlags, mknod, utimensat};
use nix::sys::time::TimeSpec;
use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};

/// What overlayfs keeps for itself.
const OVERLAY: &[u8] = b"trusted.overlay.";
const OPAQUE: &CStr = c"trusted.overlay.opaque";

/// Copies layers, the topmost first, into a directory that is empty.
pub(super) fn layers(layers: &[PathBuf], target: &Path) -> io::Result<()> {
    for layer in layers.iter().rev() {
        // Files of several names have them in one layer.
        merge(layer, target, &mut HashMap::new())?;
        take_over(layer, target, &fs::symlink_metadata(layer)?)?;
    }
    Ok(())
}

type Links = HashMap<(u64, u64), PathBuf>;

fn merge(from: &Path, to: &Path, links: &mut Links) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let meta = fs::symlink_metadata(&source)?;
        if meta.is_dir() {
            let there = fs::symlink_metadata(&target).is_ok_and(|there| there.is_dir());
            if !there || is_opaque(&source) {
                remove(&target)?;
                DirBuilder::new().mode(0o700).create(&target)?;
            }
            merge(&source, &target, links)?;
        } else {
            remove(&target)?;
            if is_whiteout(&meta) {
                continue;
            }
            let first = links.entry((meta.dev(), meta.ino())).or_insert_with(|| target.clone());
            if *first != target {
                fs::hard_link(first, &target)?;
                continue;
            }
            copy(&source, &target, &meta)?;
        }
        take_over(&source, &target, &meta)?;
    }
    Ok(())
}

fn is_whiteout(meta: &Metadata) -> bool {
    meta.file_type().is_char_device() && meta.rdev() == 0
}

fn is_opaque(directory: &Path) -> bool {
    let mut value = [0; 1];
    lgetxattr(directory, OPAQUE, &mut value) == Ok(1) && value == *b"y"
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Makes a file of the same kind with the same content.
fn copy(source: &Path, target: &Path, meta: &Metadata) -> io::Result<()> {
    if meta.is_file() {
        return fs::copy(source, target).map(drop);
    }
    if meta.is_symlink() {
        return symlink(fs::read_link(source)?, target);
    }
    let kind = SFlag::from_bits_truncate(meta.mode() & SFlag::S_IFMT.bits());
    Ok(mknod(target, kind, Mode::from_bits_truncate(0o600), meta.rdev())?)
}

/// Gives a file the owner, attributes, mode and times of another.
fn take_over(source: &Path, target: &Path, meta: &Metadata) -> io::Result<()> {
    lchown(target, Some(meta.uid()), Some(meta.gid()))?;
    // After the owner, with which the kernel takes capabilities away.
    copy_attributes(source, target)?;
    if !meta.is_symlink() {
        fs::set_permissions(target, fs::Permissions::from_mode(meta.mode() & 0o7777))?;
    }
    let (accessed, modified) = (
        TimeSpec::new(meta.atime(), meta.atime_nsec()),
        TimeSpec::new(meta.mtime(), meta.mtime_nsec()),
    );
    let flags = UtimensatFlags::NoFollowSymlink;
    Ok(utimensat(AT_FDCWD, target, &accessed, &modified, flags)?)
}

fn copy_attributes(source: &Path, target: &Path) -> io::Result<()> {
    // As long as lists and values can be.
    let (mut names, mut value) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let length = match llistxattr(source, &mut names) {
        Err(rustix::io::Errno::NOTSUP) => return Ok(()),
        result => result?,
    };
    for name in names[..length].split_inclusive(|byte| *byte == 0) {
        let Ok(text) = CStr::from_bytes_with_nul(name) else { continue };
        if !name.starts_with(OVERLAY) {
            let length = lgetxattr(source, text, &mut value)?;
            lsetxattr(target, text, &value[..length], XattrFlags::empty())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: PathBuf, text: &str) {
        fs::create_dir_all(path.parent().expect("has one")).expect("makes");
        fs::write(path, text).expect("writes");
    }

    #[test]
    fn layers_are_copied_as_overlayfs_shows_them() {
        if !nix::unistd::geteuid().is_root() {
            panic!("this test makes devices: run it as root");
        }
        let dir = tempfile::tempdir().expect("makes");
        let [below, above, target] = ["below", "above", "target"].map(|name| dir.path().join(name));
        fs::create_dir(&target).expect("makes");
        for name in ["kept", "gone", "both", "whole/gone", "part/kept"] {
            write(below.join(name), "below");
        }
        for name in ["both", "whole/new", "part/new"] {
            write(above.join(name), "above");
        }
        let nothing = Mode::from_bits_truncate(0o600);
        mknod(&above.join("gone"), SFlag::S_IFCHR, nothing, 0).expect("makes");
        lsetxattr(above.join("whole"), OPAQUE, b"y", XattrFlags::empty()).expect("sets");
        lsetxattr(above.join("both"), c"user.mark", b"m", XattrFlags::empty()).expect("sets");
        fs::hard_link(above.join("both"), above.join("same")).expect("links");
        symlink("/nowhere", above.join("link")).expect("links");
        lchown(above.join("both"), Some(7), Some(8)).expect("owns");
        fs::set_permissions(above.join("both"), fs::Permissions::from_mode(0o4755)).expect("sets");

        layers(&[above, below], &target).expect("copies");
        let text = |name: &str| fs::read_to_string(target.join(name)).ok();
        assert_eq!(text("kept").as_deref(), Some("below"));
        assert_eq!((text("gone"), text("whole/gone")), (None, None));
        assert_eq!(text("whole/new").as_deref(), Some("above"));
        assert_eq!((text("part/kept").is_some(), text("part/new").is_some()), (true, true));
        let both = fs::symlink_metadata(target.join("both")).expect("is there");
        assert_eq!((both.uid(), both.gid(), both.mode() & 0o7777), (7, 8, 0o4755));
        assert_eq!(both.ino(), fs::symlink_metadata(target.join("same")).expect("is there").ino());
        assert_eq!(fs::read_link(target.join("link")).expect("is one"), Path::new("/nowhere"));
        let mut value = [0; 8];
        assert_eq!(lgetxattr(target.join("both"), c"user.mark", &mut value), Ok(1));
        assert!(lgetxattr(target.join("whole"), OPAQUE, &mut value).is_err());
    }
}
