//! Amounts of cpu and memory, exact.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Neg;

mod field;
mod format;
mod parse;

pub use format::QuantityFormat;
pub use parse::ParseQuantityError;

/// How many billionths a whole one has.
const NANOS: i128 = 1_000_000_000;

/// An amount, as `resource.Quantity` of the Kubernetes API: `500m`, `1.5`, `128Mi`, `2e3`.
///
/// It is kept exactly, to a billionth; what is finer is rounded up, away from zero. Its greatest size is 2¹²⁷−1
/// billionths, about 1.7×10²⁹. Two quantities are equal when they are the same amount, however it is written. `Display`
/// gives the canonical text: without a fraction, with the greatest suffix that allows that, of the family that was read.
///
/// ```
/// use pod_spec::{Quantity, QuantityFormat};
///
/// let memory: Quantity = "1.5Gi".parse()?;
/// assert_eq!((memory.value(), memory.to_string().as_str()), (1_610_612_736, "1536Mi"));
/// assert_eq!(memory, Quantity::from(1_610_612_736));
///
/// let cpus = ["500m", "0.25", "2"].map(|cpu| cpu.parse::<Quantity>().unwrap());
/// let sum = cpus.into_iter().try_fold(Quantity::default(), Quantity::checked_add);
/// assert_eq!(sum, Some(Quantity::from_milli(2750)));
///
/// let bytes = Quantity::from_value(64 << 20).with_format(QuantityFormat::BinarySi);
/// assert_eq!(bytes.to_string(), "64Mi");
/// # Ok::<(), pod_spec::ParseQuantityError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantity {
    /// Never the least i128, so that it can be negated.
    nanos: i128,
    format: QuantityFormat,
}

impl Quantity {
    /// That many whole units, such as bytes or cpus, written with decimal suffixes.
    pub const fn from_value(value: i64) -> Self {
        Self { nanos: value as i128 * NANOS, format: QuantityFormat::DecimalSi }
    }

    /// That many thousandths, such as of a cpu, written with decimal suffixes.
    pub const fn from_milli(milli: i64) -> Self {
        Self { nanos: milli as i128 * (NANOS / 1000), format: QuantityFormat::DecimalSi }
    }

    /// The same amount, written with another family of suffixes.
    pub const fn with_format(mut self, format: QuantityFormat) -> Self {
        self.format = format;
        self
    }

    /// The family of suffixes it is written with.
    pub const fn format(&self) -> QuantityFormat {
        self.format
    }

    /// The amount in whole units, rounded up, away from zero; the nearest i64 when it does not fit.
    pub fn value(&self) -> i64 {
        self.scaled(NANOS)
    }

    /// The amount in thousandths, rounded up, away from zero; the nearest i64 when it does not fit.
    pub fn milli_value(&self) -> i64 {
        self.scaled(NANOS / 1000)
    }

    /// The amount in whole units, when it is a whole number that fits.
    pub fn as_i64(&self) -> Option<i64> {
        if self.nanos % NANOS == 0 { i64::try_from(self.nanos / NANOS).ok() } else { None }
    }

    /// The amount in billionths, exactly.
    pub const fn as_nanos(&self) -> i128 {
        self.nanos
    }

    /// Whether it is nothing at all.
    pub const fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// Whether it is less than nothing.
    pub const fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// The sum, with the suffixes of `self`, or of `other` when `self` is zero; None when it is too large.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let format = if self.is_zero() { other.format } else { self.format };
        Self::new(self.nanos.checked_add(other.nanos)?, format)
    }

    /// The difference, with the suffixes of `self`, or of `other` when `self` is zero; None when it is too large.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.checked_add(-other)
    }

    /// The product, with the suffixes of `self`; None when it is too large.
    pub fn checked_mul(self, factor: i64) -> Option<Self> {
        Self::new(self.nanos.checked_mul(factor.into())?, self.format)
    }

    fn new(nanos: i128, format: QuantityFormat) -> Option<Self> {
        (nanos != i128::MIN).then_some(Self { nanos, format })
    }

    /// The quotient, rounded away from zero.
    fn scaled(&self, unit: i128) -> i64 {
        let value = self.nanos / unit + (self.nanos % unit).signum();
        i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
    }
}

