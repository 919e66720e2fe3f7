//! What is known of the health of a running container.
//!
//! ```text
//! runs ──> postStart is over ──> startup probe has succeeded ──> liveness and readiness probes
//!                                          └ started                          └ ready
//! ```
//!
//! A container is started when what it has of the first two is behind it, and ready when it is started and its
//! readiness probe, if there is one, has succeeded. What was found is saved; when the next probe is due, and how often
//! in a row the last result came, is not: the next engine probes anew.

use std::time::Duration;

use pod_spec::Time;
use serde::{Deserialize, Serialize};

use crate::{ContainerRules, ProbeKind, ProbeRules};

/// A probe is not made before a container has run this long: that is the time the kubelet needs to see that it runs,
/// and manifests are written for it.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// What is known of the health of a running container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// Whether its `postStart` hook is over, or there is none.
    hooked: bool,
    /// Whether its startup probe has succeeded, or there is none.
    up: bool,
    /// What its readiness probe found; `true` without one.
    fit: bool,
    #[serde(skip)]
    checks: Checks,
}

/// What is known of each probe.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Checks {
    startup: Check,
    liveness: Check,
    readiness: Check,
}

/// The course of one probe.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Check {
    /// When the next one begins; `None` before the first.
    next: Option<Time>,
    /// Whether one has begun that has not been answered.
    under_way: bool,
    /// Whether the last one succeeded, and how often in a row that was so.
    streak: Option<(bool, u32)>,
}

/// What a probe's result came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Nothing has changed.
    Nothing,
    /// The container has failed the probe, which ends it.
    Fatal,
}

impl Health {
    /// That of a container which has just begun to run.
    pub(crate) fn new(rules: &ContainerRules) -> Self {
        Self {
            hooked: !rules.hooks.post_start,
            up: rules.probes.startup.is_none(),
            fit: rules.probes.readiness.is_none(),
            checks: Checks::default(),
        }
    }

    /// Whether its `postStart` hook is over.
    pub(crate) fn is_hooked(&self) -> bool {
        self.hooked
    }

    /// Its `postStart` hook is over.
    pub(crate) fn hooked(&mut self) {
        self.hooked = true;
    }

    /// Whether it lets the next container start.
    pub(crate) fn is_started(&self) -> bool {
        self.hooked && self.up
    }

    /// Whether it counts for the pod's readiness.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_started() && self.fit
    }

    /// When a probe is due, if it is to be made at all now and none of its kind is under way.
    pub(crate) fn due(
        &self,
        probe: ProbeKind,
        rules: ProbeRules,
        started_at: Time,
    ) -> Option<Time> {
        let wanted = match probe {
            ProbeKind::Startup => self.hooked && !self.up,
            ProbeKind::Liveness | ProbeKind::Readiness => self.is_started(),
        };
        let check = self.check(probe);
        let first = || started_at + rules.initial_delay.max(FIRST_LOOK);
        (wanted && !check.under_way).then(|| check.next.unwrap_or_else(first))
    }

    /// A probe begins.
    pub(crate) fn begin(&mut self, probe: ProbeKind, rules: ProbeRules, now: Time) {
        let check = self.check_mut(probe);
        check.under_way = true;
        check.next = Some(now + rules.period);
    }

    /// A probe is over. Returns whether it was under way.
    pub(crate) fn end(&mut self, probe: ProbeKind) -> bool {
        std::mem::take(&mut self.check_mut(probe).under_way)
    }

    /// Takes note of a result.
    pub(crate) fn found(&mut self, probe: ProbeKind, rules: ProbeRules, success: bool) -> Finding {
        let check = self.check_mut(probe);
        let times = match check.streak {
            Some((before, times)) if before == success => times.saturating_add(1),
            _ => 1,
        };
        check.streak = Some((success, times));
        let threshold = if success { rules.success_threshold } else { rules.failure_threshold };
        if times < threshold {
            return Finding::Nothing;
        }
        match (probe, success) {
            (ProbeKind::Startup, true) => self.up = true,
            (ProbeKind::Liveness, true) => {}
            (ProbeKind::Readiness, success) => self.fit = success,
            (ProbeKind::Startup | ProbeKind::Liveness, false) => return Finding::Fatal,
        }
        Finding::Nothing
    }

    fn check(&self, probe: ProbeKind) -> &Check {
        match probe {
            ProbeKind::Startup => &self.checks.startup,
            ProbeKind::Liveness => &self.checks.liveness,
            ProbeKind::Readiness => &self.checks.readiness,
        }
    }

    fn check_mut(&mut self, probe: ProbeKind) -> &mut Check {
        match probe {
            ProbeKind::Startup => &mut self.checks.startup,
            ProbeKind::Liveness => &mut self.checks.liveness,
            ProbeKind::Readiness => &mut self.checks.readiness,
        }
    }
}
