//! How long to wait before a failed thing is tried again.
//!
//! A container that keeps ending has one [`BackoffEntry`]. It is made at the first restart, which is immediate, and
//! doubled at each further one; the window in which the container has to wait starts where its last run ended. An
//! entry that was not touched for ten minutes before such an end is forgotten.

use std::time::Duration;

use pod_spec::Time;
use serde::{Deserialize, Serialize};

/// The pauses between attempts. The default is the kubelet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// The first pause. Default: 10 s. No longer than `max` in effect.
    pub initial: Duration,
    /// The longest pause. Default: 300 s.
    pub max: Duration,
    /// A container that lasted longer than this starts afresh. Default: 600 s.
    pub reset: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(10),
            max: Duration::from_secs(300),
            reset: Duration::from_secs(600),
        }
    }
}

/// What is remembered between the restarts of one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackoffEntry {
    /// The pause before the next restart.
    delay: Duration,
    /// When the container was last restarted.
    restarted: Time,
}

impl Backoff {
    /// The pauses between attempts to make the volumes of a pod ready, as in the kubelet.
    pub(crate) const VOLUMES: Self = Self {
        initial: Duration::from_millis(500),
        max: Duration::from_secs(122),
        reset: Duration::from_secs(600),
    };

    /// How long after the end of its last run a container has to wait; `None` when it may start at once.
    pub(crate) fn window(&self, entry: Option<BackoffEntry>, finished: Time) -> Option<Duration> {
        entry.filter(|e| !self.is_stale(*e, finished)).map(|e| e.delay)
    }

    /// The entry after a restart at `now` that follows a run which ended at `finished`.
    pub(crate) fn restarted(
        &self,
        entry: Option<BackoffEntry>,
        finished: Time,
        now: Time,
    ) -> BackoffEntry {
        let delay = match self.window(entry, finished) {
            Some(delay) => delay.saturating_mul(2).min(self.max),
            None => self.first(),
        };
        BackoffEntry { delay, restarted: now }
    }

    /// The pause after so many failures in a row: the first one, doubled each time.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first().saturating_mul(factor).min(self.max)
    }

    fn first(&self) -> Duration {
        self.initial.min(self.max)
    }

    fn is_stale(&self, entry: BackoffEntry, finished: Time) -> bool {
        finished.since(entry.restarted) > self.reset
    }
}

/// A span as the kubelet's messages write it: `10s`, `1m20s`, `5m0s`.
pub(crate) fn words(span: Duration) -> String {
    let (hours, minutes) = (span.as_secs() / 3600, span.as_secs() / 60 % 60);
    let seconds = Duration::new(span.as_secs() % 60, span.subsec_nanos()).as_secs_f64();
    match (hours, minutes) {
        (0, 0) if span < Duration::from_secs(1) && !span.is_zero() => {
            format!("{}ms", span.as_millis())
        }
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn b041_b042_the_pauses_double_up_to_the_longest() {
        let backoff = Backoff::default();
        let (mut now, mut entry, mut pauses) = (Time::default(), None, Vec::new());
        for _ in 0..8 {
            let finished = now + SECOND;
            let pause = backoff.window(entry, finished).unwrap_or_default();
            now = finished + pause;
            entry = Some(backoff.restarted(entry, finished, now));
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn b043_a_long_run_starts_afresh() {
        let backoff = Backoff::default();
        let start = Time::default();
        let entry = Some(BackoffEntry { delay: Duration::from_secs(80), restarted: start });
        let (at_limit, beyond) = (start + backoff.reset, start + backoff.reset + SECOND);
        assert_eq!(backoff.window(entry, at_limit), Some(Duration::from_secs(80)));
        assert_eq!(backoff.window(entry, beyond), None);
        assert_eq!(backoff.restarted(entry, beyond, beyond).delay, backoff.initial);
    }

    #[test]
    fn a_longest_pause_below_the_first_one_wins() {
        let backoff = Backoff { max: SECOND, ..Backoff::default() };
        assert_eq!([backoff.pause(1), backoff.pause(u32::MAX)], [SECOND, SECOND]);
    }

    #[test]
    fn spans_are_written_as_the_kubelet_does() {
        for (seconds, text) in
            [(0, "0s"), (10, "10s"), (80, "1m20s"), (300, "5m0s"), (3600, "1h0m0s")]
        {
            assert_eq!(words(Duration::from_secs(seconds)), text);
        }
        assert_eq!(words(Duration::from_millis(1500)), "1.5s");
        assert_eq!(words(Duration::from_millis(100)), "100ms");
    }
}
