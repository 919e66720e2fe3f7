//! Which behaviour of a pod is shown by which test.
//!
//! `behaviours.txt` says in a line each what a pod does, with a number. A test that shows a behaviour has the number in
//! front of its name, `b012_…`, at most three of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// So many numbers may be in front of one name: a test that shows everything shows nothing.
pub const MOST_NUMBERS: usize = 3;

/// So many tests are named in the table.
const MOST_TESTS: usize = 3;

/// A behaviour, or the heading of those that follow.
enum Line {
    Heading(&'static str),
    Behaviour { number: u16, words: &'static str, needless: Option<&'static str> },
}

fn lines() -> impl Iterator<Item = Line> {
    include_str!("../behaviours.txt").lines().map(|line| {
        if let Some(heading) = line.strip_prefix("# ") {
            return Line::Heading(heading);
        }
        let (number, words) = line.split_once(". ").expect("a number is in front of a behaviour");
        let (words, needless) = match words.split_once(" // ") {
            Some((words, reason)) => (words, Some(reason)),
            None => (words, None),
        };
        Line::Behaviour { number: number.parse().expect("it is a number"), words, needless }
    })
}

/// The text of every source file of the project.
pub fn sources() -> Vec<String> {
    let mut texts = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut texts);
    texts
}

fn collect(dir: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("can be read") {
        let path = entry.expect("can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !matches!(name, "target" | "fuzz" | ".git") {
            collect(&path, texts);
        } else if name.ends_with(".rs") {
            texts.push(fs::read_to_string(&path).expect("can be read"));
        }
    }
}

/// The names of the tests in a source file, without those that are ignored. Those of pod-sandbox have a world of their own
/// in place of an attribute.
pub fn tests(text: &str) -> Vec<&str> {
    let attributed = text.split("#[test]").skip(1).chain(text.split("#[tokio::test]").skip(1));
    let attributed = attributed.filter_map(|rest| {
        let (before, after) = rest.split_once("fn ")?;
        let name = after.split_once('(')?.0;
        (!before.contains("#[ignore")).then_some(name)
    });
    let worlds =
        text.lines().filter_map(|line| line.strip_prefix("fn ")?.strip_suffix("(w: &World) {"));
    attributed.chain(worlds).collect()
}

/// The numbers in front of a test's name.
pub fn numbers(test: &str) -> Vec<u16> {
    let number = |part: &str| match part.strip_prefix('b')? {
        digits if digits.len() == 3 => digits.parse().ok(),
        _ => None,
    };
    test.split('_').map_while(number).collect()
}

/// The tests of each behaviour.
fn shown(texts: &[String]) -> BTreeMap<u16, Vec<&str>> {
    let mut shown = BTreeMap::<u16, Vec<&str>>::new();
    for test in texts.iter().flat_map(|text| tests(text)) {
        for number in numbers(test) {
            shown.entry(number).or_default().push(test);
        }
    }
    shown.values_mut().for_each(|tests| tests.sort_unstable());
    shown
}

/// The table of behaviours, as Markdown.
pub fn page() -> String {
    let texts = sources();
    let shown = shown(&texts);
    let (mut rows, mut of_tests, mut needless_ones, mut missing) = (String::new(), 0, 0, 0);
    for line in lines() {
        let Line::Behaviour { number, words, needless } = line else {
            let Line::Heading(heading) = line else { continue };
            let _ = writeln!(rows, "\n## {heading}\n\n| | behaviour | shown by |\n|---|---|---|");
            continue;
        };
        let proof = match (shown.get(&number), needless) {
            (Some(tests), _) => {
                of_tests += 1;
                names(tests)
            }
            (None, Some(reason)) => {
                needless_ones += 1;
                format!("does not apply: {reason}")
            }
            (None, None) => {
                missing += 1;
                "no test yet".to_owned()
            }
        };
        let _ = writeln!(rows, "| b{number:03} | {words} | {proof} |");
    }
    format!(
        "# Behaviours\n\nWhat the kubelet makes a pod do, and the tests that show it here. A test counts by the numbers in \
         front of its name. Of {} behaviours {of_tests} are shown, {needless_ones} do not apply on one machine, and \
         {missing} have no test yet. Written by `make docs`.\n{rows}",
        of_tests + needless_ones + missing,
    )
}

fn names(tests: &[&str]) -> String {
    let named: Vec<String> =
        tests.iter().take(MOST_TESTS).map(|test| format!("`{test}`")).collect();
    match tests.len().saturating_sub(MOST_TESTS) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What is wrong with the numbers in the names of tests.
pub fn faults() -> Vec<String> {
    let known: Vec<u16> = lines()
        .filter_map(|line| match line {
            Line::Behaviour { number, .. } => Some(number),
            Line::Heading(_) => None,
        })
        .collect();
    let texts = sources();
    let fault = |test: &str| {
        let numbers = numbers(test);
        if numbers.len() > MOST_NUMBERS {
            return Some(format!("`{test}` has more than {MOST_NUMBERS} numbers"));
        }
        let unknown = numbers.into_iter().find(|number| !known.contains(number));
        unknown.map(|number| format!("`{test}`: there is no behaviour {number}"))
    };
    texts.iter().flat_map(|text| tests(text)).filter_map(fault).collect()
}
