//! Amounts of cpu and memory, exact.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::decode::{Cx, Decode};
use crate::document::{Node, Value};
use crate::fault::{FaultKind, quoted};

const NANOS: i128 = 1_000_000_000;
/// The largest amount, as in Kubernetes: that of an i64, at the precision of a billionth.
const MAX_NANOS: i128 = i64::MAX as i128 * NANOS;

/// An amount, as `resource.Quantity` of the Kubernetes API: `500m`, `1.5`, `128Mi`, `2e3`.
///
/// It is kept exactly, to a billionth; what is finer is rounded up, away from zero. Two quantities are equal when they
/// are the same amount, however it is written. `Display` gives the canonical text, in the family of suffixes (`Ki`,
/// `k`, `e3`) that was read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantity {
    nanos: i128,
    family: Family,
}

/// The family of suffixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Family {
    #[default]
    Decimal,
    Binary,
    Exponent,
}

/// A text that is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseQuantityError {
    /// It is no number with one of the suffixes.
    #[error("{} is not a quantity such as `500m`, `2`, `1.5Gi` or `1e3`", quoted(text))]
    Malformed {
        /// What was found.
        text: String,
    },
    /// It is greater than 2⁶³−1, or has more than 19 significant digits.
    #[error("{} is too large or too long for a quantity", quoted(text))]
    TooLarge {
        /// What was found.
        text: String,
    },
}

impl Quantity {
    /// A whole amount, such as bytes.
    pub const fn from_value(value: i64) -> Self {
        Self { nanos: value as i128 * NANOS, family: Family::Decimal }
    }

    /// Thousandths, such as of a cpu.
    pub const fn from_milli(milli: i64) -> Self {
        Self { nanos: milli as i128 * (NANOS / 1000), family: Family::Decimal }
    }

    /// The amount in whole units, rounded up, away from zero.
    pub fn value(&self) -> i64 {
        self.scaled(NANOS)
    }

    /// The amount in thousandths, rounded up, away from zero; the largest i64 when it does not fit.
    pub fn milli_value(&self) -> i64 {
        self.scaled(NANOS / 1000)
    }

    /// Whether it is nothing at all.
    pub const fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// Whether it is less than nothing.
    pub const fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    fn scaled(&self, unit: i128) -> i64 {
        let value = div_away(self.nanos, unit);
        i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
    }
}

/// The quotient, rounded away from zero.
fn div_away(value: i128, unit: i128) -> i128 {
    value / unit + (value % unit).signum()
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    /// Reads the amount.
    ///
    /// # Errors
    /// When the text is no number with a suffix of the API, or is out of range.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ParseQuantityError::Malformed { text: text.to_owned() };
        let too_large = || ParseQuantityError::TooLarge { text: text.to_owned() };
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end =
            unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return Err(malformed());
        }
        let suffix = Suffix::parse(suffix).ok_or_else(malformed)?;
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        if digits.len() > 19 {
            return Err(too_large());
        }
        let mantissa: i128 =
            if digits.is_empty() { 0 } else { digits.parse().map_err(|_| malformed())? };
        let scale = i64::try_from(fraction.len()).map_err(|_| too_large())?;
        let nanos = suffix.apply(mantissa, 9 - scale).ok_or_else(too_large)?;
        Ok(Self { nanos: if negative { -nanos } else { nanos }, family: suffix.family })
    }
}

/// What multiplies the number: a power of two, and one of ten.
struct Suffix {
    family: Family,
    two: u32,
    ten: i64,
}

impl Suffix {
    fn parse(text: &str) -> Option<Self> {
        let decimal = |ten| Some(Self { family: Family::Decimal, two: 0, ten });
        let binary = |two| Some(Self { family: Family::Binary, two, ten: 0 });
        match text {
            "Ki" => binary(10),
            "Mi" => binary(20),
            "Gi" => binary(30),
            "Ti" => binary(40),
            "Pi" => binary(50),
            "Ei" => binary(60),
            "n" => decimal(-9),
            "u" => decimal(-6),
            "m" => decimal(-3),
            "" => decimal(0),
            "k" => decimal(3),
            "M" => decimal(6),
            "G" => decimal(9),
            "T" => decimal(12),
            "P" => decimal(15),
            "E" => decimal(18),
            _ => {
                let exponent = text.strip_prefix(['e', 'E'])?;
                let ten = exponent.parse::<i32>().ok()?;
                Some(Self { family: Family::Exponent, two: 0, ten: ten.into() })
            }
        }
    }

    /// `mantissa` times this and ten to the `shift`, rounded up; None when that is too large.
    fn apply(&self, mantissa: i128, shift: i64) -> Option<i128> {
        if mantissa == 0 {
            return Some(0);
        }
        // At most 19 digits and 60 bits, which an i128 holds.
        let value = mantissa.checked_mul(1 << self.two)?;
        let shift = self.ten + shift;
        let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|n| 10_i128.checked_pow(n));
        let nanos = match (power, shift < 0) {
            (Some(power), true) => div_away(value, power),
            (None, true) => 1,
            (power, false) => value.checked_mul(power?)?,
        };
        (nanos <= MAX_NANOS).then_some(nanos)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
        const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        let kibi = 1024 * NANOS;
        if self.family == Family::Binary && self.nanos % NANOS == 0 && self.nanos.abs() >= kibi {
            let (value, power) = strip(self.nanos / NANOS, 1024, BINARY.len() - 1);
            return write!(f, "{value}{}", BINARY[power]);
        }
        let (value, power) = strip(self.nanos, 1000, DECIMAL.len() - 1);
        match self.family {
            _ if value == 0 => f.write_str("0"),
            Family::Exponent if power != 3 => {
                let exponent = [-9, -6, -3, 0, 3, 6, 9, 12, 15, 18][power];
                write!(f, "{value}e{exponent}")
            }
            _ => write!(f, "{value}{}", DECIMAL[power]),
        }
    }
}

