//! Makes images and puts them into a directory that a registry serves.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};
use serde_json::{Value, json};

use super::registry::{Mode, Registry};
use super::{Layer, Recipe};
use crate::run;

/// To be raised when images would be made in another way from the same recipe.
const VERSION: u32 = 1;

/// Directories of `/` that are links to those in `/usr`, which packages count on.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
}

/// A layer that has been made.
struct Made {
    digest: String,
    diff_id: String,
    size: u64,
}

impl Cache {
    /// `target` is `CARGO_TARGET_TMPDIR`.
    pub fn new(target: &Path) -> Self {
        let dir = target.join("images");
        for name in ["layout/blobs/sha256", "layers", "made"] {
            fs::create_dir_all(dir.join(name)).expect("a directory can be made");
        }
        Self { dir }
    }

    /// What a registry serves.
    pub fn storage(&self) -> PathBuf {
        self.dir.join("registry")
    }

    /// Makes the images that are not there.
    pub fn ensure(&self, recipes: &[Recipe]) {
        let file = File::create(self.dir.join("lock")).expect("a file can be made");
        // Tests run beside each other, and need the same layers.
        let _lock = Flock::lock(file, FlockArg::LockExclusive).expect("can be locked");
        let missing: Vec<_> = recipes.iter().filter(|recipe| !self.is_made(recipe)).collect();
        if missing.is_empty() {
            return;
        }
        // What the last lists name may be gone.
        let _ = fs::remove_file(self.dir.join(Apt::UPDATED));
        let registry = Registry::start(&self.dir.join("filling"), &self.storage(), Mode::Writable);
        for recipe in missing {
            self.make(recipe, &registry);
            fs::write(self.marker(recipe), recipe.key()).expect("a file can be written");
        }
    }

    fn is_made(&self, recipe: &Recipe) -> bool {
        fs::read_to_string(self.marker(recipe)).is_ok_and(|key| key == recipe.key())
    }

    /// Holds the key of the recipe that the registry's image of this name was made from.
    fn marker(&self, recipe: &Recipe) -> PathBuf {
        self.dir.join("made").join(recipe.name.replace('/', "_"))
    }

    fn make(&self, recipe: &Recipe, registry: &Registry) {
        let mut layers = Vec::new();
        for count in 1..=recipe.layers.len() {
            layers.push(self.layer(&recipe.layers[..count]));
        }
        let diff_ids: Vec<_> = layers.iter().map(|layer| &layer.diff_id).collect();
        let config = self.document(&json!({
            "architecture": architecture(), "os": "linux", "config": recipe.config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }));
        let descriptor = |kind: &str, digest: &str, size: u64| {
            let kind = format!("application/vnd.oci.image.{kind}");
            json!({"mediaType": kind, "digest": digest, "size": size})
        };
        let layers: Vec<_> =
            layers.iter().map(|l| descriptor("layer.v1.tar+gzip", &l.digest, l.size)).collect();
        let manifest = self.document(&json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("config.v1+json", &config.0, config.1), "layers": layers,
        }));
        let manifest = descriptor("manifest.v1+json", &manifest.0, manifest.1);
        let index = json!({"schemaVersion": 2, "manifests": [manifest]}).to_string();
        let layout = self.dir.join("layout");
        fs::write(layout.join("index.json"), index).expect("a file can be written");
        fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
            .expect("a file can be written");
        run(Command::new("skopeo")
            .args(["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"])
            .arg(format!("oci:{}", layout.display()))
            .arg(format!("docker://{}/{}", registry.host(), recipe.name)));
    }

    /// Puts a document among the blobs; its digest and its length.
    fn document(&self, value: &Value) -> (String, u64) {
        let part = self.dir.join("part");
        fs::write(&part, value.to_string()).expect("a file can be written");
        self.blob(&part)
    }

    /// Puts a file among the blobs.
    fn blob(&self, file: &Path) -> (String, u64) {
        let hex = sha256(file);
        let size = fs::metadata(file).expect("it is there").len();
        let blob = self.dir.join("layout/blobs/sha256").join(&hex);
        fs::rename(file, blob).expect("can be renamed");
        (format!("sha256:{hex}"), size)
    }

    /// The topmost of some layers, each of which may depend on those below.
    fn layer(&self, layers: &[Layer]) -> Made {
        let record = self.dir.join("layers").join(key(&layers));
        if let Some(made) = fs::read_to_string(&record).ok().and_then(|text| Made::parse(&text)) {
            return made;
        }
        let tree = self.tree(layers);
        let archive = self.dir.join("part");
        run(Command::new("tar")
            .args(["--create", "--numeric-owner", "--sort=name", "--mtime=@0", "--xattrs"])
            .args(["--xattrs-include=security.capability", "--file"])
            .arg(&archive)
            .arg("--directory")
            .arg(tree.path())
            .arg("."));
        let diff_id = format!("sha256:{}", sha256(&archive));
        run(Command::new("gzip").args(["-1nf"]).arg(&archive));
        let (digest, size) = self.blob(&self.dir.join("part.gz"));
        fs::write(record, format!("{digest} {diff_id} {size}")).expect("a file can be written");
        Made { digest, diff_id, size }
    }

    /// The files of the topmost of some layers.
    fn tree(&self, layers: &[Layer]) -> Tree {
        let tree = Tree::new(self.dir.join(format!("tree-{}", layers.len())));
        match layers {
            [below @ .., Layer::Packages(packages)] => self.lay_out(packages, below, tree.path()),
            [lowest, .., Layer::Script(script)] if script.contains("$BELOW") => {
                let below = self.tree(std::slice::from_ref(lowest));
                run_script(script, tree.path(), below.path());
            }
            [.., Layer::Script(script)] => run_script(script, tree.path(), tree.path()),
            [] => {}
        }
        tree
    }

    fn lay_out(&self, packages: &[&str], below: &[Layer], tree: &Path) {
        let apt = Apt::new(self.dir.join("apt"));
        let mut wanted = apt.closure(packages);
        for layer in below {
            if let Layer::Packages(packages) = layer {
                wanted = &wanted - &apt.closure(packages);
            }
        }
        for name in MERGED {
            fs::create_dir_all(tree.join("usr").join(name)).expect("a directory can be made");
            symlink(format!("usr/{name}"), tree.join(name)).expect("a link can be made");
        }
        for package in &wanted {
            // As `dpkg-deb -x`, which would put a directory where the link is.
            run(Command::new("sh")
                .args([
                    "-euc",
                    "dpkg-deb --fsys-tarfile \"$1\" | tar -xp --keep-directory-symlink",
                    "",
                ])
                .arg(apt.fetch(package))
                .current_dir(tree));
        }
        for unread in ["usr/share/doc", "usr/share/man", "usr/share/locale"] {
            let _ = fs::remove_dir_all(tree.join(unread));
        }
    }
}

