//! `pod image`, against Debian's registry and skopeo's archives.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use pod_tests::image::{Registry, recipes};
use pod_tests::run as tool;
use serde_json::Value;

use crate::host::{Host, Ran, run};

const IMAGE: &str = "docker.io/qiaocc/init-demo:1.0";

struct World {
    registry: Registry,
    host: Host,
}

impl World {
    fn new() -> Self {
        let host = Host::new();
        let images = [recipes::init_demo()];
        let registry = Registry::with(&images, env!("CARGO_TARGET_TMPDIR"), &host.path("registry"));
        host.set_registries(&registry.configuration());
        Self { registry, host }
    }

    fn ok(&self, line: &str) -> String {
        let ran = self.host.pod(line);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{line}: {ran:?}");
        ran.out
    }

    /// Runs a command that fails, and returns what it says.
    fn fails(&self, line: &str, code: i32) -> String {
        let ran = self.host.pod(line);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{line}: {ran:?}");
        ran.err
    }

    /// An archive of the registry's image in a place of skopeo's.
    fn archive(&self, place: &str) -> PathBuf {
        let (kind, rest) = place.split_once(':').expect("a kind");
        let (file, name) = rest.split_once(':').unwrap_or((rest, ""));
        let path = self.host.path(file);
        let mut target = format!("{kind}:{}", path.display());
        if !name.is_empty() {
            target = format!("{target}:{name}");
        }
        tool(
            Command::new("skopeo")
                .args(["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"])
                .arg(format!("docker://{}/{IMAGE}", self.registry.host()))
                .arg(target),
        );
        path
    }

    fn ids(&self) -> String {
        self.ok("image ls --quiet")
    }
}

