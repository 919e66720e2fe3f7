//! What can go wrong while a namespace is made ready.

use std::io;

use ipnet::{IpNet, Ipv4Net};
use nix::errno::Errno;

use crate::{CniError, PastaError, PortMapping};

/// Why a network namespace could not be made ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The thread that enters the namespace could not be made.
    #[error("cannot start a thread to enter the network namespace")]
    Thread(#[source] io::Error),
    /// A new namespace could not be made.
    #[error("cannot make a network namespace")]
    Namespace(#[source] io::Error),
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
    /// The kernel was built without something.
    #[error("the kernel lacks {what}")]
    Unsupported {
        /// What, with the options that it comes with.
        what: String,
    },
    /// A port of the host is in use.
    #[error("host port {port} is taken by {holder}")]
    PortTaken {
        /// The port that was asked for.
        port: PortMapping,
        /// By what, such as "`nginx` (process 4711)" or "pod `default/web`".
        holder: String,
    },
    /// The host has no such address to answer at.
    #[error("host port {port} is of no address that this host has")]
    NoSuchAddress {
        /// The port that was asked for.
        port: PortMapping,
    },
    /// The flags of an interface could not be read or written.
    #[error("cannot bring up interface {interface} in the network namespace")]
    Interface {
        /// The interface's name.
        interface: &'static str,
        /// What the kernel said.
        source: Errno,
    },
    /// CNI could not do its part.
    #[error(transparent)]
    Cni(#[from] CniError),
    /// `pasta` could not do its part.
    #[error(transparent)]
    Pasta(#[from] PastaError),
    /// The name of an attachment is no name of a file.
    #[error("the name `{id}` of an attachment is not made of letters, digits and `-`")]
    Id {
        /// The name.
        id: String,
    },
    /// A range of addresses cannot be given to pods.
    #[error("cannot give addresses of {range} to pods: {reason}")]
    Range {
        /// The range.
        range: IpNet,
        /// Why, such as "the host has a route to 10.0.0.0/8".
        reason: String,
    },
    /// No range is free to choose.
    #[error(
        "no private range of addresses is free of routes of this host; name one that pods may have"
    )]
    NoRange,
    /// Every address of the range is leased.
    #[error("every address of {range} is taken")]
    NoAddress {
        /// The range.
        range: Ipv4Net,
    },
    /// More than one thing went wrong.
    #[error("{}", .0.iter().map(with_cause).collect::<Vec<_>>().join("; "))]
    Several(Vec<NetworkError>),
}

impl NetworkError {
    /// What to return after going on through `errors`.
    pub(crate) fn gather(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }

    /// Turns what the kernel said into the failure of `action`.
    pub(crate) fn step<E: Into<io::Error>>(action: impl Into<String>) -> impl FnOnce(E) -> Self {
        |source| Self::Step { action: action.into(), source: source.into() }
    }
}

/// One of several errors, with its cause, which the several have no `source` for.
fn with_cause(error: &NetworkError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
