//! What pulls.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::runner::command::{is_installed, output};

/// One way to pull an image.
pub(super) enum Subject {
    /// `pod image pull`.
    Pod { program: PathBuf, config: PathBuf, image: String },
    /// `podman pull`, with one of its storage drivers.
    Podman { driver: &'static str, image: String },
    /// `skopeo copy`, which unpacks nothing.
    Skopeo { image: String },
}

/// All of them; `image` is the name with the registry, `config` a `registries.conf`.
pub(super) fn all(pod: &Path, config: &Path, image: &str) -> Vec<Subject> {
    let image = image.to_owned();
    vec![
        Subject::Pod { program: pod.to_owned(), config: config.to_owned(), image: image.clone() },
        Subject::Podman { driver: driver(), image: image.clone() },
        Subject::Skopeo { image },
    ]
}

/// overlay, or vfs where the kernel lets podman have no overlay here.
fn driver() -> &'static str {
    let Ok(dir) = tempfile::tempdir() else { return "vfs" };
    let mut info = podman("overlay", dir.path());
    let works = output(info.args(["info", "--format", "{{.Store.GraphDriverName}}"]));
    // It may have left a mount of its own directory.
    let _ = Command::new("umount").arg("-q").arg(dir.path().join("root/overlay")).status();
    if works.is_ok_and(|name| name == "overlay") { "overlay" } else { "vfs" }
}

fn podman(driver: &str, dir: &Path) -> Command {
    let mut command = Command::new("podman");
    command.arg("--root").arg(dir.join("root")).arg("--runroot").arg(dir.join("run"));
    command.args(["--storage-driver", driver]);
    command
}

impl Subject {
    /// As the table names it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Pod { .. } => "`pod image pull`".to_owned(),
            Self::Podman { driver, .. } => format!("`podman pull`, {driver}"),
            Self::Skopeo { .. } => "`skopeo copy` to a layout, packed".to_owned(),
        }
    }

    pub(super) fn missing(&self) -> bool {
        match self {
            Self::Pod { program, .. } => !program.exists(),
            Self::Podman { .. } => !is_installed("podman"),
            Self::Skopeo { .. } => !is_installed("skopeo"),
        }
    }

    /// Pulls into a directory that does not exist yet.
    pub(super) fn command(&self, dir: &Path) -> Command {
        match self {
            Self::Pod { program, config, image } => {
                let mut command = Command::new(program);
                command.arg("--root").arg(dir).args(["image", "pull", image]);
                command.env("CONTAINERS_REGISTRIES_CONF", config);
                command
            }
            Self::Podman { driver, image } => {
                let mut command = podman(driver, dir);
                command.args(["pull", "--quiet", "--tls-verify=false", image]);
                command
            }
            Self::Skopeo { image } => {
                let mut command = Command::new("skopeo");
                command.args(["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"]);
                command.arg(format!("docker://{image}")).arg(format!("oci:{}:1", dir.display()));
                command
            }
        }
    }
}
