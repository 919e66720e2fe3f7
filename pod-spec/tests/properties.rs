//! What holds for every text and every amount.

use pod_spec::{Pod, Quantity, QuantityFormat};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Each suffix, with the powers of two and of ten that it stands for.
const SUFFIXES: [(&str, u32, i32); 22] = [
    ("n", 0, -9),
    ("u", 0, -6),
    ("m", 0, -3),
    ("", 0, 0),
    ("k", 0, 3),
    ("M", 0, 6),
    ("G", 0, 9),
    ("T", 0, 12),
    ("P", 0, 15),
    ("E", 0, 18),
    ("Ki", 10, 0),
    ("Mi", 20, 0),
    ("Gi", 30, 0),
    ("Ti", 40, 0),
    ("Pi", 50, 0),
    ("Ei", 60, 0),
    ("e-12", 0, -12),
    ("E-4", 0, -4),
    ("e0", 0, 0),
    ("e+1", 0, 1),
    ("E08", 0, 8),
    ("e17", 0, 17),
];

const MANIFESTS: [&str; 3] = [
    include_str!("data/valid/everything.yaml"),
    include_str!("data/valid/kiada-ssl.yaml"),
    include_str!("data/invalid/nginx-deployment.yaml"),
];

/// A quantity's text, with its amount in billionths by plain arithmetic.
fn quantity() -> impl Strategy<Value = (String, i128)> {
    let sign = select(["", "+", "-"].as_slice());
    let number = ("[0-9]{1,4}", proptest::option::of("[0-9]{0,14}"));
    (sign, number, select(SUFFIXES.as_slice())).prop_map(|(sign, (whole, fraction), suffix)| {
        let point = fraction.as_ref().map_or("", |_| ".");
        let fraction = fraction.unwrap_or_default();
        let text = format!("{sign}{whole}{point}{fraction}{}", suffix.0);
        let digits: i128 = format!("{whole}{fraction}").parse().expect("digits");
        let amount = nanos(digits, fraction.len(), suffix.1, suffix.2);
        (text, if sign == "-" { -amount } else { amount })
    })
}

/// digits × 2^two × 10^(ten − fraction + 9), rounded up, and what Kubernetes takes for the most in powers of two.
fn nanos(digits: i128, fraction: usize, two: u32, ten: i32) -> i128 {
    let ten = ten + 9 - i32::try_from(fraction).expect("14 digits");
    let power = 10_i128.pow(ten.unsigned_abs());
    let value = digits << two;
    let nanos = if ten < 0 { (value + power - 1) / power } else { value * power };
    if two > 0 { nanos.min(i128::from(i64::MAX) * 1_000_000_000) } else { nanos }
}

fn parse(text: &str) -> Quantity {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn from_nanos(nanos: i128) -> Quantity {
    parse(&format!("{nanos}n"))
}

/// A text such as YAML makes something of, or any at all.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ \t\n\r:#'\"\\\\?{}\\[\\],&*!|>%@`~<=.+_yYnNo0-9a-fex-]{0,24}",
        "(- |[ \n:]|[a-z]{1,3}|\u{85}|\u{2028}|\u{feff}|\u{0}|\u{7f}){0,12}",
    ]
}

/// A manifest with pieces of manifests and other texts in places where they do not belong.
fn mutated() -> impl Strategy<Value = String> {
    let manifest = || select(MANIFESTS.as_slice());
    let piece = prop_oneof![
        text(),
        (manifest(), any::<Index>(), 0..200_usize).prop_map(|(from, start, len)| from
            .chars()
            .skip(start.index(from.len()))
            .take(len)
            .collect()),
    ];
    let edit = (any::<Index>(), 0..40_usize, piece);
    (manifest(), vec(edit, 1..4)).prop_map(|(manifest, edits)| {
        edits.into_iter().fold(manifest.to_owned(), |text, (at, remove, insert)| {
            let chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len() + 1);
            let rest = chars[at..].iter().skip(remove);
            chars[..at].iter().copied().chain(insert.chars()).chain(rest.copied()).collect()
        })
    })
}

