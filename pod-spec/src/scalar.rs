//! Unquoted YAML scalars, read as Kubernetes reads them.
//!
//! Kubernetes turns YAML into JSON with `sigs.k8s.io/yaml`, which follows YAML 1.1: `yes`, `on` and `y` are booleans,
//! `0644` is octal, `1_000` is a number.

use std::borrow::Cow;

use crate::document::{Number, Value};

/// What an unquoted scalar stands for.
pub(crate) fn resolve(text: Cow<'_, str>) -> Value<'_> {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true, text);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false, text);
        }
        _ => {}
    }
    match number(&text) {
        Some(number) => Value::Number(number, text),
        None => Value::Text(text),
    }
}

fn number(text: &str) -> Option<Number> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Some(Number::Float(f64::INFINITY));
        }
        "-.inf" | "-.Inf" | "-.INF" => return Some(Number::Float(f64::NEG_INFINITY)),
        ".nan" | ".NaN" | ".NAN" => return Some(Number::Float(f64::NAN)),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    let plain = text.replace('_', "");
    integer(&plain).map(Number::Int).or_else(|| float(&plain).map(Number::from_float))
}

/// Go's `strconv.ParseInt(text, 0, 64)`, and `ParseUint` above that.
fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    // from_str_radix would take a second sign.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?) * sign;
    (value >= i128::from(i64::MIN)).then_some(value)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    let fits = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent_fits;
    // What is too large is a text.
    if fits { text.parse().ok().filter(|value: &f64| value.is_finite()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_what_kubernetes_takes_them_for() {
        let int = |i, t: &str| Value::Number(Number::Int(i), t.to_owned().into());
        let float = |f, t: &str| Value::Number(Number::Float(f), t.to_owned().into());
        let text = |t: &str| Value::Text(t.to_owned().into());
        let cases = [
            ("", Value::Null),
            ("~", Value::Null),
            ("yes", Value::Bool(true, "yes".into())),
            ("off", Value::Bool(false, "off".into())),
            ("yEs", text("yEs")),
            ("80", int(80, "80")),
            ("-5", int(-5, "-5")),
            ("0644", int(0o644, "0644")),
            ("0x1F", int(31, "0x1F")),
            ("0o17", int(15, "0o17")),
            ("0b11", int(3, "0b11")),
            ("08", int(8, "08")),
            ("1_000", int(1000, "1_000")),
            ("1e3", int(1000, "1e3")),
            ("80.0", int(80, "80.0")),
            ("0.5", float(0.5, "0.5")),
            (".5", float(0.5, ".5")),
            ("18446744073709551615", int(18_446_744_073_709_551_615, "18446744073709551615")),
            ("128Mi", text("128Mi")),
            ("1.2.3", text("1.2.3")),
            ("1e400", text("1e400")),
            ("--5", text("--5")),
            ("-", text("-")),
            (".", text(".")),
            ("0x", text("0x")),
            ("1e", text("1e")),
            ("2026-01-02", text("2026-01-02")),
        ];
        for (input, want) in cases {
            assert_eq!(resolve(input.into()), want, "{input}");
        }
    }
}
