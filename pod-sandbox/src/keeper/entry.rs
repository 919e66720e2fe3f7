//! The last steps of every process that enters a container, first or executed later: the same code for both, so that an
//! executed process gets exactly what the first one has.

use std::ffi::CString;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{Gid, Uid, execve, setgroups, setresgid, setresuid};
use serde::{Deserialize, Serialize};

use super::terminal::TERM;
use super::tether::Tether;
use crate::config::{DEFAULT_PATH, Process};
use crate::seccomp::Filter;
use crate::sys;

/// A process that is ready to be entered: all that can fail early has been done.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    process: Process,
    argv: Vec<CString>,
    env: Vec<CString>,
    filter: Option<Filter>,
}

/// Why a program did not run, sent from the process that should have become it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EntryError {
    pub message: String,
    /// The exit code a shell would give.
    pub code: i32,
}

/// The error of a step that has no exit code of its own.
fn step<E: Into<io::Error>>(what: impl fmt::Display) -> impl FnOnce(E) -> EntryError {
    move |error| EntryError { message: format!("cannot {what}: {}", error.into()), code: 128 }
}

impl Entry {
    pub fn new(process: &Process, filter: Option<Filter>, tty: bool) -> Self {
        let mut env: Vec<CString> = process.env.iter().map(sys::c_string).collect();
        if !process.env.iter().any(|e| e.starts_with("HOME=")) {
            let home = if process.uid == 0 { "HOME=/root" } else { "HOME=/" };
            env.push(sys::c_string(home));
        }
        if tty && !process.env.iter().any(|e| e.starts_with("TERM=")) {
            env.push(sys::c_string(TERM));
        }
        Self {
            argv: process.args.iter().map(sys::c_string).collect(),
            env,
            filter,
            process: process.clone(),
        }
    }

    /// Who it runs as.
    pub fn uid(&self) -> u32 {
        self.process.uid
    }

    /// Its rank for the out-of-memory killer.
    pub fn oom_score(&self) -> i32 {
        self.process.oom_score_adj
    }

    /// What needs the rights of root and may be done before the process is told to start.
    pub fn prepare(&self) {
        // A missing working directory is made; where that fails, entering it says why.
        let _ = fs::create_dir_all(&self.process.cwd);
    }

    /// Becomes the program. Returns only when that failed.
    pub fn enter(&self, tether: &Tether) -> EntryError {
        let Err(error) = self.become_program(tether);
        error
    }

    fn become_program(&self, tether: &Tether) -> Result<std::convert::Infallible, EntryError> {
        reset_signals().map_err(step("reset signals"))?;
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
        sys::close_on_exec_from(3).map_err(step("mark descriptors"))?;
        let no_new_privileges = self.process.no_new_privileges;
        if no_new_privileges {
            sys::set_no_new_privileges().map_err(step("set no_new_privs"))?;
        } else {
            // Without no_new_privs only a privileged process may load a filter.
            self.load_filter()?;
        }
        self.change_user()?;
        if no_new_privileges {
            self.load_filter()?;
        }
        let cwd = &self.process.cwd;
        nix::unistd::chdir(cwd).map_err(step(format_args!("enter directory {}", cwd.display())))?;
        // Last, since a change of user takes it back.
        tether.tie().map_err(step("tie to the keeper"))?;
        self.execute()
    }

    fn load_filter(&self) -> Result<(), EntryError> {
        let load = |filter: &Filter| sys::load_filter(filter);
        self.filter.as_ref().map_or(Ok(()), load).map_err(step("load the seccomp filter"))
    }

    fn change_user(&self) -> Result<(), EntryError> {
        let process = &self.process;
        let allowed = process.capabilities.bits();
        let permitted = sys::permitted_capabilities().map_err(step("read capabilities"))?;
        for capability in (0..64).filter(|c| allowed & (1 << c) == 0) {
            sys::drop_bounding(capability).map_err(step("drop capabilities"))?;
        }
        let groups: Vec<Gid> = process.groups.iter().copied().map(Gid::from_raw).collect();
        setgroups(&groups).map_err(step("set groups"))?;
        let (uid, gid) = (Uid::from_raw(process.uid), Gid::from_raw(process.gid));
        setresgid(gid, gid, gid).map_err(step(format_args!("become group {gid}")))?;
        sys::keep_capabilities().map_err(step("keep capabilities"))?;
        setresuid(uid, uid, uid).map_err(step(format_args!("become user {uid}")))?;
        sys::clear_ambient().map_err(step("clear ambient capabilities"))?;
        // Another user than root keeps them in the bounding set only: the program gets none, as in a cluster.
        let kept = if process.uid == 0 { allowed & permitted } else { 0 };
        sys::set_capabilities(kept).map_err(step("set capabilities"))
    }

