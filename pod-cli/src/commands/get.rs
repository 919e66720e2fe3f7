//! `pod get`: shows objects.

use std::cmp::Ordering;

use clap::Args;
use pod_runtime::{Runtime, now};
use pod_spec::Time;
use serde_json::Value;

use crate::args::{Globals, Meant, Selection};
use crate::columns::Columns;
use crate::error::CliError;
use crate::failures::Failures;
use crate::following::{Change, follow};
use crate::format::{Data, Format};
use crate::item::Item;
use crate::jsonpath::{Path, compare};
use crate::resource::Kind;
use crate::table::Table;
use crate::{event_loop, output, rows};

#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    pub selection: Selection,
    /// How to print them: wide, json, yaml, name, jsonpath=TEMPLATE, custom-columns=HEADING:PATH,…
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Format>,
    /// Leave the headings out
    #[arg(long)]
    pub no_headers: bool,
    /// With their labels in a column
    #[arg(long)]
    pub show_labels: bool,
    /// These labels in columns of their own
    #[arg(short = 'L', long, value_name = "KEY", value_delimiter = ',')]
    pub label_columns: Vec<String>,
    /// In the order of what stands there: `.metadata.name`
    #[arg(long, value_name = "PATH", value_parser = Path::relaxed)]
    pub sort_by: Option<Path>,
    /// What is not there is not shown, and no error
    #[arg(long)]
    pub ignore_not_found: bool,
    /// Go on and show each change
    #[arg(short, long)]
    pub watch: bool,
    /// Show changes only
    #[arg(long)]
    pub watch_only: bool,
    /// With what each change is in a column
    #[arg(long)]
    pub output_watch_events: bool,
}

pub fn run(globals: &Globals, args: &Get) -> Result<u8, CliError> {
    let runtime = globals.runtime()?;
    let meant = args.selection.meant(globals, None)?;
    let mut failures = Failures::new(args.ignore_not_found);
    let find = |failures: &mut Failures| {
        let mut items = args.selection.find(&runtime, globals, &meant, failures)?;
        if let Some(path) = &args.sort_by {
            sort(&mut items, path)?;
        }
        Ok(items)
    };
    let alone = matches!(&meant, Meant::Named(targets) if targets.len() == 1);
    let mut printer = Printer::new(args, &meant);
    if args.watch || args.watch_only {
        return watch(&runtime, args, find, printer).and_then(|()| failures.end());
    }
    let items = find(&mut failures)?;
    match (&args.output, items.is_empty()) {
        (Some(Format::Data(data)), _) if !(alone && items.is_empty()) => {
            output::data(data.render(items, alone)?)?;
        }
        (_, true) if matches!(meant, Meant::Kinds(_)) && !args.ignore_not_found => {
            output::none_found(args.selection.namespace(globals));
        }
        _ => output::data(printer.tables(&items)?)?,
    }
    failures.end()
}

/// Shows the objects, and then what becomes of them.
fn watch(
    runtime: &Runtime,
    args: &Get,
    mut find: impl FnMut(&mut Failures) -> Result<Vec<Item>, CliError>,
    mut printer: Printer<'_>,
) -> Result<(), CliError> {
    let mut failures = Failures::new(args.ignore_not_found);
    let mut first = true;
    let list = || {
        let items = find(&mut failures)?;
        // What goes later is no failure.
        failures.first_look()?;
        Ok(items)
    };
    let show = |changes: &[(Change, Item)]| {
        let skipped = std::mem::take(&mut first) && args.watch_only;
        if skipped { Ok(()) } else { changes.iter().try_for_each(|change| printer.print(change)) }
    };
    event_loop::block_on(follow(runtime, list, show))
}

/// By the first value at the place; what has none comes first.
fn sort(items: &mut [Item], path: &Path) -> Result<(), CliError> {
    for item in items.iter() {
        path.values(&item.object)?;
    }
    let first = |item: &Item| -> Option<Value> {
        path.values(&item.object)
            .ok()
            .and_then(|values| values.first().map(|value| (*value).clone()))
    };
    items.sort_by(|a, b| match (first(a), first(b)) {
        (Some(a), Some(b)) => compare(&a, &b).unwrap_or(Ordering::Equal),
        (a, b) => a.is_some().cmp(&b.is_some()),
    });
    Ok(())
}

