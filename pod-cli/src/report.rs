//! What is said of objects that have been made or changed.

use pod_runtime::Runtime;

use crate::args::DryRun;
use crate::error::CliError;
use crate::failures::Failures;
use crate::format::Data;
use crate::item::{self, Item};
use crate::output;

/// Says of each what has been done, or prints them all at the end.
#[derive(Debug)]
pub struct Report<'a> {
    output: Option<&'a Data>,
    dry_run: &'a DryRun,
    items: Vec<Item>,
}

impl<'a> Report<'a> {
    pub fn new(output: Option<&'a Data>, dry_run: &'a DryRun) -> Self {
        Self { output, dry_run, items: Vec::new() }
    }

    /// One object has been dealt with, or would be.
    pub fn say(&mut self, item: &Item, word: &str) -> Result<(), CliError> {
        if self.output.is_none() {
            return output::line(&format!("{} {word}{}", item.path(), self.dry_run.note()));
        }
        self.items.push(item.clone());
        Ok(())
    }

    /// All of them have been.
    pub fn end(self, runtime: &Runtime, mut failures: Failures) -> Result<u8, CliError> {
        let Some(data) = self.output else { return failures.end() };
        let mut items = Vec::new();
        for item in self.items {
            if self.dry_run.is_on() {
                items.push(item);
                continue;
            }
            match item::one(runtime, item.kind, item.namespace(), item.name()) {
                Ok(item) => items.push(item),
                Err(error) => failures.add(error),
            }
        }
        if !items.is_empty() {
            let alone = items.len() == 1;
            output::data(data.render(items, alone)?)?;
        }
        failures.end()
    }
}
