//! What can go wrong while a namespace is made ready.

use std::io;

use nix::errno::Errno;

/// Why a network namespace could not be made ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The thread that enters the namespace could not be made.
    #[error("cannot start a thread to enter the network namespace")]
    Thread(#[source] io::Error),
    /// The namespace could not be entered; `EINVAL` means that it is not one.
    #[error("cannot enter the network namespace")]
    Enter(#[source] Errno),
    /// No socket could be made inside the namespace.
    #[error("cannot make a socket in the network namespace")]
    Socket(#[source] Errno),
    /// Something of the set-up could not be done.
    #[error("cannot {action}")]
    Step {
        /// What, such as "make the bridge pod0".
        action: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The flags of an interface could not be read or written.
    #[error("cannot bring up interface {interface} in the network namespace")]
    Interface {
        /// The interface's name.
        interface: &'static str,
        /// What the kernel said.
        source: Errno,
    },
}
