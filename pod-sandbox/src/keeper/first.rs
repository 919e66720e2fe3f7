//! The first process of a container: forked off the keeper, it makes the container around itself and waits to be started.
//!
//! It is the only place that calls libcontainer: of that, the code that a container's first process runs. What
//! libcontainer does before it, two more forks and files by which it finds its containers again, a keeper that is the
//! parent of its containers has no use for. Nor is anything else in the keeper touched by what libcontainer changes in
//! its process, leaks into it, or blocks on: the process can be killed at any time, and the container with it
//! (`docs/design/first.md`).

use std::cell::OnceCell;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use libcgroups::common::CgroupConfig;
use libcontainer::notify_socket::{NOTIFY_FILE, NotifyListener, NotifySocket};
use libcontainer::oci_spec::runtime::Spec;
use libcontainer::process::args::{ContainerArgs, ContainerType};
use libcontainer::process::channel::{init_channel, main_channel};
use libcontainer::process::init::container_init_process;
use libcontainer::syscall::syscall::SyscallType;
use libcontainer::workload::{
    Executor, ExecutorError, ExecutorSetEnvsError, ExecutorValidationError,
};
use nix::cmsg_space;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, recv, recvmsg, send,
    socketpair,
};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::entry::{self, Entry, EntryError};
use super::mounts::{self, MountError, Mounts};
use super::rootfs;
use super::spec::{Shared, spec};
use super::terminal::{self, Pair};
use super::tether::Tether;
use super::trace;
use crate::cgroup::{DeviceRules, Hierarchy};
use crate::config::{ContainerConfig, RootFs};
use crate::error::{CgroupError, chain};
use crate::sys::{self, Fork};

/// Most bytes of a report.
const LONGEST_REPORT: usize = 16 << 10;
/// Most of what libcontainer said that is passed on.
const LONGEST_DETAILS: usize = 4 << 10;

/// What a first process tells the keeper, one packet each.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The container waits to be started. With both sides of its terminal, where it has one.
    Created,
    /// The container could not be made, or its program not be executed. The process ends.
    Failed(EntryError),
    /// The part of a source that was to be mounted is not to be had. The process ends.
    NoSubPath { destination: PathBuf, message: String },
    /// What was to be mounted cannot be mounted for the sandbox's own users. The process ends.
    NotForUsers { destination: PathBuf, message: String },
    /// There is nobody left who could report: the program runs, or the process has ended.
    Closed,
}

/// Everything a first process needs; it has its own copy after the fork.
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

/// The first process of a container, from the keeper's side.
#[derive(Debug)]
pub(super) struct First {
    pub pid: Pid,
    pub pidfd: OwnedFd,
}

impl First {
    /// Forks it for a job.
    pub fn spawn(job: Job<'_>) -> io::Result<(Self, Line)> {
        let kind = SockType::SeqPacket;
        let (ours, theirs) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
        let target = job.hierarchy.clone_target(job.cgroup).map_err(io::Error::other)?;
        match fork(job.shared, target.as_ref().map(AsFd::as_fd))? {
            Fork::Parent { pid, pidfd } => Ok((Self { pid, pidfd }, Line(ours))),
            Fork::Child => {
                drop(ours);
                let error = run(job, Rc::new(theirs));
                sys::exit_now(error.code)
            }
        }
    }

    pub fn kill(&self) {
        // It has ended already at worst.
        let _ = sys::pidfd_signal(self.pidfd.as_fd(), nix::libc::SIGKILL);
    }
}

/// Forks into a pid namespace: a new one, or that of another process.
fn fork(shared: &Shared<'_>, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Fork> {
    let Some(other) = shared.pid else {
        return sys::fork(CloneFlags::CLONE_NEWPID, cgroup, false);
    };
    // A process stays in its pid namespace; only its children are in another one.
    let own = fs::File::open("/proc/self/ns/pid")?;
    let others = fs::File::open(format!("/proc/{other}/ns/pid"))?;
    setns(others, CloneFlags::CLONE_NEWPID)?;
    let forked = sys::fork(CloneFlags::empty(), cgroup, false);
    if !matches!(forked, Ok(Fork::Child)) {
        setns(own, CloneFlags::CLONE_NEWPID)?;
    }
    forked
}

/// What the keeper and a first process have to talk over until its program runs.
#[derive(Debug)]
pub(super) struct Line(OwnedFd);

