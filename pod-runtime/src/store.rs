//! The files of a pod's state: written to a temporary name and renamed, so that a reader finds a whole one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use pod_lifecycle::{GraceSeconds, MachineState, PodEvent};
use pod_network::Network;
use pod_spec::{PodStatus, Time, ValidPod};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::now;
use crate::dirs::StateDir;
use crate::plan::VolumePaths;

/// Most events that are kept with a pod, and how long one is kept that does not come again.
const MAX_EVENTS: usize = 256;
const EVENT_AGE: Duration = Duration::from_secs(60 * 60);

/// What the engine must know to go on after a crash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub machine: MachineState,
    /// The revision of the sandbox that the machine has been told of.
    pub revision: u64,
    /// That somebody asked for the pod to go; then nothing is kept of it.
    pub deleted: Option<Deletion>,
    pub events: Vec<RecordedEvent>,
}

/// A wish that a pod goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deletion {
    first: Time,
    grace: GraceSeconds,
}

impl Deletion {
    pub fn new(now: Time, grace: GraceSeconds) -> Self {
        Self { first: now, grace }
    }

    /// It is wished again: less time counts, more does not.
    pub fn shorten(&mut self, grace: GraceSeconds) {
        self.grace = self.grace.min(grace);
    }

    /// `metadata.deletionTimestamp`: when the time of the first wish is over.
    pub fn timestamp(&self) -> Time {
        self.first + self.grace.as_duration()
    }

    /// `metadata.deletionGracePeriodSeconds`.
    pub fn grace_seconds(&self) -> u64 {
        self.grace.as_duration().as_secs()
    }
}

/// Something that happened to a pod.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedEvent {
    /// When it first happened.
    pub first: Time,
    /// When it last happened.
    pub last: Time,
    /// How often.
    pub count: u32,
    /// What.
    #[serde(flatten)]
    pub event: PodEvent,
}

impl Saved {
    /// As it is written.
    pub fn to_text(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Adds an event to those of the pod.
    pub fn record(&mut self, now: Time, event: PodEvent) {
        RecordedEvent::add(&mut self.events, now, event);
    }
}

impl RecordedEvent {
    /// Adds an event to a list, counting one that is there already. The list is in the order in which they were last seen,
    /// and forgets what is older than an hour.
    pub fn add(list: &mut Vec<Self>, now: Time, event: PodEvent) {
        list.retain(|e| e.is_fresh(now));
        let known = list.iter().position(|e| e.event == event);
        let mut entry = match known {
            Some(index) => list.remove(index),
            None => Self { first: now, last: now, count: 0, event },
        };
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
        list.push(entry);
        let surplus = list.len().saturating_sub(MAX_EVENTS);
        list.drain(..surplus);
    }

    /// Whether it was seen within the time that events are kept.
    pub(crate) fn is_fresh(&self, now: Time) -> bool {
        now.since(self.last) <= EVENT_AGE
    }
}

/// Writes a file whole, mode 0600.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_by(&path.with_extension("new"), path, bytes)
}

/// As [`write`], by way of this file beside it.
pub(crate) fn write_by(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new(temporary, bytes)?;
    fs::rename(temporary, path)
}