impl Recipe {
    fn key(&self) -> String {
        key(&(&self.layers, self.config.to_string()))
    }
}

impl Made {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ').map(str::to_owned);
        let (digest, diff_id) = (words.next()?, words.next()?);
        Some(Self { digest, diff_id, size: words.next()?.parse().ok()? })
    }
}

/// A directory that goes when it is no longer needed.
struct Tree(PathBuf);

impl Tree {
    fn new(path: PathBuf) -> Self {
        // A test that was killed may have left one.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory can be made");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("it is ours");
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// apt with a directory of its own: what is installed on this machine does not count, and is not touched.
struct Apt {
    dir: PathBuf,
}

impl Apt {
    const UPDATED: &str = "apt/updated";

    fn new(dir: PathBuf) -> Self {
        let apt = Self { dir };
        let updated = apt.dir.with_file_name(Self::UPDATED);
        if !updated.exists() {
            for name in ["lists/partial", "archives/partial", "packages"] {
                fs::create_dir_all(apt.dir.join(name)).expect("a directory can be made");
            }
            run(apt.command().arg("update"));
            fs::write(updated, "").expect("a file can be written");
        }
        apt
    }

    fn command(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.arg("-qq").current_dir(self.dir.join("packages")).env("LC_ALL", "C");
        for (name, value) in [
            ("Dir::State", self.dir.display().to_string()),
            ("Dir::State::lists", self.dir.join("lists").display().to_string()),
            ("Dir::State::status", "/dev/null".to_owned()),
            ("Dir::Cache", self.dir.display().to_string()),
            ("APT::Install-Recommends", "false".to_owned()),
            ("APT::Sandbox::User", "root".to_owned()),
            ("Acquire::Languages", "none".to_owned()),
            ("Acquire::Retries", "3".to_owned()),
        ] {
            command.arg("-o").arg(format!("{name}={value}"));
        }
        command
    }

    /// Packages and those that they need to run.
    fn closure(&self, packages: &[&str]) -> BTreeSet<String> {
        let plan = run(self.command().args(["--simulate", "install"]).args(packages));
        plan.lines()
            .filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next())
            .filter(|name| !serves_installing(name))
            .map(str::to_owned)
            .collect()
    }

    /// The file of a package.
    fn fetch(&self, package: &str) -> PathBuf {
        let dir = self.dir.join("packages");
        let find = || {
            let name = format!("{package}_");
            let entries = fs::read_dir(&dir).expect("it is there").flatten();
            entries.map(|e| e.path()).find(|path| {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                file.starts_with(&name) && file.ends_with(".deb")
            })
        };
        find().unwrap_or_else(|| {
            run(self.command().args(["download", package]));
            find().expect("it has been downloaded")
        })
    }
}

/// Large, and only of use where packages are installed.
fn serves_installing(package: &str) -> bool {
    package.contains("perl") || ["debconf", "dpkg", "usrmerge", "gcc-12-base"].contains(&package)
}

fn run_script(script: &str, tree: &Path, below: &Path) {
    let mut command = Command::new("sh");
    command.args(["-euc", &format!("umask 022\n{script}")]).current_dir(tree);
    run(command.env("BELOW", below));
}

fn key(of: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    (VERSION, of).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn sha256(file: &Path) -> String {
    let sum = run(Command::new("sha256sum").arg(file));
    sum.split(' ').next().expect("a sum").to_owned()
}

/// As images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