/// Takes the factor out of the value as often as it goes.
fn strip(mut value: i128, factor: i128, most: usize) -> (i128, usize) {
    let mut times = 0;
    while value != 0 && value % factor == 0 && times < most {
        value /= factor;
        times += 1;
    }
    (value, times)
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nanos.hash(state);
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl Decode for Quantity {
    fn decode(node: &Node, cx: &mut Cx) -> Self {
        let parsed = match &node.value {
            Value::Text(text) => text.parse(),
            // Kubernetes reads the number of the JSON, so `0x10` is 16.
            Value::Number(crate::document::Number::Int(value), _) => value.to_string().parse(),
            Value::Number(crate::document::Number::Float(value), _) => value.to_string().parse(),
            _ => {
                cx.wrong_type(node, "a quantity such as `500m` or `128Mi`", None);
                return Self::default();
            }
        };
        parsed.unwrap_or_else(|error: ParseQuantityError| {
            let suggestion = match &node.value {
                Value::Text(text) => meant(text),
                _ => None,
            };
            cx.fault_with(node.at, FaultKind::Invalid, error.to_string(), suggestion);
            Self::default()
        })
    }
}

crate::schema::deserialize!(Quantity);

/// The usual slips: `128MB`, `128mb`, `1 Gi`, `128KB`.
fn meant(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, suffix) = text.split_at(end);
    let suffix = match suffix.to_ascii_lowercase().as_str() {
        "kb" => "k",
        "mb" => "M",
        "g" | "gb" => "G",
        "t" | "tb" => "T",
        "ki" | "kib" => "Ki",
        "mi" | "mib" => "Mi",
        "gi" | "gib" => "Gi",
        "ti" | "tib" => "Ti",
        _ => return None,
    };
    let meant = format!("{number}{suffix}");
    meant.parse::<Quantity>().is_ok().then(|| format!("did you mean `{meant}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn canonical_texts_and_values() {
        // text, canonical text, value, milli value
        let cases = [
            ("0", "0", 0, 0),
            ("0Ki", "0", 0, 0),
            ("1", "1", 1, 1000),
            ("+1", "1", 1, 1000),
            ("-1", "-1", -1, -1000),
            ("0.5", "500m", 1, 500),
            ("-0.5", "-500m", -1, -500),
            ("1500m", "1500m", 2, 1500),
            ("1000m", "1", 1, 1000),
            ("100000", "100k", 100_000, 100_000_000),
            ("128Mi", "128Mi", 134_217_728, 134_217_728_000),
            ("1024Mi", "1Gi", 1 << 30, (1 << 30) * 1000),
            ("0.5Gi", "512Mi", 1 << 29, (1 << 29) * 1000),
            ("512Ki", "512Ki", 524_288, 524_288_000),
            ("0.5Ki", "512", 512, 512_000),
            ("1.5k", "1500", 1500, 1_500_000),
            ("2e3", "2e3", 2000, 2_000_000),
            ("2E3", "2e3", 2000, 2_000_000),
            ("1E", "1E", 1_000_000_000_000_000_000, i64::MAX),
            ("1e-3", "1e-3", 1, 1),
            ("100u", "100u", 1, 1),
            ("1n", "1n", 1, 1),
            ("0.1n", "1n", 1, 1),
            ("1e-99", "1e-9", 1, 1),
            (".5", "500m", 1, 500),
            ("5.", "5", 5, 5000),
            ("1.000000000000000000000000", "1", 1, 1000),
            ("9223372036854775807", "9223372036854775807", i64::MAX, i64::MAX),
        ];
        for (text, canonical, value, milli) in cases {
            let q = parse(text);
            assert_eq!(q.to_string(), canonical, "{text}");
            assert_eq!((q.value(), q.milli_value()), (value, milli), "{text}");
            assert_eq!(parse(canonical), q, "{text}");
        }
    }

    #[test]
    fn amounts_are_compared_and_not_texts() {
        assert_eq!(parse("1Gi"), parse("1073741824"));
        assert!(parse("1G") < parse("1Gi"));
        assert!(parse("-1") < parse("0"));
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "", "-", ".", "1..5", "1.2.3", "Mi", "1 Gi", "128MB", "1mi", "0x10", "1e", "1e+",
            "--1", "1_000", "é",
        ] {
            assert!(
                matches!(text.parse::<Quantity>(), Err(ParseQuantityError::Malformed { .. })),
                "{text}"
            );
        }
        let long = "1".repeat(100_000);
        for text in ["9223372036854775808", "8Ei", "1e99", "1e2147483647", long.as_str()] {
            assert!(
                matches!(text.parse::<Quantity>(), Err(ParseQuantityError::TooLarge { .. })),
                "{text:.40}"
            );
        }
    }

    #[test]
    fn the_usual_slips_are_understood() {
        let cases = [
            ("128MB", "`128M`"),
            ("128MiB", "`128Mi`"),
            ("1 Gi", "`1Gi`"),
            ("1mi", "`1Mi`"),
            ("64kb", "`64k`"),
            ("2g", "`2G`"),
        ];
        for (text, want) in cases {
            assert!(meant(text).is_some_and(|m| m.contains(want)), "{text}");
        }
        assert_eq!(meant("lots"), None);
    }
}
