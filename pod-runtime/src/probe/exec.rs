//! Programs executed in a container as a probe or a hook.

use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use pod_lifecycle::ProbeResult;
use pod_sandbox::{Executing, ExitCall, Sandbox, SandboxError};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use super::Failed;
use crate::error::chain;
use crate::plan::container_id;
use crate::readable::{ReadError, Readable};

/// Most of a program's output that is kept, in bytes.
const MAX_OUTPUT: usize = 10 << 10;

/// Executes a program as a probe. One that takes too long is killed, with what it has started.
pub(super) async fn probe(
    sandbox: &Sandbox,
    container: &str,
    attempt: u32,
    args: Vec<String>,
    timeout: Duration,
) -> Result<ProbeResult, Failed> {
    let command = args.join(" ");
    let run = execute(sandbox, container, attempt, args).await.map_err(Failed::Prober)?;
    match tokio::time::timeout(timeout, end(run)).await {
        Ok(Ok((0, _))) => Ok(ProbeResult::Success),
        Ok(Ok((_, output))) => Err(Failed::Probe(output)),
        Ok(Err(why)) => Err(Failed::Prober(why)),
        Err(_) => {
            let timeout = timeout.as_secs();
            let said = format!("command timed out: \"{command}\" timed out after {timeout}s");
            Err(Failed::Probe(said))
        }
    }
}

/// Executes a program and waits for its end, however long it takes; it is killed when nobody waits any more. Returns its
/// exit code and what it has written.
pub(super) async fn run(
    sandbox: &Sandbox,
    container: &str,
    attempt: u32,
    args: Vec<String>,
) -> Result<(i32, String), String> {
    end(execute(sandbox, container, attempt, args).await?).await
}

/// Begins to execute a program in a container.
async fn execute(
    sandbox: &Sandbox,
    container: &str,
    attempt: u32,
    args: Vec<String>,
) -> Result<Executing, String> {
    let id = container_id(container, attempt).map_err(|e| chain(&e))?;
    let sandbox = sandbox.clone();
    let begun = tokio::task::spawn_blocking(move || sandbox.exec(&id, args, false)).await;
    begun.map_err(|e| e.to_string())?.map_err(|e| chain(&e))
}

/// A program that has not ended. It goes with this, and so does what it has started.
struct Unended(Pid);

impl Drop for Unended {
    fn drop(&mut self) {
        // It leads a session of its own. The keeper, whose child it is, has not seen it end.
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

/// Waits for the end of a program. Returns its exit code and what it has written.
async fn end(run: Executing) -> Result<(i32, String), String> {
    let unended = Unended(Pid::from_raw(run.pid));
    let (out, err, exit) = run.into_pipes();
    let mut output = Vec::new();
    let mut both = Vec::new();
    let (out, err, code) =
        tokio::join!(read(out, &mut output), read(err, &mut both), exit_code(exit));
    let code = code?;
    std::mem::forget(unended);
    out.and(err).map_err(|e| e.to_string())?;
    output.extend(both);
    output.truncate(MAX_OUTPUT);
    Ok((code, String::from_utf8_lossy(&output).trim_end().to_owned()))
}

/// Reads a pipe to its end, and keeps the beginning.
async fn read(pipe: OwnedFd, kept: &mut Vec<u8>) -> std::io::Result<()> {
    let mut pipe = Receiver::from_owned_fd(pipe)?;
    let mut first = (&mut pipe).take(MAX_OUTPUT as u64);
    first.read_to_end(kept).await?;
    tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    Ok(())
}

async fn exit_code(exit: ExitCall) -> Result<i32, String> {
    let mut exit = Readable::new(exit).map_err(|e| e.to_string())?;
    let exit =
        exit.read(ExitCall::try_wait).await.map_err(|e: ReadError<SandboxError>| match e {
            ReadError::Wait(e) => e.to_string(),
            ReadError::Read(e) => chain(&e),
        })?;
    Ok(exit.code)
}
