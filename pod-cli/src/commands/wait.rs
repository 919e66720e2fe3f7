//! `pod wait`: waits for something to hold of objects.

use std::time::Duration;

use clap::Args;
use pod_runtime::Runtime;
use serde_json::Value;

use crate::args::{Globals, Meant, Selection};
use crate::error::CliError;
use crate::failures::Failures;
use crate::item::{self, Item, ObjectReference};
use crate::jsonpath::{Path, go_words};
use crate::resource::Kind;
use crate::{event_loop, output, span};

/// What a negative time to wait means.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Debug, Args)]
pub struct Wait {
    #[command(flatten)]
    pub selection: Selection,
    /// All of the namespace
    #[arg(long, conflicts_with = "selector")]
    pub all: bool,
    /// `condition=NAME[=VALUE]`, `delete`, `create` or `jsonpath={PATH}[=VALUE]`
    #[arg(long = "for", value_name = "WHAT", value_parser = WaitFor::parse)]
    pub what: WaitFor,
    /// How long to wait for each of them; 0 only looks, and -1s is a week
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = patience, allow_hyphen_values = true)]
    pub timeout: Duration,
}

/// What `pod wait` waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum WaitFor {
    /// That the object is gone.
    Delete,
    /// That it is there.
    Create,
    /// That one of its conditions has this value.
    Condition { name: String, value: String },
    /// That what stands there is this, or is anything.
    Path { path: Path, text: String, value: Option<String> },
}

fn patience(text: &str) -> Result<Duration, String> {
    if text.starts_with('-') { Ok(WEEK) } else { span::parse(text) }
}

impl WaitFor {
    fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "delete" => Ok(Self::Delete),
            None if text == "create" => Ok(Self::Create),
            Some(("condition", condition)) => Self::condition(condition),
            Some(("jsonpath", path)) => Self::path(path),
            _ => Err(unknown()),
        }
    }

    fn condition(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').unwrap_or((text, "True"));
        if name.is_empty() || value.is_empty() {
            return Err(unknown());
        }
        Ok(Self::Condition { name: name.to_owned(), value: value.to_owned() })
    }

    fn path(text: &str) -> Result<Self, String> {
        // The path may hold comparisons itself: what is behind its brace is the value.
        let (text, value) = match text.rfind('}') {
            Some(end) => (&text[..=end], text[end + 1..].strip_prefix('=')),
            None => text.split_once('=').map_or((text, None), |(path, value)| (path, Some(value))),
        };
        if value == Some("") {
            return Err(unknown());
        }
        let path = Path::relaxed(text).map_err(|e| e.to_string())?;
        Ok(Self::Path { path, text: text.to_owned(), value: value.map(str::to_owned) })
    }

    /// Whether it holds of an object, `None` being one that is not there.
    fn holds(&self, item: Option<&Item>) -> Result<bool, CliError> {
        match (self, item) {
            (Self::Delete, item) => Ok(item.is_none()),
            (Self::Create, item) => Ok(item.is_some()),
            (_, None) => Ok(false),
            (Self::Condition { name, value }, Some(item)) => Ok(has(&item.object, name, value)),
            (Self::Path { path, value, .. }, Some(item)) => {
                let found = path.values(&item.object)?;
                Ok(match value {
                    None => !found.is_empty(),
                    Some(wanted) => found.iter().any(|value| is(value, wanted)),
                })
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Delete => "deletion".to_owned(),
            Self::Create => "creation".to_owned(),
            Self::Condition { name, value } => format!("condition {name}={value}"),
            Self::Path { text, value: None, .. } => format!("{text} to be there"),
            Self::Path { text, value: Some(value), .. } => format!("{text} to be {value}"),
        }
    }
}

fn unknown() -> String {
    "this is none of `condition=NAME`, such as `condition=Ready`, `delete`, `create` and `jsonpath={PATH}=VALUE`"
        .to_owned()
}

fn is(value: &Value, wanted: &str) -> bool {
    go_words(value) == wanted
}

fn has(object: &Value, name: &str, value: &str) -> bool {
    let same = |found: &Value, wanted: &str| {
        found.as_str().is_some_and(|found| found.eq_ignore_ascii_case(wanted))
    };
    let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|c| same(&c["type"], name) && same(&c["status"], value))
}

pub fn run(globals: &Globals, args: &Wait) -> Result<u8, CliError> {
    let runtime = globals.runtime()?;
    let targets = match args.selection.meant(globals, Some(Kind::Pod))? {
        Meant::Named(targets) => targets,
        Meant::Kinds(kinds) => selected(globals, args, &runtime, &kinds)?,
    };
    event_loop::block_on(async {
        let mut failures = Failures::default();
        for target in &targets {
            match wait(&runtime, target, args).await {
                Ok(true) => output::line(&format!("{} condition met", target.path()))?,
                Ok(false) => {}
                Err(error) => failures.add(error),
            }
        }
        failures.end()
    })
}

