//! The lock that tells whether a keeper lives.

use std::fs::File;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// A file that is locked as long as its holder lives. It belongs to the open file, not to the process, and the kernel takes
/// it back when that is closed.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, and makes the file when it is missing; `None` when somebody has it.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole(libc::F_WRLCK))) {
            Ok(_) => Ok(Some(Self { _file: file })),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether somebody has the lock. It is not taken for that, so nobody who wants it now is turned away.
    pub fn is_taken(path: &Path) -> io::Result<bool> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        // A lock of this kind would have to wait for the one that is looked for.
        let mut found = whole(libc::F_WRLCK);
        fcntl(&file, FcntlArg::F_OFD_GETLK(&mut found))?;
        Ok(i32::from(found.l_type) != libc::F_UNLCK)
    }
}

/// A lock of this kind on a whole file.
fn whole(kind: i32) -> libc::flock {
    // The constants are small.
    let (l_type, l_whence) = (kind as libc::c_short, libc::SEEK_SET as libc::c_short);
    libc::flock { l_type, l_whence, l_start: 0, l_len: 0, l_pid: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_one_holder_s_and_is_seen() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lock");
        let taken = || Lock::is_taken(&path).expect("is looked for");
        assert!(!taken());
        let lock = Lock::take(&path).expect("is tried").expect("is free");
        assert!(taken());
        assert!(Lock::take(&path).expect("is tried").is_none());
        drop(lock);
        assert!(!taken());
        assert!(Lock::take(&path).expect("is tried").is_some());
    }
}
