//! Label selectors as texts, the way `kubectl -l` takes them.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::names::rule;
use crate::types::{LabelSelector, LabelSelectorOperator};

/// Which objects are meant, by their labels: `app=web,tier!=cache,zone in (a, b),!old`.
///
/// The empty selector means all. Source: `labels.Parse` of Kubernetes.
///
/// ```
/// use pod_spec::Selector;
///
/// let selector: Selector = "app=web,!old".parse()?;
/// assert!(selector.matches(&[("app".to_owned(), "web".to_owned())].into()));
/// # Ok::<(), pod_spec::ParseSelectorError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    requirements: Vec<Requirement>,
}

/// A text that is no label selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no label selector such as app=web,tier!=cache,zone in (a,b),!old: {fault}")]
pub struct ParseSelectorError {
    /// What was found.
    pub text: String,
    /// What is wrong with it.
    pub fault: String,
}

/// What is asked of one label.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Missing,
    /// It is there, with one of these values.
    In(Vec<String>),
    /// It is missing, or has none of these values.
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

impl Selector {
    /// Whether an object with these labels is meant.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|wanted| wanted.test.holds(labels.get(&wanted.key)))
    }
}

impl Test {
    fn holds(&self, value: Option<&String>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
            Self::In(values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Self::Above(limit) => number().is_some_and(|number| number > *limit),
            Self::Below(limit) => number().is_some_and(|number| number < *limit),
        }
    }
}

impl From<&LabelSelector> for Selector {
    fn from(selector: &LabelSelector) -> Self {
        let labels = selector.match_labels.iter();
        let labels = labels.map(|(key, value)| Requirement {
            key: key.clone(),
            test: Test::In(vec![value.clone()]),
        });
        let expressions = selector.match_expressions.iter().map(|expression| {
            let values = || expression.values.clone();
            let test = match expression.operator {
                LabelSelectorOperator::In => Test::In(values()),
                LabelSelectorOperator::NotIn => Test::NotIn(values()),
                LabelSelectorOperator::Exists => Test::Exists,
                LabelSelectorOperator::DoesNotExist => Test::Missing,
            };
            Requirement { key: expression.key.clone(), test }
        });
        Self { requirements: labels.chain(expressions).collect() }
    }
}

impl FromStr for Selector {
    type Err = ParseSelectorError;

    fn from_str(text: &str) -> Result<Self, ParseSelectorError> {
        let wrong = |fault| ParseSelectorError { text: text.to_owned(), fault };
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let requirements =
            pieces(text).into_iter().map(Requirement::parse).collect::<Result<_, _>>();
        Ok(Self { requirements: requirements.map_err(wrong)? })
    }
}

/// The parts between the commas that are not in brackets.
fn pieces(text: &str) -> Vec<&str> {
    let mut within = false;
    text.split(|c| {
        within = if within { c != ')' } else { c == '(' };
        c == ',' && !within
    })
    .map(str::trim)
    .collect()
}

impl Requirement {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(key) = text.strip_prefix('!') {
            return Self::new(key, Test::Missing);
        }
        let Some(end) = text.find(['=', '!', '<', '>', ' ']) else {
            return Self::new(text, Test::Exists);
        };
        let (key, rest) = (&text[..end], text[end..].trim_start());
        let one = |value: &str| Ok::<_, String>(vec![checked_value(value)?]);
        let test = if let Some(value) = rest.strip_prefix("!=") {
            Test::NotIn(one(value)?)
        } else if let Some(value) = rest.strip_prefix("==").or(rest.strip_prefix('=')) {
            Test::In(one(value)?)
        } else if let Some(limit) = rest.strip_prefix('>') {
            Test::Above(number(limit)?)
        } else if let Some(limit) = rest.strip_prefix('<') {
            Test::Below(number(limit)?)
        } else if let Some(set) = rest.strip_prefix("notin") {
            Test::NotIn(set_of(set)?)
        } else if let Some(set) = rest.strip_prefix("in") {
            Test::In(set_of(set)?)
        } else {
            return Err(format!("`{rest}` is no comparison"));
        };
        Self::new(key, test)
    }

    fn new(key: &str, test: Test) -> Result<Self, String> {
        let key = key.trim();
        match rule::qualified(key) {
            Ok(()) => Ok(Self { key: key.to_owned(), test }),
            Err(wanted) => Err(format!("the key `{key}` is not {wanted}")),
        }
    }
}

fn checked_value(text: &str) -> Result<String, String> {
    let value = text.trim();
    match rule::label_value(value) {
        Ok(()) => Ok(value.to_owned()),
        Err(wanted) => Err(format!("the value `{value}` is not {wanted}")),
    }
}

fn number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| format!("`{}` is no whole number", text.trim()))
}

fn set_of(text: &str) -> Result<Vec<String>, String> {
    let inner = text.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let Some(inner) = inner else { return Err("a set is written as `in (a,b)`".to_owned()) };
    inner.split(',').map(checked_value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        selector.parse::<Selector>().expect(selector).matches(&labels)
    }

    #[test]
    fn each_form_means_what_it_means_in_kubernetes() {
        let web = [("app", "web"), ("tier", "front"), ("rank", "3")];
        for selector in [
            "",
            "app",
            "app=web",
            "app==web",
            " app = web , tier = front ",
            "tier!=back",
            "zone!=a",
            "!zone",
            "app in (api, web),tier notin (back)",
            "zone notin (a,b)",
            "rank>2,rank<4",
            "app in (web,)",
        ] {
            assert!(matches(selector, &web), "{selector}");
        }
        for selector in [
            "zone",
            "app=api",
            "app!=web",
            "!app",
            "app in (api)",
            "zone in (a)",
            "rank>3",
            "app>1",
        ] {
            assert!(!matches(selector, &web), "{selector}");
        }
    }

    #[test]
    fn an_empty_value_is_a_value() {
        assert!(matches("a=", &[("a", "")]));
        assert!(!matches("a=", &[]));
    }

    #[test]
    fn what_is_no_selector_says_why() {
        for (selector, fault) in [
            ("app=web,,x", "the key `` is not"),
            ("=web", "the key `` is not"),
            ("app=a b", "the value `a b` is not"),
            ("app in a", "a set is written as"),
            ("rank>high", "`high` is no whole number"),
            ("app like web", "`like web` is no comparison"),
            ("a/b/c", "the key `a/b/c` is not"),
        ] {
            let error = selector.parse::<Selector>().expect_err(selector).to_string();
            assert!(error.contains(fault), "{error}");
        }
    }
}
