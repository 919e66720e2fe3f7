//! All attachments below one directory.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;

use crate::change::Change;
use crate::record::{Record, Records, refuse_taken};
use crate::{
    Attached, Attachment, Network, NetworkError, PortMapping, bring_up_loopback, cni, hosts,
};

/// The networks of one runtime: which pods are attached, with which addresses and ports.
///
/// It holds nothing open. Everything is in files of its directory, so whoever comes after a crash can go on.
#[derive(Debug, Clone)]
pub struct Networks {
    pub(crate) dir: PathBuf,
    pub(crate) bridge: String,
}

/// What [`Networks::repair`] has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repair {
    /// The attachments that were taken back: of pods that are no more, or cut short.
    pub released: Vec<String>,
    /// The links that were removed, since no attachment named them.
    pub removed: Vec<String>,
    /// What was made whole again, such as "the bridge pod0".
    pub mended: Vec<String>,
    /// The attachments of which the link is gone. Only the pod's end brings it back: the pod has to be made anew.
    pub lost: Vec<String>,
}

impl Networks {
    /// Keeps its records in `dir`, which should be on a file system that a reboot empties, and names the bridge and the
    /// table of nftables rules `bridge`.
    pub fn new(dir: impl Into<PathBuf>, bridge: impl Into<String>) -> Self {
        Self { dir: dir.into(), bridge: bridge.into() }
    }

    /// Connects the namespace `netns`. For a pod that is attached already it returns what that has, and for one whose
    /// attachment was cut short it begins again. With loopback alone nothing is recorded.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] names the step that failed. What was done before it has been undone.
    pub fn attach(
        &self,
        network: &Network,
        pod: &Attachment,
        netns: BorrowedFd<'_>,
    ) -> Result<Attached, NetworkError> {
        if *network == Network::Loopback {
            bring_up_loopback(netns)?;
            return hosts::write_alone(pod).map(|()| Attached::default());
        }
        Change::begin(self)?.attach(network, pod, netns)
    }

    /// What a pod has been given; `None` when it is not attached, or not wholly.
    ///
    /// # Errors
    ///
    /// When its record cannot be read.
    pub fn attached(&self, id: &str) -> Result<Option<Attached>, NetworkError> {
        let record = Records::new(&self.dir).get(id)?.filter(|record| record.complete);
        Ok(record.map(|record| record.attached))
    }

    /// Takes ports of the host, so that no other program and no other pod can have them while what is returned is open:
    /// see [`reserve`](crate::reserve()).
    ///
    /// # Errors
    ///
    /// [`NetworkError::PortTaken`] names the pod or program that has one.
    pub fn reserve(&self, ports: &[PortMapping]) -> Result<Vec<OwnedFd>, NetworkError> {
        if ports.is_empty() {
            return Ok(Vec::new());
        }
        refuse_taken(&Records::new(&self.dir).all()?, ports)?;
        crate::reserve(ports)
    }

    /// Takes back what a pod was given: its addresses, links, rules and names. One that is not attached is fine.
    /// `netns` is its namespace, while that is there: plugins of CNI undo more then.
    ///
    /// # Errors
    ///
    /// When something could not be taken back; the rest was, and it can be tried again.
    pub fn detach(&self, id: &str, netns: Option<BorrowedFd<'_>>) -> Result<(), NetworkError> {
        if !Records::new(&self.dir).has(id)? {
            return Ok(());
        }
        Change::begin(self)?.detach(id, netns)
    }

    /// As [`detach`](Self::detach), for a pod whose namespace is about to end: its link is left to end with it, which the
    /// kernel takes some time for, and its addresses are given to nobody before that. The bridge stays, too: see
    /// [`tidy`](Self::tidy).
    ///
    /// # Errors
    ///
    /// As [`detach`](Self::detach).
    pub fn release(&self, id: &str, netns: Option<BorrowedFd<'_>>) -> Result<(), NetworkError> {
        if !Records::new(&self.dir).has(id)? {
            return Ok(());
        }
        Change::begin(self)?.release(id, netns)
    }

    /// Whether there is a bridge that no pod is attached to.
    ///
    /// # Errors
    ///
    /// When a record cannot be read.
    pub fn is_idle(&self) -> Result<bool, NetworkError> {
        let records = Records::new(&self.dir);
        Ok(records.ranges()?.is_some() && !records.all()?.iter().any(Record::is_bridged))
    }

    /// Removes a bridge that no pod is attached to.
    ///
    /// # Errors
    ///
    /// When something could not be removed; the rest was.
    pub fn tidy(&self) -> Result<(), NetworkError> {
        if self.is_idle()? { Change::begin(self)?.tidy() } else { Ok(()) }
    }

    /// Whether everything that a pod was given is still as it was made, as far as plugins of CNI can tell.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Cni`] says what is not.
    pub fn check(&self, id: &str, netns: BorrowedFd<'_>) -> Result<(), NetworkError> {
        let Some(record) = Records::new(&self.dir).get(id)? else { return Ok(()) };
        match &record.cni {
            Some(cni) if record.complete => cni::check(cni, &record.attachment, netns),
            _ => Ok(()),
        }
    }

    /// Takes back the attachments of pods that are not `alive`, and makes whole what is shared by the others.
    ///
    /// # Errors
    ///
    /// When something could not be taken back or mended; the rest was.
    pub fn repair(&self, alive: &dyn Fn(&str) -> bool) -> Result<Repair, NetworkError> {
        Change::begin(self)?.repair(alive)
    }

    /// The attachments, the oldest first.
    ///
    /// # Errors
    ///
    /// When a record cannot be read.
    pub fn list(&self) -> Result<Vec<(Attachment, Attached)>, NetworkError> {
        let records = Records::new(&self.dir).all()?.into_iter().filter(|record| record.complete);
        Ok(records.map(|record| (record.attachment, record.attached)).collect())
    }
}
