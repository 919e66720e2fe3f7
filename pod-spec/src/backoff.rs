//! The crash-loop back-off that a pod asks for by its annotations: shorter than a cluster's, while the pod is developed.

use std::time::Duration;

use crate::fault::quoted;
use crate::types::{ObjectMeta, PodTemplateSpec};
use crate::valid::ValidPod;

/// The annotation with the first pause before a container that keeps ending is started again.
pub const BACKOFF_INITIAL: &str = "pod.local/backoff-initial";
/// The annotation with the longest one.
pub const BACKOFF_MAX: &str = "pod.local/backoff-max";

/// Nothing shorter can be asked for, nor anything longer.
const BOUNDS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(300));

/// The pauses before a container that keeps ending is started again. The default is the kubelet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartBackoff {
    /// The first pause, which is doubled each time. Default: 10 s.
    pub initial: Duration,
    /// The longest one. Default: 300 s.
    pub max: Duration,
}

impl Default for RestartBackoff {
    fn default() -> Self {
        Self { initial: Duration::from_secs(10), max: BOUNDS.1 }
    }
}

/// An annotation, and what is wrong with it.
pub(crate) type Wrong = (&'static str, String);

impl RestartBackoff {
    /// What the annotations ask for. One that is missing means the default, or what the other one needs.
    pub(crate) fn of(metadata: &ObjectMeta) -> Result<Self, Wrong> {
        let given = |key: &'static str| match metadata.annotations.get(key) {
            Some(text) => bounded(text).map(Some).map_err(|why| (key, why)),
            None => Ok(None),
        };
        let (initial, max) = (given(BACKOFF_INITIAL)?, given(BACKOFF_MAX)?);
        let default = Self::default();
        match (initial, max) {
            (Some(initial), Some(max)) if max < initial => {
                Err((BACKOFF_MAX, format!("it is shorter than `{BACKOFF_INITIAL}`")))
            }
            _ => {
                let max = max.unwrap_or(default.max);
                Ok(Self { initial: initial.unwrap_or(default.initial.min(max)), max })
            }
        }
    }
}

fn bounded(text: &str) -> Result<Duration, String> {
    let span = parse_duration(text)
        .ok_or_else(|| format!("{} is no span of time such as 500ms or 1m30s", quoted(text)))?;
    if (BOUNDS.0..=BOUNDS.1).contains(&span) {
        Ok(span)
    } else {
        Err(format!("{} is not between 100ms and 300s", quoted(text)))
    }
}

impl ValidPod {
    /// The crash-loop back-off of its containers: by the annotations [`BACKOFF_INITIAL`] and [`BACKOFF_MAX`], which
    /// [`supported`](Self::supported) checks. When they make no sense, the default.
    pub fn restart_backoff(&self) -> RestartBackoff {
        RestartBackoff::of(self.metadata()).unwrap_or_default()
    }
}

impl PodTemplateSpec {
    /// As [`ValidPod::restart_backoff`], of the pods that are made from it.
    pub fn restart_backoff(&self) -> RestartBackoff {
        RestartBackoff::of(&self.metadata).unwrap_or_default()
    }
}

/// Reads a span of time such as `500ms`, `10s` or `1m30s`, of whole numbers; `None` for anything else.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u32 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let unit = &unit[..unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len())];
        let millis = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60 * 1000,
            "h" => 60 * 60 * 1000,
            _ => return None,
        };
        total += Duration::from_millis(u64::from(number) * millis);
        rest = &rest[digits + unit.len()..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pod;

    fn pod(annotations: &str) -> ValidPod {
        let text = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: a, annotations: {{{annotations}}}}}, \
             spec: {{containers: [{{name: a, image: a}}]}}}}"
        );
        Pod::from_yaml(&text).unwrap().validate().unwrap()
    }

    #[test]
    fn annotations_say_how_long_a_container_waits() {
        let millis = Duration::from_millis;
        for (annotations, initial, max) in [
            ("", 10_000, 300_000),
            ("pod.local/backoff-initial: 500ms", 500, 300_000),
            ("pod.local/backoff-max: 5s", 5_000, 5_000),
            ("pod.local/backoff-initial: 100ms, pod.local/backoff-max: 1m30s", 100, 90_000),
        ] {
            let meant = RestartBackoff { initial: millis(initial), max: millis(max) };
            let pod = pod(annotations);
            assert_eq!(pod.restart_backoff(), meant, "{annotations}");
            assert!(pod.supported().is_ok(), "{annotations}");
        }
    }

    #[test]
    fn a_back_off_that_makes_no_sense_is_told_by_its_path() {
        for (annotations, told) in [
            ("pod.local/backoff-initial: 99ms", "pod.local/backoff-initial"),
            ("pod.local/backoff-max: 301s", "pod.local/backoff-max"),
            ("pod.local/backoff-max: soon", "pod.local/backoff-max"),
            ("pod.local/backoff-initial: 2s, pod.local/backoff-max: 1s", "pod.local/backoff-max"),
        ] {
            let faults = pod(annotations).supported().unwrap_err().to_string();
            assert!(faults.contains(&format!("metadata.annotations[{told}]")), "{faults}");
        }
    }

    #[test]
    fn spans_are_read() {
        for (text, millis) in
            [("30s", 30_000), ("1m30s", 90_000), ("500ms", 500), ("1h", 3_600_000)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1s", "1d", "1.5s", "1s2", "ms", "99999999999s", "1é"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
