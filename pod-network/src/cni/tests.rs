//! Plugins made of a few lines of shell, and those of Debian. Needs root.

mod chain;
mod configuration;
mod debian;
mod misbehaviour;

use std::fs;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::Value;
use tempfile::TempDir;

use super::attachment::{CniAttachment, complete, prepare};
use crate::{Attachment, Cni, NetworkError};

fn pod(id: &str) -> Attachment {
    Attachment {
        id: id.to_owned(),
        namespace: "default".to_owned(),
        name: "web".to_owned(),
        names: Vec::new(),
        ports: Vec::new(),
        hosts: None,
    }
}

/// A configuration and plugins in a directory of their own.
struct Installation {
    dir: TempDir,
}

impl Installation {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("conf")).unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        Self { dir }
    }

    fn cni(&self) -> Cni {
        Cni { conf_dir: self.path("conf"), bin_dirs: vec![self.path("nowhere"), self.path("bin")] }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn configure(&self, file: &str, content: &str) {
        fs::write(self.path("conf").join(file), content).unwrap();
    }

    /// Installs a plugin that notes what it is told, and then runs the `script`, in which `$dir` is the directory.
    ///
    /// A process of its own writes the file: a descriptor of ours could be inherited by the child of another test
    /// and keep the plugin from being executed.
    fn install(&self, plugin: &str, script: &str) {
        let mut child = Command::new("install")
            .args(["-m", "755", "/dev/stdin"])
            .arg(self.path("bin").join(plugin))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let dir = self.dir.path().display();
        write!(
            child.stdin.take().unwrap(),
            "#!/bin/sh\nplugin=${{0##*/}}\ndir={dir}\nenv >$dir/$plugin.$CNI_COMMAND.env\n\
             cat >$dir/$plugin.$CNI_COMMAND.stdin\necho $CNI_COMMAND $plugin >>$dir/log\n{script}\n"
        )
        .unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// What the plugins were told to do, in this order.
    fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    fn stdin(&self, execution: &str) -> Value {
        let text = fs::read_to_string(self.path(&format!("{execution}.stdin"))).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    fn env(&self, execution: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(&format!("{execution}.env"))).unwrap();
        // What the shell itself sets.
        let own =
            |line: &&str| !["PWD=", "SHLVL=", "_=", "OLDPWD="].iter().any(|p| line.starts_with(p));
        text.lines().filter(own).map(str::to_owned).collect()
    }
}

/// The error with all its causes.
fn told(error: &NetworkError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Whether the process whose id `file` holds has ended, or does so soon; `soon` is how long to wait for it.
fn has_ended(file: &Path, soon: Duration) -> bool {
    let pid = fs::read_to_string(file).unwrap().trim().parse().unwrap();
    let Ok(pidfd) = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()) else {
        return true;
    };
    let limit = Timespec::try_from(soon).unwrap();
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&limit)).unwrap() == 1
}

/// An attachment that nobody records in between.
fn add(cni: &Cni, pod: &Attachment, netns: BorrowedFd<'_>) -> Result<CniAttachment, NetworkError> {
    complete(prepare(cni)?, pod, netns)
}