impl From<i64> for Quantity {
    /// That many whole units.
    fn from(value: i64) -> Self {
        Self::from_value(value)
    }
}

impl Neg for Quantity {
    type Output = Self;

    fn neg(self) -> Self {
        Self { nanos: -self.nanos, ..self }
    }
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn parse(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    #[test]
    fn amounts_are_compared_and_not_texts() {
        assert_eq!(parse("1Gi"), parse("1073741824"));
        assert_eq!(HashSet::from([parse("1k"), parse("1e3"), parse("1000")]).len(), 1);
        let ordered = ["-1", "-1n", "0", "50m", "100m", "1G", "1Gi", "100Gi", "10000T"];
        assert!(ordered.map(parse).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn values_are_rounded_away_from_zero() {
        // text, value, milli value
        let cases = [
            ("0", 0, 0),
            ("0.5", 1, 500),
            ("-0.5", -1, -500),
            ("1500m", 2, 1500),
            ("-1500m", -2, -1500),
            ("0.0005", 1, 1),
            ("-0.0005", -1, -1),
            (".484785E-1", 1, 49),
            ("-.484785E-1", -1, -49),
            (".484785E-7466", 1, 1),
            ("9.5000000001Gi", 10_200_547_329, 10_200_547_328_108),
            ("-9.5000000001Gi", -10_200_547_329, -10_200_547_328_108),
            ("9223372036854775807", i64::MAX, i64::MAX),
            ("-12E", i64::MIN, i64::MIN),
        ];
        for (text, value, milli) in cases {
            let q = parse(text);
            assert_eq!((q.value(), q.milli_value()), (value, milli), "{text}");
        }
    }

    #[test]
    fn whole_amounts_are_told_from_others() {
        let cases = [("1k", Some(1000)), ("-2Ki", Some(-2048)), ("1m", None), ("10E", None)];
        for (text, want) in cases {
            assert_eq!(parse(text).as_i64(), want, "{text}");
        }
        assert_eq!(parse("-1.000000002").as_nanos(), -1_000_000_002);
    }

    #[test]
    fn results_keep_the_suffixes_of_the_left() {
        let cases = [
            (parse("1Gi").checked_add(parse("1G")), "2073741824"),
            (parse("1G").checked_add(parse("1Mi")), "1001048576"),
            (parse("1Gi").checked_add(parse("1024M")), "2048576Ki"),
            (parse("0").checked_add(parse("1Gi")), "1Gi"),
            (parse("1Gi").checked_add(parse("0")), "1Gi"),
            (parse("0Ki").checked_sub(parse("100m")), "-100m"),
            (parse("0").checked_sub(parse("1Gi")), "-1Gi"),
            (parse("10").checked_sub(parse("1e1")), "0"),
            (parse("1Ki").checked_sub(parse("1")), "1023"),
            (parse("1.5Gi").checked_mul(4), "6Gi"),
            (parse("2e3").checked_mul(-5), "-10e3"),
            (Some(-parse("9.01")), "-9010m"),
        ];
        for (got, want) in cases {
            assert_eq!(got.map(|q| q.to_string()).as_deref(), Some(want));
        }
    }

    #[test]
    fn what_is_too_large_is_no_result() {
        let most = parse("170141183460469231731687303715884105727n");
        assert_eq!(most.checked_add(parse("1n")), None);
        assert_eq!((-most).checked_sub(parse("1n")), None);
        assert_eq!(most.checked_mul(2), None);
        assert_eq!(most.checked_sub(most), Some(Quantity::default()));
        assert_eq!(parse("9Ei").checked_mul(i64::MIN), None);
    }
}
