//! Sizes as Docker prints them.

/// Bytes in the decimal unit that leaves three digits, such as `142MB`.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn words(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB"].into_iter().peekable();
    while let Some(unit) = units.next() {
        if value < 999.5 || units.peek().is_none() {
            let digits = if value < 9.995 && unit != "B" {
                2
            } else {
                usize::from(value < 99.95 && unit != "B")
            };
            return format!("{value:.digits$}{unit}");
        }
        value /= 1000.0;
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_shown() {
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1_000, "1.00kB"),
            (54_321, "54.3kB"),
            (999_600, "1.00MB"),
            (142_000_000, "142MB"),
            (7_000_000_000_000_000, "7000TB"),
        ] {
            assert_eq!(words(bytes), text);
        }
    }
}
