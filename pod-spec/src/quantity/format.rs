//! Quantities as text.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{NANOS, Quantity};

/// The family of suffixes that a [`Quantity`] is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum QuantityFormat {
    /// Powers of 1000: `n`, `u`, `m`, none, `k`, `M`, `G`, `T`, `P`, `E`.
    #[default]
    DecimalSi,
    /// Powers of 1024: none, `Ki`, `Mi`, `Gi`, `Ti`, `Pi`, `Ei`. What is no whole number or smaller than 1024 is written
    /// as [`QuantityFormat::DecimalSi`].
    BinarySi,
    /// Powers of 1000 as exponents of ten: `e-3`, `e3`, `e6`.
    DecimalExponent,
}

/// The canonical text. What is too great for the largest suffix is written with an exponent of ten.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        let mut suffixes = DECIMAL.as_slice();
        match self.format {
            QuantityFormat::BinarySi
                if self.nanos % NANOS == 0 && self.nanos.abs() >= 1024 * NANOS =>
            {
                let (value, power) = strip(self.nanos / NANOS, 1024);
                if let Some(suffix) = BINARY.get(power) {
                    return write!(f, "{value}{suffix}");
                }
                suffixes = &[];
            }
            QuantityFormat::DecimalExponent => suffixes = &[],
            QuantityFormat::BinarySi | QuantityFormat::DecimalSi => {}
        }
        let (value, power) = strip(self.nanos, 1000);
        match (power, suffixes.get(power)) {
            _ if value == 0 => f.write_str("0"),
            (_, Some(suffix)) => write!(f, "{value}{suffix}"),
            (3, None) => write!(f, "{value}"),
            (_, None) => write!(f, "{value}e{}", power as i64 * 3 - 9),
        }
    }
}

/// Takes the factor out of the value as often as it goes.
fn strip(mut value: i128, factor: i128) -> (i128, usize) {
    let mut times = 0;
    while value != 0 && value % factor == 0 {
        value /= factor;
        times += 1;
    }
    (value, times)
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written, and other ways of writing that become it.
    const WRITTEN: [(&str, &[&str]); 40] = [
        ("0", &["0Ki", "0e3", "-0", "0.000m"]),
        ("1", &["+1", "1.", "1000m", "01"]),
        ("5", &["5000m", "0.005k"]),
        ("500m", &["0.5", ".5", "500000u"]),
        ("1500m", &["1.5", "1.500", "0.0015k"]),
        ("1080m", &["1.08", "1080000000n"]),
        ("80m", &["0.08"]),
        ("1m", &["1000u"]),
        ("1u", &["1000n"]),
        ("1080u", &[]),
        ("80n", &["0.08u"]),
        ("1n", &["0.1n", "0.0000000001"]),
        ("1025", &["1.025k"]),
        ("100k", &["100000"]),
        ("300M", &["0.3G"]),
        ("1G", &["1000M", "0.001T", "1000000000"]),
        ("1T", &["1000G"]),
        ("1234567M", &["1.234567T"]),
        ("1E", &["1000P", "1000000000000000000"]),
        ("12E", &[]),
        ("1Ki", &["0.0009765625Mi"]),
        ("6Ki", &[]),
        ("300Mi", &["307200Ki"]),
        ("512Mi", &["0.5Gi"]),
        ("1536Mi", &["1.5Gi"]),
        ("1Gi", &["1024Mi", "1048576Ki"]),
        ("1001Gi", &["1025024Mi"]),
        ("1Ti", &["1024Gi"]),
        ("7Ei", &["7168Pi"]),
        ("512", &["0.5Ki"]),
        ("1024m", &[".001Ki"]),
        ("1024u", &[".000001Ki"]),
        ("1024n", &[".000000001Ki"]),
        ("102435840m", &["100.035Ki"]),
        ("9223372036854775807", &["9Ei", "8Ei"]),
        ("1e-9", &["0.1e-9", "1e-99"]),
        ("80e-3", &["0.08e0"]),
        ("1e3", &["1E3", "0.001e6", "1000e0", "10e2"]),
        ("300e6", &["3e8"]),
        ("1e21", &["1000E", "1000000000000000000000"]),
    ];

    #[test]
    fn the_canonical_text_is_written() {
        for (want, others) in WRITTEN {
            for text in others.iter().chain([&want]) {
                let q: Quantity = text.parse().unwrap();
                assert_eq!(q.to_string(), want, "{text}");
                let negative = if q.is_zero() { want.to_owned() } else { format!("-{want}") };
                assert_eq!((-q).to_string(), negative, "{text}");
            }
        }
    }

    #[test]
    fn each_family_writes_the_same_amount_in_its_way() {
        use QuantityFormat::{BinarySi, DecimalExponent, DecimalSi};
        // text; decimal, binary, exponent
        let cases = [
            ("1", "1", "1", "1"),
            ("1023", "1023", "1023", "1023"),
            ("1024", "1024", "1Ki", "1024"),
            ("-2000", "-2k", "-2000", "-2e3"),
            ("31.25Ki", "32k", "32000", "32e3"),
            ("1048576000m", "1048576", "1Mi", "1048576"),
            ("1048576m", "1048576m", "1048576m", "1048576e-3"),
            ("1000000", "1M", "1000000", "1e6"),
            // Past Ei there is no binary suffix, and past E no decimal one.
            (
                "1180591620717411303424",
                "1180591620717411303424",
                "1180591620717411303424",
                "1180591620717411303424",
            ),
            (
                "1180591620717411303424000",
                "1180591620717411303424k",
                "1180591620717411303424e3",
                "1180591620717411303424e3",
            ),
            ("5e21", "5e21", "4768371582031250Mi", "5e21"),
        ];
        for (text, decimal, binary, exponent) in cases {
            let q: Quantity = text.parse().unwrap();
            for (format, want) in
                [(DecimalSi, decimal), (BinarySi, binary), (DecimalExponent, exponent)]
            {
                assert_eq!(q.with_format(format).to_string(), want, "{text} as {format:?}");
            }
        }
    }

    #[test]
    fn json_holds_the_canonical_text() {
        let q: Quantity = serde_json::from_str("\"1024Mi\"").unwrap();
        assert_eq!(serde_json::to_string(&q).unwrap(), "\"1Gi\"");
        assert_eq!(serde_json::from_str::<Quantity>("0.5").unwrap().to_string(), "500m");
    }
}
