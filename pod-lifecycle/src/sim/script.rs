//! What the containers of a simulated pod do, and what chance does.

use std::time::Duration;

use pod_spec::Time;
use pod_spec::status::QosClass;

use crate::{
    Backoff, ContainerKind, ContainerRules, ExitAction, ExitCodes, ExitRule, GraceSeconds, Hooks,
    LifecycleTable, PodIdentity, ProbeKind, ProbeRules, Probes, RestartPolicy, Restarts,
};

/// What one container does, attempt by attempt; the last one is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub plays: Vec<Play>,
    pub on_term: OnTerm,
    /// So often it cannot be created, before the first attempt can.
    pub create_failures: u32,
    pub vitals: Vitals,
    pub post_start: HookPlay,
    pub pre_stop: HookPlay,
}

/// What probes find of each attempt, by the seconds since its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vitals {
    /// From here on its startup probe succeeds.
    pub up: u64,
    /// From here on its liveness probe fails.
    pub dead: u64,
    /// In between its readiness probe succeeds.
    pub fit: (u64, u64),
}

impl Vitals {
    pub(crate) const WELL: Self = Self { up: 0, dead: u64::MAX, fit: (0, u64::MAX) };

    pub(crate) fn passes(self, probe: ProbeKind, age: Duration) -> bool {
        let age = age.as_secs();
        match probe {
            ProbeKind::Startup => age >= self.up,
            ProbeKind::Liveness => age < self.dead,
            ProbeKind::Readiness => (self.fit.0..self.fit.1).contains(&age),
        }
    }
}

/// What a hook does: it takes so many seconds and succeeds or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HookPlay {
    pub takes: u64,
    pub succeeds: bool,
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
        let hook = HookPlay { takes: 0, succeeds: true };
        Self {
            plays: plays.to_vec(),
            on_term,
            create_failures: 0,
            vitals: Vitals::WELL,
            post_start: hook,
            pre_stop: hook,
        }
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

    pub(crate) fn vitals(self, vitals: Vitals) -> Self {
        Self { vitals, ..self }
    }

    pub(crate) fn post_start(self, takes: u64, succeeds: bool) -> Self {
        Self { post_start: HookPlay { takes, succeeds }, ..self }
    }

    pub(crate) fn pre_stop(self, takes: u64, succeeds: bool) -> Self {
        Self { pre_stop: HookPlay { takes, succeeds }, ..self }
    }

    pub(crate) fn play(&self, attempt: u32) -> Play {
        let index = usize::try_from(attempt).unwrap().min(self.plays.len() - 1);
        self.plays[index]
    }
}

/// A pod of these containers: `i…` are init containers, `s…` sidecars, `e…` ephemeral, all others main containers.
pub(crate) fn pod(restart_policy: RestartPolicy, names: &[&str]) -> LifecycleTable {
    let rules = |name: &&str| ContainerRules {
        name: (*name).to_owned(),
        kind: match name.chars().next() {
            Some('i') => ContainerKind::Init,
            Some('s') => ContainerKind::Sidecar,
            Some('e') => ContainerKind::Ephemeral,
            Some(_) | None => ContainerKind::Main,
        },
        image: "image".to_owned(),
        probes: Probes::default(),
        hooks: Hooks::default(),
        stop_signal: None,
        mounts: Vec::new(),
        restarts: Restarts::default(),
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
        active_deadline: None,
        backoff: Backoff::default(),
        readiness_gates: Vec::new(),
        qos_class: QosClass::Burstable,
        observed_generation: Some(7),
    }
}

/// A probe of these seconds, which has to succeed once and to fail so often in a row.
pub(crate) fn probe(initial_delay: u64, period: u64, failure_threshold: u32) -> ProbeRules {
    ProbeRules {
        initial_delay: Duration::from_secs(initial_delay),
        period: Duration::from_secs(period),
        success_threshold: 1,
        failure_threshold,
        grace: None,
    }
}

impl LifecycleTable {
    /// Gives a container a probe.
    pub(crate) fn with_probe(
        mut self,
        container: &str,
        kind: ProbeKind,
        rules: ProbeRules,
    ) -> Self {
        let probes = &mut self.rules_mut(container).probes;
        *match kind {
            ProbeKind::Startup => &mut probes.startup,
            ProbeKind::Liveness => &mut probes.liveness,
            ProbeKind::Readiness => &mut probes.readiness,
        } = Some(rules);
        self
    }

    /// Gives containers a `postStart` hook.
    pub(crate) fn with_post_start(mut self, containers: &[&str]) -> Self {
        containers.iter().for_each(|name| self.rules_mut(name).hooks.post_start = true);
        self
    }

    /// Gives containers a `preStop` hook.
    pub(crate) fn with_pre_stop(mut self, containers: &[&str]) -> Self {
        containers.iter().for_each(|name| self.rules_mut(name).hooks.pre_stop = true);
        self
    }

    /// Gives a container a restart policy of its own.
    pub(crate) fn with_policy(mut self, container: &str, policy: RestartPolicy) -> Self {
        self.rules_mut(container).restarts.policy = Some(policy);
        self
    }

    /// Gives a container a rule for its exit codes, after those that it has.
    pub(crate) fn with_rule(
        mut self,
        container: &str,
        codes: ExitCodes,
        action: ExitAction,
    ) -> Self {
        self.rules_mut(container).restarts.rules.push(ExitRule { codes, action });
        self
    }

    fn rules_mut(&mut self, container: &str) -> &mut ContainerRules {
        self.containers.iter_mut().find(|rules| rules.name == container).unwrap()
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
