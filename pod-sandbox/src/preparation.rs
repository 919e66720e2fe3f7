//! A sandbox that is about to be made, and how its keeper is started.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::config::{IdRange, SandboxConfig, SandboxId};
use crate::dirs::SandboxDir;
use crate::error::SandboxError;
use crate::keeper;
use crate::protocol::{read_to_end, send_word};
use crate::runtime::KEEPER;
use crate::sandbox::Sandbox;
use crate::sys;
use crate::sysctl;

/// A sandbox that is about to be made: its keeper starts up and waits for its configuration. There is nothing on the disk
/// yet, and dropping it ends the keeper.
#[derive(Debug)]
pub struct Preparation {
    id: SandboxId,
    dir: SandboxDir,
    starter: Starter,
    /// The network namespace that exists already.
    network: Option<OwnedFd>,
}

impl Preparation {
    pub(crate) fn begin(
        id: SandboxId,
        dir: SandboxDir,
        helper: Option<&Path>,
    ) -> Result<Self, SandboxError> {
        let starter = Starter::start(&dir, helper).map_err(SandboxError::io("start the keeper"))?;
        Ok(Self { id, dir, starter, network: None })
    }

    /// The sandbox's id.
    pub fn id(&self) -> &SandboxId {
        &self.id
    }

    /// Has the sandbox hold this network namespace, which the caller has made, in place of a new one: it can be connected
    /// while the keeper starts up. After a [loss](Sandbox::make_again) the sandbox has a new one all the same.
    pub fn with_network_namespace(mut self, namespace: OwnedFd) -> Self {
        self.network = Some(namespace);
        self
    }

    /// Makes the sandbox and returns when its namespaces are held. It lives on when the handle is dropped.
    ///
    /// # Errors
    /// When a sandbox of this id exists, the configuration is that of another one, it has a network namespace that it cannot
    /// hold, or a step of the set-up fails. Nothing is left then.
    pub fn create(self, config: &SandboxConfig) -> Result<Sandbox, SandboxError> {
        let refused = |message| SandboxError::Setup { id: self.id.to_string(), message };
        if config.id != self.id {
            return Err(refused(format!("the configuration is of sandbox `{}`", config.id)));
        }
        if self.network.is_some() && (config.host_network || config.users.is_some()) {
            let message = "with the host's network or users of its own it cannot hold the caller's";
            return Err(refused(format!("{message} network namespace")));
        }
        sysctl::check(config)?;
        config.users.map_or(Ok(()), IdRange::check)?;
        let Self { id, dir, starter, network } = self;
        match DirBuilder::new().mode(0o700).create(dir.path()) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                return Err(SandboxError::Exists { id: id.to_string() });
            }
            result => result.map_err(SandboxError::io(format!("make {}", dir.path().display())))?,
        }
        let made = fill(&dir, config, starter, network.as_slice());
        if made.is_err() {
            let _ = fs::remove_dir_all(dir.path());
        }
        made.map(|()| Sandbox::new(id, dir))
    }
}

/// Has the keeper make the sandbox in its directory.
fn fill(
    dir: &SandboxDir,
    config: &SandboxConfig,
    starter: Starter,
    fds: &[OwnedFd],
) -> Result<(), SandboxError> {
    let text =
        serde_json::to_vec(config).map_err(|e| SandboxError::io("write config.json")(e.into()))?;
    fs::write(dir.config(), text).map_err(SandboxError::io("write config.json"))?;
    let mut answer = starter.go_on(fds);
    if answer == keeper::READY {
        return Ok(());
    }
    if answer.is_empty() {
        "the keeper ended without a word".clone_into(&mut answer);
    }
    Err(SandboxError::Setup { id: config.id.to_string(), message: answer })
}

/// The process that was started to be the keeper. It forks that and ends.
#[derive(Debug)]
struct Starter {
    process: Child,
    /// What the keeper listens to and answers on, until it has been told to go on.
    socket: Option<UnixStream>,
}

impl Starter {
    fn start(dir: &SandboxDir, helper: Option<&Path>) -> io::Result<Self> {
        let sealed = match helper {
            Some(helper) => seal(&fs::canonicalize(helper)?)?,
            None => seal_self()?,
        };
        let (socket, keepers) = UnixStream::pair()?;
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let process = Command::new(format!("/proc/self/fd/{}", sealed.as_raw_fd()))
            .arg0(KEEPER)
            .arg(dir.path())
            .env_clear()
            .env("PATH", crate::config::DEFAULT_PATH)
            .env("HOME", "/")
            .stdin(OwnedFd::from(keepers))
            .stdout(null.try_clone()?)
            .stderr(null)
            .spawn();
        // With the descriptor goes a mount, and for that the kernel waits until every processor has taken notice, up to
        // milliseconds on a busy machine.
        let _ = thread::Builder::new().spawn(move || drop(sealed));
        Ok(Self { process: process?, socket: Some(socket) })
    }

    /// Has the keeper go on, with these descriptors, and returns what it has to say.
    fn go_on(mut self, fds: &[OwnedFd]) -> String {
        let Some(socket) = self.socket.take() else { return String::new() };
        // One that has ended already has left its reason on the socket.
        let _ = send_word(&socket, fds);
        // What the keeper forks may hold the socket a moment longer than the keeper.
        let answer = read_to_end((&socket).take(keeper::READY.len() as u64));
        if answer == keeper::READY { answer } else { answer + &read_to_end(&socket) }
    }
}

impl Drop for Starter {
    /// Ends a keeper that has not been told to go on.
    fn drop(&mut self) {
        if let Some(socket) = &self.socket {
            let _ = socket.shutdown(Shutdown::Write);
            let _ = read_to_end(socket);
        }
        let _ = self.process.wait();
    }
}

/// A descriptor from which `program` can be executed but through which nobody can write to it: a process that joins a
/// container is visible in there by `/proc/PID/exe`, and what it shows must not be the host's writable file.
fn seal(program: &Path) -> io::Result<OwnedFd> {
    let path = sys::c_string(program.as_os_str().as_encoded_bytes());
    let mount = sys::open_tree(nix::fcntl::AT_FDCWD, &path, false)?;
    sys::make_readonly(mount.as_fd(), false)?;
    Ok(mount)
}

/// The same for this very program.
fn seal_self() -> io::Result<OwnedFd> {
    let own = Path::new("/proc/self/exe");
    // A process that has changed its mount namespace runs from a mount of another one, which cannot be copied; but the
    // same file may be there under the same name.
    let by_name = || {
        let path = fs::read_link(own)?;
        let (a, b) = (fs::metadata(own)?, fs::metadata(&path)?);
        if (a.dev(), a.ino()) == (b.dev(), b.ino()) {
            seal(&path)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    };
    seal(own).or_else(|_| by_name()).or_else(|_| copy(own))
}

/// A copy in memory, for a program that has no name any more.
fn copy(program: &Path) -> io::Result<OwnedFd> {
    let copy = memfd_create(KEEPER, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
    io::copy(&mut File::open(program)?, &mut File::from(copy.try_clone()?))?;
    fcntl(&copy, FcntlArg::F_ADD_SEALS(SealFlag::all()))?;
    Ok(copy)
}
