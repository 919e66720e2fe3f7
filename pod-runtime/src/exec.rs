//! Programs executed in a container.

use std::io;
use std::os::fd::OwnedFd;

use pod_sandbox::{
    ContainerId, ContainerState, Executing, Exit, ExitCall, RequestError, Sandbox, SandboxError,
    Terminal, TerminalSize,
};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::error::RuntimeError;
use crate::handle::PodHandle;
use crate::plan::{instance, sandbox_id};

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

/// The other ends of a program's standard descriptors. Its output must be read while its end is waited for.
#[derive(Debug)]
pub struct Streams {
    /// Writes to its standard input, when that was asked for and there is one. To a terminal it does not block.
    pub stdin: Option<OwnedFd>,
    /// Reads its standard output, or what its terminal shows. A terminal tells its end by EIO.
    pub stdout: OwnedFd,
    /// Reads its standard error, when it has no terminal.
    pub stderr: Option<OwnedFd>,
    /// Its terminal, when it has one, to be resized.
    pub terminal: Option<Terminal>,
    /// Its end.
    pub ended: ExitCall,
}

impl Exec {
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
        let (stdout, stderr, exit) = self.0.into_pipes();
        let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))
            .map_err(RuntimeError::io("read its output"))?;
        let exit = tokio::task::spawn_blocking(move || exit.wait()).await;
        let exit =
            exit.map_err(|e| RuntimeError::io("wait for its end")(io::Error::other(e)))??;
        Ok(Output { stdout, stderr, exit })
    }

    /// Its standard descriptors, to be read and written by the caller.
    pub fn into_streams(mut self) -> Streams {
        let stdin = self.0.stdin.take();
        let (stdout, stderr, ended) = self.0.into_pipes();
        Streams { stdin, stdout, stderr: Some(stderr), terminal: None, ended }
    }
}

async fn read(pipe: OwnedFd) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Receiver::from_owned_fd(pipe)?.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

impl PodHandle {
    /// Executes a program in a running container, with the user, rights and environment of its first process. Its
    /// standard input is empty; see [`exec_with_stdin`](Self::exec_with_stdin).
    ///
    /// # Errors
    /// When the container does not run, or the program cannot be executed.
    pub async fn exec<S: Into<String>>(
        &self,
        container: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Exec, RuntimeError> {
        self.execute(container, args, false).await
    }

    /// As [`exec`](Self::exec), with a pipe to the program's standard input.
    ///
    /// # Errors
    /// When the container does not run, or the program cannot be executed.
    pub async fn exec_with_stdin<S: Into<String>>(
        &self,
        container: &str,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Exec, RuntimeError> {
        self.execute(container, args, true).await
    }

    async fn execute<S: Into<String>>(
        &self,
        container: &str,
        args: impl IntoIterator<Item = S>,
        stdin: bool,
    ) -> Result<Exec, RuntimeError> {
        let args: Vec<String> = args.into_iter().map(Into::into).collect();
        let act = move |sandbox: &Sandbox, id: &ContainerId| sandbox.exec(id, args, stdin);
        self.in_container(container, act).await.map(|(_, executing)| Exec(executing))
    }

    /// As [`exec`](Self::exec), with a terminal of this size, which interrupts the program and tells it its size as one
    /// does. The terminal's outer side is both the input and the output.
    ///
    /// # Errors
    /// When the container does not run, or the program cannot be executed.
    pub async fn exec_in_terminal<S: Into<String>>(
        &self,
        container: &str,
        args: impl IntoIterator<Item = S>,
        size: TerminalSize,
    ) -> Result<Streams, RuntimeError> {
        let args: Vec<String> = args.into_iter().map(Into::into).collect();
        let act =
            move |sandbox: &Sandbox, id: &ContainerId| sandbox.exec_in_terminal(id, args, size);
        let (_, (_, terminal, ended)) = self.in_container(container, act).await?;
        let copy = || terminal.try_clone().map_err(RuntimeError::io("use the terminal"));
        let (stdin, stdout) = (Some(copy()?), copy()?);
        Ok(Streams { stdin, stdout, stderr: None, terminal: Some(terminal), ended })
    }

    /// Asks the keeper for something of a container that runs, on a thread that may block. Says which instance it was.
    pub(crate) async fn in_container<T: Send + 'static>(
        &self,
        container: &str,
        act: impl FnOnce(&Sandbox, &ContainerId) -> Result<T, SandboxError> + Send + 'static,
    ) -> Result<(ContainerId, T), RuntimeError> {
        self.known(container)?;
        let (pod, container) = (self.clone(), container.to_owned());
        let done = tokio::task::spawn_blocking(move || pod.in_container_now(&container, act)).await;
        done.map_err(|e| RuntimeError::io("ask the keeper")(io::Error::other(e)))?
    }

    /// As [`in_container`](Self::in_container), on the calling thread.
    pub(crate) fn in_container_now<T>(
        &self,
        container: &str,
        act: impl FnOnce(&Sandbox, &ContainerId) -> Result<T, SandboxError>,
    ) -> Result<(ContainerId, T), RuntimeError> {
        let not_running = |state: &str| RuntimeError::NotRunning {
            pod: self.name().to_owned(),
            container: container.to_owned(),
            state: state.to_owned(),
        };
        let sandbox = match self.sandboxes()?.sandbox(&sandbox_id(self.pod())?) {
            Ok(sandbox) => sandbox,
            Err(SandboxError::NotRunning { .. }) => {
                self.saved()?;
                return Err(not_running("the pod is over"));
            }
            Err(error) => return Err(error.into()),
        };
        let status = sandbox.status()?;
        let instances = status
            .containers
            .iter()
            .filter(|c| instance(&c.id).is_some_and(|(name, _)| name == container));
        let newest = instances.max_by_key(|c| instance(&c.id).map(|(_, attempt)| attempt));
        match newest {
            Some(c) if matches!(c.state, ContainerState::Running { .. }) => {
                match act(&sandbox, &c.id) {
                    Err(SandboxError::Request(RequestError::WrongState { state, .. })) => {
                        Err(not_running(&state))
                    }
                    result => Ok((c.id.clone(), result?)),
                }
            }
            Some(c) => Err(not_running(c.state.name())),
            None => Err(not_running("it has not been started")),
        }
    }
}