    fn execute(&self) -> Result<std::convert::Infallible, EntryError> {
        let Some(program) = self.process.args.first().filter(|p| !p.is_empty()) else {
            return Err(EntryError { message: "no command is given".to_owned(), code: 127 });
        };
        if program.contains('/') {
            let errno = self.execute_file(Path::new(program));
            return Err(explain(program, errno, false));
        }
        let mut last = Errno::ENOENT;
        for dir in self.search_path() {
            match self.execute_file(&dir.join(program)) {
                Errno::ENOENT | Errno::ENOTDIR => {}
                // A later directory may hold one that can be executed.
                Errno::EACCES => last = Errno::EACCES,
                errno => return Err(explain(program, errno, true)),
            }
        }
        Err(explain(program, last, true))
    }

    fn execute_file(&self, path: &Path) -> Errno {
        let file = sys::c_string(path.as_os_str().as_encoded_bytes());
        match execve(&file, &self.argv, &self.env) {
            Err(errno) => errno,
            Ok(never) => match never {},
        }
    }

    fn search_path(&self) -> Vec<PathBuf> {
        let path = self.process.env.iter().rev().find_map(|e| e.strip_prefix("PATH="));
        std::env::split_paths(path.unwrap_or(DEFAULT_PATH))
            .filter(|dir| !dir.as_os_str().is_empty())
            .collect()
    }
}

fn explain(program: &str, errno: Errno, searched: bool) -> EntryError {
    let (message, code) = match errno {
        Errno::ENOENT if searched => {
            (format!("executable file `{program}` not found in $PATH"), 127)
        }
        Errno::ENOENT => (format!("`{program}`: no such file, or its interpreter is missing"), 127),
        Errno::ENOEXEC => (
            format!("`{program}`: exec format error (a script without `#!`, or another machine's)"),
            126,
        ),
        Errno::EACCES => (format!("`{program}`: permission denied (not an executable file)"), 126),
        errno => (format!("`{program}`: {}", io::Error::from(errno)), 126),
    };
    EntryError { message, code }
}

/// What the keeper blocks or ignores, the program must not.
pub(super) fn reset_signals() -> nix::Result<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    sys::set_default_actions();
    Ok(())
}

impl EntryError {
    /// Tells whoever reads the other end of a pipe, which the execution of the program closes without a word.
    pub fn report(&self, pipe: &OwnedFd) {
        // A keeper that has gone is told nothing, and this process ends next.
        let _ = nix::unistd::write(pipe, &serde_json::to_vec(self).unwrap_or_default());
    }
}

/// Reads what [`EntryError::report`] wrote, once the other end is closed: `None` when the program runs.
pub(super) fn read_report(report: &OwnedFd) -> Option<EntryError> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match nix::unistd::read(report, &mut buffer) {
            Ok(0) => break,
            Ok(n) => text.extend_from_slice(&buffer[..n]),
            Err(Errno::EINTR) => {}
            Err(_) => break,
        }
    }
    if text.is_empty() {
        return None;
    }
    let unreadable =
        || EntryError { message: String::from_utf8_lossy(&text).into_owned(), code: 128 };
    Some(serde_json::from_slice(&text).unwrap_or_else(|_| unreadable()))
}

/// Makes three descriptors the standard ones of this process.
pub(super) fn set_stdio(stdin: &OwnedFd, stdout: &OwnedFd, stderr: &OwnedFd) -> nix::Result<()> {
    for (fd, number) in [(stdin, 0), (stdout, 1), (stderr, 2)] {
        sys::duplicate_to(fd.as_fd(), number)?;
    }
    Ok(())
}
