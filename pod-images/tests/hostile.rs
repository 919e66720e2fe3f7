//! Layers from somebody who means harm, and layers that are rarely met: each through the process that unpacks.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod image;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use image::{Archive, ImageArchive};
use pod_images::{Images, Limits, RootSource};

const NAME: &str = "test.local/hostile:1";

/// A store in a directory with a file beside it that nobody may reach.
struct Host {
    dir: tempfile::TempDir,
    images: Images,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("secret"), "untouched").unwrap();
        let images =
            Images::with_helper(dir.path().join("store"), env!("CARGO_BIN_EXE_pod-unpack"));
        Self { dir, images }
    }

    fn load(&self, archive: &[u8]) -> Result<PathBuf, String> {
        // All that is told, with the causes.
        let text = |error: &dyn std::error::Error| {
            let causes = std::iter::successors(Some(error), |error| error.source());
            causes.map(|error| error.to_string()).collect::<Vec<_>>().join(": ")
        };
        self.images.load(archive).map_err(|error| text(&error))?;
        match self.images.resolve(&NAME.parse().unwrap()).map_err(|error| text(&error))?.root {
            RootSource::Layers(mut layers) => Ok(layers.pop().unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn unpack(&self, layer: &Archive) -> Result<PathBuf, String> {
        self.load(&ImageArchive::new(NAME).layer(layer).layout())
    }

    /// Nothing was written where it should not be, and nothing was left half done.
    fn assert_untouched(&self, case: &str) {
        let names: Vec<_> = fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(names.len(), 2, "{case}: {names:?}");
        let secret = self.dir.path().join("secret");
        assert_eq!(fs::read(&secret).unwrap(), b"untouched", "{case}");
        assert_eq!(fs::metadata(&secret).unwrap().nlink(), 1, "{case}");
        let store = self.dir.path().join("store");
        assert_eq!(fs::read_dir(store.join("tmp")).unwrap().count(), 0, "{case}");
    }
}

fn refused(case: &str, layer: &Archive, reason: &str) {
    let host = Host::new();
    let error = host.unpack(layer).unwrap_err();
    assert!(error.contains(reason), "{case}: {error}");
    assert_eq!(fs::read_dir(host.dir.path().join("store/layers")).unwrap().count(), 0, "{case}");
    assert_eq!(host.images.list().unwrap(), [], "{case}");
    host.assert_untouched(case);
}

#[test]
fn entries_that_lead_out_are_refused() {
    let new = Archive::new;
    let out = "is a hard link to somewhere outside";
    let link = "lies below something that is a link";
    for (case, layer, reason) in [
        ("dots", new().file("../../../secret", b"x"), "with \"..\""),
        ("inner dots", new().dir("a").file("a/../../secret", b"x"), "with \"..\""),
        ("absolute", new().file("/tmp/secret", b"x"), "is absolute"),
        ("dots in a directory", new().dir("a/.."), "with \"..\""),
        ("link out", new().symlink("a", "/").file("a/tmp/x", b"x"), link),
        ("link up", new().symlink("a", "../../..").file("a/secret", b"x"), link),
        ("link in", new().dir("b").symlink("a", "b").file("a/x", b"x"), link),
        ("link to link", new().symlink("a", "b").symlink("b", "/tmp").file("a/x", b"x"), link),
        ("file as parent", new().file("a", b"").file("a/x", b"x"), link),
        ("hard link out", new().hard_link("a", "../../secret"), out),
        ("hard link to a directory", new().dir("d").hard_link("a", "d"), "to a directory"),
        ("hard link to nothing", new().hard_link("a", "/etc/passwd"), "not in the layer"),
        (
            "hard link by a link",
            new().symlink("s", "/").hard_link("a", "s/etc"),
            "not in the layer",
        ),
        ("hard link to itself", new().file("a", b"").hard_link("a", "a"), "to itself"),
        ("hard link to the root", new().hard_link("a", "./"), out),
        ("root as a file", new().file("./", b"").symlink(".", "/"), "the place of the root"),
        ("whiteout that leads out", new().file(".wh...", b""), "whiteout of nothing"),
        ("whiteout of nothing", new().file(".wh.", b""), "whiteout of nothing"),
        ("whiteout as a directory", new().file(".wh.a/b", b""), "a directory that is a whiteout"),
        ("hidden device", new().entry(b'3', b"a", b""), "device 0/0"),
        ("link to nowhere", new().symlink("a", ""), "link to nothing"),
        ("NUL", new().pax(&[("path", b"a\0b")]).file("a", b""), "holds a NUL"),
        ("unknown type", new().entry(b'Q', b"a", b""), "unknown type 81"),
    ] {
        refused(case, &layer, reason);
    }
}

#[test]
fn what_overlayfs_would_read_for_itself_is_refused() {
    for name in ["trusted.overlay.redirect", "user.overlay.opaque", "trusted.x"] {
        let record = format!("SCHILY.xattr.{name}");
        let layer = Archive::new().pax(&[(&record, b"/etc")]).dir("a");
        refused(name, &layer, "the system's own");
    }
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    let new = Archive::new;
    let long = "a".repeat(256);
    let deep = "d/".repeat(300);
    let far = format!("{}/", "p".repeat(200)).repeat(21);
    let file = |key: &str, value: &str| new().pax(&[(key, value.as_bytes())]).file("a", b"");
    for (case, layer, reason) in [
        ("user", file("uid", "4294967295"), "whose number cannot be"),
        ("group", file("gid", "99999999999"), "whose number cannot be"),
        ("long name", new().file(&long, b""), "more than 255 bytes"),
        ("deep", new().entry(b'5', deep.as_bytes(), b""), "256 directories"),
        ("far", new().entry(b'5', far.as_bytes(), b""), "4095 bytes"),
        ("size", file("size", "18446744073709551615"), "larger than a file may be"),
        ("size that is not there", file("size", "99999999"), "ends in the middle"),
        ("very far", file("path", &"x/".repeat(400_000)), "4095 bytes"),
        ("sparse", file("GNU.sparse.size", "18446744073709551615"), "larger than a file may be"),
        ("device", new().with(b'3', b"d", b"", |h| h.set_device_major(5000).unwrap()), "number"),
        ("extension", new().entry(b'x', b"p", &vec![b'1'; 2 << 20]), "longer than 1 MiB"),
        ("records", new().entry(b'x', b"p", b"9999 a=b\n").file("a", b""), "extended header"),
        ("name", new().entry(b'L', b"p", &vec![b'1'; 2 << 20]), "longer than 1 MiB"),
    ] {
        refused(case, &layer, reason);
    }
}

#[test]
fn broken_layers_are_refused() {
    let layer = Archive::new().file("file", &[7; 5000]).bytes();
    let cut = layer[..3000].to_vec();
    let gzip = image::gzip(&layer);
    let half = gzip[..gzip.len() / 2].to_vec();
    let mut changed = layer.clone();
    changed[600] ^= 1;
    let noise: Vec<u8> =
        (0..5000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let id = image::digest(&layer);
    for (case, bytes, reason) in [
        ("cut", cut, "ends in the middle"),
        ("cut when packed", half, "cannot be inflated"),
        ("changed", changed, "is in truth"),
        ("noise", noise, "malformed at byte"),
        ("trailing noise", [&gzip[..], b"noise"].concat(), "cannot be inflated"),
    ] {
        let host = Host::new();
        let error = host.load(&ImageArchive::new(NAME).raw_layer(bytes, id.clone()).layout());
        let error = error.unwrap_err();
        assert!(error.contains(reason) && error.contains(&id), "{case}: {error}");
        host.assert_untouched(case);
        // What is right goes in afterwards.
        host.unpack(&Archive::new().file("file", &[7; 5000])).unwrap();
    }
}

#[test]
fn bombs_are_refused() {
    let limits = |inflated, entries| {
        let mut limits = Limits::default();
        (limits.inflated, limits.entries) = (inflated, entries);
        limits
    };
    let many = (0..200).fold(Archive::new(), |layer, n| layer.file(&n.to_string(), b""));
    let zeros = Archive::new().file("zeros", &vec![0; 4 << 20]);
    for (case, layer, limits, reason) in [
        ("long", &zeros, limits(2 << 20, 10), "more bytes than are accepted"),
        ("many", &many, limits(64 << 20, 100), "more entries than are accepted"),
    ] {
        let mut host = Host::new();
        // The archive itself is not a bomb.
        let archive = ImageArchive::new(NAME).layer(layer).packed("gzip").layout();
        host.images = host.images.with_limits(limits);
        let error = host.load(&archive).unwrap_err();
        assert!(error.contains(reason), "{case}: {error}");
        host.assert_untouched(case);
    }
}

#[test]
fn zeros_are_no_bomb_and_take_no_room() {
    let host = Host::new();
    let layer = Archive::new().file("zeros", &vec![0; 32 << 20]);
    let image = ImageArchive::new(NAME).layer(&layer).packed("zstd");
    let layer = host.load(&image.layout()).unwrap();
    let file = fs::metadata(layer.join("zeros")).unwrap();
    assert_eq!(file.len(), 32 << 20);
    assert!(file.blocks() * 512 < 1 << 20, "{}", file.blocks());
}

#[test]
fn names_that_are_no_text_are_kept_byte_for_byte() {
    let host = Host::new();
    let name = b"caf\xe9 \xff\xfe\n\x1b[31m";
    let long = [&b"\xff"[..], &[b'n'; 200]].concat();
    let layer = Archive::new().entry(b'0', name, b"1").entry(b'0', &long, b"2");
    let layer = host.unpack(&layer).unwrap();
    assert_eq!(fs::read(layer.join(OsStr::from_bytes(name))).unwrap(), b"1");
    assert_eq!(fs::read(layer.join(OsStr::from_bytes(&long))).unwrap(), b"2");
    // And in a message they do nothing to a terminal.
    let bad = [name, &b"/../x"[..]].concat();
    let error = host.unpack(&Archive::new().entry(b'0', &bad, b"")).unwrap_err();
    assert!(!error.contains(char::is_control), "{error:?}");
}

#[test]
fn what_is_rare_is_made_right() {
    let host = Host::new();
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let layer = Archive::new()
        .entry(b'g', b"global", b"17 comment=hello\n")
        .pax(&[("SCHILY.xattr.security.capability", capability), ("uid", b"4000000000")])
        .with(b'0', b"ping", b"program", |header| header.set_mode(0o4755))
        .pax(&[("SCHILY.xattr.user.note", b"a\0=\nb"), ("mtime", b"-1.5")])
        .dir("noted")
        .file("noted/inside", b"")
        .file("twice", b"first")
        .file("twice", b"second")
        .dir("changing")
        .file("changing/inside", b"")
        .symlink("changing", "noted")
        .with(b'3', b"null", b"", |header| {
            header.set_device_major(1).unwrap();
            header.set_device_minor(3).unwrap();
        })
        .hard_link("absolute", "/ping")
        .with(b'0', b"oldest/", b"", |_| {});
    let layer = host.unpack(&layer).unwrap();
    let stat = |name: &str| fs::symlink_metadata(layer.join(name)).unwrap();
    let ping = stat("ping");
    assert_eq!((ping.mode() & 0o7777, ping.uid(), ping.nlink()), (0o4755, 4_000_000_000, 2));
    let xattr = |name: &str, attribute: &str| {
        let mut value = vec![0; 64];
        let path = layer.join(name);
        let length = rustix::fs::lgetxattr(&path, attribute, &mut value[..]).unwrap();
        value.truncate(length);
        value
    };
    assert_eq!(xattr("ping", "security.capability"), capability);
    assert_eq!(xattr("noted", "user.note"), b"a\0=\nb");
    assert_eq!((stat("noted").mtime(), stat("noted").mtime_nsec()), (-2, 500_000_000));
    assert_eq!(fs::read(layer.join("twice")).unwrap(), b"second");
    assert_eq!(fs::read_link(layer.join("changing")).unwrap(), Path::new("noted"));
    assert!(stat("null").file_type().is_char_device() && stat("null").rdev() == 0x103);
    assert!(stat("oldest").is_dir());
}

#[test]
fn sparse_files_of_all_forms_are_read() {
    let mut expected = vec![0u8; 300_000];
    expected[100_000..100_512].fill(7);
    expected[200_000..200_100].fill(8);
    let data = [&[7u8; 512][..], &[8; 100]].concat();
    let numbers = "100000,512,200000,100";
    let pairs: Vec<(&str, &[u8])> = vec![
        ("GNU.sparse.size", b"300000"),
        ("GNU.sparse.offset", b"100000"),
        ("GNU.sparse.numbytes", b"512"),
        ("GNU.sparse.offset", b"200000"),
        ("GNU.sparse.numbytes", b"100"),
    ];
    let map = format!("2\n{}\n", numbers.replace(',', "\n"));
    let mut in_data = map.into_bytes();
    in_data.resize(512, 0);
    in_data.extend_from_slice(&data);
    let old = Archive::new().with(b'S', b"file", &data, |header| {
        let gnu = header.as_gnu_mut().unwrap();
        for (n, (offset, length)) in [(100_000, 512), (200_000, 100)].into_iter().enumerate() {
            gnu.sparse[n].set_offset(offset);
            gnu.sparse[n].set_length(length);
        }
        gnu.set_real_size(300_000);
    });
    let map_record: &[(&str, &[u8])] =
        &[("GNU.sparse.size", b"300000"), ("GNU.sparse.map", numbers.as_bytes())];
    let new: &[(&str, &[u8])] = &[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"file"),
        ("GNU.sparse.realsize", b"300000"),
    ];
    for (case, layer) in [
        ("old", old),
        ("0.0", Archive::new().pax(&pairs).file("file", &data)),
        ("0.1", Archive::new().pax(map_record).file("file", &data)),
        ("1.0", Archive::new().pax(new).file("GNUSparseFile.0/file", &in_data)),
    ] {
        let layer = Host::new().unpack(&layer).map(|layer| fs::read(layer.join("file")).unwrap());
        assert!(layer.as_ref() == Ok(&expected), "{case}: {:?}", layer.map(|bytes| bytes.len()));
    }
}
