//! A sandbox that is about to be made, and how its keeper is started.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::config::{IdRange, SandboxConfig, SandboxId};
use crate::dirs::SandboxDir;
use crate::error::SandboxError;
use crate::keeper;
use crate::protocol::read_to_end;
use crate::runtime::KEEPER;
use crate::sandbox::Sandbox;
use crate::sys;
use crate::sysctl;

/// A sandbox that is about to be made: its name is taken, and its keeper starts up and waits for its configuration.
///
/// Dropping it gives the name back.
#[derive(Debug)]
pub struct Preparation {
    id: SandboxId,
    dir: SandboxDir,
    /// The process that was started. It forks the keeper and ends.
    starter: Option<Child>,
    /// Whether the sandbox stands.
    done: bool,
}

impl Preparation {
    pub(crate) fn begin(
        id: SandboxId,
        dir: SandboxDir,
        helper: Option<&Path>,
    ) -> Result<Self, SandboxError> {
        match DirBuilder::new().mode(0o700).create(dir.path()) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                return Err(SandboxError::Exists { id: id.to_string() });
            }
            result => result.map_err(SandboxError::io(format!("make {}", dir.path().display())))?,
        }
        let mut preparation = Self { id, dir, starter: None, done: false };
        let starter = start(&preparation.dir, helper);
        preparation.starter = Some(starter.map_err(SandboxError::io("start the keeper"))?);
        Ok(preparation)
    }

    /// Makes the sandbox and returns when its namespaces are held. It lives on when the handle is dropped.
    ///
    /// # Errors
    /// When the configuration is that of another sandbox, or a step of the set-up fails. Nothing is left then.
    pub fn create(mut self, config: &SandboxConfig) -> Result<Sandbox, SandboxError> {
        if config.id != self.id {
            let message = format!("the configuration is of sandbox `{}`", config.id);
            return Err(SandboxError::Setup { id: self.id.to_string(), message });
        }
        sysctl::check(config)?;
        config.users.map_or(Ok(()), IdRange::check)?;
        let text = serde_json::to_vec(config)
            .map_err(|e| SandboxError::io("write config.json")(e.into()))?;
        fs::write(self.dir.config(), text).map_err(SandboxError::io("write config.json"))?;
        let answer = self.send_off().map_err(SandboxError::io("start the keeper"))?;
        if answer != keeper::READY {
            let message = if answer.is_empty() {
                "the keeper ended without a word".to_owned()
            } else {
                answer
            };
            return Err(SandboxError::Setup { id: self.id.to_string(), message });
        }
        self.done = true;
        Ok(Sandbox::new(self.id.clone(), self.dir.clone()))
    }

    /// Has the keeper go on, with the configuration or, when there is none, to its end; returns what it has to say.
    fn send_off(&mut self) -> io::Result<String> {
        let Some(starter) = &mut self.starter else { return Ok(String::new()) };
        drop(starter.stdin.take());
        let answer = starter.stdout.take().map(read_to_end).unwrap_or_default();
        starter.wait()?;
        Ok(answer)
    }
}

impl Drop for Preparation {
    /// Gives the name back, unless the sandbox stands.
    fn drop(&mut self) {
        if !self.done {
            let _ = self.send_off();
            let _ = fs::remove_dir_all(self.dir.path());
        }
    }
}

fn start(dir: &SandboxDir, helper: Option<&Path>) -> io::Result<Child> {
    let sealed = match helper {
        Some(helper) => seal(&fs::canonicalize(helper)?)?,
        None => seal_self()?,
    };
    let errors = File::options().create(true).append(true).open(dir.path().join("keeper.log"))?;
    let started = Command::new(format!("/proc/self/fd/{}", sealed.as_raw_fd()))
        .arg0(KEEPER)
        .arg(dir.path())
        .env_clear()
        .env("PATH", crate::config::DEFAULT_PATH)
        .env("HOME", "/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn();
    // With the descriptor goes a mount, and for that the kernel waits until every processor has taken notice, up to
    // milliseconds on a busy machine.
    let _ = thread::Builder::new().spawn(move || drop(sealed));
    started
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
