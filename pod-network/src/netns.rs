//! Sockets inside another network namespace.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::thread;

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::NetworkError;

/// A datagram socket that lives in `netns`, to configure that namespace by.
///
/// A socket stays in the namespace it was made in, so only its making has to happen
/// inside. That is done on a thread of its own, which ends before this returns: a
/// thread that is used again could be left stranded in the wrong namespace.
pub(crate) fn control_socket(netns: BorrowedFd<'_>) -> Result<OwnedFd, NetworkError> {
    thread::scope(|scope| {
        thread::Builder::new()
            .name("pod-netns".to_owned())
            .spawn_scoped(scope, || {
                setns(netns, CloneFlags::CLONE_NEWNET).map_err(NetworkError::Enter)?;
                socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
                    .map_err(NetworkError::Socket)
            })
            .map_err(NetworkError::Thread)?
            .join()
            .unwrap_or_else(|_| Err(NetworkError::Thread(io::Error::other("it panicked"))))
    })
}