/// Prints objects as the arguments say.
struct Printer<'a> {
    args: &'a Get,
    /// Whether names are shown with their types.
    typed: bool,
    now: Time,
    /// The table that grows, and what it is of.
    table: Table,
    of: Option<Kind>,
}

impl<'a> Printer<'a> {
    fn new(args: &'a Get, meant: &Meant) -> Self {
        let all = |word: &String| word.split(',').any(|word| word == "all");
        let typed = match meant {
            Meant::Kinds(kinds) => {
                kinds.len() > 1 || args.selection.targets.first().is_some_and(all)
            }
            Meant::Named(targets) => targets.iter().any(|target| target.kind != targets[0].kind),
        };
        Self { args, typed, now: now(), table: Table::default(), of: None }
    }

    /// A table for each kind, with a blank line between them.
    fn tables(&mut self, items: &[Item]) -> Result<String, CliError> {
        let mut out = String::new();
        let one_table = self.columns().is_some();
        for group in items.chunk_by(|a, b| one_table || a.kind == b.kind) {
            if !out.is_empty() {
                out.push('\n');
            }
            self.of = None;
            self.table = Table::default();
            let mut lines = Vec::new();
            for item in group {
                lines.extend(self.lines(item)?);
            }
            out += &self.table.add(&lines);
        }
        Ok(out)
    }

    fn columns(&self) -> Option<&'a Columns> {
        match &self.args.output {
            Some(Format::Columns(columns)) => Some(columns),
            _ => None,
        }
    }

    /// Prints one change.
    fn print(&mut self, (change, item): &(Change, Item)) -> Result<(), CliError> {
        self.now = now();
        if let Some(Format::Data(data)) = &self.args.output {
            let text = data.render(vec![item.clone()], true)?;
            let between = if *data == Data::Yaml { "---\n" } else { "" };
            return output::data(format!("{between}{text}"));
        }
        let mut lines = self.lines(item)?;
        if self.args.output_watch_events {
            let words = ["EVENT", change.word()];
            let words = words.into_iter().skip(2 - lines.len().min(2));
            lines.iter_mut().zip(words).for_each(|(line, word)| line.insert(0, word.to_owned()));
        }
        output::data(self.table.add(&lines))
    }

    /// The row of an object, after the headings when it is the first of its kind.
    fn lines(&mut self, item: &Item) -> Result<Vec<Vec<String>>, CliError> {
        let mut lines = Vec::new();
        if self.of != Some(item.kind) && !(self.columns().is_some() && self.of.is_some()) {
            if !self.args.no_headers {
                lines.push(self.heading(item.kind));
            }
            self.of = Some(item.kind);
        }
        lines.push(self.row(item)?);
        Ok(lines)
    }

    fn wide(&self) -> bool {
        self.args.output == Some(Format::Wide)
    }

    fn heading(&self, kind: Kind) -> Vec<String> {
        if let Some(columns) = self.columns() {
            return columns.headings();
        }
        let own = rows::heading(kind, self.wide());
        let namespace = self.args.selection.all_namespaces.then_some("NAMESPACE");
        let labels = self
            .args
            .label_columns
            .iter()
            .map(|key| key.rsplit('/').next().unwrap_or_default().to_uppercase());
        let all = self.args.show_labels.then(|| "LABELS".to_owned());
        namespace.into_iter().chain(own).map(str::to_owned).chain(labels).chain(all).collect()
    }

    fn row(&self, item: &Item) -> Result<Vec<String>, CliError> {
        if let Some(columns) = self.columns() {
            return columns.row(item);
        }
        let name = if self.typed { item.path() } else { item.name().to_owned() };
        let mut row = rows::row(item, name, self.wide(), self.now)?;
        if self.args.selection.all_namespaces {
            row.insert(0, item.namespace().to_owned());
        }
        let labels = item.words("labels");
        let cell = |key| labels.get(key).map_or("<none>", String::as_str).to_owned();
        row.extend(self.args.label_columns.iter().map(cell));
        if self.args.show_labels {
            let words: Vec<String> =
                labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            row.push(if words.is_empty() { "<none>".to_owned() } else { words.join(",") });
        }
        Ok(row)
    }
}
