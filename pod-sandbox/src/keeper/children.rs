//! The keeper's children: which have ended, and how.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::status::Exit;
use crate::sys;

/// Takes the exit code of a child, waiting for it to end.
pub(super) fn wait_for(pidfd: BorrowedFd<'_>) -> Ended {
    loop {
        match sys::wait_pidfd(pidfd, true) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result.ok().flatten().map_or(Ended::LOST, Ended::from_status),
        }
    }
}

/// Takes the exit code of a child when it has ended.
pub(super) fn has_ended(pidfd: BorrowedFd<'_>) -> Option<Ended> {
    // An error means that it is no child any more: its code is lost, its end is not.
    sys::wait_pidfd(pidfd, false).map_or(Some(Ended::LOST), |status| status.map(Ended::from_status))
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub code: i32,
    pub signal: Option<i32>,
}

impl Ended {
    /// Somebody else reaped it.
    const LOST: Self = Self { code: 255, signal: None };

    fn from_status(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self { code, signal: None },
            (None, Some(signal)) => Self { code: 128 + signal, signal: Some(signal) },
            (None, None) => Self::LOST,
        }
    }

    /// The end of a program that was started at this time.
    pub fn of_program(self, started_at: i64, oom_killed: bool) -> Exit {
        let Self { code, signal } = self;
        Exit {
            code,
            signal,
            oom_killed,
            start_error: None,
            started_at: Some(started_at),
            finished_at: now(),
        }
    }

    /// The end of a process that never became its program.
    pub fn before_start(self, why: String, oom_killed: bool) -> Exit {
        let Self { code, signal } = self;
        Exit {
            code,
            signal,
            oom_killed,
            start_error: Some(why),
            started_at: None,
            finished_at: now(),
        }
    }
}

/// Reaps all children that have ended and are none of these.
///
/// The kernel answers with one of those that have ended, always the same until it is reaped: behind a known one the
/// unknown cannot be seen. `false` then; to be called again when that one has been waited for.
pub(super) fn reap_all_but(known: &[Pid]) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Some(pid) = waitid(Id::All, flags).ok().and_then(|status| status.pid()) {
        if known.contains(&pid) {
            return false;
        }
        let _ = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG);
    }
    true
}

/// Nanoseconds since the epoch.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
