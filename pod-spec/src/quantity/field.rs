//! Quantities in a manifest.

use super::{ParseQuantityError, Quantity};
use crate::decode::{Cx, Decode, value_at};
use crate::document::{Node, Number, Value};
use crate::fault::FaultKind;
use crate::path::Path;
use crate::schema::Type;

impl Decode for Quantity {
    const TYPE: Type = Type::Quantity;

    /// Kubernetes reads the number of the JSON, so `0x10` is 16, and a text with spaces around it.
    fn decode(node: &Node<'_>, at: &Path<'_>, cx: &mut Cx) -> Self {
        let text = match &node.value {
            Value::Text(text) => text.trim_matches(' ').to_owned(),
            Value::Number(Number::Int(value), _) => value.to_string(),
            Value::Number(Number::Float(value), _) if value.is_finite() => json(*value),
            _ => {
                cx.wrong_type(node, at, "a quantity such as `500m` or `128Mi`", None);
                return Self::default();
            }
        };
        text.parse().unwrap_or_else(|error: ParseQuantityError| {
            cx.fault_with(&value_at(node, at), FaultKind::Invalid, error.to_string(), meant(&text));
            Self::default()
        })
    }
}

crate::schema::deserialize!(Quantity);

/// The number as Kubernetes writes it into JSON.
fn json(value: f64) -> String {
    if value == 0.0 || (1e-6..1e21).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

/// The usual slips: `128MB`, `128mb`, `1 Gi`, `128KB`, `64K`.
fn meant(text: &str) -> Option<String> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, suffix) = text.split_at(end);
    let suffix = match suffix.to_ascii_lowercase().as_str() {
        "k" | "kb" => "k",
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
    use crate::document;

    fn decode(text: &str) -> Result<String, String> {
        let mut cx = Cx::default();
        let quantity =
            Quantity::decode(&document::read(text).unwrap().remove(0), &Path::ROOT, &mut cx);
        match cx.faults.first() {
            None => Ok(quantity.to_string()),
            Some(fault) => Err(fault.to_string()),
        }
    }

    #[test]
    fn numbers_are_read_as_kubernetes_writes_them_into_json() {
        let cases = [
            ("2", "2"),
            ("-1", "-1"),
            ("0644", "420"),
            ("0x10", "16"),
            ("1_000", "1k"),
            ("1e3", "1k"),
            ("0.5", "500m"),
            (".5", "500m"),
            ("1e-6", "1u"),
            ("1e-7", "100e-9"),
            ("1e20", "100E"),
            ("1e21", "1e21"),
            ("18446744073709551615", "18446744073709551615"),
            ("'1e3'", "1e3"),
            ("' 1'", "1"),
            ("'1 '", "1"),
        ];
        for (text, want) in cases {
            assert_eq!(decode(text).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_told_with_its_place() {
        let cases = [
            (
                ".nan",
                "line 1: found the number `.nan`, but a quantity such as `500m` or `128Mi` is needed",
            ),
            (
                "-.inf",
                "line 1: found the number `-.inf`, but a quantity such as `500m` or `128Mi` is needed",
            ),
            (
                "yes",
                "line 1: found `yes`, which is the boolean `true` in YAML, but a quantity such as `500m` or `128Mi` is needed",
            ),
            ("[1]", "found a list, but a quantity such as `500m` or `128Mi` is needed"),
            ("''", "line 1: `` is not a quantity such as `500m`, `2`, `1.5Gi` or `1e3`"),
            ("1e300", "line 1: `1e300` is too large for a quantity"),
        ];
        for (text, want) in cases {
            assert_eq!(decode(text), Err(want.to_owned()), "{text}");
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
            ("64K", "`64k`"),
            ("2g", "`2G`"),
        ];
        for (text, want) in cases {
            assert!(meant(text).is_some_and(|m| m.contains(want)), "{text}");
        }
        assert_eq!(meant("lots"), None);
    }
}
