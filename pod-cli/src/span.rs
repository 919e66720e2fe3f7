//! Spans of time, as kubectl reads and prints them.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// A span in at most two units, as kubectl prints ages: `5s`, `2m3s`, `3h`, `4d12h`.
pub fn age(span: Duration) -> String {
    let s = span.as_secs();
    let two = |unit: u64, name: &str, rest: u64, rest_name: &str| match s % unit / rest {
        0 => format!("{}{name}", s / unit),
        n => format!("{}{name}{n}{rest_name}", s / unit),
    };
    match s {
        _ if s < 2 * MINUTE => format!("{s}s"),
        _ if s < 10 * MINUTE => two(MINUTE, "m", 1, "s"),
        _ if s < 3 * HOUR => format!("{}m", s / MINUTE),
        _ if s < 8 * HOUR => two(HOUR, "h", MINUTE, "m"),
        _ if s < 2 * DAY => format!("{}h", s / HOUR),
        _ if s < 8 * DAY => two(DAY, "d", HOUR, "h"),
        _ if s < 2 * YEAR => format!("{}d", s / DAY),
        _ if s < 8 * YEAR => two(YEAR, "y", DAY, "d"),
        _ => format!("{}y", s / YEAR),
    }
}

/// Reads a span such as `30s`, `1m30s` or `500ms`; a bare number means seconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no span of time such as 30s, 1m30s or 500ms");
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    pod_spec::parse_duration(text).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_prints_them() {
        let cases = [
            (0, "0s"),
            (5, "5s"),
            (119, "119s"),
            (120, "2m"),
            (123, "2m3s"),
            (600, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (3 * HOUR + 61, "3h1m"),
            (9 * HOUR + 61, "9h"),
            (2 * DAY, "2d"),
            (4 * DAY + 12 * HOUR, "4d12h"),
            (9 * DAY + 5, "9d"),
            (2 * YEAR, "2y"),
            (2 * YEAR + DAY, "2y1d"),
            (9 * YEAR + DAY, "9y"),
        ];
        for (seconds, text) in cases {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn spans_are_read() {
        for (text, millis) in [("30s", 30_000), ("30", 30_000), ("500ms", 500), ("0", 0)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "-1", "1.5"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
