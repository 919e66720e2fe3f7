//! Quantities from text.

use std::iter;
use std::str::FromStr;

use super::{NANOS, Quantity, QuantityFormat};
use crate::fault::quoted;

/// The greatest amount with a suffix such as `Ki`. As in Kubernetes, what is greater becomes this.
const MAX_BINARY: i128 = i64::MAX as i128 * NANOS;

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
    /// It is greater than the greatest [`Quantity`].
    #[error("{} is too large for a quantity", quoted(text))]
    TooLarge {
        /// What was found.
        text: String,
    },
}

/// Reads a number, such as `5`, `+5`, `-0.5`, `.5` or `5.`, and what follows it without a space: nothing, `n`, `u`, `m`,
/// `k`, `M`, `G`, `T`, `P` or `E`; `Ki`, `Mi`, `Gi`, `Ti`, `Pi` or `Ei`; or `e` or `E` with an exponent of ten.
///
/// As in Kubernetes, `8Ei` and whatever is more with such a suffix becomes 2⁶³−1. Two things differ: Kubernetes takes a
/// text without a digit, such as `Mi`, for zero, and has no greatest amount for the other suffixes.
impl FromStr for Quantity {
    type Err = ParseQuantityError;

    /// Reads the amount.
    ///
    /// # Errors
    /// When the text is no number with a suffix of the API, or is out of range.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let end =
            unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (Some(mut number), Some(suffix)) = (Number::parse(number), Suffix::parse(suffix))
        else {
            return Err(ParseQuantityError::Malformed { text: text.to_owned() });
        };
        number.point += 9 + suffix.ten;
        let nanos = match (number.times(suffix.two), suffix.format) {
            (nanos, QuantityFormat::BinarySi) => nanos.unwrap_or(MAX_BINARY).min(MAX_BINARY),
            (Some(nanos), _) => nanos,
            (None, _) => return Err(ParseQuantityError::TooLarge { text: text.to_owned() }),
        };
        let format = match suffix.format {
            QuantityFormat::BinarySi if (1..NANOS).contains(&nanos) => QuantityFormat::DecimalSi,
            format => format,
        };
        Ok(Self { nanos: if text.starts_with('-') { -nanos } else { nanos }, format })
    }
}

impl TryFrom<&str> for Quantity {
    type Error = ParseQuantityError;

    /// As [`str::parse`] does.
    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The digits of a number without a sign, of any length: 0.DIGITS times ten to the `point`.
struct Number {
    /// Without zeros at either end.
    digits: Vec<u8>,
    point: i64,
}

impl Number {
    /// Reads digits with a point among or around them, if any.
    fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let point =
            i64::try_from(whole.len()).ok()? - i64::try_from(all.len() - digits.len()).ok()?;
        let digits = digits.trim_end_matches('0').bytes().map(|digit| digit - b'0').collect();
        Some(Self { digits, point })
    }

    /// This times two to the `power`, at most 60, rounded up; None when that is too large.
    fn times(&self, power: u32) -> Option<i128> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let factor = 1_i128 << power;
        let whole = usize::try_from(self.point).unwrap_or(0);
        let (whole, fraction) = self.digits.split_at(whole.min(self.digits.len()));
        let whole = whole
            .iter()
            .try_fold(0_i128, |n, digit| n.checked_mul(10)?.checked_add((*digit).into()))?;
        let zeros_after = self.point - i64::try_from(self.digits.len()).ok()?;
        let whole = match u32::try_from(zeros_after) {
            Ok(zeros) => whole.checked_mul(10_i128.checked_pow(zeros)?)?,
            Err(_) => whole,
        };
        // With twenty zeros ahead the product is less than one, and one when rounded up.
        let zeros_before = usize::try_from(-self.point).unwrap_or(0).min(20);
        let digits = fraction.iter().rev().copied().chain(iter::repeat_n(0, zeros_before));
        whole.checked_mul(factor)?.checked_add(fraction_times(digits, factor))
    }
}

/// 0.DIGITS times the factor, rounded up. The digits come from the last to the first.
fn fraction_times(digits: impl Iterator<Item = u8>, factor: i128) -> i128 {
    let (mut product, mut exact) = (0, true);
    for digit in digits {
        let tenfold = product + i128::from(digit) * factor;
        // What is cut off here is too little to make up for a whole one later.
        exact &= tenfold % 10 == 0;
        product = tenfold / 10;
    }
    product + i128::from(!exact)
}

/// What multiplies the number: a power of two, and one of ten.
struct Suffix {
    format: QuantityFormat,
    two: u32,
    ten: i64,
}

