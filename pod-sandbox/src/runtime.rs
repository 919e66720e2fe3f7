//! The directory of all sandboxes.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

use crate::cgroup::Hierarchy;
use crate::config::{SandboxConfig, SandboxId};
use crate::dirs::{LAYER, SandboxDir};
use crate::error::{SandboxError, chain};
use crate::keeper::{self, Role};
use crate::lock::Lock;
use crate::preparation::Preparation;
use crate::sandbox::Sandbox;
use crate::status::SandboxStatus;

/// How long a keeper that does not answer may hold its lock.
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// `argv[0]` of a keeper.
pub const KEEPER: &str = "pod-keeper";

/// Becomes a keeper when this process was executed to be one, and then never returns; else returns at once.
///
/// Call it first in `main`, before any thread is started.
pub fn init() {
    become_keeper(None);
}

/// As [`init`], for a program that is the [companion](crate::Companion) of its sandboxes itself, by the name `name`: the
/// keeper, which is the same program, need not execute it anew for that, which would take the longer part of its start. It
/// forks, and calls `run` with the companion's arguments, in its environment, and with its standard descriptors and no
/// others. What `run` returns is the companion's exit code.
///
/// A companion of another name, or whose program is another file by now, is executed.
pub fn init_with(name: &'static str, run: impl Fn(&[String]) -> i32 + 'static) {
    become_keeper(Some(Role { name, run: Rc::new(run) }));
}

fn become_keeper(role: Option<Role>) {
    let mut args = std::env::args_os();
    if args.next().is_some_and(|name| name == KEEPER)
        && let Some(dir) = args.next()
    {
        keeper::main(Path::new(&dir), role);
    }
}

/// All sandboxes below one directory.
#[derive(Debug, Clone)]
pub struct Runtime {
    root: PathBuf,
    helper: Option<PathBuf>,
}

