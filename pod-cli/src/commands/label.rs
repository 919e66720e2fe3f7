//! `pod label` and `pod annotate`: change what objects are labelled and annotated with.

use std::collections::BTreeMap;

use clap::Args;
use pod_runtime::Runtime;
use serde_json::{Value, json};

use crate::args::{DryRun, Globals, Meant, Selection};
use crate::changing::change;
use crate::error::CliError;
use crate::failures::Failures;
use crate::format::Data;
use crate::item::Item;
use crate::output;

#[derive(Debug, Args)]
pub struct Label {
    #[command(flatten)]
    pub selection: Selection,
    /// All of the namespace
    #[arg(long, conflicts_with = "selector")]
    pub all: bool,
    /// Change what is there already, too
    #[arg(long)]
    pub overwrite: bool,
    /// Show them
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    pub dry_run: DryRun,
    /// Print the objects: json, yaml, or their names
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Data>,
}

/// Which words of an object are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    Labels,
    Annotations,
}

impl Words {
    const fn field(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Annotations => "annotations",
        }
    }

    /// What has been done, in kubectl's word.
    const fn done(self, change: Change) -> &'static str {
        match (self, change) {
            (Self::Annotations, _) => "annotated",
            (Self::Labels, Change::None) => "not labeled",
            (Self::Labels, Change::Less) => "unlabeled",
            (Self::Labels, Change::Other) => "labeled",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    /// Words were only taken away.
    Less,
    Other,
}

/// What is asked for: a value, or that there is none.
type Wanted = Vec<(String, Option<String>)>;

pub fn run(globals: &Globals, mut args: Label, words: Words) -> Result<u8, CliError> {
    let wanted = wanted(&mut args.selection.targets)?;
    if wanted.is_empty() && !args.list {
        let message = format!("which {}? Give KEY=VALUE, or KEY- to take one away", words.field());
        return Err(CliError::Usage(message));
    }
    let runtime = globals.runtime()?;
    let meant = args.selection.meant(globals, None)?;
    let selected = args.all || args.list || args.selection.selects();
    if matches!(meant, Meant::Kinds(_)) && !selected {
        let message = "which objects? Name them, or give -l, --field-selector or --all";
        return Err(CliError::Usage(message.to_owned()));
    }
    let mut failures = Failures::default();
    let items = args.selection.find(&runtime, globals, &meant, &mut failures)?;
    let several = items.len() > 1;
    for item in items {
        let done = if args.list {
            list(&item, words, several)
        } else {
            put(&runtime, item, &wanted, words, &args)
        };
        done.unwrap_or_else(|error| failures.add(error));
    }
    failures.end()
}

/// Changes the words of one object, and says so.
fn put(
    runtime: &Runtime,
    mut item: Item,
    wanted: &Wanted,
    words: Words,
    args: &Label,
) -> Result<(), CliError> {
    let changed = edit(&mut item, wanted, words, args.overwrite)
        .map_err(|message| CliError::Kept { path: item.path(), message })?;
    if changed != Change::None && !args.dry_run.is_on() {
        change(runtime, &item)?;
    }
    match &args.output {
        Some(data) => output::data(data.render(vec![item], true)?),
        None => {
            output::line(&format!("{} {}{}", item.path(), words.done(changed), args.dry_run.note()))
        }
    }
}

/// Takes the changes from among the words of the command line.
fn wanted(targets: &mut Vec<String>) -> Result<Wanted, CliError> {
    let is_change = |word: &String| word.contains('=') || (word.ends_with('-') && word.len() > 1);
    let at = targets.iter().position(is_change).unwrap_or(targets.len());
    targets.split_off(at).iter().map(|word| parse(word)).collect()
}

fn parse(word: &str) -> Result<(String, Option<String>), CliError> {
    if let Some((key, value)) = word.split_once('=') {
        return Ok((key.to_owned(), Some(value.to_owned())));
    }
    let key = word.strip_suffix('-');
    let wrong = || {
        CliError::Usage(format!("`{word}` is no change: give KEY=VALUE, or KEY- to take it away"))
    };
    Ok((key.ok_or_else(wrong)?.to_owned(), None))
}