fn selected(
    globals: &Globals,
    args: &Wait,
    runtime: &Runtime,
    kinds: &[Kind],
) -> Result<Vec<ObjectReference>, CliError> {
    let selection = &args.selection;
    if !args.all && !selection.selects() {
        let message = "which objects? Name them, or give -l, --field-selector or --all";
        return Err(CliError::Usage(message.to_owned()));
    }
    let items = selection.listed(runtime, globals, kinds)?;
    if items.is_empty() && args.what != WaitFor::Delete {
        return Err(CliError::NoneMatches);
    }
    Ok(items.iter().map(ObjectReference::of_item).collect())
}

/// Waits for one object. `false` when it was never there and shall not be.
async fn wait(runtime: &Runtime, target: &ObjectReference, args: &Wait) -> Result<bool, CliError> {
    let first = look(runtime, target)?;
    if first.is_none() && args.what == WaitFor::Delete {
        return Ok(false);
    }
    if first.is_none() && args.what != WaitFor::Create {
        item::one(runtime, target.kind, &target.namespace, &target.name)?;
    }
    let uid = first.map(|item| item.uid().to_owned());
    match tokio::time::timeout(args.timeout, until(runtime, target, uid, &args.what)).await {
        Ok(result) => result.map(|()| true),
        Err(_) => Err(CliError::TimedOut {
            path: target.path(),
            condition: args.what.words(),
            after: format!("{:?}", args.timeout),
        }),
    }
}

/// The object as it is now; `None` when it is not there.
fn look(runtime: &Runtime, target: &ObjectReference) -> Result<Option<Item>, CliError> {
    match item::one(runtime, target.kind, &target.namespace, &target.name) {
        Ok(item) => Ok(Some(item)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn until(
    runtime: &Runtime,
    target: &ObjectReference,
    uid: Option<String>,
    what: &WaitFor,
) -> Result<(), CliError> {
    let mut watch = runtime.watch()?;
    loop {
        let item = look(runtime, target)?;
        // Another one of its name is not the one that was to go.
        let replaced =
            item.as_ref().is_some_and(|item| uid.as_deref().is_some_and(|uid| uid != item.uid()));
        if what.holds(item.as_ref())? || (replaced && *what == WaitFor::Delete) {
            return Ok(());
        }
        if let (WaitFor::Condition { .. }, Some(item)) = (what, &item) {
            refuse_if_over(item, what)?;
        }
        watch.next().await?;
    }
}

/// A pod that is over does not change any more.
fn refuse_if_over(item: &Item, what: &WaitFor) -> Result<(), CliError> {
    let phase = item.object["status"]["phase"].as_str().unwrap_or_default();
    if !matches!(phase, "Succeeded" | "Failed") {
        return Ok(());
    }
    Err(CliError::NeverReached {
        name: item.name().to_owned(),
        condition: what.words(),
        phase: phase.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(what: &str) -> bool {
        let object = json!({
            "status": {"phase": "Running", "restarts": 3, "conditions": [{"type": "Ready", "status": "True"}]},
        });
        let item = Item { kind: Kind::Pod, object };
        WaitFor::parse(what).expect(what).holds(Some(&item)).expect(what)
    }

    #[test]
    fn a_condition_may_have_a_value() {
        assert!(holds("condition=Ready") && holds("condition=ready=true"));
        assert!(!holds("condition=Ready=false") && !holds("condition=Initialized"));
        assert!(holds("create") && !holds("delete"));
        for wrong in
            ["condition=", "condition=Ready=", "ready", "jsonpath=", "jsonpath={.a}=", "delete=x"]
        {
            assert!(WaitFor::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_value_of_the_object_can_be_waited_for() {
        for what in [
            "jsonpath={.status.phase}=Running",
            "jsonpath=.status.phase=Running",
            "jsonpath={.status.restarts}=3",
            "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}=True",
            "jsonpath={.status.phase}",
        ] {
            assert!(holds(what), "{what}");
        }
        assert!(!holds("jsonpath={.status.phase}=Failed") && !holds("jsonpath={.status.podIP}"));
    }

    #[test]
    fn a_negative_time_is_a_week() {
        assert_eq!(patience("-1s"), Ok(WEEK));
        assert_eq!(patience("0"), Ok(Duration::ZERO));
    }
}
