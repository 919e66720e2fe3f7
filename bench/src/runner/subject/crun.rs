//! crun alone: a pause container, and the others in its namespaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Subject, make_root};
use crate::runner::command::{self, timed};
use crate::runner::host;

/// The namespaces that the containers of a pod share.
const SHARED: [(&str, &str); 3] = [("network", "net"), ("ipc", "ipc"), ("uts", "uts")];

/// crun, with bundles below a scratch directory.
pub(in crate::runner) struct Crun {
    dir: PathBuf,
}

impl Crun {
    pub(in crate::runner) fn new(scratch: &Path) -> Self {
        Self { dir: scratch.join("crun") }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("crun");
        command.arg("--root").arg(self.dir.join("state")).args(words);
        command
    }

    /// Writes the bundle of a container that joins the namespaces of `pause`.
    fn bundle(&self, id: &str, pause: Option<&str>) -> Result<String, String> {
        let dir = self.dir.join(id);
        fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
        let mut spec: Value = fs::read(self.dir.join("config.json"))
            .map_err(|error| error.to_string())
            .and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()))?;
        spec["process"]["terminal"] = json!(false);
        spec["process"]["args"] = json!(["/bin/sleep", "1000000"]);
        spec["root"]["path"] = json!(self.dir.join("root"));
        spec["linux"]["cgroupsPath"] = json!(format!("/pod-bench-crun/{id}"));
        spec["linux"]["resources"]["memory"] = json!({"limit": 134_217_728});
        spec["linux"]["resources"]["pids"] = json!({"limit": 64});
        spec["linux"]["resources"]["cpu"] = json!({"shares": 512, "quota": 100_000});
        if let (Some(pid), Some(list)) = (pause, spec["linux"]["namespaces"].as_array_mut()) {
            for (kind, file) in SHARED {
                let joined = json!({"type": kind, "path": format!("/proc/{pid}/ns/{file}")});
                for namespace in list.iter_mut().filter(|namespace| namespace["type"] == kind) {
                    *namespace = joined.clone();
                }
            }
        }
        if pause.is_some() {
            // The host name is the pause container's.
            spec.as_object_mut().map(|spec| spec.remove("hostname"));
        }
        fs::write(dir.join("config.json"), spec.to_string()).map_err(|error| error.to_string())?;
        Ok(dir.to_string_lossy().into_owned())
    }

    fn start(&self, id: &str, bundle: &str) -> Result<Duration, String> {
        timed(&mut self.command(&["run", "-d", "-b", bundle, id]))
    }
}

impl Subject for Crun {
    fn name(&self) -> &'static str {
        "crun"
    }

    fn set_up(&mut self) -> Result<String, String> {
        if !command::is_installed("crun") {
            return Err(super::NOT_INSTALLED.to_owned());
        }
        make_root(&self.dir.join("root"))?;
        host::make_run_directory(&self.dir.join("state")).map_err(|error| error.to_string())?;
        timed(Command::new("crun").arg("spec").current_dir(&self.dir))?;
        super::version(&mut Command::new("crun"))
    }

    /// Writing the bundles and asking for the pid are not timed.
    fn up(&mut self, name: &str, containers: usize) -> Result<Duration, String> {
        let pause = format!("{name}-pause");
        let mut took = self.start(&pause, &self.bundle(&pause, None)?)?;
        let state = command::output(&mut self.command(&["state", &pause]))?;
        let state: Value = serde_json::from_str(&state).map_err(|error| error.to_string())?;
        let pid = state["pid"].to_string();
        for index in 0..containers {
            let id = format!("{name}-c{index}");
            took += self.start(&id, &self.bundle(&id, Some(&pid))?)?;
        }
        Ok(took)
    }

    fn exec(&mut self, name: &str) -> Result<Duration, String> {
        timed(&mut self.command(&["exec", &format!("{name}-c0"), "/bin/true"]))
    }

    fn down(&mut self, name: &str, containers: usize) -> Result<Duration, String> {
        let mut took = Ok(Duration::ZERO);
        let mut ids: Vec<_> = (0..containers).map(|index| format!("{name}-c{index}")).collect();
        ids.push(format!("{name}-pause"));
        for id in ids {
            let deleted = timed(&mut self.command(&["delete", "-f", &id]));
            took = took.and_then(|took| Ok(took + deleted?));
        }
        took
    }

    fn clean_up(&mut self) {
        host::empty_run_directory(&self.dir.join("state"));
        // The parent of the containers' cgroups, which crun leaves.
        for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let _ = fs::remove_dir(hierarchy.path().join("pod-bench-crun"));
        }
        let _ = fs::remove_dir("/sys/fs/cgroup/pod-bench-crun");
    }
}
