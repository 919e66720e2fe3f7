//! Runs a command to its end, within a limit, and times it.

use std::fs;
use std::io::{self, Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;

use crate::sys;

/// Nothing that is measured takes as long; a hung command must not hang the run.
const LIMIT_MS: u16 = 60_000;

/// Runs a command and says how long it took, or what it complained of.
///
/// What it writes goes to files: a process that it leaves behind may hold a pipe
/// open for good.
pub(super) fn timed(command: &mut Command) -> Result<Duration, String> {
    let mut errors = tempfile::tempfile().map_err(|error| error.to_string())?;
    let copy = errors.try_clone().map_err(|error| error.to_string())?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(copy);
    let name = command.get_program().display().to_string();
    let start = Instant::now();
    let status = command
        .spawn()
        .and_then(|child| wait(child, LIMIT_MS))
        .map_err(|error| format!("{name}: {error}"))?;
    let took = start.elapsed();
    if status.success() {
        return Ok(took);
    }
    let mut text = String::new();
    let read = errors.rewind().and_then(|()| errors.read_to_string(&mut text));
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    Err(match (read, last) {
        (Ok(_), Some(line)) => line.trim().to_owned(),
        _ => format!("{name}: {status}"),
    })
}

/// Runs a command and returns what it wrote, or what it complained of.
pub(super) fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{name}: {e}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(format!("{name}: {}", output.status))
    }
}

/// Whether a program can be found, by its path or in PATH.
pub(super) fn is_installed(program: &str) -> bool {
    let search = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&search).any(|dir| fs::metadata(dir.join(program)).is_ok())
}

fn wait(mut child: Child, limit_ms: u16) -> io::Result<ExitStatus> {
    let ended = sys::pidfd_open(child.id())?;
    let mut watched = [PollFd::new(ended.as_fd(), PollFlags::POLLIN)];
    if poll(&mut watched, PollTimeout::from(limit_ms))? == 0 {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::new(io::ErrorKind::TimedOut, "it did not end in time"));
    }
    child.wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_run_and_its_complaint_is_kept() {
        assert!(timed(&mut Command::new("true")).is_ok());
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo first >&2; echo last >&2; exit 3"]);
        assert_eq!(timed(&mut failing), Err("last".to_owned()));
        assert!(timed(&mut Command::new("/nonexistent")).is_err());
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program"));
    }

    #[test]
    fn a_command_that_hangs_is_killed() {
        let hung = Command::new("sleep").arg("1000").spawn().unwrap();
        assert_eq!(wait(hung, 20).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
