//! A client's handle on a sandbox.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::vec;

use crate::config::{ContainerConfig, ContainerId, IdRange, SandboxId};
use crate::dirs::SandboxDir;
use crate::error::{RequestError, SandboxError};
use crate::protocol::{Channel, MAX_FDS, Reply, Request};
use crate::status::{ContainerState, Exit, SandboxState, SandboxStatus};
use crate::terminal::{Terminal, TerminalSize};

/// A sandbox whose keeper lives. Dropping the handle changes nothing.
///
/// Every call is synchronous. For an event loop, `begin_…` gives a [`Call`] with a descriptor to wait on.
#[derive(Debug, Clone)]
pub struct Sandbox {
    id: SandboxId,
    dir: SandboxDir,
    generation: Option<u64>,
}

impl Sandbox {
    pub(crate) fn new(id: SandboxId, dir: SandboxDir) -> Self {
        Self { id, dir, generation: None }
    }

    /// Its name.
    pub fn id(&self) -> &SandboxId {
        &self.id
    }

    /// Speaks as the companion of this generation: once a later one has been started, the keeper refuses to change
    /// anything for this handle.
    pub fn as_companion(mut self, generation: u64) -> Self {
        self.generation = Some(generation);
        self
    }

    pub(crate) fn connect(&self) -> Result<Channel, SandboxError> {
        let socket = self.dir.with_socket_path(|path| UnixStream::connect(path)).map_err(|e| {
            match e.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    SandboxError::NotRunning { id: self.id.to_string() }
                }
                _ => SandboxError::io(format!("reach the keeper of sandbox `{}`", self.id))(e),
            }
        })?;
        Ok(Channel::new(socket))
    }

    fn begin(&self, request: &Request) -> Result<Call, SandboxError> {
        self.begin_with(request, &[])
    }

    fn begin_with(&self, request: &Request, fds: &[OwnedFd]) -> Result<Call, SandboxError> {
        let channel = self.connect()?;
        let greeting = self.generation.map(|generation| Request::Hello { generation });
        if let Some(greeting) = &greeting {
            channel.send(greeting, &[]).map_err(|e| self.broken(e))?;
        }
        channel.send(request, fds).map_err(|e| self.broken(e))?;
        Ok(Call { sandbox: self.clone(), channel, greeted: greeting.is_none() })
    }

    /// A connection that broke: most often because the keeper has ended.
    fn broken(&self, error: io::Error) -> SandboxError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset => {
                SandboxError::NotRunning { id: self.id.to_string() }
            }
            io::ErrorKind::InvalidData => SandboxError::Protocol { id: self.id.to_string() },
            _ => SandboxError::io(format!("talk to the keeper of sandbox `{}`", self.id))(error),
        }
    }

    fn done(&self, request: &Request) -> Result<(), SandboxError> {
        self.begin(request)?.finish()
    }

    fn unexpected(&self) -> SandboxError {
        SandboxError::Protocol { id: self.id.to_string() }
    }

    /// Makes a sandbox that is [lost](SandboxState::Lost) again, with the same configuration, cgroup and memory file
    /// systems: new namespaces, and an empty `/dev/shm`. One that is not lost stays as it is.
    ///
    /// # Errors
    /// When there are containers in it, which have to be removed before, or a step fails. It stays lost then.
    pub fn make_again(&self) -> Result<(), SandboxError> {
        self.done(&Request::MakeAgain)
    }

    /// Creates a container and returns when it waits to be started.
    ///
    /// # Errors
    /// When its root, mounts, cgroup or namespaces cannot be made. Nothing is left of it then.
    pub fn create_container(&self, config: &ContainerConfig) -> Result<(), SandboxError> {
        self.begin_create(config)?.finish()
    }

    /// As [`create_container`](Self::create_container), without waiting.
    ///
    /// # Errors
    /// When the keeper cannot be reached.
    pub fn begin_create(&self, config: &ContainerConfig) -> Result<Call, SandboxError> {
        self.begin(&Request::Create(Box::new(config.clone())))
    }

    /// As [`begin_create`](Self::begin_create), for a container whose start may be asked for before it is created: on the
    /// same connection, so that it does not come first. When it is, the call has a second answer, to the start.
    ///
    /// # Errors
    /// When the keeper cannot be reached.
    pub fn begin_create_to_start(
        &self,
        config: &ContainerConfig,
    ) -> Result<(Call, StartRequest), SandboxError> {
        let call = self.begin_create(config)?;
        let socket = call.channel.socket().try_clone();
        let socket = socket.map_err(SandboxError::io("duplicate a connection"))?;
        let (sandbox, channel) = (self.clone(), Channel::new(socket));
        Ok((call, StartRequest { sandbox, channel, id: config.id.clone() }))
    }

    /// Starts a container, as soon as it is created, and returns when its program runs.
    ///
    /// # Errors
    /// When the program cannot be executed. The container has then exited, with [`Exit::start_error`] set.
    pub fn start(&self, id: &ContainerId) -> Result<(), SandboxError> {
        self.begin_start(id)?.finish()
    }

    /// As [`start`](Self::start), without waiting.
    ///
    /// # Errors
    /// When the keeper cannot be reached.
    pub fn begin_start(&self, id: &ContainerId) -> Result<Call, SandboxError> {
        self.begin(&Request::Start { id: id.clone() })
    }

    /// Sends a signal, by number, to a container's first process. One that has just ended is not an error.
    ///
    /// # Errors
    /// When there is no such container or it has exited.
    pub fn signal(&self, id: &ContainerId, signal: i32) -> Result<(), SandboxError> {
        self.done(&Request::Signal { id: id.clone(), signal: Some(signal) })
    }

    /// Asks a container's first process to end, by the [signal](ContainerConfig::stop_signal) of its configuration. It may
    /// take its time, or not listen at all.
    ///
    /// # Errors
    /// When there is no such container or it has exited.
    pub fn stop(&self, id: &ContainerId) -> Result<(), SandboxError> {
        self.done(&Request::Signal { id: id.clone(), signal: None })
    }

    /// Kills what runs in a container and removes it with its cgroup and writable layer. Its log stays. Missing is fine.
    ///
    /// # Errors
    /// When something could not be removed; the rest was.
    pub fn remove_container(&self, id: &ContainerId) -> Result<(), SandboxError> {
        self.begin_remove(id)?.finish()
    }

    /// As [`remove_container`](Self::remove_container), without waiting.
    ///
    /// # Errors
    /// When the keeper cannot be reached.
    pub fn begin_remove(&self, id: &ContainerId) -> Result<Call, SandboxError> {
        self.begin(&Request::Remove { id: id.clone() })
    }

    /// Executes a program in a running container, with the user, capabilities, environment and limits of its first
    /// process. Its output is read through pipes; it goes on when the handle is dropped.
    ///
    /// # Errors
    /// When the container does not run or the program cannot be executed ([`RequestError::Exec`]).
    pub fn exec<S: Into<String>>(
        &self,
        id: &ContainerId,
        args: impl IntoIterator<Item = S>,
        stdin: bool,
    ) -> Result<Executing, SandboxError> {
        let args = args.into_iter().map(Into::into).collect();
        let (pid, fds, call) = self.execute(id, args, stdin, None)?;
        let mut fds = fds.into_iter();
        let stdin = if stdin { fds.next() } else { None };
        match (fds.next(), fds.next()) {
            (Some(stdout), Some(stderr)) => Ok(Executing { pid, stdin, stdout, stderr, call }),
            _ => Err(self.unexpected()),
        }
    }

    /// As [`exec`](Self::exec), with a terminal of this size for its standard descriptors, which controls it. Gives its
    /// process id, the terminal and its end to wait for. The terminal has ended when reading from it fails.
    ///
    /// # Errors
    /// When the container does not run or the program cannot be executed ([`RequestError::Exec`]).
    pub fn exec_in_terminal<S: Into<String>>(
        &self,
        id: &ContainerId,
        args: impl IntoIterator<Item = S>,
        size: TerminalSize,
    ) -> Result<(i32, Terminal, ExitCall), SandboxError> {
        let args = args.into_iter().map(Into::into).collect();
        let (pid, fds, call) = self.execute(id, args, true, Some(size))?;
        let outer = fds.into_iter().next().ok_or_else(|| self.unexpected())?;
        Ok((pid, Terminal::new(outer), ExitCall(call)))
    }

    fn execute(
        &self,
        id: &ContainerId,
        args: Vec<String>,
        stdin: bool,
        terminal: Option<TerminalSize>,
    ) -> Result<(i32, Vec<OwnedFd>, Call), SandboxError> {
        let mut call = self.begin(&Request::Execute { id: id.clone(), args, stdin, terminal })?;
        match call.receive()? {
            (Reply::Executing { pid }, fds) => Ok((pid, fds, call)),
            _ => Err(self.unexpected()),
        }
    }

    /// Attaches to a running container: gives a copy of what it writes from now on and, when asked for and where the
    /// container [has one](ContainerConfig::stdin), its standard input. Any number of clients may be attached.
    ///
    /// # Errors
    /// When the container does not run.
    pub fn attach(&self, id: &ContainerId, stdin: bool) -> Result<Attached, SandboxError> {
        let mut call = self.begin(&Request::Attach { id: id.clone(), stdin })?;
        let (reply, fds) = call.receive()?;
        let Reply::Attached { terminal, stdin, logged } = reply else {
            return Err(self.unexpected());
        };
        let mut fds = fds.into_iter();
        let terminal = if terminal { fds.next().map(Terminal::new) } else { None };
        let stdin = match &terminal {
            Some(terminal) if stdin => {
                Some(terminal.try_clone().map_err(SandboxError::io("attach"))?)
            }
            None if stdin => fds.next(),
            _ => None,
        };
        let stdout = fds.next().ok_or_else(|| self.unexpected())?;
        Ok(Attached { stdin, stdout, stderr: fds.next(), terminal, logged, ended: ExitCall(call) })
    }

    /// The root directory of a running container, to look paths up in as the container's first process does. Whatever is
    /// opened there must be looked up within it (`openat2(2)`, `RESOLVE_IN_ROOT`): the container may put links anywhere.
    ///
    /// # Errors
    /// When the container does not run.
    pub fn root(&self, id: &ContainerId) -> Result<ContainerRoot, SandboxError> {
        let (reply, fds) = self.begin(&Request::Root { id: id.clone() })?.receive()?;
        match (reply, fds.into_iter().next()) {
            (Reply::Root { cwd, uid, gid, users }, Some(dir)) => {
                Ok(ContainerRoot { dir, cwd, uid, gid, users })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// What the sandbox and its containers are doing.
    ///
    /// # Errors
    /// When the keeper cannot be reached.
    pub fn status(&self) -> Result<SandboxStatus, SandboxError> {
        match self.begin(&Request::Status)?.receive()?.0 {
            Reply::Status(status) => Ok(status),
            _ => Err(self.unexpected()),
        }
    }

    /// Follows the sandbox: its status now, and again after each change.
    ///
    /// # Errors
    /// When the keeper cannot be reached.
    pub fn watch(&self) -> Result<Watch, SandboxError> {
        Ok(Watch { call: self.begin(&Request::Watch)? })
    }

    /// Waits until a container has exited.
    ///
    /// # Errors
    /// When there is no such container or the keeper ends first.
    pub fn wait(&self, id: &ContainerId) -> Result<Exit, SandboxError> {
        let mut watch = self.watch()?;
        loop {
            let status = watch.next()?;
            match status.container(id).map(|c| &c.state) {
                None => return Err(RequestError::NotFound { id: id.to_string() }.into()),
                Some(ContainerState::Exited(exit)) => return Ok(exit.clone()),
                Some(_) => {}
            }
            if let SandboxState::Lost { message } = status.state {
                tracing::debug!(%message, "waiting for a container of a lost sandbox");
            }
        }
    }

    /// The network namespace that its containers share.
    ///
    /// # Errors
    /// When the keeper cannot be reached or the pause process has ended.
    pub fn network_namespace(&self) -> Result<OwnedFd, SandboxError> {
        let (_, fds) = self.begin(&Request::NetworkNamespace)?.receive()?;
        fds.into_iter().next().ok_or_else(|| self.unexpected())
    }

    /// The root of a [memory file system](crate::SandboxConfig::tmpfs) of the sandbox, to read and write in.
    ///
    /// # Errors
    /// When the keeper cannot be reached or the sandbox has none at this path.
    pub fn tmpfs(&self, path: &Path) -> Result<OwnedFd, SandboxError> {
        let (_, fds) = self.begin(&Request::Tmpfs { path: path.to_owned() })?.receive()?;
        fds.into_iter().next().ok_or_else(|| self.unexpected())
    }

    /// Gives the sandbox descriptors to keep open until its end, such as sockets that are bound to ports of the host.
    ///
    /// # Errors
    /// When the keeper cannot be reached or keeps too many already.
    pub fn hold(&self, fds: &[OwnedFd]) -> Result<(), SandboxError> {
        fds.chunks(MAX_FDS).try_for_each(|some| self.begin_with(&Request::Hold, some)?.finish())
    }

    /// Kills everything in the sandbox and removes it: processes, cgroups, mounts, writable layers, sockets. Logs stay.
    ///
    /// # Errors
    /// When something could not be removed; the rest was. [`SandboxError::NotRunning`] when the keeper is dead: see
    /// [`Runtime::remove`](crate::Runtime::remove).
    pub fn remove(&self) -> Result<(), SandboxError> {
        let mut call = self.begin(&Request::Shutdown)?;
        let result = call.finish_ref();
        // The socket ends when the keeper has: nothing of the sandbox is alive after that.
        while call.receive().is_ok() {}
        result
    }

    /// The errors that the keeper and the companion wrote.
    pub fn keeper_log(&self) -> Option<File> {
        File::open(self.dir.keeper_log()).ok()
    }
}

/// A request that has been sent.
#[derive(Debug)]
pub struct Call {
    sandbox: Sandbox,
    channel: Channel,
    /// Whether the answer to the greeting has been read, or none was sent.
    greeted: bool,
}

/// The start of a container that is being created, not asked for yet.
#[derive(Debug)]
pub struct StartRequest {
    sandbox: Sandbox,
    channel: Channel,
    id: ContainerId,
}

impl StartRequest {
    /// Has the container started as soon as it is created.
    ///
    /// # Errors
    /// When the keeper cannot be reached.
    pub fn ask(self) -> Result<(), SandboxError> {
        let request = Request::Start { id: self.id };
        self.channel.send(&request, &[]).map_err(|e| self.sandbox.broken(e))
    }
}

impl AsFd for Call {
    /// Readable when the answer is there.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.socket().as_fd()
    }
}

impl Call {
    fn receive(&mut self) -> Result<(Reply, Vec<OwnedFd>), SandboxError> {
        loop {
            let (reply, fds) = self.channel.receive().map_err(|e| self.sandbox.broken(e))?;
            if let Some(answer) = self.sort(reply, fds)? {
                return Ok(answer);
            }
        }
    }

    fn try_receive(&mut self) -> Result<Option<(Reply, Vec<OwnedFd>)>, SandboxError> {
        loop {
            let next = self.channel.try_receive().map_err(|e| self.sandbox.broken(e))?;
            let Some((reply, fds)) = next else { return Ok(None) };
            if let Some(answer) = self.sort(reply, fds)? {
                return Ok(Some(answer));
            }
        }
    }

    /// Leaves out the answer to the greeting and turns refusals into errors.
    fn sort(
        &mut self,
        reply: Reply,
        fds: Vec<OwnedFd>,
    ) -> Result<Option<(Reply, Vec<OwnedFd>)>, SandboxError> {
        match reply {
            Reply::Failed(error) => Err(error.into()),
            Reply::Done if !self.greeted => {
                self.greeted = true;
                Ok(None)
            }
            reply => Ok(Some((reply, fds))),
        }
    }

    fn conclude(&self, reply: Reply) -> Result<(), SandboxError> {
        match reply {
            Reply::Done => Ok(()),
            Reply::Removed { errors } if errors.is_empty() => Ok(()),
            Reply::Removed { errors } => {
                Err(SandboxError::Teardown { id: self.sandbox.id.to_string(), errors })
            }
            _ => Err(self.sandbox.unexpected()),
        }
    }

    fn finish_ref(&mut self) -> Result<(), SandboxError> {
        let (reply, _) = self.receive()?;
        self.conclude(reply)
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// What was asked for failed, or the keeper has ended.
    pub fn finish(mut self) -> Result<(), SandboxError> {
        self.finish_ref()
    }

    /// The answer, when it is there: call it when the descriptor is readable. `None` when it is not all there yet.
    ///
    /// # Errors
    /// What was asked for failed, or the keeper has ended.
    pub fn try_finish(&mut self) -> Result<Option<()>, SandboxError> {
        match self.try_receive()? {
            Some((reply, _)) => self.conclude(reply).map(Some),
            None => Ok(None),
        }
    }
}

/// A program that is being executed in a container.
#[derive(Debug)]
pub struct Executing {
    /// Its process id on the host.
    pub pid: i32,
    /// Writes to its standard input, when that was asked for.
    pub stdin: Option<OwnedFd>,
    /// Reads its standard output.
    pub stdout: OwnedFd,
    /// Reads its standard error.
    pub stderr: OwnedFd,
    call: Call,
}

impl Executing {
    /// Waits until it has ended. What it writes must be read meanwhile, since it waits when a pipe is full.
    ///
    /// # Errors
    /// When the keeper ends first.
    pub fn wait(self) -> Result<Exit, SandboxError> {
        self.into_exit().wait()
    }

    /// The reading ends of its output and error, and its exit code to wait for.
    pub fn into_pipes(self) -> (OwnedFd, OwnedFd, ExitCall) {
        (self.stdout, self.stderr, ExitCall(self.call))
    }

    /// Gives the pipes up and leaves the exit code to wait for.
    pub fn into_exit(self) -> ExitCall {
        ExitCall(self.call)
    }
}

/// A client's hold on a container's standard descriptors. Dropping it leaves the container as it is, except that an input
/// which [ends with its first client](ContainerConfig::stdin_once) does.
#[derive(Debug)]
pub struct Attached {
    /// Writes to its standard input, when that was asked for and there is one. The others that are attached write to the
    /// same; with a terminal it does not block.
    pub stdin: Option<OwnedFd>,
    /// Reads what it writes to its standard output, or to its terminal. Begins with an unfinished line.
    pub stdout: OwnedFd,
    /// Reads what it writes to its standard error, when it has no terminal.
    pub stderr: Option<OwnedFd>,
    /// Its terminal, when it has one, to be resized.
    pub terminal: Option<Terminal>,
    /// How long the container's log was when this began, in bytes.
    pub logged: u64,
    /// Its end, to wait for. [`RequestError::Detached`] when its output was not read, and nothing more comes.
    pub ended: ExitCall,
}

/// Where the files of a running container are.
#[derive(Debug)]
pub struct ContainerRoot {
    /// Its root directory, with all that is mounted in it.
    pub dir: OwnedFd,
    /// The working directory that its first process was started in.
    pub cwd: PathBuf,
    /// The user that it was started as.
    pub uid: u32,
    /// The group that it was started as.
    pub gid: u32,
    /// The users that it belongs to, when they are not the host's.
    pub users: Option<IdRange>,
}

/// The exit code of an executed program, to be waited for.
#[derive(Debug)]
pub struct ExitCall(Call);

impl AsFd for ExitCall {
    /// Readable when the program has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl ExitCall {
    /// How the program ended, once it has: call it when the descriptor is readable.
    ///
    /// # Errors
    /// When the keeper ends first.
    pub fn try_wait(&mut self) -> Result<Option<Exit>, SandboxError> {
        match self.0.try_receive()? {
            None => Ok(None),
            Some((Reply::Exited(exit), _)) => Ok(Some(exit)),
            Some(_) => Err(self.0.sandbox.unexpected()),
        }
    }

    /// Waits until the program has ended.
    ///
    /// # Errors
    /// When the keeper ends first.
    pub fn wait(mut self) -> Result<Exit, SandboxError> {
        match self.0.receive()?.0 {
            Reply::Exited(exit) => Ok(exit),
            _ => Err(self.0.sandbox.unexpected()),
        }
    }
}

/// The status of a sandbox after each change.
#[derive(Debug)]
pub struct Watch {
    call: Call,
}

impl AsFd for Watch {
    /// Readable when something has changed.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.call.as_fd()
    }
}

impl Watch {
    /// Waits for the next status; the first one is there at once.
    ///
    /// # Errors
    /// [`SandboxError::NotRunning`] when the sandbox is gone.
    #[expect(
        clippy::should_implement_trait,
        reason = "its items are results, and it has no end but an error"
    )]
    pub fn next(&mut self) -> Result<SandboxStatus, SandboxError> {
        match self.call.receive()?.0 {
            Reply::Status(status) => Ok(status),
            _ => Err(self.call.sandbox.unexpected()),
        }
    }

    /// All statuses that are there, oldest first: call it when the descriptor is readable.
    ///
    /// # Errors
    /// [`SandboxError::NotRunning`] when the sandbox is gone.
    pub fn pending(&mut self) -> Result<vec::IntoIter<SandboxStatus>, SandboxError> {
        let mut all = Vec::new();
        while let Some((reply, _)) = self.call.try_receive()? {
            match reply {
                Reply::Status(status) => all.push(status),
                _ => return Err(self.call.sandbox.unexpected()),
            }
        }
        Ok(all.into_iter())
    }
}
