//! The rules of Kubernetes as data: each case of `data/validation` has exactly the faults that it says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use pod_spec::{ConfigMap, Faults, PersistentVolumeClaim, Pod, Secret};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The fewest cases there must be, so that none is lost unseen.
const FEWEST: usize = 950;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    base: String,
    #[serde(default)]
    within: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    set: Option<Value>,
    old: Option<Value>,
    new: Option<Value>,
    faults: Vec<Wanted>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    path: String,
    kind: String,
}

/// Paths and kinds.
type Told = BTreeSet<(String, String)>;

#[test]
fn every_case_has_exactly_its_faults() {
    let bases: BTreeMap<String, Value> = read(&directory().join("bases.yaml"));
    let mut names = BTreeSet::new();
    let mut wrong = String::new();
    for file in files() {
        for group in read::<Vec<Group>>(&file) {
            let base = &bases[&group.base];
            for case in &group.cases {
                assert!(names.insert(case.name.clone()), "two cases `{}`", case.name);
                let (got, wanted) = (found(base, &group, case), wanted(&group, case));
                if told(&got) != wanted {
                    let got = got.err().map(|faults| faults.to_string()).unwrap_or_default();
                    writeln!(wrong, "{}\n  wanted {wanted:?}\n  got    {got:?}", case.name)
                        .unwrap();
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{wrong}", wrong.lines().count() / 3);
    assert!(names.len() >= FEWEST, "{} cases are left of {FEWEST}", names.len());
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/validation")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension().is_some_and(|e| e == "yaml") && !path.ends_with("bases.yaml")
        })
        .collect();
    files.sort();
    files
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).expect("a file");
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What reading and validating the case finds.
fn found(base: &Value, group: &Group, case: &Case) -> Result<(), Faults> {
    let manifest = |change: &Option<Value>| {
        let mut manifest = base.clone();
        merge(&mut manifest, nest(&group.within, change.clone().expect("what to set")));
        manifest.to_string()
    };
    if case.set.is_some() {
        create(base, &manifest(&case.set))
    } else {
        update(base, &manifest(&case.old), &manifest(&case.new))
    }
}

fn create(base: &Value, text: &str) -> Result<(), Faults> {
    match base["kind"].as_str() {
        Some("Pod") => Pod::from_yaml(text)?.validate().map(drop),
        Some("ConfigMap") => ConfigMap::from_yaml(text)?.validate().map(drop),
        Some("Secret") => Secret::from_yaml(text)?.validate().map(drop),
        Some("PersistentVolumeClaim") => {
            PersistentVolumeClaim::from_yaml(text)?.validate().map(drop)
        }
        kind => panic!("no such kind: {kind:?}"),
    }
}

fn update(base: &Value, old: &str, new: &str) -> Result<(), Faults> {
    let valid = "what is there already is valid";
    match base["kind"].as_str() {
        Some("Pod") => {
            let old = Pod::from_yaml(old)?.validate().expect(valid);
            old.check_update(&Pod::from_yaml(new)?)
        }
        Some("ConfigMap") => {
            let old = ConfigMap::from_yaml(old)?.validate().expect(valid);
            old.check_update(&ConfigMap::from_yaml(new)?)
        }
        Some("Secret") => {
            let old = Secret::from_yaml(old)?.validate().expect(valid);
            old.check_update(&Secret::from_yaml(new)?)
        }
        Some("PersistentVolumeClaim") => {
            let old = PersistentVolumeClaim::from_yaml(old)?.validate().expect(valid);
            old.check_update(&PersistentVolumeClaim::from_yaml(new)?)
        }
        kind => panic!("no such kind: {kind:?}"),
    }
}

fn told(found: &Result<(), Faults>) -> Told {
    let faults = found.as_ref().err().into_iter().flatten();
    faults.map(|fault| (fault.path.clone(), format!("{:?}", fault.kind))).collect()
}

fn wanted(group: &Group, case: &Case) -> Told {
    let whole = |path: &str| match path.strip_prefix('.') {
        None => path.to_owned(),
        Some("") => group.within.clone(),
        Some(rest) => format!("{}.{rest}", group.within),
    };
    case.faults.iter().map(|fault| (whole(&fault.path), fault.kind.clone())).collect()
}

/// The value at this place, and nothing else.
fn nest(within: &str, value: Value) -> Value {
    within.split('.').filter(|part| !part.is_empty()).rev().fold(value, |value, part| {
        let (field, value) = match part.strip_suffix("[0]") {
            Some(field) => (field, Value::Array(vec![value])),
            None => (part, value),
        };
        Value::Object(Map::from_iter([(field.to_owned(), value)]))
    })
}

fn merge(into: &mut Value, change: Value) {
    match (into, repeated(change)) {
        (Value::Object(into), Value::Object(change)) => {
            for (key, value) in change {
                if value.is_null() {
                    into.remove(&key);
                } else {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (Value::Array(into), Value::Array(change)) => {
            let longest = into.len().max(change.len());
            into.resize(longest, Value::Null);
            for (item, value) in into.iter_mut().zip(change) {
                merge(item, value);
            }
        }
        // What is repeated or removed further down is so in what is new, too.
        (into @ Value::Null, change @ Value::Object(_)) => {
            *into = Value::Object(Map::new());
            merge(into, change);
        }
        (into @ Value::Null, change @ Value::Array(_)) => {
            *into = Value::Array(Vec::new());
            merge(into, change);
        }
        (into, change) => *into = change,
    }
}

/// A text repeated, or a list of an item repeated.
fn repeated(value: Value) -> Value {
    let Some(times) = value.get("$times").and_then(Value::as_u64) else { return value };
    let times = usize::try_from(times).expect("a small number");
    match (value["$text"].as_str(), value.get("$item")) {
        (Some(text), None) => Value::String(text.repeat(times)),
        (None, Some(item)) => Value::Array(vec![item.clone(); times]),
        _ => panic!("either a text or an item is repeated: {value}"),
    }
}
