//! The forked child that makes one container: the only place that calls libcontainer.
//!
//! libcontainer changes the process that calls it, leaks into it when it fails, and may block. So each call is made in
//! a child of the keeper, which ends afterwards and can be killed at any time. The container's first process becomes a
//! child of the keeper (`as_sibling`).

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use libcontainer::container::builder::ContainerBuilder;
use libcontainer::oci_spec::runtime::Spec;
use libcontainer::syscall::syscall::SyscallType;
use libcontainer::workload::{
    Executor, ExecutorError, ExecutorSetEnvsError, ExecutorValidationError,
};
use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use serde::{Deserialize, Serialize};

use super::entry::{self, Entry, EntryError};
use super::mounts::{self, Mounts};
use super::rootfs;
use super::spec::{DECOY, Shared, spec};
use super::tether::Tether;
use super::trace;
use crate::cgroup::{self, Hierarchy};
use crate::config::{ContainerConfig, RootFs};
use crate::dirs::CGROUP_ROOT;
use crate::error::chain;
use crate::sys::{self, Fork};

/// Most bytes of a report.
const LONGEST_REPORT: usize = 16 << 10;
/// Most of what libcontainer said that is passed on.
const LONGEST_DETAILS: usize = 4 << 10;

/// What a creator tells the keeper, one packet each.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The container waits to be started; its first process is this one.
    Created(i32),
    /// It could not be made; nothing is left of it but directories.
    CreateFailed(String),
    /// The program runs.
    Started,
    /// The program could not be executed; the container's first process has ended.
    StartFailed(EntryError),
    /// It has ended without a word.
    Ended,
}

/// Everything a creator needs; it has its own copy after the fork.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub config: &'a ContainerConfig,
    pub entry: Entry,
    pub shared: &'a Shared<'a>,
    pub hierarchy: &'a Hierarchy,
    /// The container's own cgroup, which exists.
    pub cgroup: &'a Path,
    /// The container's directory below the sandbox's; exists and is empty.
    pub dir: &'a Path,
    pub tether: &'a Tether,
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
}

/// A running creator, from the keeper's side.
#[derive(Debug)]
pub(super) struct Creator {
    pub pidfd: OwnedFd,
    channel: OwnedFd,
}

impl Creator {
    /// Forks a creator for a job.
    pub fn spawn(job: Job<'_>) -> io::Result<Self> {
        let kind = SockType::SeqPacket;
        let (ours, theirs) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
        let target = job.hierarchy.clone_target(job.cgroup).map_err(io::Error::other)?;
        match sys::fork(CloneFlags::empty(), target.as_ref().map(AsFd::as_fd), false)? {
            Fork::Parent { pidfd, .. } => Ok(Self { pidfd, channel: ours }),
            Fork::Child => {
                drop(ours);
                run(&job, &theirs);
                sys::exit_now(0)
            }
        }
    }

    /// One of them becomes readable when there is a report or when the creator has ended. The end of the channel alone
    /// does not tell of that: the container's first process holds a copy until it is started.
    pub fn sources(&self) -> [BorrowedFd<'_>; 2] {
        [self.channel.as_fd(), self.pidfd.as_fd()]
    }

    /// The next report, [`Report::Ended`] when there will be none; `None` when there is none yet.
    pub fn report(&self) -> Option<Report> {
        let ended = self.has_ended();
        let mut buffer = vec![0; LONGEST_REPORT];
        match recv(self.channel.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(n) if n > 0 => Some(serde_json::from_slice(&buffer[..n]).unwrap_or(Report::Ended)),
            _ => ended.then_some(Report::Ended),
        }
    }

