//! What can go wrong with `pasta`.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::{ExecutionError, Protocol};

/// Why `pasta` could not do its part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PastaError {
    /// The program is not there.
    #[error("cannot find the program {}; install passt", program.display())]
    Missing {
        /// Where it was expected.
        program: PathBuf,
    },
    /// The host leads nowhere: `pasta` takes the interface of a default route.
    #[error("pasta needs a default route, and the host has none")]
    NoUplink,
    /// Someone else has a port of the host.
    #[error("{protocol} port {} of the host is taken ({address})", address.port())]
    PortTaken {
        /// The protocol.
        protocol: Protocol,
        /// The address and port.
        address: SocketAddr,
    },
    /// The host does not give a port, as it does with low ones to ordinary users.
    #[error("cannot have {protocol} port {} of the host ({address})", address.port())]
    Port {
        /// The protocol.
        protocol: Protocol,
        /// The address and port.
        address: SocketAddr,
        /// What the kernel said.
        source: Errno,
    },
    /// The program could not be run to the point where it goes on in the background.
    #[error("cannot run pasta")]
    Execution(#[source] ExecutionError),
    /// It ended with an error.
    #[error("pasta failed: {stderr}")]
    Failed {
        /// The beginning of what it wrote.
        stderr: String,
    },
    /// Its processes could not be looked for or ended.
    #[error("cannot end pasta")]
    End(#[source] io::Error),
}