impl Runtime {
    /// Uses `root` for sockets and state, and makes it with mode 0700 when it is missing. It should be on a file system
    /// that a reboot empties, such as `/run`.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, SandboxError> {
        let root = root.into();
        make(&root)?;
        let found = fs::canonicalize(&root);
        let root = found.map_err(SandboxError::io(format!("find {}", root.display())))?;
        Ok(Self { root, helper: None })
    }

    /// Executes `helper`, a program that calls [`init`], as keeper, instead of the current program.
    pub fn with_helper(mut self, helper: impl Into<PathBuf>) -> Self {
        self.helper = Some(helper.into());
        self
    }

    fn dir(&self, id: &SandboxId) -> SandboxDir {
        SandboxDir::new(self.root.join(id.as_str()))
    }

    /// Makes a sandbox and returns when its namespaces are held. It lives on when the handle is dropped.
    ///
    /// # Errors
    /// When a sandbox of this id exists, the process is not root, or a step of the set-up fails. Nothing is left then.
    pub fn create(&self, config: &SandboxConfig) -> Result<Sandbox, SandboxError> {
        self.prepare(&config.id)?.create(config)
    }

    /// Begins to make a sandbox, for a caller that has to put the configuration together first: the keeper starts
    /// meanwhile. Nothing of it is on the disk, and others do not find it, until it is created.
    ///
    /// # Errors
    /// When the process is not root, or the keeper cannot be started. Nothing is left then.
    pub fn prepare(&self, id: &SandboxId) -> Result<Preparation, SandboxError> {
        if !geteuid().is_root() {
            return Err(SandboxError::Privilege { what: "root's capabilities" });
        }
        make(&self.root)?;
        Preparation::begin(id.clone(), self.dir(id), self.helper.as_deref())
    }

    /// The sandbox of this id, whoever made it.
    ///
    /// # Errors
    /// When there is none, or its keeper has ended.
    pub fn sandbox(&self, id: &SandboxId) -> Result<Sandbox, SandboxError> {
        let sandbox = Sandbox::new(id.clone(), self.dir(id));
        sandbox.connect()?;
        Ok(sandbox)
    }

    /// What the sandbox's keeper last wrote. Needs no living process; `None` when there is no such sandbox.
    ///
    /// # Errors
    /// When the journal is there but cannot be read.
    pub fn journal(&self, id: &SandboxId) -> Result<Option<SandboxStatus>, SandboxError> {
        let path = self.dir(id).journal();
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|e| SandboxError::io(format!("understand {}", path.display()))(e.into())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(SandboxError::io(format!("read {}", path.display()))(e)),
        }
    }

    /// Whether the sandbox's keeper lives.
    pub fn is_alive(&self, id: &SandboxId) -> bool {
        Lock::is_taken(&self.dir(id).lock()).unwrap_or(false)
    }

    /// The ids of all sandboxes, those with a dead keeper among them.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Vec<SandboxId>, SandboxError> {
        let context = || SandboxError::io(format!("read {}", self.root.display()));
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(context())? {
            let name = entry.map_err(context())?.file_name();
            ids.extend(name.to_str().and_then(|n| SandboxId::new(n).ok()));
        }
        ids.sort();
        Ok(ids)
    }

    /// Removes a sandbox, whether its keeper lives or not, and everything in it. Missing is fine.
    ///
    /// # Errors
    /// When something could not be torn down; the rest was.
    pub fn remove(&self, id: &SandboxId) -> Result<(), SandboxError> {
        let dir = self.dir(id);
        if !dir.path().exists() {
            return Ok(());
        }
        match Sandbox::new(id.clone(), dir.clone()).remove() {
            Err(SandboxError::NotRunning { .. }) => {}
            result => return result,
        }
        let _lock = self.wait_for_lock(id, &dir)?;
        let errors = self.bury(&dir);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(SandboxError::Teardown { id: id.to_string(), errors })
        }
    }

    /// The lock of a keeper that does not answer: one that has just been killed may take a moment to be gone.
    fn wait_for_lock(&self, id: &SandboxId, dir: &SandboxDir) -> Result<Lock, SandboxError> {
        let deadline = Instant::now() + LAST_MOMENTS;
        loop {
            // The file is missing when the keeper ended, or was never started, before it made it.
            match Lock::take(&dir.lock()).map_err(SandboxError::io("lock the sandbox"))? {
                Some(lock) => return Ok(lock),
                None if Instant::now() > deadline => {
                    return Err(SandboxError::NotRunning { id: id.to_string() });
                }
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Clears away what a dead keeper left. Its mounts went with its mount namespace.
    fn bury(&self, dir: &SandboxDir) -> Vec<String> {
        let mut errors = Vec::new();
        let config = fs::read(dir.config())
            .ok()
            .and_then(|t| serde_json::from_slice::<SandboxConfig>(&t).ok());
        if let Some(config) = config {
            let destroyed = Hierarchy::detect().and_then(|h| h.destroy(&config.cgroup));
            errors.extend(destroyed.err().map(|e| chain(&e)));
            let companion = self.journal(&config.id).ok().flatten().and_then(|s| s.companion);
            if let Some(pid) =
                companion.map(Pid::from_raw).filter(|pid| is_companion(*pid, &config))
            {
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
        for entry in fs::read_dir(dir.containers()).into_iter().flatten().flatten() {
            if let Ok(layer) = fs::read(entry.path().join(LAYER)) {
                errors.extend(remove(Path::new(OsStr::from_bytes(&layer))));
            }
        }
        errors.extend(remove(dir.path()));
        errors
    }
}

fn remove(path: &Path) -> Option<String> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Some(format!("cannot remove {}: {e}", path.display()))
        }
        _ => None,
    }
}

/// Whether a process is the companion of this sandbox and not another one that was given its number since.
fn is_companion(pid: Pid, config: &SandboxConfig) -> bool {
    let Some(companion) = &config.companion else { return false };
    let shown = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let expected: Vec<u8> = companion.argv.iter().flat_map(|a| a.bytes().chain([0])).collect();
    // One that was not executed anew shows as much of its arguments as there was room for.
    let end = shown.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    end > 0 && expected.starts_with(&shown[..end])
}

fn make(root: &Path) -> Result<(), SandboxError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(root);
    made.map_err(SandboxError::io(format!("make {}", root.display())))
}
