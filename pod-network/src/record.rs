//! What is attached, in files that outlive whoever wrote them.
//!
//! ```text
//! <dir>              locked while anything is changed
//! <dir>/pods/ID.json an attachment, written before anything of it is made and removed after all of it is gone
//! <dir>/ranges.json  the bridge's ranges, while it has pods
//! <dir>/next         a file that is being written
//! ```

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cni::CniAttachment;
use crate::pasta::PastaAttachment;
use crate::range::Ranges;
use crate::{Attached, Attachment, Network, NetworkError, PortMapping};

/// One attachment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) attachment: Attachment,
    pub(crate) network: Network,
    /// Grows from one attachment to the next.
    pub(crate) sequence: u64,
    /// Whether all of it is there. What is not was cut short, unless the lock is held.
    pub(crate) complete: bool,
    pub(crate) attached: Attached,
    /// The host's end of its link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) interface: Option<String>,
    /// What plugins answered, which they want to see again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cni: Option<CniAttachment>,
    /// How its process is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pasta: Option<PastaAttachment>,
}

impl Record {
    pub(crate) fn id(&self) -> &str {
        &self.attachment.id
    }

    /// The pod as people know it.
    fn holder(&self) -> String {
        format!("pod `{}/{}`", self.attachment.namespace, self.attachment.name)
    }

    /// Whether it has, or had, a part of the bridge.
    pub(crate) fn is_bridged(&self) -> bool {
        matches!(self.network, Network::Bridge(_))
    }

    pub(crate) fn addresses(&self) -> &[IpAddr] {
        &self.attached.addresses
    }
}

/// The records of one directory.
#[derive(Debug)]
pub(crate) struct Records {
    dir: PathBuf,
}

/// The right to change them, which ends with the value or with its holder's process.
#[derive(Debug)]
pub(crate) struct Lock {
    _dir: Flock<File>,
}

impl Records {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Where they are.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the directory where it is missing, and waits until no one else changes anything.
    pub(crate) fn lock(&self) -> Result<Lock, NetworkError> {
        let pods = self.dir.join("pods");
        fs::create_dir_all(&pods).map_err(failed("make", &pods))?;
        let mut dir = File::open(&self.dir).map_err(failed("open", &self.dir))?;
        loop {
            match Flock::lock(dir, FlockArg::LockExclusive) {
                Ok(dir) => return Ok(Lock { _dir: dir }),
                Err((back, Errno::EINTR)) => dir = back,
                Err((_, errno)) => return Err(failed("lock", &self.dir)(errno.into())),
            }
        }
    }

    /// All of them, the oldest attachment first. Without the lock some may be missing that come or go meanwhile.
    pub(crate) fn all(&self) -> Result<Vec<Record>, NetworkError> {
        let pods = self.dir.join("pods");
        let entries = match fs::read_dir(&pods) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed("list", &pods))?,
        };
        let mut records: Vec<Record> = Vec::new();
        for entry in entries {
            records.extend(read(&entry.map_err(failed("list", &pods))?.path())?);
        }
        records.sort_by_key(|record| record.sequence);
        Ok(records)
    }

    pub(crate) fn get(&self, id: &str) -> Result<Option<Record>, NetworkError> {
        read(&self.path(id)?)
    }

    pub(crate) fn has(&self, id: &str) -> Result<bool, NetworkError> {
        let path = self.path(id)?;
        path.try_exists().map_err(failed("look for", &path))
    }

    pub(crate) fn put(&self, record: &Record) -> Result<(), NetworkError> {
        self.write(&self.path(record.id())?, record)
    }

    pub(crate) fn remove(&self, id: &str) -> Result<(), NetworkError> {
        remove(&self.path(id)?)
    }

    pub(crate) fn ranges(&self) -> Result<Option<Ranges>, NetworkError> {
        read(&self.dir.join("ranges.json"))
    }

    pub(crate) fn put_ranges(&self, ranges: &Ranges) -> Result<(), NetworkError> {
        self.write(&self.dir.join("ranges.json"), ranges)
    }

    pub(crate) fn remove_ranges(&self) -> Result<(), NetworkError> {
        remove(&self.dir.join("ranges.json"))
    }

    /// Removes what a writer that was killed has left.
    pub(crate) fn remove_half_written(&self) -> Result<(), NetworkError> {
        remove(&self.dir.join("next"))
    }

    fn path(&self, id: &str) -> Result<PathBuf, NetworkError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if id.is_empty() || !id.bytes().all(good) {
            return Err(NetworkError::Id { id: id.to_owned() });
        }
        Ok(self.dir.join("pods").join(format!("{id}.json")))
    }

    /// The lock sees to it that one writer at a time uses the name `next`.
    fn write(&self, path: &Path, value: &impl Serialize) -> Result<(), NetworkError> {
        let next = self.dir.join("next");
        serde_json::to_vec(value)
            .map_err(io::Error::from)
            .and_then(|text| fs::write(&next, text))
            .and_then(|()| fs::rename(&next, path))
            .map_err(failed("write", path))
    }
}

/// Refuses ports of the host that an attachment has.
pub(crate) fn refuse_taken(records: &[Record], ports: &[PortMapping]) -> Result<(), NetworkError> {
    for port in ports {
        let has = |record: &&Record| {
            record.attachment.ports.iter().any(|taken| taken.collides_with(port))
        };
        if let Some(holder) = records.iter().find(has) {
            return Err(NetworkError::PortTaken { port: *port, holder: holder.holder() });
        }
    }
    Ok(())
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, NetworkError> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        text => text
            .and_then(|text| Ok(serde_json::from_slice(&text)?))
            .map(Some)
            .map_err(failed("read", path)),
    }
}

fn remove(path: &Path) -> Result<(), NetworkError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(failed("remove", path)),
    }
}

/// The failure of a verb on a file.
fn failed(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> NetworkError {
    NetworkError::step(format!("{verb} {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, sequence: u64) -> Record {
        Record {
            attachment: Attachment {
                id: id.into(),
                namespace: "default".into(),
                name: "web".into(),
                names: Vec::new(),
                ports: Vec::new(),
                hosts: None,
            },
            network: Network::default(),
            sequence,
            complete: false,
            attached: Attached::default(),
            interface: None,
            cni: None,
            pasta: None,
        }
    }

    #[test]
    fn records_come_back_in_order_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::new(dir.path());
        assert_eq!(records.all().unwrap(), [], "no directory yet");
        let _lock = records.lock().unwrap();
        records.put(&record("a", 2)).unwrap();
        records.put(&record("b", 1)).unwrap();
        assert_eq!(records.all().unwrap(), [record("b", 1), record("a", 2)]);
        assert!(records.has("a").unwrap());
        records.remove("a").unwrap();
        records.remove("a").unwrap();
        assert_eq!(records.all().unwrap(), [record("b", 1)]);
        assert!(!records.has("a").unwrap());
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        let records = Records::new(Path::new("/nonexistent"));
        for id in ["", "../x", "a/b", "a.b", "a\0"] {
            assert!(matches!(records.has(id), Err(NetworkError::Id { .. })), "{id:?}");
        }
    }

    #[test]
    fn the_lock_is_for_one_and_ends_with_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::new(dir.path());
        let lock = records.lock().unwrap();
        let try_lock = || {
            Flock::lock(File::open(dir.path()).unwrap(), FlockArg::LockExclusiveNonblock).is_ok()
        };
        assert!(!try_lock());
        drop(lock);
        assert!(try_lock());
    }
}
