//! Processes executed in a running container.
//!
//! A helper joins the container's cgroup and all of its namespaces by its first process's descriptor, and forks the
//! process as its own sibling, so that the keeper is its parent. The last steps are those of the first process.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{Pid, pipe2, setsid};

use super::entry::{self, Entry, EntryError};
use super::first::Line;
use super::terminal::{self, Pair};
use super::tether::Tether;
use super::users::{self, Users};
use crate::cgroup::Hierarchy;
use crate::sys::{self, Fork};
use crate::terminal::TerminalSize;

/// The namespaces of a container.
const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWNS
    .union(CloneFlags::CLONE_NEWPID)
    .union(CloneFlags::CLONE_NEWNET)
    .union(CloneFlags::CLONE_NEWIPC)
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWCGROUP);

/// The container that a process is on its way into.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// The descriptor of its first process.
    pub first: &'a OwnedFd,
    /// The users that it belongs to, when they are not the host's.
    pub users: Option<&'a Users>,
}

impl Target<'_> {
    /// Has the calling process join all of its namespaces.
    fn join(&self) -> nix::Result<()> {
        if self.users.is_none() {
            return setns(self.first, NAMESPACES);
        }
        setns(self.first, NAMESPACES | CloneFlags::CLONE_NEWUSER)?;
        users::become_root()
    }
}

/// A process that is on its way into a container.
#[derive(Debug)]
pub(super) struct Entering {
    /// Becomes readable, or ends, when the outcome is known.
    pub report: OwnedFd,
    pid: OwnedFd,
    ends: Ends,
}

/// What the client is given.
#[derive(Debug)]
enum Ends {
    /// Standard input when asked for, output, error.
    Pipes(Vec<OwnedFd>),
    /// On which the outer side of a terminal arrives.
    Terminal(Line),
}

/// What an executed process has for its standard descriptors.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stdio {
    Pipes { stdin: bool },
    Terminal(TerminalSize),
}

/// The same, on the side of the process.
enum Inner {
    Pipes([OwnedFd; 3]),
    Terminal(TerminalSize, OwnedFd),
}

impl Inner {
    fn new(stdio: Stdio) -> io::Result<(Self, Ends)> {
        let stdin = match stdio {
            Stdio::Terminal(size) => {
                let (unix, packets) = (AddressFamily::Unix, SockType::SeqPacket);
                let (ours, theirs) = socketpair(unix, packets, None, SockFlag::SOCK_CLOEXEC)?;
                return Ok((Self::Terminal(size, theirs), Ends::Terminal(Line::new(ours))));
            }
            Stdio::Pipes { stdin } => stdin,
        };
        let (out, out_end) = pipe2(OFlag::O_CLOEXEC)?;
        let (err, err_end) = pipe2(OFlag::O_CLOEXEC)?;
        let mut ends = Vec::new();
        let input = if stdin {
            let (input, input_end) = pipe2(OFlag::O_CLOEXEC)?;
            ends.push(input_end);
            input
        } else {
            OwnedFd::from(std::fs::File::open("/dev/null")?)
        };
        ends.extend([out, err]);
        Ok((Self::Pipes([input, out_end, err_end]), Ends::Pipes(ends)))
    }

    /// Makes it the standard descriptors of this process, which leads a session in the container.
    fn set(&self, uid: u32) -> io::Result<()> {
        match self {
            Self::Pipes([stdin, stdout, stderr]) => Ok(entry::set_stdio(stdin, stdout, stderr)?),
            Self::Terminal(size, line) => {
                let pair = Pair::open(uid)?;
                pair.resize(*size)?;
                terminal::send(line, b"terminal", &[&pair.outer])?;
                pair.take_over()
            }
        }
    }
}

impl Entering {
    /// Forks the helper.
    pub fn spawn(
        entry: &Entry,
        target: Target<'_>,
        hierarchy: &Hierarchy,
        cgroup: &Path,
        tether: &Tether,
        stdio: Stdio,
    ) -> io::Result<Self> {
        let (report, report_end) = pipe2(OFlag::O_CLOEXEC)?;
        let (pid, pid_end) = pipe2(OFlag::O_CLOEXEC)?;
        let (inner, ends) = Inner::new(stdio)?;
        let into = hierarchy.clone_target(cgroup).map_err(io::Error::other)?;
        let oom_score = entry.oom_score();
        match sys::fork(CloneFlags::empty(), into.as_ref().map(AsFd::as_fd), false)? {
            Fork::Parent { .. } => Ok(Self { report, pid, ends }),
            Fork::Child => {
                drop(ends);
                let join = || -> io::Result<()> {
                    tether.tie()?;
                    hierarchy.join(cgroup).map_err(io::Error::other)?;
                    let _ = std::fs::write("/proc/self/oom_score_adj", oom_score.to_string());
                    Ok(target.join()?)
                };
                let forked = join().and_then(|()| sys::fork(CloneFlags::empty(), None, true));
                match forked {
                    Ok(Fork::Parent { pid, .. }) => {
                        let _ = nix::unistd::write(&pid_end, &pid.as_raw().to_le_bytes());
                    }
                    Ok(Fork::Child) => {
                        let _ = setsid();
                        let error = match inner.set(entry.uid()) {
                            Ok(()) => entry.enter(tether),
                            Err(e) => cannot_open(e),
                        };
                        error.report(&report_end);
                        sys::exit_now(error.code);
                    }
                    Err(error) => cannot_join(error).report(&report_end),
                }
                sys::exit_now(0)
            }
        }
    }

    /// What the client is given, once the program runs.
    pub fn into_ends(self) -> Vec<OwnedFd> {
        match self.ends {
            Ends::Pipes(pipes) => pipes,
            Ends::Terminal(line) => line.report().map(|(_, fds)| fds).unwrap_or_default(),
        }
    }

    /// The outcome, once [`report`](Self::report) is readable: the process, which is a child of the keeper.
    pub fn finish(&self) -> Result<(Pid, OwnedFd), EntryError> {
        if let Some(error) = entry::read_report(&self.report) {
            return Err(error);
        }
        let gone = |e: &dyn std::fmt::Display| EntryError {
            message: format!("the container has ended: {e}"),
            code: 128,
        };
        let mut number = [0; 4];
        match nix::unistd::read(&self.pid, &mut number) {
            Ok(4) => {
                let pid = Pid::from_raw(i32::from_le_bytes(number));
                let pidfd = sys::pidfd_open(pid).map_err(|e| gone(&e))?;
                Ok((pid, pidfd))
            }
            Ok(_) => Err(gone(&"its helper was killed")),
            Err(e) => Err(gone(&e)),
        }
    }
}

fn cannot_open(error: io::Error) -> EntryError {
    let message = format!("cannot open the standard input and output: {error}");
    EntryError { message, code: 128 }
}

fn cannot_join(error: io::Error) -> EntryError {
    EntryError { message: format!("cannot join the container: {error}"), code: 128 }
}
