//! What a supervisor is to do next.

use std::fmt::Debug;

use pod_runtime::{Configuration, EventKind, PodEvent};
use pod_spec::{PodTemplateSpec, Time};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::replica::Replica;

/// A Deployment or a Job.
pub trait Workload: Configuration + Planned + Debug + 'static {
    /// Whether somebody has to look after it.
    fn needs_supervisor(&self) -> bool {
        !self.is_over() || self.metadata().deletion_timestamp.is_some()
    }
}

/// What a supervisor has to know of a kind.
pub trait Planned: Sized {
    /// What it calls itself in `ownerReferences`.
    const API_VERSION: &'static str;
    /// What must be remembered beside the status.
    type Memory: Debug + Default + Clone + PartialEq + Serialize + DeserializeOwned;
    /// What readers are told.
    type Status: Debug + Clone + PartialEq;

    /// What is to be done, given these pods. Changes nothing but what is remembered.
    fn plan(
        &self,
        memory: &mut Self::Memory,
        replicas: &[Replica],
        now: Time,
    ) -> Plan<Self::Status>;

    fn template(&self) -> &PodTemplateSpec;

    /// What a pod gets beside what the template says.
    fn mark(&self, index: Option<u32>, pod: &mut pod_spec::Pod);

    fn set_status(&mut self, status: Self::Status);

    /// Whether nothing more is to be done for it before it is deleted.
    fn is_over(&self) -> bool;
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan<S> {
    /// Pods to make, each of this index.
    pub(crate) create: Vec<Option<u32>>,
    /// Pods to delete, by name.
    pub(crate) delete: Vec<String>,
    /// What to tell.
    pub(crate) status: S,
    pub(crate) events: Vec<PodEvent>,
    /// When to look again although nothing has changed.
    pub(crate) again: Option<Time>,
    /// The object's own time is over: it goes, with its pods.
    pub(crate) expired: bool,
}

impl<S> Plan<S> {
    pub(crate) fn new(status: S) -> Self {
        Self {
            create: Vec::new(),
            delete: Vec::new(),
            status,
            events: Vec::new(),
            again: None,
            expired: false,
        }
    }

    /// Looks again at this moment, if nothing makes it sooner.
    pub(crate) fn look_at(&mut self, time: Time) {
        self.again = Some(self.again.map_or(time, |earlier| earlier.min(time)));
    }
}

/// Good news.
pub(crate) fn normal(reason: &str, message: impl Into<String>) -> PodEvent {
    event(EventKind::Normal, reason, message)
}

/// Bad news.
pub(crate) fn warning(reason: &str, message: impl Into<String>) -> PodEvent {
    event(EventKind::Warning, reason, message)
}

fn event(kind: EventKind, reason: &str, message: impl Into<String>) -> PodEvent {
    PodEvent { kind, reason: reason.to_owned(), container: None, message: message.into() }
}
