//! Credential helpers: programs that know logins, such as those of a desktop's keyring.
//!
//! The protocol is Docker's: `docker-credential-NAME get` reads a server from its input and
//! writes a JSON object to its output.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::Deserialize;

use super::{Login, Secret};

/// How long a helper may take: it may have to ask a service on the network.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than any helper answers.
const MAX_ANSWER: usize = 64 << 10;
/// What a helper writes when it has been asked for a server that it knows nothing of.
const NOT_FOUND: &str = "credentials not found";
/// The user that stands for a password being a token.
const TOKEN_USER: &str = "<token>";

/// A program that is asked for logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoginHelper {
    name: String,
}

/// What happened to a credential helper. What it wrote is not told: it may be a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelperError {
    /// It could not be started or spoken to.
    #[error("it cannot be run; is it installed?")]
    Run(#[source] io::Error),
    /// It did not end in time.
    #[error("it has not answered within {} s", PATIENCE.as_secs())]
    Timeout,
    /// It ended with an error.
    #[error("it failed with {0}; run it with `get` to see why")]
    Failed(ExitStatus),
    /// It answered with something else than a login.
    #[error("its answer is not a login")]
    Answer,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

impl LoginHelper {
    /// The helper that is called `name`, which becomes a part of a program's name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        (!name.is_empty() && name.bytes().all(fits)).then(|| Self { name: name.to_owned() })
    }

    /// The program's name, which is looked for in `PATH`.
    pub(super) fn program(&self) -> String {
        format!("docker-credential-{}", self.name)
    }

    /// The login for `server`, if the helper knows one.
    pub(super) fn login(&self, server: &str) -> Result<Option<Login>, HelperError> {
        ask(Command::new(self.program()).arg("get"), server, PATIENCE)
    }
}

fn ask(
    command: &mut Command,
    server: &str,
    patience: Duration,
) -> Result<Option<Login>, HelperError> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(HelperError::Run)?;
    let answer = converse(&mut child, server, Instant::now() + patience);
    if answer.is_err() {
        // One that has ended by itself cannot be killed, which is as good.
        let _ = child.kill();
    }
    let status = child.wait().map_err(HelperError::Run)?;
    let answer = answer?;
    if !status.success() {
        let unknown = String::from_utf8_lossy(&answer).contains(NOT_FOUND);
        return if unknown { Ok(None) } else { Err(HelperError::Failed(status)) };
    }
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| HelperError::Answer)?;
    let secret = Secret::new(answer.secret);
    Ok(Some(match answer.username.as_str() {
        TOKEN_USER => Login::Identity(secret),
        _ => Login::Password { user: answer.username, password: secret },
    }))
}

/// Writes the server, reads what the helper answers, and waits until it has ended.
fn converse(child: &mut Child, server: &str, deadline: Instant) -> Result<Vec<u8>, HelperError> {
    let gone = || HelperError::Run(io::ErrorKind::BrokenPipe.into());
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(|e| HelperError::Run(e.into()))?;
    let mut input = child.stdin.take().ok_or_else(gone)?;
    // A name is far shorter than what a pipe holds, so this does not wait. A helper that has
    // ended without reading tells more by its exit code.
    match input.write_all(server.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(HelperError::Run(error));
        }
        _ => drop(input),
    }
    let mut output = child.stdout.take().ok_or_else(gone)?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        wait_readable(output.as_fd(), deadline)?;
        match output.read(&mut part).map_err(HelperError::Run)? {
            0 => break,
            length => answer.extend_from_slice(&part[..length]),
        }
        if answer.len() > MAX_ANSWER {
            return Err(HelperError::Answer);
        }
    }
    wait_readable(process.as_fd(), deadline)?;
    Ok(answer)
}

fn wait_readable(fd: BorrowedFd<'_>, deadline: Instant) -> Result<(), HelperError> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout) {
            Ok(0) => return Err(HelperError::Timeout),
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(HelperError::Run(errno.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask_shell(script: &str, patience: Duration) -> Result<Option<Login>, HelperError> {
        ask(Command::new("sh").args(["-c", script]), "https://a.test", patience)
    }

    #[test]
    fn answers_and_failures_are_told_apart() {
        let ask = |script: &str| ask_shell(script, PATIENCE);
        let echo = r#"printf '{"ServerURL":"x","Username":"%s","Secret":"s"}' "$(cat)""#;
        let login =
            Login::Password { user: "https://a.test".into(), password: Secret::new("s".into()) };
        assert_eq!(ask(echo).unwrap(), Some(login));
        let token = r#"echo '{"Username":"<token>","Secret":"s"}'"#;
        assert_eq!(ask(token).unwrap(), Some(Login::Identity(Secret::new("s".into()))));
        assert_eq!(ask("echo credentials not found in native keychain; exit 1").unwrap(), None);
        assert!(matches!(ask("echo hunter2; exit 3"), Err(HelperError::Failed(_))));
        assert!(matches!(ask("echo hunter2"), Err(HelperError::Answer)));
        assert!(matches!(ask("exec yes"), Err(HelperError::Answer)));
        assert!(matches!(
            LoginHelper::named("pod-test-none").unwrap().login("a"),
            Err(HelperError::Run(_))
        ));
    }

    #[test]
    fn a_helper_that_does_not_end_is_ended() {
        for script in ["exec sleep 1000", "exec >/dev/null; exec sleep 1000"] {
            let answer = ask_shell(script, Duration::from_millis(50));
            assert!(matches!(answer, Err(HelperError::Timeout)), "{script}: {answer:?}");
        }
    }

    #[test]
    fn names_are_parts_of_a_programs_name() {
        for (name, fits) in
            [("pass", true), ("ecr-login", true), ("", false), ("../x", false), ("a b", false)]
        {
            assert_eq!(LoginHelper::named(name).is_some(), fits, "{name}");
        }
    }
}