/// Most descriptors that come with a report.
const LINE_FDS: usize = 2;

impl AsFd for Line {
    /// Readable when there is a report.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Line {
    pub fn new(ours: OwnedFd) -> Self {
        Self(ours)
    }

    /// The next report and what came with it; `None` when there is none yet.
    pub fn report(&self) -> Option<(Report, Vec<OwnedFd>)> {
        match self.receive() {
            Ok((text, fds)) => Some((serde_json::from_slice(&text).unwrap_or(Report::Closed), fds)),
            Err(nix::errno::Errno::EAGAIN) => None,
            Err(_) => Some((Report::Closed, Vec::new())),
        }
    }

    fn receive(&self) -> nix::Result<(Vec<u8>, Vec<OwnedFd>)> {
        let mut text = vec![0; LONGEST_REPORT];
        let mut space = cmsg_space!([RawFd; LINE_FDS]);
        let mut data = [io::IoSliceMut::new(&mut text)];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(self.0.as_raw_fd(), &mut data, Some(&mut space), flags)?;
        let mut fds = Vec::new();
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(list) = control {
                fds.extend(list.into_iter().map(sys::own_received));
            }
        }
        let length = message.bytes;
        text.truncate(length);
        Ok((text, fds))
    }

    /// Has the container's program executed.
    pub fn start(&self) -> io::Result<()> {
        send(self.0.as_raw_fd(), b"start", MsgFlags::MSG_NOSIGNAL)?;
        Ok(())
    }
}

/// The other end of a [`Line`]. Closed by the execution of the program.
fn tell(line: &OwnedFd, report: &Report) {
    let mut text = serde_json::to_vec(report).unwrap_or_default();
    text.truncate(LONGEST_REPORT);
    // Not `send`: a container's own seccomp profile, which is loaded by now, may not know it.
    // A keeper that has gone is told nothing, and this process ends with it.
    let _ = nix::unistd::write(line, &text);
}

