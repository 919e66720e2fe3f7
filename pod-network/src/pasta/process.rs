//! Processes, found by what they are rather than by a number that may have passed on.

use std::fs::{self, File};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long a killed process may take to end.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Kills all processes whose command line `is_meant`, and waits for their end.
pub(super) fn kill(is_meant: impl Fn(&[&[u8]]) -> bool) -> io::Result<()> {
    loop {
        let found = all()?.filter_map(|pid| open_if(pid, &is_meant)).collect::<Vec<_>>();
        // Until none is found: one may have forked meanwhile.
        if found.is_empty() {
            return Ok(());
        }
        for pidfd in found {
            end(&pidfd)?;
        }
    }
}

fn all() -> io::Result<impl Iterator<Item = Pid>> {
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    Ok(fs::read_dir("/proc")?.filter_map(number).filter_map(Pid::from_raw))
}

/// The file descriptor comes first, so that what is killed is what has been looked at.
fn open_if(pid: Pid, is_meant: impl Fn(&[&[u8]]) -> bool) -> Option<OwnedFd> {
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
    let text = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments: Vec<_> = text.split(|byte| *byte == 0).collect();
    is_meant(&arguments).then_some(pidfd)
}

fn end(pidfd: &OwnedFd) -> io::Result<()> {
    match pidfd_send_signal(pidfd, Signal::KILL) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => return Err(error.into()),
    }
    let limit = Timespec::try_from(END_LIMIT).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&limit))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(()),
    }
}

/// The directory of namespaces of the oldest process inside `netns` that can be looked at; `None` when there is none.
pub(super) fn holder(netns: BorrowedFd<'_>) -> io::Result<Option<PathBuf>> {
    let inside = all()?.filter_map(|pid| {
        let namespaces = PathBuf::from(format!("/proc/{pid}/ns"));
        is_at(netns, &namespaces.join("net")).ok()?.then_some((start(pid)?, namespaces))
    });
    Ok(inside.min().map(|(_, namespaces)| namespaces))
}

/// Whether `path` leads to the namespace.
pub(super) fn is_at(namespace: BorrowedFd<'_>, path: &Path) -> io::Result<bool> {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let namespace = File::from(namespace.try_clone_to_owned()?).metadata()?;
    Ok(identity(namespace) == identity(fs::metadata(path)?))
}

/// When a process began, in the clock's ticks since the boot.
fn start(pid: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything; the 20th field after it is the 22nd in all.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}
