//! The lock that a supervisor holds for as long as it lives. Others can look at it without taking it for a moment, so that
//! looking never keeps a supervisor from starting.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

/// A lock that is held until this is dropped, or the process ends.
#[derive(Debug)]
pub(crate) struct Held(#[allow(dead_code, reason = "the open file is what holds the lock")] File);

/// A lock on all of a file.
fn whole() -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Takes the lock; `None` when somebody has it.
pub(crate) fn take(path: &Path) -> io::Result<Option<Held>> {
    let file = open(path)?;
    match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole())) {
        Ok(_) => Ok(Some(Held(file))),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether somebody has the lock.
pub(crate) fn is_held(path: &Path) -> io::Result<bool> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    let mut lock = whole();
    fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock))?;
    Ok(i32::from(lock.l_type) != libc::F_UNLCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_and_seen_by_all() {
        let path = std::env::temp_dir().join(format!("pod-workloads-lock-{}", std::process::id()));
        assert!(!is_held(&path).expect("looked"));
        let held = take(&path).expect("opens").expect("is free");
        assert!(is_held(&path).expect("looked"));
        assert!(take(&path).expect("opens").is_none());
        drop(held);
        assert!(!is_held(&path).expect("looked"));
        std::fs::remove_file(path).expect("removed");
    }
}
