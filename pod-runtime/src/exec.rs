//! A program executed in a container.

use std::io;
use std::os::fd::OwnedFd;

use pod_sandbox::{Executing, Exit, ExitCall};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::error::RuntimeError;

/// A program that is being executed. It goes on when this is dropped.
#[derive(Debug)]
pub struct Exec(Executing);

/// What a program wrote, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub exit: Exit,
}

impl Exec {
    pub(crate) fn new(executing: Executing) -> Self {
        Self(executing)
    }

    /// Its process id on the host.
    pub fn pid(&self) -> i32 {
        self.0.pid
    }

    /// Closes its standard input, reads all it writes, and waits for its end.
    ///
    /// # Errors
    /// When the pod's keeper ends first.
    pub async fn output(mut self) -> Result<Output, RuntimeError> {
        drop(self.0.stdin.take());
        let (_, stdout, stderr, exit) = self.into_parts();
        let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))
            .map_err(RuntimeError::io("read its output"))?;
        let exit = tokio::task::spawn_blocking(move || exit.wait()).await;
        let exit =
            exit.map_err(|e| RuntimeError::io("wait for its end")(io::Error::other(e)))??;
        Ok(Output { stdout, stderr, exit })
    }

    /// The writing end of its standard input (when asked for), the reading ends of its output and error, and its end to
    /// wait for. Its output must be read while it is waited for.
    pub fn into_parts(mut self) -> (Option<OwnedFd>, OwnedFd, OwnedFd, ExitCall) {
        let stdin = self.0.stdin.take();
        let (stdout, stderr, exit) = self.0.into_pipes();
        (stdin, stdout, stderr, exit)
    }
}

async fn read(pipe: OwnedFd) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Receiver::from_owned_fd(pipe)?.read_to_end(&mut bytes).await?;
    Ok(bytes)
}