impl Suffix {
    fn parse(text: &str) -> Option<Self> {
        let decimal = |ten| Some(Self { format: QuantityFormat::DecimalSi, two: 0, ten });
        let binary = |two| Some(Self { format: QuantityFormat::BinarySi, two, ten: 0 });
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
                let exponent = text.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?;
                Some(Self { format: QuantityFormat::DecimalExponent, two: 0, ten: exponent.into() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Amounts in billionths, with the family that is remembered. Each stands for its negative too, and for itself with
    /// a plus.
    const PARSED: [(&str, i128, QuantityFormat); 96] = {
        use QuantityFormat::{BinarySi as B, DecimalExponent as E, DecimalSi as D};
        const MILLI: i128 = NANOS / 1000;
        const KI: i128 = 1024 * NANOS;
        [
            // Nothing keeps its family.
            ("0", 0, D),
            ("00", 0, D),
            ("0.0", 0, D),
            ("0n", 0, D),
            ("0u", 0, D),
            ("0m", 0, D),
            ("0k", 0, D),
            ("0M", 0, D),
            ("0G", 0, D),
            ("0T", 0, D),
            ("0Ki", 0, B),
            ("0Mi", 0, B),
            ("0Gi", 0, B),
            ("0Ti", 0, B),
            ("0e5", 0, E),
            ("0e2147483647", 0, E),
            // One of each suffix.
            ("5n", 5, D),
            ("4u", 4_000, D),
            ("3m", 3 * MILLI, D),
            ("1", NANOS, D),
            ("8k", 8_000 * NANOS, D),
            ("7M", 7_000_000 * NANOS, D),
            ("6G", 6_000_000_000 * NANOS, D),
            ("5T", 5_000_000_000_000 * NANOS, D),
            ("2P", 2_000_000_000_000_000 * NANOS, D),
            ("1E", 1_000_000_000_000_000_000 * NANOS, D),
            ("1Ki", KI, B),
            ("7Mi", (7 * KI) << 10, B),
            ("6Gi", (6 * KI) << 20, B),
            ("5Ti", (5 * KI) << 30, B),
            ("4Pi", (4 * KI) << 40, B),
            ("3Ei", (3 * KI) << 50, B),
            // More digits, and more of them than the suffix asks for.
            ("50k", 50_000 * NANOS, D),
            ("40T", 40_000_000_000_000 * NANOS, D),
            ("300T", 300_000_000_000_000 * NANOS, D),
            ("8Ki", 8 * KI, B),
            ("100Ti", (100 * KI) << 30, B),
            ("007", 7 * NANOS, D),
            // Exponents.
            ("1E-3", MILLI, E),
            ("1e3", 1_000 * NANOS, E),
            ("1E6", 1_000_000 * NANOS, E),
            ("1e9", 1_000_000_000 * NANOS, E),
            ("1e13", 10_000_000_000_000 * NANOS, E),
            ("1e14", 100_000_000_000_000 * NANOS, E),
            ("1E18", 1_000_000_000_000_000_000 * NANOS, E),
            ("1.2e3", 1_200 * NANOS, E),
            ("1.3E+6", 1_300_000 * NANOS, E),
            ("1.40e9", 1_400_000_000 * NANOS, E),
            ("1.53E12", 1_530_000_000_000 * NANOS, E),
            ("1.6e15", 1_600_000_000_000_000 * NANOS, E),
            ("1.7E18", 1_700_000_000_000_000_000 * NANOS, E),
            ("0.5e0", 500 * MILLI, E),
            ("0.5e-1", 50 * MILLI, E),
            ("0.5e-2", 5 * MILLI, E),
            // Fractions.
            ("0.001", MILLI, D),
            ("0.005", 5 * MILLI, D),
            ("0.05", 50 * MILLI, D),
            ("0.5", 500 * MILLI, D),
            ("0.50000", 500 * MILLI, D),
            ("0.00500", 5 * MILLI, D),
            ("0.0005k", 500 * MILLI, D),
            ("0.00050k", 500 * MILLI, D),
            ("9.01", 9_010 * MILLI, D),
            ("8.1k", 8_100 * NANOS, D),
            ("100.035k", 100_035 * NANOS, D),
            ("10.035M", 10_035_000 * NANOS, D),
            ("7.123456M", 7_123_456 * NANOS, D),
            ("6.987654321G", 6_987_654_321 * NANOS, D),
            ("5.444T", 5_444_000_000_000 * NANOS, D),
            ("300.2T", 300_200_000_000_000 * NANOS, D),
            ("2.5P", 2_500_000_000_000_000 * NANOS, D),
            ("1.01E", 1_010_000_000_000_000_000 * NANOS, D),
            ("100.035Ki", 102_435_840 * MILLI, B),
            ("0.5Mi", 512 * KI, B),
            ("0.05Gi", 53_687_091_200 * MILLI, B),
            ("0.025Ti", 27_487_790_694_400 * MILLI, B),
            // A point without digits on one of its sides.
            (".001", MILLI, D),
            (".0001k", 100 * MILLI, D),
            ("1.", NANOS, D),
            ("1.G", 1_000_000_000 * NANOS, D),
            // Finer than a billionth is rounded up.
            ("3.001n", 4, D),
            ("0.9n", 1, D),
            ("0.0000000001", 1, D),
            ("0.00000000050", 1, D),
            ("0.00000012345", 124, D),
            ("0.00000012354", 124, D),
            ("1.1E-9", 2, E),
            ("0.5e-9", 1, E),
            ("1e-2147483647", 1, E),
            // Less than one of a binary unit is decimal.
            ("0.000000000001Ki", 2, D),
            ("0.0005Ki", 512 * MILLI, D),
            // Greater than 2⁶³−1 with a decimal suffix, and too much for a binary one.
            ("12E", 12_000_000_000_000_000_000 * NANOS, D),
            ("9223372036854775808", (1 << 63) * NANOS, D),
            ("9Ei", i64::MAX as i128 * NANOS, B),
            ("9223372036854775807Ki", i64::MAX as i128 * NANOS, B),
            ("9999999999999999999999999999999999999999Ki", i64::MAX as i128 * NANOS, B),
        ]
    };

    #[test]
    fn every_way_of_writing_is_read() {
        for (text, nanos, format) in PARSED {
            for (sign, nanos) in [("", nanos), ("+", nanos), ("-", -nanos)] {
                let text = format!("{sign}{text}");
                let q: Quantity = text.parse().unwrap();
                assert_eq!((q.as_nanos(), q.format()), (nanos, format), "{text}");
            }
        }
    }

    #[test]
    fn no_digit_is_lost_however_many_there_are() {
        let zeros = "0".repeat(100_000);
        let cases = [
            (format!("1.{zeros}"), NANOS),
            (format!("{zeros}1"), NANOS),
            (format!("1.{zeros}1"), NANOS + 1),
            (format!("1{zeros}e-100000"), NANOS),
            (format!("0.{zeros}1e100001"), NANOS),
            (format!("0.{zeros}1Ei"), 1),
            (format!("0.5{zeros}1Ei"), (1 << 59) * NANOS + 1),
            ("170141183460469231731687303715.884105727".to_owned(), i128::MAX),
            ("0.99999999999999999999999999999999999999999".to_owned(), NANOS),
            // 2⁶⁰ / 3, from above.
            (format!("0.{}Ei", "3".repeat(60)), 384_307_168_202_282_325_333_333_334),
        ];
        for (text, nanos) in cases {
            assert_eq!(text.parse().map(|q: Quantity| q.as_nanos()), Ok(nanos), "{text:.60}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "-.",
            "1..5",
            "1.2.3",
            "1.1.M",
            "1+1.0M",
            "--1",
            "+-1",
            "Mi",
            "m",
            "e3",
            "1 Gi",
            " 1",
            "1 ",
            "1\n",
            "128MB",
            "1mi",
            "0.1mi",
            "0.1am",
            "1K",
            "1ki",
            "1KI",
            "1i",
            ".5i",
            "-3.01i",
            "0x10",
            "1e",
            "1e+",
            "1e-",
            "-3.01e-",
            "1e1.5",
            "1e+-1",
            "1Ki5",
            "1e4294967297",
            "1e-4294967297",
            "1_000",
            "NaN",
            "inf",
            "Infinity",
            "aoeu",
            "é",
            "١",
            "1\0",
        ] {
            let malformed = ParseQuantityError::Malformed { text: text.to_owned() };
            assert_eq!(Quantity::try_from(text), Err(malformed));
        }
        let long = "1".repeat(100_000);
        for text in [
            "170141183460469231731687303715.884105728",
            "1e30",
            "1e1000000",
            "-1e2147483647",
            &long,
        ] {
            let too_large = ParseQuantityError::TooLarge { text: text.to_owned() };
            assert_eq!(Quantity::try_from(text), Err(too_large));
        }
    }
}