/// Reads the text in every way there is. Whether it is taken does not matter.
fn read(text: &str) {
    for pod in [Pod::from_yaml(text), Pod::from_json(text)] {
        if let Err(faults) = pod.and_then(Pod::validate) {
            assert!(!faults.render(text, "x.yaml").is_empty());
        }
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn a_quantity_is_the_amount_that_arithmetic_gives((text, nanos) in quantity()) {
        prop_assert_eq!(parse(&text).as_nanos(), nanos);
    }

    #[test]
    fn a_quantity_reads_back_from_its_text((text, _) in quantity()) {
        let q = parse(&text);
        let written = q.to_string();
        let back = parse(&written);
        prop_assert_eq!(back, q);
        // 31.25Ki is written as 32000, which nothing tells from the decimal 32k.
        if q.format() != QuantityFormat::BinarySi || written.ends_with('i') {
            prop_assert_eq!(back.to_string(), &*written);
        }
        let json = serde_json::to_string(&q).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Quantity>(&json).expect("a quantity"), q);
        // The family stays, but for what has no binary suffix.
        if q.format() != QuantityFormat::BinarySi && written.ends_with(|c: char| !c.is_ascii_digit()) {
            prop_assert_eq!(back.format(), q.format());
        }
    }

    #[test]
    fn the_text_is_the_shortest_without_a_fraction((text, _) in quantity()) {
        let q = parse(&text);
        let written = q.to_string();
        let digits = written.trim_start_matches('-');
        let (number, suffix) = digits.split_at(digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()));
        let number: i128 = number.parse().expect("digits");
        let binary = q.format() == QuantityFormat::BinarySi && (suffix.is_empty() || suffix.ends_with('i'));
        let factor = if binary { 1024 } else { 1000 };
        prop_assert!(number == 0 || number % factor != 0, "{}", written);
        prop_assert!(!written.contains(['.', '+']));
    }

    #[test]
    fn quantities_are_in_the_order_of_their_amounts((a, x) in quantity(), (b, y) in quantity()) {
        prop_assert_eq!(parse(&a).cmp(&parse(&b)), x.cmp(&y));
        prop_assert_eq!(parse(&a) == parse(&b), x == y);
    }

    #[test]
    fn arithmetic_is_that_of_the_amounts(x in any::<i128>(), y in any::<i128>(), shift in 0..127_u32, factor in any::<i64>()) {
        let (x, y) = (x.max(-i128::MAX) >> (shift / 2), y.max(-i128::MAX) >> shift);
        let (a, b) = (from_nanos(x), from_nanos(y));
        let amount = |q: Option<Quantity>| q.map(|q| q.as_nanos());
        let fits = |n: Option<i128>| n.filter(|n| *n != i128::MIN);
        prop_assert_eq!((a.as_nanos(), b.as_nanos()), (x, y));
        prop_assert_eq!(amount(a.checked_add(b)), fits(x.checked_add(y)));
        prop_assert_eq!(amount(a.checked_sub(b)), fits(x.checked_sub(y)));
        prop_assert_eq!(amount(a.checked_mul(factor)), fits(x.checked_mul(factor.into())));
        prop_assert_eq!((-a).as_nanos(), -x);
    }

    #[test]
    fn a_sum_takes_back_what_it_was_given((a, _) in quantity(), (b, _) in quantity()) {
        let (a, b) = (parse(&a), parse(&b));
        let sum = a.checked_add(b).expect("a sum");
        prop_assert_eq!(Some(sum), b.checked_add(a));
        prop_assert_eq!(sum.checked_sub(b), Some(a));
        prop_assert_eq!(sum.format(), if a.is_zero() { b.format() } else { a.format() });
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_text_reads_back_from_the_manifest(key in text(), value in text(), arg in text()) {
        let mut pod = Pod::from_yaml(MANIFESTS[0]).expect("a pod");
        pod.metadata.annotations.insert(key, value);
        pod.spec.containers[0].args.push(arg);
        let yaml = pod.to_yaml().expect("YAML");
        let back = Pod::from_yaml(&yaml);
        prop_assert_eq!(back.as_ref(), Ok(&pod), "{}", yaml);
        let json = pod.to_json().expect("JSON");
        let back = Pod::from_json(&json);
        prop_assert_eq!(back.as_ref(), Ok(&pod), "{}", json);
    }

    #[test]
    fn any_text_is_answered(text in text()) {
        read(&text);
        read(&format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {text}"));
    }

    #[test]
    fn a_mutated_manifest_is_answered(text in mutated()) {
        read(&text);
    }
}
