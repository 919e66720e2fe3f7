//! A moment, as the Kubernetes API writes it.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment in UTC with nanoseconds, written as RFC 3339 (`metav1.MicroTime` has the same form).
///
/// It reads no clock: the caller hands the current time in. Status files keep the fraction of a second, which
/// Kubernetes' `metav1.Time` readers accept and drop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    nanos: i64,
}

impl Time {
    /// The moment that lies `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.nanos
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(u64::try_from(self.nanos.saturating_sub(earlier.nanos)).unwrap_or(0))
    }

    /// The moment with whole seconds only, as `kubectl` prints it: `2026-01-02T03:04:05Z`.
    pub fn to_seconds_string(self) -> String {
        DateTime::<Utc>::from_timestamp_nanos(self.nanos).to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// Reads RFC 3339.
    ///
    /// # Errors
    /// When the text is no RFC 3339 moment, or lies outside the years 1678–2262.
    pub fn parse(text: &str) -> Result<Self, ParseTimeError> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .and_then(|t| t.timestamp_nanos_opt())
            .map(Self::from_nanos)
            .ok_or_else(|| ParseTimeError { text: text.to_owned() })
    }
}

/// A text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an RFC 3339 time such as 2026-01-02T03:04:05Z")]
pub struct ParseTimeError {
    /// What was found.
    pub text: String,
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, span: Duration) -> Time {
        Time {
            nanos: self.nanos.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = DateTime::<Utc>::from_timestamp_nanos(self.nanos);
        f.write_str(&t.to_rfc3339_opts(SecondsFormat::Nanos, true))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Time::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_what_it_wrote() {
        let t = Time::from_nanos(1_767_322_245_000_000_007);
        assert_eq!(t.to_string(), "2026-01-02T02:50:45.000000007Z");
        assert_eq!(Time::parse(&t.to_string()), Ok(t));
        assert_eq!(t.to_seconds_string(), "2026-01-02T02:50:45Z");
    }

    #[test]
    fn since_never_goes_below_zero() {
        let t = Time::from_nanos(10);
        assert_eq!(t.since(t + Duration::from_nanos(5)), Duration::ZERO);
        assert_eq!((t + Duration::from_secs(2)).since(t), Duration::from_secs(2));
    }

    #[test]
    fn text_that_is_no_time_is_refused() {
        assert!(Time::parse("yesterday").is_err());
    }
}
