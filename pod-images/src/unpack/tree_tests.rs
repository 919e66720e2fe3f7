//! What the kernel makes of entries. As root, in a directory of its own.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

use super::*;

/// An archive in the making, so that what is wrong with one can be written down in a line.
#[derive(Default)]
struct Layer(Vec<u8>);

impl Layer {
    fn add(mut self, kind: u8, name: &str, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o640);
        header.set_uid(7);
        header.set_gid(8);
        header.set_mtime(1_000_000_000);
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(0);
        if matches!(kind, b'1' | b'2') {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content);
        } else {
            header.set_size(content.len() as u64);
        }
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        if !matches!(kind, b'1' | b'2') {
            self.0.extend_from_slice(content);
            self.0.resize(self.0.len().next_multiple_of(512), 0);
        }
        self
    }

    fn pax(self, key: &str, value: &[u8]) -> Self {
        let body = key.len() + value.len() + 3;
        let length = (body + 1..).find(|n| *n == body + n.to_string().len()).unwrap();
        self.add(b'x', "pax", &[format!("{length} {key}=").as_bytes(), value, b"\n"].concat())
    }

    fn unpack(&self) -> (tempfile::TempDir, Result<Totals>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let root = OwnedFd::from(File::open(dir.path()).unwrap());
        let tree = Tree::new(root, self.0.len() as u64, Limits::default());
        let totals = tree.unpack(&mut Archive::new(&self.0[..]));
        (dir, totals)
    }
}

#[test]
fn what_an_archive_holds_is_made() {
    let layer = Layer::default()
        .add(b'5', "./", b"")
        .add(b'5', "dir/", b"")
        .add(b'0', "dir/file", b"content")
        .add(b'1', "hard", b"dir/file")
        .add(b'2', "soft", b"/../../etc/passwd")
        .add(b'6', "deep/er/fifo", b"")
        .pax("mtime", b"5.000000007")
        .add(b'0', "early", b"");
    let (dir, totals) = layer.unpack();
    assert_eq!(totals.unwrap(), Totals { entries: 7, bytes: 7 });
    let stat = |name: &str| std::fs::symlink_metadata(dir.path().join(name)).unwrap();
    for name in ["", "dir", "dir/file", "deep/er/fifo"] {
        let stat = stat(name);
        assert_eq!((stat.mode() & 0o7777, stat.uid(), stat.gid()), (0o640, 7, 8), "{name}");
        assert_eq!((stat.mtime(), stat.mtime_nsec()), (1_000_000_000, 0), "{name}");
    }
    assert_eq!(std::fs::read(dir.path().join("hard")).unwrap(), b"content");
    assert_eq!(stat("hard").ino(), stat("dir/file").ino());
    assert_eq!(
        std::fs::read_link(dir.path().join("soft")).unwrap(),
        std::path::Path::new("/../../etc/passwd")
    );
    assert!(stat("deep/er/fifo").file_type().is_fifo());
    assert_eq!((stat("deep/er").mode() & 0o7777, stat("deep/er").uid()), (0o755, 0));
    assert_eq!((stat("early").mtime(), stat("early").mtime_nsec()), (5, 7));
}

#[test]
fn data_that_only_a_bomb_has_so_much_of_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let root = OwnedFd::from(File::open(dir.path()).unwrap());
    let mut tree = Tree::new(root, 10 << 20, Limits::default());
    for (bytes, fits) in [
        (BOMB_FROM - 10, true),
        (BOMB_FROM + 10, true),
        (BOMB_RATIO * (10 << 20), true),
        (BOMB_RATIO * (11 << 20), false),
    ] {
        tree.totals.bytes = bytes;
        assert_eq!(tree.check_bomb(1).is_ok(), fits, "{bytes}");
    }
}
