//! `podman kube play`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Subject, make_root};
use crate::runner::command::{self, timed};
use crate::runner::host;

const IMAGE: &str = "localhost/pod-bench:1";

/// The processes a pod has beside its workload.
const HELPERS: &[&str] = &["conmon", "catatonit"];

/// podman, with an image made of busybox.
pub(in crate::runner) struct Podman {
    dir: PathBuf,
    /// Limits that a process without CAP_SYS_RESOURCE can give.
    configuration: Option<PathBuf>,
}

impl Podman {
    pub(in crate::runner) fn new(scratch: &Path) -> Self {
        Self { dir: scratch.join("podman"), configuration: None }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("podman");
        command.args(words);
        if let Some(file) = &self.configuration {
            command.env("CONTAINERS_CONF", file);
        }
        command
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let file = self.dir.join(name);
        fs::write(&file, text).map_err(|error| error.to_string())?;
        Ok(file)
    }
}

impl Subject for Podman {
    fn name(&self) -> &'static str {
        "podman"
    }

    fn set_up(&mut self) -> Result<String, String> {
        if !command::is_installed("podman") {
            return Err(super::NOT_INSTALLED.to_owned());
        }
        let root = self.dir.join("root");
        make_root(&root)?;
        if !host::may_raise_limits() {
            let limits = "default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]";
            let text = format!("[containers]\n{limits}\n");
            self.configuration = Some(self.write("containers.conf", &text)?);
        }
        let archive = self.dir.join("root.tar").to_string_lossy().into_owned();
        timed(Command::new("tar").arg("-C").arg(&root).args(["-cf", &archive, "."]))?;
        timed(&mut self.command(&["import", &archive, IMAGE]))?;
        super::version(&mut Command::new("podman"))
    }

    fn up(&mut self, name: &str, containers: usize) -> Result<Duration, String> {
        let file = self.write("pod.yaml", &super::manifest(name, containers, IMAGE))?;
        // Loopback alone, as the others have it.
        timed(&mut self.command(&["kube", "play", "--network", "none", &file.to_string_lossy()]))
    }

    fn exec(&mut self, name: &str) -> Result<Duration, String> {
        timed(&mut self.command(&["exec", &format!("{name}-c0"), "/bin/true"]))
    }

    fn down(&mut self, name: &str, _containers: usize) -> Result<Duration, String> {
        timed(&mut self.command(&["pod", "rm", "-f", "-t", "0", name]))
    }

    fn helpers(&self) -> &'static [&'static str] {
        HELPERS
    }

    fn clean_up(&mut self) {
        // The table is what counts; an image that stays is reused by the next run.
        let _ = timed(&mut self.command(&["rmi", "-f", IMAGE]));
    }
}