fn skopeo_inspect(place: &str) -> Value {
    let text = tool(Command::new("skopeo").args(["inspect", place]));
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn an_image_is_pulled_shown_named_and_removed() {
    let world = World::new();
    assert_eq!(world.ok("image ls --no-headers"), "");
    let id = world.ok("image pull qiaocc/init-demo:1.0");
    assert!(id.starts_with("sha256:") && id.len() == 72, "{id}");
    assert_eq!(world.ok("image pull --quiet qiaocc/init-demo:1.0"), "");
    assert_eq!(world.ids(), id);

    let table = world.ok("image ls");
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE", "USED", "BY"]);
    assert_eq!(rows[1][..3], ["docker.io/qiaocc/init-demo", "1.0", &id[7..19]]);
    let inspect = |query: &str| -> Value {
        let text = world.ok(&format!("image inspect {query}"));
        serde_json::from_str::<Value>(&text).expect("it is JSON")[0].take()
    };
    let shown = inspect(IMAGE);
    let reference = format!("docker://{}/{IMAGE}", world.registry.host());
    let remote = tool(Command::new("skopeo").args(["inspect", "--tls-verify=false", &reference]));
    let remote: Value = serde_json::from_str(&remote).expect("it is JSON");
    assert_eq!((&shown["id"], &shown["manifest"]), (&id.trim().into(), &remote["Digest"]));
    assert_eq!(shown["configuration"]["config"]["Cmd"][0], "sh");

    world.ok("image tag qiaocc/init-demo:1.0 example.org/mine:2");
    for query in ["example.org/mine:2", id.trim(), &id[7..19]] {
        assert_eq!(inspect(query)["tags"], serde_json::json!([IMAGE, "example.org/mine:2"]));
    }
    let list: Value = serde_json::from_str(&world.ok("image ls -o json")).expect("it is JSON");
    assert_eq!((list[0]["id"].as_str(), &list[1]), (Some(id.trim()), &Value::Null));
    assert_eq!(
        world.ok("image rm qiaocc/init-demo:1.0"),
        "Untagged: docker.io/qiaocc/init-demo:1.0\n"
    );
    assert_eq!(
        world.ok("image rm example.org/mine:2"),
        format!("Untagged: example.org/mine:2\nDeleted: {id}")
    );
    assert_eq!(world.ids(), "");
}

#[test]
fn what_is_wrong_with_an_image_has_an_exit_code() {
    let world = World::new();
    world.ok("image pull --quiet qiaocc/init-demo:1.0");
    let absent = "error: there is no image \"none\" on this machine\n";
    for line in
        ["image inspect none", "image rm none", "image save none -o x.tar", "image tag none a:1"]
    {
        assert_eq!(world.fails(line, 4), absent, "{line}");
    }
    assert!(!PathBuf::from("x.tar").exists());
    for line in [
        "image pull a//b",
        "image pull a:b:c",
        "image tag qiaocc/init-demo:1.0 a//b",
        "image pull",
        "image save",
        "image ls --output yaml",
    ] {
        let error = world.fails(line, 2);
        assert!(error.starts_with("error: "), "{line}: {error}");
    }
    let error = world.fails("image pull qiaocc/none:1", 1);
    assert!(error.contains("docker.io/qiaocc/none:1") && error.lines().count() == 1, "{error}");
    // One that fails does not keep the others from being pulled.
    let both = world.host.pod("image pull qiaocc/none:1 qiaocc/init-demo:1.0");
    assert_eq!((both.code, both.out), (1, world.ids()));

    let garbage = world.host.manifest("not an archive");
    let error = world.fails(&format!("image load --input {garbage}"), 1);
    assert!(error.contains("archive"), "{error}");
    assert!(world.fails("image load --input /nonexistent", 1).contains("/nonexistent"));
}

#[test]
fn archives_of_skopeo_are_loaded() {
    let world = World::new();
    let cases = [
        ("docker-archive:a.tar:example.org/docker:1", Some("example.org/docker:1")),
        ("oci:layout:example.org/layout:1", Some("example.org/layout:1")),
        ("oci-archive:b.tar:example.org/archive:1", Some("example.org/archive:1")),
        ("oci:bare", None),
    ];
    world.ok("image pull --quiet qiaocc/init-demo:1.0");
    let id = world.ids();
    world.ok("image rm qiaocc/init-demo:1.0");
    for (place, name) in cases {
        let path = world.archive(place);
        let said = format!("Loaded image: {}\n", name.unwrap_or(id.trim()));
        assert_eq!(world.ok(&format!("image load -i {}", path.display())), said, "{place}");
        assert_eq!(world.ids(), id, "{place}");
        if path.is_file() {
            let archive = std::fs::read(&path).expect("it can be read");
            let again = world.host.pod_with_input("image load", &archive);
            assert_eq!((again.code, again.out), (0, said), "{place}");
        }
        world.ok(&format!("image rm {}", name.unwrap_or(id.trim())));
        assert_eq!(world.ids(), "", "{place}");
    }
}

#[test]
fn what_is_saved_is_read_by_skopeo_and_again() {
    let world = World::new();
    world.ok("image pull --quiet qiaocc/init-demo:1.0");
    let id = world.ids();
    let digest = {
        let text = world.ok("image inspect qiaocc/init-demo:1.0");
        serde_json::from_str::<Value>(&text).expect("it is JSON")[0]["manifest"].clone()
    };
    let file = world.host.path("saved.tar");
    let name = file.display().to_string();
    world.ok(&format!("image save qiaocc/init-demo:1.0 --output {name}"));
    // To a pipe, nothing but the same archive is written.
    let mut save = world.host.command(["image", "save", "qiaocc/init-demo:1.0"]);
    let piped = save.stdout(Stdio::piped()).output().expect("it runs");
    assert!(piped.status.success() && piped.stderr.is_empty());
    assert!(piped.stdout == std::fs::read(&file).expect("it is there"), "the archives differ");

    assert_eq!(skopeo_inspect(&format!("oci-archive:{name}"))["Digest"], digest);
    let docker = skopeo_inspect(&format!("docker-archive:{name}:{IMAGE}"));
    assert_eq!(docker["Layers"].as_array().map(Vec::len), Some(2));
    let config = ["inspect", "--config", "--raw"];
    let raw = tool(Command::new("skopeo").args(config).arg(format!("docker-archive:{name}")));
    assert_eq!(format!("sha256:{}\n", sha256(&raw)), id);

    world.ok("image rm qiaocc/init-demo:1.0");
    assert_eq!(world.ok(&format!("image load -i {name}")), format!("Loaded image: {IMAGE}\n"));
    assert_eq!(world.ids(), id);
}

fn sha256(text: &str) -> String {
    let mut sum = Command::new("sha256sum");
    let Ran { out, .. } = run(sum.stdin(Stdio::piped()), text.as_bytes());
    out.split(' ').next().expect("a sum").to_owned()
}

#[test]
fn an_image_in_use_stays() {
    let world = World::new();
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  terminationGracePeriodSeconds: 0\n  \
               containers: [{name: app, image: 'qiaocc/init-demo:1.0', command: [sh, -c, 'exec busybox sleep 1000']}]\n";
    let ran = world.host.pod_on("apply", pod);
    assert_eq!((ran.code, ran.out.as_str()), (0, "pod/web created\n"), "{ran:?}");
    assert!(world.ok("image ls --no-headers").trim_end().ends_with("default/web"));
    let id = world.ids();
    for name in ["qiaocc/init-demo:1.0", id.trim()] {
        let error = world.fails(&format!("image rm {name}"), 1);
        assert!(error.contains("in use by default/web"), "{error}");
    }
    assert_eq!(world.ok("image prune --all"), "Total reclaimed space: 0B\n");
    assert_eq!(world.ids(), id);
    assert_eq!(world.host.pod("delete web").code, 0);
    let gone = world.ok("image prune --all");
    assert!(gone.starts_with(&format!("Untagged: {IMAGE}\nDeleted: {id}Total")), "{gone}");
    assert_eq!(world.ids(), "");
}

#[test]
fn images_without_names_are_pruned() {
    let world = World::new();
    let path = world.archive("oci:bare");
    world.ok(&format!("image load -i {}", path.display()));
    world.ok("image pull --quiet qiaocc/init-demo:1.0");
    assert_eq!(world.ok("image prune"), "Total reclaimed space: 0B\n", "it has a name now");
    let id = world.ids();
    world.ok("image rm qiaocc/init-demo:1.0");
    world.ok(&format!("image load -i {}", path.display()));
    let pruned = world.ok("image prune");
    assert!(pruned.starts_with(&format!("Deleted: {id}Total reclaimed space: ")), "{pruned}");
}