    fn has_ended(&self) -> bool {
        let mut fds = [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
        !matches!(poll(&mut fds, PollTimeout::ZERO), Ok(0))
    }

    /// Has the container's program executed.
    pub fn start(&self) -> io::Result<()> {
        send(self.channel.as_raw_fd(), b"start", MsgFlags::MSG_NOSIGNAL)?;
        Ok(())
    }
}

impl Drop for Creator {
    /// What it was for is over. It may wait for a word that cannot come any more.
    fn drop(&mut self) {
        let _ = sys::pidfd_signal(self.pidfd.as_fd(), nix::libc::SIGKILL);
    }
}

fn tell(channel: &OwnedFd, report: &Report) {
    let mut text = serde_json::to_vec(report).unwrap_or_default();
    text.truncate(LONGEST_REPORT);
    // A keeper that has gone is told nothing, and this process ends next.
    let _ = send(channel.as_raw_fd(), &text, MsgFlags::MSG_NOSIGNAL);
}

/// The creator's whole life.
fn run(job: &Job<'_>, channel: &OwnedFd) {
    let traces = trace::collect();
    let (mut container, report) = match create(job) {
        Ok(created) => created,
        Err(error) => {
            let details = traces.map(|t| t.read()).unwrap_or_default();
            return tell(
                channel,
                &Report::CreateFailed(with_details(&chain(error.as_ref()), &details)),
            );
        }
    };
    let pid = container.pid().map_or(0, |p| p.as_raw());
    tell(channel, &Report::Created(pid));
    let mut buffer = [0; 16];
    if !matches!(recv(channel.as_raw_fd(), &mut buffer, MsgFlags::empty()), Ok(n) if n > 0) {
        return;
    }
    if let Err(error) = container.start() {
        let error = EntryError { message: chain(&error), code: 128 };
        return tell(channel, &Report::StartFailed(error));
    }
    match entry::read_report(&report) {
        None => tell(channel, &Report::Started),
        Some(error) => tell(channel, &Report::StartFailed(error)),
    }
}

/// libcontainer's errors are short; what it traced on the way says which path and why.
fn with_details(error: &str, details: &[String]) -> String {
    let mut text = error.to_owned();
    for line in details.iter().filter(|l| !l.is_empty()) {
        if !text.contains(line.as_str()) && text.len() + line.len() < LONGEST_DETAILS {
            text.push_str("; ");
            text.push_str(line);
        }
    }
    text
}

type Created = (libcontainer::container::Container, OwnedFd);

fn create(job: &Job<'_>) -> Result<Created, Box<dyn std::error::Error>> {
    sys::set_name(c"pod-creator")?;
    job.tether.tie()?;
    entry::reset_signals()?;
    nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    job.hierarchy.join(job.cgroup)?;
    set_oom_score(job.config.process.oom_score_adj)?;
    unshare(CloneFlags::CLONE_NEWNS)?;
    let root = rootfs::assemble(&job.config.rootfs, &job.dir.join("rootfs"))?;
    let mounts = Mounts::open(job.config, job.shared.shm, job.shared.thermal)?;
    mounts::device_directory(&root)?;
    hide_cgroups(job.hierarchy)?;

    let spec = spec(job.config, &root, job.shared)?;
    spec.save(job.dir.join("config.json"))?;
    let (report, write_end) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    let executor = Entering {
        entry: job.entry.clone(),
        hierarchy: job.hierarchy.clone(),
        tether: job.tether.clone(),
        report: Rc::new(write_end),
        mounts: Rc::new(mounts),
    };
    let state = job.dir.join("engine");
    let container = ContainerBuilder::new(job.config.id.to_string(), SyscallType::Linux)
        .with_root_path(state)?
        .with_stdin(job.stdin.try_clone()?)
        .with_stdout(job.stdout.try_clone()?)
        .with_stderr(job.stderr.try_clone()?)
        .with_executor(executor)
        .as_init(job.dir)
        .with_systemd(false)
        .with_detach(true)
        .as_sibling(true)
        .build()?;
    Ok((container, report))
}

/// Ranks this process, and so the container, for the out-of-memory killer, as far as the kernel lets us.
fn set_oom_score(score: i32) -> io::Result<()> {
    let file = "/proc/self/oom_score_adj";
    match fs::write(file, score.to_string()) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            // Only a privileged process may go below what it was given; that is then the best there is.
            tracing::warn!(score, "not allowed to lower oom_score_adj");
            Ok(())
        }
        result => result,
    }
}

/// Shows libcontainer, in this mount namespace, a cgroup that is a plain directory: the process is in its own already,
/// limited, and a second join would cost milliseconds (`docs/design/cgroups.md`).
///
/// It lies in the unified hierarchy, where libcontainer does not look for mounts: on v1 it reads all of them once for
/// each of fourteen controllers.
fn hide_cgroups(hierarchy: &Hierarchy) -> io::Result<()> {
    let at = Path::new(cgroup::MOUNT);
    let tmpfs =
        |at: &Path| mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some("mode=700"));
    let Some(unified) = hierarchy.unified() else {
        // No hierarchy at all then.
        umount2(at, MntFlags::MNT_DETACH)?;
        return Ok(tmpfs(at)?);
    };
    if unified != at {
        mount(Some(unified), at, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    }
    tmpfs(&at.join(CGROUP_ROOT.trim_start_matches('/')))?;
    let decoy = at.join(DECOY.trim_start_matches('/'));
    fs::create_dir(&decoy)?;
    fs::write(decoy.join("cgroup.procs"), "")
}

/// Carries the container's first process over the last steps, with our own code instead of libcontainer's.
#[derive(Clone)]
struct Entering {
    entry: Entry,
    hierarchy: Hierarchy,
    tether: Tether,
    report: Rc<OwnedFd>,
    mounts: Rc<Mounts>,
}

impl Executor for Entering {
    /// Runs in the container's root with all rights, before the container counts as created.
    fn validate(&self, _: &Spec) -> Result<(), ExecutorValidationError> {
        // Until the program is executed, too, the container must not outlive its keeper.
        let tied = self.tether.tie().map_err(|e| e.to_string());
        let attached = || self.mounts.attach(&self.hierarchy).map_err(|e| chain(&e));
        tied.and_then(|()| attached()).map_err(|e| {
            tracing::error!("{e}");
            ExecutorValidationError::ArgValidationError(e)
        })?;
        self.entry.prepare();
        Ok(())
    }

    /// The environment goes to the program alone; ours is not touched, so that nothing acts on it before.
    fn setup_envs(
        &self,
        _: std::collections::HashMap<String, String>,
    ) -> Result<(), ExecutorSetEnvsError> {
        Ok(())
    }

    /// Runs when the container is started.
    fn exec(&self, _: &Spec) -> Result<(), ExecutorError> {
        let error = self.entry.enter(&self.tether, &self.report);
        // Nothing of the runtime's error handling may run in here any more.
        sys::exit_now(error.code)
    }
}

/// Removes what a creator left in files: the container's directory and its writable layer.
pub(super) fn remove_files(dir: &Path, rootfs: &RootFs) -> Vec<(PathBuf, io::Error)> {
    let mut errors = Vec::new();
    for path in rootfs.layer().map(PathBuf::as_path).into_iter().chain([dir]) {
        match fs::remove_dir_all(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => errors.push((path.to_owned(), e)),
            _ => {}
        }
    }
    errors
}
