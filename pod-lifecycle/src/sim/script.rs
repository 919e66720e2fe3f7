//! What the containers of a simulated pod do, and what chance does.

use std::time::Duration;

use pod_spec::Time;
use pod_spec::status::QosClass;

use crate::{
    Backoff, ContainerKind, ContainerRules, GraceSeconds, LifecycleTable, PodIdentity,
    RestartPolicy,
};

/// What one container does, attempt by attempt; the last one is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub plays: Vec<Play>,
    pub on_term: OnTerm,
    /// So often it cannot be created, before the first attempt can.
    pub create_failures: u32,
}

/// What one attempt does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Play {
    Exit { after: u64, code: i32 },
    OutOfMemory { after: u64, code: i32 },
    Forever,
    StartError,
}

/// What a container does when it is asked to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OnTerm {
    Exit { after: u64, code: i32 },
    Ignore,
}

impl Script {
    pub(crate) fn new(plays: &[Play]) -> Self {
        let on_term = OnTerm::Exit { after: 1, code: 0 };
        Self { plays: plays.to_vec(), on_term, create_failures: 0 }
    }

    /// Runs until it is stopped, and ends one second after that with code 0.
    pub(crate) fn forever() -> Self {
        Self::new(&[Play::Forever])
    }

    /// Ends after so many seconds with these codes, one by one.
    pub(crate) fn codes(after: u64, codes: &[i32]) -> Self {
        let plays: Vec<Play> = codes.iter().map(|&code| Play::Exit { after, code }).collect();
        Self::new(&plays)
    }

    pub(crate) fn on_term(self, on_term: OnTerm) -> Self {
        Self { on_term, ..self }
    }

    pub(crate) fn create_failures(self, create_failures: u32) -> Self {
        Self { create_failures, ..self }
    }

    pub(crate) fn play(&self, attempt: u32) -> Play {
        let index = usize::try_from(attempt).unwrap().min(self.plays.len() - 1);
        self.plays[index]
    }
}

/// A pod of these containers: `i…` are init containers, `s…` sidecars, all others main containers.
pub(crate) fn pod(restart_policy: RestartPolicy, names: &[&str]) -> LifecycleTable {
    let rules = |name: &&str| ContainerRules {
        name: (*name).to_owned(),
        kind: match name.chars().next() {
            Some('i') => ContainerKind::Init,
            Some('s') => ContainerKind::Sidecar,
            Some(_) | None => ContainerKind::Main,
        },
        image: "image".to_owned(),
    };
    LifecycleTable {
        pod: PodIdentity {
            name: "web".to_owned(),
            namespace: "default".to_owned(),
            uid: "1-2".to_owned(),
        },
        containers: names.iter().map(rules).collect(),
        restart_policy,
        grace: GraceSeconds::DEFAULT,
        backoff: Backoff::default(),
        qos_class: QosClass::Burstable,
        observed_generation: Some(7),
    }
}

/// So many seconds after the beginning.
pub(crate) fn seconds(count: u64) -> Time {
    Time::default() + Duration::from_secs(count)
}

/// What chance does: numbers that are used up one by one. Without them nothing is late and nothing crashes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    pub numbers: Vec<u8>,
    pub used: usize,
    pub crashes: bool,
}

impl Choices {
    fn number(&mut self) -> u8 {
        self.used += 1;
        self.numbers.get(self.used - 1).copied().unwrap_or(0)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.number()) % bound
    }

    pub(crate) fn crash(&mut self) -> bool {
        self.crashes && self.number() % 6 == 5
    }
}
