//! The `pod` command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Subject;
use crate::runner::command::timed;
use crate::runner::host;

/// The processes a pod has beside its workload.
const HELPERS: &[&str] = &["pod-keeper", "pod-supervise", "pause"];

const IMAGE: &str = "pod.local/host";

/// The `pod` command, with everything it keeps below a scratch directory.
pub(in crate::runner) struct PodCommand {
    program: PathBuf,
    root: PathBuf,
    manifest: PathBuf,
}

impl PodCommand {
    pub(in crate::runner) fn new(program: &Path, scratch: &Path) -> Self {
        Self {
            program: program.to_owned(),
            root: scratch.join("pod"),
            manifest: scratch.join("pod.yaml"),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        // Loopback alone, as the others have it.
        let network = std::env::var_os("POD_NETWORK").unwrap_or_else(|| "loopback".into());
        command.arg("--root").arg(&self.root).args(words).env("POD_NETWORK", network);
        command
    }
}

impl Subject for PodCommand {
    fn name(&self) -> &'static str {
        "pod"
    }

    fn set_up(&mut self) -> Result<String, String> {
        if !self.program.exists() {
            return Err(super::NOT_INSTALLED.to_owned());
        }
        host::make_run_directory(&self.root.join("run")).map_err(|error| error.to_string())?;
        super::version(&mut Command::new(&self.program))
    }

    /// `apply` returns when the pod is running, and that is when all of its containers have been started.
    fn up(&mut self, name: &str, containers: usize) -> Result<Duration, String> {
        let text = super::manifest(name, containers, IMAGE);
        fs::write(&self.manifest, text).map_err(|error| error.to_string())?;
        let file = self.manifest.to_string_lossy();
        timed(&mut self.command(&["apply", "-f", &file]))
    }

    fn exec(&mut self, name: &str) -> Result<Duration, String> {
        timed(&mut self.command(&["exec", name, "--", "true"]))
    }

    fn down(&mut self, name: &str, _containers: usize) -> Result<Duration, String> {
        timed(&mut self.command(&["delete", "pod", name, "--grace-period=0", "--force"]))
    }

    fn helpers(&self) -> &'static [&'static str] {
        HELPERS
    }

    fn clean_up(&mut self) {
        host::empty_run_directory(&self.root.join("run"));
    }
}
