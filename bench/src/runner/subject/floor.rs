//! The floor. Its process ends with its pod, so it times what comes after the start itself.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Subject;

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
        Ok(self.measure("", 1)?[2])
    }

    fn down(&mut self, _name: &str, containers: usize) -> Result<Duration, String> {
        Ok(self.measure("", containers)?[3])
    }

    /// One run of the program gives them all.
    fn measure(&mut self, _name: &str, containers: usize) -> Result<[Duration; 4], String> {
        let mut program = Command::new(&self.program);
        program.args(["--runs", "1", "--containers", &containers.to_string()]);
        let failed = |error: std::io::Error| format!("floor: {error}");
        let start = Instant::now();
        program.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = program.spawn().map_err(failed)?;
        let mut said = child.stdout.take().map(BufReader::new).ok_or("the floor has no output")?;
        let mut time = |what: &str| {
            let mut line = String::new();
            said.read_line(&mut line).map_err(failed)?;
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            let us = line["us"].as_u64().filter(|_| line["what"] == what);
            us.map(Duration::from_micros)
                .ok_or_else(|| format!("the floor did not say how long {what} took"))
        };
        let from_within = time("up");
        let up = start.elapsed();
        let rest = from_within.and_then(|own| Ok([up, own, time("exec")?, time("down")?]));
        child.wait().map_err(failed)?;
        rest
    }
}