/// The process's whole life until its program; returns only when that does not come to run.
fn run(job: Job<'_>, line: Rc<OwnedFd>) -> EntryError {
    trace::collect();
    let Err(error) = create(job, Rc::clone(&line));
    let message = chain(error.as_ref());
    let report = match error.downcast_ref() {
        Some(MountError::SubPath { destination, .. }) => {
            Some(Report::NoSubPath { destination: destination.clone(), message: message.clone() })
        }
        Some(MountError::Users { destination, .. }) => {
            Some(Report::NotForUsers { destination: destination.clone(), message: message.clone() })
        }
        _ => None,
    };
    if let Some(report) = report {
        tell(&line, &report);
        return EntryError { message, code: 128 };
    }
    let message = with_details(&message, &trace::collected());
    let error = EntryError { message, code: 128 };
    tell(&line, &Report::Failed(error.clone()));
    error
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

type Never = std::convert::Infallible;

/// Makes the container, waits, and becomes its program.
fn create(job: Job<'_>, line: Rc<OwnedFd>) -> Result<Never, Box<dyn std::error::Error>> {
    sys::set_name(c"pod-container")?;
    job.tether.tie()?;
    entry::reset_signals()?;
    nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    limit(&job)?;
    job.hierarchy.join(job.cgroup)?;
    set_oom_score(job.config.process.oom_score_adj)?;
    unshare(CloneFlags::CLONE_NEWNS)?;
    let users = job.shared.users;
    if let Some(users) = users {
        rootfs::show_to(users, job.config)?;
    }
    let root = rootfs::assemble(&job.config.rootfs, &job.dir.join("rootfs"), users)?;
    let mounts = Mounts::open(job.config, job.shared, job.dir)?;
    mounts::device_directory(&root, users)?;

    let spec = Rc::new(spec(job.config, &root, job.shared)?);
    let hierarchy = job.hierarchy.clone();
    let executor = Entering {
        entry: job.entry,
        hierarchy,
        tether: job.tether.clone(),
        line,
        mounts: Rc::new(mounts),
        terminal: job.config.tty.then(Rc::default),
    };
    let args = ContainerArgs {
        container_type: ContainerType::InitContainer,
        syscall: SyscallType::Linux,
        spec,
        rootfs: fs::canonicalize(root)?,
        console_socket: None,
        notify_listener: notified(&job.dir.join(NOTIFY_FILE))?,
        preserve_fds: 0,
        container: None,
        user_ns_config: None,
        // Of no meaning here: the process is in its cgroup.
        cgroup_config: CgroupConfig {
            cgroup_path: PathBuf::new(),
            systemd_cgroup: false,
            container_name: job.config.id.to_string(),
        },
        detached: true,
        executor: Box::new(executor),
        no_pivot: false,
        stdin: Some(job.stdin.into_raw_fd()),
        stdout: Some(job.stdout.into_raw_fd()),
        stderr: Some(job.stderr.into_raw_fd()),
        as_sibling: false,
        pid_file: None,
    };
    // libcontainer would have somebody at the other ends.
    let (mut to_main, _main) = main_channel()?;
    let (_init, mut from_main) = init_channel()?;
    container_init_process(&args, &mut to_main, &mut from_main)?;
    Err("libcontainer did not execute the program".into())
}

/// Sets the limits of the container's cgroup, apart from those of the processors, and says which devices it may use.
fn limit(Job { config, hierarchy, cgroup, .. }: &Job<'_>) -> Result<(), CgroupError> {
    hierarchy.limit(cgroup, &config.resources)?;
    let rules = if config.privileged { DeviceRules::All } else { DeviceRules::Standard };
    hierarchy.allow_devices(cgroup, rules)
}

/// The socket on which libcontainer waits for the start. It has been told on it already, since the wait is ours.
fn notified(path: &Path) -> Result<NotifyListener, Box<dyn std::error::Error>> {
    let listener = NotifyListener::new(path)?;
    NotifySocket::new(path).notify_container_start()?;
    Ok(listener)
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

/// Carries the process over the last steps, with our own code instead of libcontainer's.
#[derive(Clone)]
struct Entering {
    entry: Entry,
    hierarchy: Hierarchy,
    tether: Tether,
    line: Rc<OwnedFd>,
    mounts: Rc<Mounts>,
    /// Made when the root is entered, where there shall be one.
    terminal: Option<Rc<OnceCell<Pair>>>,
}

impl Entering {
    fn pair(&self) -> Option<&Pair> {
        self.terminal.as_ref()?.get()
    }

    fn make_terminal(&self) -> Result<(), MountError> {
        let Some(terminal) = &self.terminal else { return Ok(()) };
        let pair = Pair::open(self.entry.uid()).map_err(mounts::failed("make a terminal"))?;
        pair.mount_as_console()?;
        terminal.get_or_init(|| pair);
        Ok(())
    }

    /// Tells that the container is there. Nothing of its own seccomp profile holds yet.
    fn tell_created(&self) {
        let Some(Pair { outer, inner }) = self.pair() else {
            return tell(&self.line, &Report::Created);
        };
        let text = serde_json::to_vec(&Report::Created).unwrap_or_default();
        // A keeper that has gone is told nothing, and this process ends with it.
        let _ = terminal::send(&self.line, &text, &[outer, inner]);
    }
}

impl Executor for Entering {
    /// Runs in the container's root with all rights.
    fn validate(&self, _: &Spec) -> Result<(), ExecutorValidationError> {
        let attached = self.mounts.attach(&self.hierarchy).map_err(|e| chain(&e));
        // libcontainer has set capabilities, and the users may be others by now: that takes the tie back.
        let tied = || self.tether.tie().map_err(|e| e.to_string());
        let terminal = || self.make_terminal().map_err(|e| chain(&e));
        attached.and_then(|()| tied()).and_then(|()| terminal()).map_err(|e| {
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

    /// Waits for the start, and becomes the program.
    fn exec(&self, _: &Spec) -> Result<(), ExecutorError> {
        self.tell_created();
        let mut word = [0; 16];
        if !matches!(recv(self.line.as_raw_fd(), &mut word, MsgFlags::empty()), Ok(n) if n > 0) {
            // The keeper has gone.
            sys::exit_now(1);
        }
        let taken = self.pair().map_or(Ok(()), Pair::take_over);
        let error = match taken {
            Ok(()) => self.entry.enter(&self.tether),
            Err(e) => {
                EntryError { message: format!("cannot take the terminal over: {e}"), code: 128 }
            }
        };
        tell(&self.line, &Report::Failed(error.clone()));
        // Nothing of the runtime's error handling may run in here any more.
        sys::exit_now(error.code)
    }
}

/// Removes what a container left in files: its directory and its writable layer.
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
