//! What a registry holds: the formats of images, for this machine and others.

use std::fs;

use pod_images::PullPolicy;

use crate::content::{Content, architecture};
use crate::debian::DebianRegistry;
use crate::server::Server;
use crate::world::{World, file_of};

fn two_layers() -> Content {
    let busybox = fs::read("/bin/busybox").expect("`make test` installs busybox-static");
    let mut content = Content::default();
    content.add_image(Some("1"), &[&[("bin/busybox", &busybox), ("a", b"low")], &[("a", b"high")]]);
    content
}

#[test]
fn both_formats_and_compressions_are_pulled_from_a_registry() {
    let registry = DebianRegistry::new("");
    let busybox = fs::read("/bin/busybox").unwrap();
    for (name, arguments) in [
        ("oci:1", &["--format", "oci"][..]),
        ("docker:1", &["--format", "v2s2"]),
        ("zstd:1", &["--format", "oci", "--dest-compress-format", "zstd"]),
    ] {
        registry.push(&two_layers(), "1", name, arguments);
        let world = World::new();
        let image = world.pull(&registry.image(name)).unwrap();
        assert_eq!(image.config.cmd, ["/bin/busybox", "true"], "{name}");
        assert_eq!(file_of(&image, "a").unwrap(), b"high", "{name}");
        assert!(file_of(&image, "bin/busybox").unwrap() == busybox, "{name}");
        let (repository, digest) = image.repo_digest.as_ref().unwrap().split_once('@').unwrap();
        assert_eq!(repository, registry.image(name.split(':').next().unwrap()));

        // By its digest it is the same, and there already.
        let by_digest = world.pull(&format!("{repository}@{digest}")).unwrap();
        assert_eq!((by_digest.id, by_digest.root), (image.id, image.root), "{name}");
    }
}

#[test]
fn an_index_gives_what_is_for_this_machine() {
    let registry = DebianRegistry::new("");
    let mut content = Content::default();
    let here = content.add_image(None, &[&[("here", b"yes")]]);
    let there = content.add_image_for(None, &[&[("here", b"no")]], "s390x");
    content.add_index("both", &[(&there, "s390x"), (&here, architecture())]);
    content.add_index("other", &[(&there, "s390x")]);
    for tag in ["both", "other"] {
        registry.push(&content, tag, &format!("app:{tag}"), &["--all"]);
    }
    let world = World::new();
    let image = world.pull(&registry.image("app:both")).unwrap();
    assert_eq!(file_of(&image, "here").unwrap(), b"yes");
    let top = crate::content::digest(&content.documents["both"].1);
    assert!(image.repo_digest.unwrap().ends_with(&top), "the index, not the manifest in it");

    let error = world.failure(&registry.image("app:other"));
    assert!(error.contains("linux/s390x"), "{error}");
    let error = world.failure(&registry.image("app:none"));
    assert!(
        error.contains(&format!("cannot get the manifest of app:none from {}", registry.host))
            && error.contains("the registry has none: manifest unknown"),
        "{error}"
    );
}

#[test]
fn policies_say_when_the_registry_is_asked() {
    let server = Server::of(two_layers());
    let world = World::new();
    let image = server.image("app:1");
    let error = world.ensure(&image, PullPolicy::Never).unwrap_err();
    assert_eq!(error.reason(PullPolicy::Never), "ErrImageNeverPull");
    assert_eq!(server.requests().len(), 0);

    let pulled = world.ensure(&image, PullPolicy::IfNotPresent).unwrap();
    assert_eq!((server.count("/manifests/"), server.count("/blobs/")), (1, 3));
    let asked = server.requests().len();
    for policy in [PullPolicy::IfNotPresent, PullPolicy::Never] {
        assert_eq!(world.ensure(&image, policy).unwrap(), pulled);
    }
    assert_eq!(server.requests().len(), asked, "nobody was asked");

    assert_eq!(world.ensure(&image, PullPolicy::Always).unwrap(), pulled);
    let requests = server.requests();
    assert_eq!(requests.len(), asked + 1);
    assert_eq!(requests[asked].method, "HEAD");

    drop(server);
    assert!(world.ensure(&image, PullPolicy::IfNotPresent).is_ok());
    let error = world.failure(&image);
    assert!(error.contains("the connection was refused; is the registry running?"), "{error}");

    world.set("containers/registries.conf", "[registries.search]");
    assert!(world.ensure(&image, PullPolicy::IfNotPresent).is_ok(), "no settings are needed");
    assert!(world.failure(&image).contains("registries.conf:1: "));
}

#[test]
fn a_tag_that_moves_brings_only_what_is_new() {
    let mut content = two_layers();
    let old = content.documents["1"].clone();
    let mut newer = content.clone();
    newer.add_image(Some("1"), &[&[("bin/busybox", b"other")], &[("a", b"high")]]);
    content.blobs.extend(newer.blobs.clone());
    content.documents.extend(newer.documents.clone());
    let moved = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let server = Server::new({
        let moved = moved.clone();
        move |request| {
            let mut content = content.clone();
            if !moved.load(std::sync::atomic::Ordering::SeqCst) {
                content.documents.insert("1".to_owned(), old.clone());
            }
            crate::server::serve(&content, request)
        }
    });
    let world = World::new();
    let first = world.pull(&server.image("app:1")).unwrap();
    assert_eq!(server.count("/blobs/"), 3);
    moved.store(true, std::sync::atomic::Ordering::SeqCst);
    let second = world.pull(&server.image("app:1")).unwrap();
    assert_eq!(server.count("/blobs/"), 5, "a configuration and one layer");
    assert_ne!(first.id, second.id);
    assert_eq!(file_of(&second, "bin/busybox").unwrap(), b"other");
}

#[test]
fn short_names_and_mirrors_lead_to_the_registry_that_has_it() {
    let content = two_layers();
    let (server, empty) = (Server::of(content), Server::of(Content::default()));
    let world = World::new();
    world.set(
        "containers/registries.conf",
        format!(
            "[aliases]\n'app' = '{server}/app'\n\
             [[registry]]\nprefix = 'far.test'\nlocation = 'blocked.invalid'\n\
             [[registry.mirror]]\nlocation = '{empty}/mirror'\n\
             [[registry.mirror]]\nlocation = '{server}/mirror'\n\
             [[registry]]\nlocation = 'no.test'\nblocked = true\n",
            server = server.address,
            empty = empty.address,
        ),
    );
    let image = world.pull("app:1").unwrap();
    assert_eq!(image.reference.as_str(), "app:1");
    assert!(image.repo_digest.unwrap().starts_with(&server.image("app@")));
    assert!(world.ensure("app:1", PullPolicy::Never).is_ok());

    let image = world.pull("far.test/x:1").unwrap();
    assert!(image.repo_digest.unwrap().starts_with("far.test/x@"), "not the mirror's name");
    assert_eq!((empty.count("/v2/mirror/x/"), server.count("/v2/mirror/x/manifests")), (1, 1));

    let error = world.failure("far.test/x:2");
    for part in [&empty.address.to_string(), &server.address.to_string(), "blocked.invalid"] {
        assert!(error.contains(part), "{error}");
    }
    let error = world.failure("no.test/x");
    assert!(error.contains("registry \"no.test\" is blocked"), "{error}");
}
