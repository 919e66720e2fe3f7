//! The floor, which times itself: the start of its process is not part of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Subject;
use crate::runner::command;

/// The program `floor`.
pub(in crate::runner) struct Floor {
    program: PathBuf,
}

impl Floor {
    pub(in crate::runner) fn new(program: &Path) -> Self {
        Self { program: program.to_owned() }
    }
}

impl Subject for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn set_up(&mut self) -> Result<String, String> {
        if self.program.exists() {
            Ok("plain system calls".to_owned())
        } else {
            Err(super::NOT_INSTALLED.to_owned())
        }
    }

    fn up(&mut self, _name: &str, containers: usize) -> Result<Duration, String> {
        Ok(self.measure("", containers)?[0])
    }

    fn exec(&mut self, _name: &str) -> Result<Duration, String> {
        Ok(self.measure("", 1)?[1])
    }

    fn down(&mut self, _name: &str, containers: usize) -> Result<Duration, String> {
        Ok(self.measure("", containers)?[2])
    }

    /// One run of the program gives all three.
    fn measure(&mut self, _name: &str, containers: usize) -> Result<[Duration; 3], String> {
        let mut program = Command::new(&self.program);
        program.args(["--runs", "1", "--containers", &containers.to_string()]);
        let text = command::output(&mut program)?;
        let time = |what: &str| {
            text.lines()
                .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
                .find(|line| line["what"] == what)
                .and_then(|line| line["us"].as_u64())
                .map(Duration::from_micros)
                .ok_or_else(|| format!("the floor did not say how long {what} took"))
        };
        Ok([time("up")?, time("exec")?, time("down")?])
    }
}
