//! Work inside another network namespace.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::NetworkError;

/// A new network namespace, which goes with the last process or descriptor that holds it.
///
/// # Errors
///
/// [`NetworkError::Namespace`] when the process is not root, or there are as many as the machine allows.
pub fn new_namespace() -> Result<OwnedFd, NetworkError> {
    on_thread(|| {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|e| NetworkError::Namespace(e.into()))?;
        let made = File::open("/proc/thread-self/ns/net").map_err(NetworkError::Namespace)?;
        Ok(made.into())
    })
}

/// A TCP socket that lives in `netns`, non-blocking, of IPv6 when asked for.
///
/// # Errors
///
/// [`NetworkError::Enter`] when it is no namespace, [`NetworkError::Socket`] when it does not know the protocol.
pub fn tcp_socket(netns: BorrowedFd<'_>, ipv6: bool) -> Result<OwnedFd, NetworkError> {
    let family = if ipv6 { AddressFamily::Inet6 } else { AddressFamily::Inet };
    inside(netns, || {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        socket(family, SockType::Stream, flags, None).map_err(NetworkError::Socket)
    })
}

/// Does `work` on a thread inside `netns`. The thread ends before this returns: one
/// that is used again could be left stranded in the wrong namespace.
pub(crate) fn inside<T: Send>(
    netns: BorrowedFd<'_>,
    work: impl FnOnce() -> Result<T, NetworkError> + Send,
) -> Result<T, NetworkError> {
    on_thread(|| {
        setns(netns, CloneFlags::CLONE_NEWNET).map_err(NetworkError::Enter)?;
        work()
    })
}

fn on_thread<T: Send>(
    work: impl FnOnce() -> Result<T, NetworkError> + Send,
) -> Result<T, NetworkError> {
    thread::scope(|scope| {
        thread::Builder::new()
            .name("pod-netns".to_owned())
            .spawn_scoped(scope, work)
            .map_err(NetworkError::Thread)?
            .join()
            .unwrap_or_else(|_| Err(NetworkError::Thread(io::Error::other("it panicked"))))
    })
}

/// A datagram socket that lives in `netns`, to configure that namespace by. A socket
/// stays in the namespace it was made in.
pub(crate) fn control_socket(netns: BorrowedFd<'_>) -> Result<OwnedFd, NetworkError> {
    inside(netns, || {
        socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
            .map_err(NetworkError::Socket)
    })
}

/// Namespaces for this crate's tests.
#[cfg(test)]
pub(crate) mod lab {
    use std::fs::File;

    /// The one of the calling thread.
    pub(crate) fn own_namespace() -> File {
        File::open("/proc/thread-self/ns/net").unwrap()
    }

    /// One of which nobody else knows.
    pub(crate) fn new_namespace() -> File {
        super::new_namespace().expect("making a network namespace needs root").into()
    }
}
