//! What is measured.

mod crun;
mod floor;
mod pod;
mod podman;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub(super) use crun::Crun;
pub(super) use floor::Floor;
pub(super) use pod::PodCommand;
pub(super) use podman::Podman;

use super::command;

/// What the table says of a program that is not there.
pub(super) const NOT_INSTALLED: &str = "not installed";

/// Something that can bring pods up and take them down.
pub(super) trait Subject {
    /// The column's heading.
    fn name(&self) -> &'static str;

    /// Prepares whatever is needed once, and returns the version, or why it cannot
    /// be measured.
    fn set_up(&mut self) -> Result<String, String>;

    /// Starts a pod of sleeping containers and returns once they run.
    fn up(&mut self, name: &str, containers: usize) -> Result<Duration, String>;

    /// Runs `true` in the pod's first container.
    fn exec(&mut self, name: &str) -> Result<Duration, String>;

    /// Removes the pod.
    fn down(&mut self, name: &str, containers: usize) -> Result<Duration, String>;

    /// Times all of [`What::ALL`](super::measure::What::ALL), in this order.
    fn measure(&mut self, name: &str, containers: usize) -> Result<[Duration; 4], String> {
        let up = self.up(name, containers);
        let exec = up.and_then(|up| Ok((up, self.exec(name)?)));
        // Whatever there is has to go, whether or not it worked.
        let down = self.down(name, containers);
        let (up, exec) = exec?;
        Ok([up, up, exec, down?])
    }

    /// The processes beside the workload, as [`private_kb`](super::memory::private_kb)
    /// takes them; none when there are none to measure.
    fn helpers(&self) -> &'static [&'static str] {
        &[]
    }

    /// Removes what [`set_up`](Self::set_up) has made.
    fn clean_up(&mut self) {}
}

/// A pod of sleeping containers.
fn manifest(name: &str, containers: usize, image: &str) -> String {
    let containers: String = (0..containers)
        .map(|index| {
            format!(
                "  - name: c{index}\n    image: {image}\n    imagePullPolicy: Never\n    \
                 command: [/bin/sleep, \"1000000\"]\n"
            )
        })
        .collect();
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n  \
         terminationGracePeriodSeconds: 0\n  containers:\n{containers}"
    )
}

/// A root filesystem of one static program, for subjects that want one.
fn make_root(root: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot make a root filesystem: {error}");
    std::fs::create_dir_all(root.join("bin")).map_err(failed)?;
    for dir in ["proc", "dev", "sys"] {
        std::fs::create_dir_all(root.join(dir)).map_err(failed)?;
    }
    std::fs::copy("/bin/busybox", root.join("bin/busybox"))
        .map_err(|error| format!("cannot copy /bin/busybox (busybox-static): {error}"))?;
    for name in ["sleep", "true"] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).map_err(failed)?;
    }
    Ok(())
}

/// The first line that `program --version` prints.
fn version(program: &mut Command) -> Result<String, String> {
    let text = command::output(program.arg("--version"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
