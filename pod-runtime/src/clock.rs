//! The time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use pod_spec::Time;

/// This moment, as the pods of this machine know it.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