/// Changes the words of an object, or says which one is not to be changed.
fn edit(item: &mut Item, wanted: &Wanted, words: Words, overwrite: bool) -> Result<Change, String> {
    let before = item.words(words.field());
    let mut after = before.clone();
    for (key, value) in wanted {
        match (value, before.get(key)) {
            (Some(value), Some(old)) if old != value && !overwrite => {
                return Err(format!(
                    "'{key}' already has a value ({old}), and --overwrite is false"
                ));
            }
            (Some(value), _) => {
                after.insert(key.clone(), value.clone());
            }
            (None, Some(_)) => {
                after.remove(key);
            }
            (None, None) => output::message(&format!(
                "{} {key:?} not found.",
                words.field().trim_end_matches('s')
            )),
        }
    }
    let change = match wanted.iter().all(|(_, value)| value.is_none()) {
        _ if before == after => Change::None,
        true => Change::Less,
        false => Change::Other,
    };
    if change != Change::None {
        replace(&mut item.object["metadata"], words.field(), after);
    }
    Ok(change)
}

fn replace(metadata: &mut Value, field: &str, words: BTreeMap<String, String>) {
    match metadata.as_object_mut() {
        Some(metadata) if words.is_empty() => {
            metadata.remove(field);
        }
        _ => metadata[field] = json!(words),
    }
}

fn list(item: &Item, words: Words, several: bool) -> Result<(), CliError> {
    let field = words.field();
    let indent = if several {
        output::line(&format!("Listing {field} for {}./{}:", item.kind.names().kind, item.name()))?;
        " "
    } else {
        ""
    };
    item.words(field)
        .iter()
        .try_for_each(|(key, value)| output::line(&format!("{indent}{key}={value}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Kind;

    fn edited(changes: &[&str], overwrite: bool) -> Result<(Change, String), String> {
        let object =
            json!({"metadata": {"name": "web", "labels": {"app": "web", "tier": "front"}}});
        let mut item = Item { kind: Kind::Pod, object };
        let mut words = changes.iter().map(|word| (*word).to_owned()).collect();
        let change =
            edit(&mut item, &wanted(&mut words).expect("changes"), Words::Labels, overwrite)?;
        let labels = item.words("labels").into_iter().map(|(key, value)| format!("{key}={value}"));
        Ok((change, labels.collect::<Vec<_>>().join(",")))
    }

    #[test]
    fn labels_are_added_changed_and_taken_away() {
        let is = |change: Change, labels: &str| Ok((change, labels.to_owned()));
        assert_eq!(edited(&["a=b"], false), is(Change::Other, "a=b,app=web,tier=front"));
        assert_eq!(edited(&["app=api"], true), is(Change::Other, "app=api,tier=front"));
        assert_eq!(edited(&["app=web"], false), is(Change::None, "app=web,tier=front"));
        assert_eq!(edited(&["app-", "tier-"], false), is(Change::Less, ""));
        assert_eq!(edited(&["none-"], false), is(Change::None, "app=web,tier=front"));
        let kept = edited(&["app=api"], false);
        assert_eq!(
            kept,
            Err("'app' already has a value (web), and --overwrite is false".to_owned())
        );
    }

    #[test]
    fn the_words_after_the_first_change_are_changes() {
        let read = |words: &[&str]| {
            let mut words = words.iter().map(|word| (*word).to_owned()).collect();
            wanted(&mut words).map(|wanted| (words, wanted.len())).ok()
        };
        let targets =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(read(&["pod", "web", "a=b", "c-"]), Some((targets(&["pod", "web"]), 2)));
        assert_eq!(read(&["pod/web"]), Some((targets(&["pod/web"]), 0)));
        assert_eq!(read(&["pod", "a=b", "web"]), None);
    }
}