/// As [`write_by`], on the disk when it returns.
pub(crate) fn write_lasting(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new(temporary, bytes)?.sync_all()?;
    fs::rename(temporary, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write(path, &serde_json::to_vec(value)?)
}

/// The value in a file; `None` when it is missing.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

impl StateDir {
    /// Takes the pod's name, and its lock until the pod is made: `AlreadyExists` when another pod has it.
    pub fn claim(&self) -> io::Result<Flock<File>> {
        loop {
            if let Some(namespace) = self.path().parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(namespace)?;
            }
            match DirBuilder::new().mode(0o700).create(self.path()) {
                // The last pod of the namespace has just gone, and took its directory along.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    return self.claim_unfinished(e);
                }
                result => result?,
            }
            let lock = File::create(self.lock())?;
            return Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, e)| e.into());
        }
    }

    /// Takes a name over from somebody who was killed before the pod was even noted.
    fn claim_unfinished(&self, taken: io::Error) -> io::Result<Flock<File>> {
        let lock = Flock::lock(File::create(self.lock())?, FlockArg::LockExclusiveNonblock);
        match lock {
            Ok(lock) if self.read_pod()?.is_none() => Ok(lock),
            _ => Err(taken),
        }
    }

    pub fn write_pod(&self, pod: &ValidPod) -> io::Result<()> {
        write_json(&self.pod(), pod)
    }

    pub fn read_pod(&self) -> io::Result<Option<ValidPod>> {
        read_json(&self.pod())
    }

    /// The identity alone, without a look at the rest of the manifest.
    pub fn read_uid(&self) -> io::Result<Option<String>> {
        #[derive(Deserialize)]
        struct Identified {
            metadata: Identity,
        }
        #[derive(Deserialize)]
        struct Identity {
            uid: Option<String>,
        }
        let pod: Option<Identified> = read_json(&self.pod())?;
        Ok(pod.and_then(|pod| pod.metadata.uid))
    }

    pub fn write_volumes(&self, volumes: &VolumePaths) -> io::Result<()> {
        write_json(&self.volumes(), volumes)
    }

    pub fn read_volumes(&self) -> io::Result<VolumePaths> {
        Ok(read_json(&self.volumes())?.unwrap_or_default())
    }

    pub fn forget_volumes(&self) -> io::Result<()> {
        match fs::remove_file(self.volumes()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    pub fn write_network(&self, network: &Network) -> io::Result<()> {
        write_json(&self.network(), network)
    }

    pub fn read_network(&self) -> io::Result<Network> {
        Ok(read_json(&self.network())?.unwrap_or_default())
    }

    /// Writes [the text](Saved::to_text) of a saved state.
    pub fn write_saved(&self, text: &[u8]) -> io::Result<()> {
        write(&self.saved(), text)
    }

    pub fn read_saved(&self) -> io::Result<Option<Saved>> {
        read_json(&self.saved())
    }

    /// What happened in the last hour to the pod of this uid, without a look at the rest of its state; `None` when it is
    /// not here any more.
    pub fn read_events(&self, uid: &str) -> io::Result<Option<Vec<RecordedEvent>>> {
        #[derive(Default, Deserialize)]
        struct Told {
            events: Vec<RecordedEvent>,
        }
        let Told { mut events } = read_json(&self.saved())?.unwrap_or_default();
        // Read after it: a pod that is still there now was there then.
        if self.read_uid()?.as_deref() != Some(uid) {
            return Ok(None);
        }
        let now = now();
        events.retain(|event| event.is_fresh(now));
        Ok(Some(events))
    }

    pub fn write_status(&self, status: &PodStatus) -> io::Result<()> {
        write_json(&self.status(), status)
    }

    pub fn read_status(&self) -> io::Result<Option<PodStatus>> {
        read_json(&self.status())
    }

    /// Gives the pod's name back, at once: nobody sees a part of its state. The namespace goes with its last pod.
    pub fn release(&self) -> io::Result<()> {
        let (Some(namespace), Some(name)) = (self.path().parent(), self.path().file_name()) else {
            return Ok(());
        };
        // No pod's name begins with a dot.
        let aside = namespace.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        match fs::rename(self.path(), &aside) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => result?,
        }
        fs::remove_dir_all(aside)?;
        // Not empty: another pod is in it.
        let _ = fs::remove_dir(namespace);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pod_lifecycle::{
        Backoff, EventKind, GraceSeconds, LifecycleTable, PodIdentity, RestartPolicy,
    };

    fn saved() -> Saved {
        let table = LifecycleTable {
            pod: PodIdentity { name: "web".into(), namespace: "default".into(), uid: "1".into() },
            containers: Vec::new(),
            restart_policy: RestartPolicy::Always,
            grace: GraceSeconds::DEFAULT,
            active_deadline: None,
            backoff: Backoff::default(),
            readiness_gates: Vec::new(),
            qos_class: pod_spec::status::QosClass::BestEffort,
            observed_generation: None,
        };
        let (machine, _) = pod_lifecycle::PodMachine::new(table, Time::default());
        let machine = machine.state().clone();
        Saved { machine, revision: 0, deleted: None, events: Vec::new() }
    }

    fn event(message: &str) -> PodEvent {
        let (reason, message) = ("Started".to_owned(), message.to_owned());
        PodEvent { kind: EventKind::Normal, reason, container: None, message }
    }

    fn minutes(count: u64) -> Time {
        Time::default() + Duration::from_secs(60 * count)
    }

    #[test]
    fn events_are_counted_and_kept_for_an_hour() {
        let mut saved = saved();
        saved.record(minutes(0), event("a"));
        saved.record(minutes(10), event("b"));
        saved.record(minutes(50), event("a"));
        let seen: Vec<_> =
            saved.events.iter().map(|e| (e.event.message.as_str(), e.count)).collect();
        assert_eq!(seen, [("b", 1), ("a", 2)]);
        assert_eq!((saved.events[1].first, saved.events[1].last), (minutes(0), minutes(50)));
        saved.record(minutes(71), event("c"));
        let seen: Vec<_> = saved.events.iter().map(|e| e.event.message.as_str()).collect();
        assert_eq!(seen, ["a", "c"]);
    }

    #[test]
    fn b226_a_deletion_comes_nearer_and_never_goes_further_away() {
        let mut deletion = Deletion::new(minutes(1), GraceSeconds::new(30));
        for (asked, counts) in [(60, 30), (10, 10), (20, 10), (0, 0)] {
            deletion.shorten(GraceSeconds::new(asked));
            assert_eq!(deletion.grace_seconds(), counts);
            assert_eq!(deletion.timestamp(), minutes(1) + Duration::from_secs(counts));
        }
    }

    #[test]
    fn the_last_events_are_kept() {
        let mut saved = saved();
        for n in 0..MAX_EVENTS + 10 {
            saved.record(minutes(1), event(&n.to_string()));
        }
        assert_eq!(
            (saved.events.len(), saved.events[0].event.message.as_str()),
            (MAX_EVENTS, "10")
        );
    }
}
