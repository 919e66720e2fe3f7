//! The store as its users see it: as root, each in a directory of its own, with images that are made for the purpose.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod image;

use std::fs;
use std::path::{Path, PathBuf};

use image::{Archive, ImageArchive};
use pod_images::{Images, Prune, Reference, RemoveError, RootSource};

fn images(dir: &Path) -> Images {
    Images::with_helper(dir, env!("CARGO_BIN_EXE_pod-unpack"))
}

fn name(text: &str) -> Reference {
    text.parse().unwrap()
}

fn layers(images: &Images, text: &str) -> Vec<PathBuf> {
    match images.resolve(&name(text)).unwrap().root {
        RootSource::Layers(layers) => layers,
        other => panic!("{other:?}"),
    }
}

/// Every path below a directory.
fn tree(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            }
            found.push(entry.path().strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

fn base() -> Archive {
    Archive::new().dir("etc").file("etc/motd", b"hello").file("gone", b"")
}

fn top(text: &str) -> Archive {
    Archive::new().file(".wh.gone", b"").file("app", text.as_bytes())
}

#[test]
fn images_of_all_forms_are_loaded() {
    let image = || ImageArchive::new("test.local/app:1").layer(&base()).layer(&top("1"));
    for (form, bytes) in [
        ("layout", image().layout()),
        ("gzip", image::gzip(&image().layout())),
        ("zstd", image::zstd(&image().layout())),
        ("gzip layers", image().packed("gzip").layout()),
        ("zstd layers", image().packed("zstd").layout()),
        ("docker", image().docker()),
        ("docker with links", image().layer(&base()).docker_with_links()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let images = images(dir.path());
        let loaded = images.load(&bytes[..]).unwrap();
        assert_eq!(loaded[0].names, ["test.local/app:1"], "{form}");
        let layers = layers(&images, "test.local/app:1");
        assert_eq!(fs::read(layers[0].join("etc/motd")).unwrap(), b"hello", "{form}");
        assert_eq!(fs::read(layers[1].join("app")).unwrap(), b"1", "{form}");
        let image = images.resolve(&name("test.local/app:1")).unwrap();
        assert_eq!(image.config.cmd, ["/app"], "{form}");
        assert_eq!(image.id, loaded[0].id.to_string());
    }
}

#[test]
fn a_layout_is_loaded_from_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let layout = dir.path().join("layout");
    let bytes = ImageArchive::new("test.local/app:1").layer(&base()).layout();
    tar::Archive::new(&bytes[..]).unpack(&layout).unwrap();
    let images = images(&dir.path().join("store"));
    images.load_path(&layout).unwrap();
    assert_eq!(layers(&images, "test.local/app:1").len(), 1);
    assert!(images.load_path(dir.path()).unwrap_err().to_string().contains("no image"));
}

#[test]
fn layers_are_shared_and_go_with_the_last_image() {
    let dir = tempfile::tempdir().unwrap();
    let images = images(dir.path());
    for tag in ["1", "2"] {
        let image = ImageArchive::new(&format!("test.local/app:{tag}"));
        images.load(&image.layer(&base()).layer(&top(tag)).layout()[..]).unwrap();
    }
    let (one, two) = (layers(&images, "test.local/app:1"), layers(&images, "test.local/app:2"));
    assert_eq!(one[0], two[0]);
    assert_ne!(one[1], two[1]);
    assert!(one[0].file_name().unwrap().len() <= 26);
    let list = images.list().unwrap();
    let tags: Vec<_> = list.iter().map(|image| image.tags[0].as_str()).collect();
    assert_eq!(tags, ["test.local/app:1", "test.local/app:2"]);
    assert_eq!(list[0].unpacked, 6);

    let removed = images.remove("test.local/app:1").unwrap();
    assert_eq!(removed.names, ["test.local/app:1"]);
    assert!(removed.bytes > 0);
    assert!(!one[1].exists() && two.iter().all(|layer| layer.exists()));
    assert!(images.resolve(&name("test.local/app:1")).is_err());
    images.remove("test.local/app:2").unwrap();
    let left: Vec<_> = tree(dir.path())
        .into_iter()
        .filter(|path| dir.path().join(path).is_file() && !path.ends_with("lock"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn what_is_held_stays() {
    let dir = tempfile::tempdir().unwrap();
    let images = images(dir.path());
    images.load(&ImageArchive::new("test.local/app:1").layer(&base()).layout()[..]).unwrap();
    let id = images.resolve(&name("test.local/app:1")).unwrap().id;
    images.lease(&id, "default/web").unwrap();
    images.lease(&id, "default/web").unwrap();
    images.lease(&id, "../other").unwrap();
    assert!(images.lease("sha256:00", "default/web").is_err());
    assert!(images.lease(&id, "a\nb").is_err());
    assert_eq!(images.holders(&id).unwrap(), ["../other", "default/web"]);
    match images.remove("test.local/app:1") {
        Err(RemoveError::InUse { holders, .. }) => assert_eq!(holders.len(), 2),
        other => panic!("{other:?}"),
    }
    assert_eq!(images.prune(Prune::Unused).unwrap().images, Vec::<String>::new());

    images.tag("test.local/app:1", &name("again")).unwrap();
    images.remove("test.local/app:1").unwrap();
    assert_eq!(images.list().unwrap()[0].tags, ["docker.io/library/again:latest"]);
    images.release("../other").unwrap();
    images.release("default/web").unwrap();
    assert_eq!(images.prune(Prune::Unnamed).unwrap().images, Vec::<String>::new());
    let removed = images.prune(Prune::Unused).unwrap();
    assert_eq!(removed.names, ["docker.io/library/again:latest"]);
    assert_eq!(images.list().unwrap(), []);
}

#[test]
fn a_name_counts_more_than_an_id() {
    let dir = tempfile::tempdir().unwrap();
    let images = images(dir.path());
    for text in ["1", "2"] {
        let image = ImageArchive::new(&format!("test.local/app:{text}")).layer(&top(text));
        images.load(&image.layout()[..]).unwrap();
    }
    let ids: Vec<_> = images.list().unwrap().into_iter().map(|image| image.id).collect();
    let prefix = &ids[0].hex()[..12];
    assert_eq!(images.inspect(prefix).unwrap().summary.id, ids[0]);
    images.tag("test.local/app:2", &name(prefix)).unwrap();
    assert_eq!(images.inspect(prefix).unwrap().summary.id, ids[1]);
    let removed = images.remove(prefix).unwrap();
    assert_eq!((removed.names.len(), removed.images.len()), (1, 0));
    let removed = images.remove(&format!("sha256:{prefix}")).unwrap();
    assert_eq!(removed.names, ["test.local/app:1"]);
    for query in ["", "0", "test.local/app:3", "pod.local/host", "../..", "sha256:"] {
        assert!(images.inspect(query).is_err() && images.remove(query).is_err(), "{query}");
    }
    for name in ["pod.local/host".to_owned(), format!("app@{}", ids[0])] {
        assert!(images.tag("test.local/app:2", &self::name(&name)).is_err(), "{name}");
    }
}

#[test]
fn a_name_goes_to_the_newer_image_and_the_older_one_is_pruned() {
    let dir = tempfile::tempdir().unwrap();
    let images = images(dir.path());
    for text in ["1", "2"] {
        let image = ImageArchive::new("test.local/app:1").layer(&top(text));
        images.load(&image.layout()[..]).unwrap();
    }
    assert_eq!(images.list().unwrap().len(), 2);
    assert_eq!(images.prune(Prune::Unnamed).unwrap().images.len(), 1);
    let layers = layers(&images, "test.local/app:1");
    assert_eq!(fs::read(layers[0].join("app")).unwrap(), b"2");
}

#[test]
fn what_is_saved_can_be_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let images = images(&dir.path().join("a"));
    images.load(&ImageArchive::new("test.local/app:1").layer(&base()).docker()[..]).unwrap();
    let mut bytes = Vec::new();
    images.save(&["test.local/app:1"], &mut bytes).unwrap();
    let mut again = Vec::new();
    images.save(&["test.local/app:1"], &mut again).unwrap();
    assert!(bytes == again, "the same image makes the same archive");
    let other = self::images(&dir.path().join("b"));
    other.load(&bytes[..]).unwrap();
    assert_eq!(images.list().unwrap(), other.list().unwrap());
    let id = images.list().unwrap()[0].id.clone();
    let inspection = other.inspect(&id.hex()[..12]).unwrap();
    assert_eq!(inspection.configuration["config"]["Cmd"][0], "/app");
    assert_eq!(inspection.document["layers"].as_array().unwrap().len(), 1);
}

#[test]
fn what_a_killed_process_left_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let images = images(dir.path());
    let archive = ImageArchive::new("test.local/app:1").layer(&base()).layout();
    images.load(&archive[..]).unwrap();
    let layer = layers(&images, "test.local/app:1").remove(0);
    let id = layer.file_name().unwrap().to_str().unwrap().to_owned();
    images.remove("test.local/app:1").unwrap();
    // Killed while it unpacked, and another one before it had written the record.
    for half in [dir.path().join("tmp").join(&id), layer.clone()] {
        fs::create_dir(&half).unwrap();
        fs::write(half.join("half"), "").unwrap();
    }
    fs::write(dir.path().join("tmp/1.0"), "").unwrap();
    images.load(&archive[..]).unwrap();
    assert_eq!(tree(&layer), ["etc", "etc/motd", "gone"]);
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn two_at_once_unpack_a_layer_once() {
    let dir = tempfile::tempdir().unwrap();
    let images = images(dir.path());
    let archive = ImageArchive::new("test.local/app:1").layer(&base()).layer(&top("1")).layout();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| images.load(&archive[..]).unwrap());
        }
    });
    assert_eq!(layers(&images, "test.local/app:1").len(), 2);
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}
