//! What is said of objects that have been made or changed.

use pod_runtime::Runtime;

use crate::args::DryRun;
use crate::error::CliError;
use crate::failures::Failures;
use crate::format::Data;
use crate::item::{self, Item, ObjectReference};
use crate::output;

/// Says of each what has been done, or prints them all at the end.
#[derive(Debug)]
pub struct Report<'a> {
    output: Option<&'a Data>,
    dry_run: &'a DryRun,
    told: Vec<Told>,
}

/// An object to be printed.
#[derive(Debug)]
enum Told {
    /// As it is there in the end.
    Made(ObjectReference),
    /// As it would be.
    Proposed(Item),
}

impl<'a> Report<'a> {
    pub fn new(output: Option<&'a Data>, dry_run: &'a DryRun) -> Self {
        Self { output, dry_run, told: Vec::new() }
    }

    /// An object has been dealt with.
    pub fn say(&mut self, made: ObjectReference, word: &str) -> Result<(), CliError> {
        let text = format!("{} {word}", made.path());
        self.tell(&text, Told::Made(made))
    }

    /// An object would be dealt with.
    pub fn propose(&mut self, item: Item, word: &str) -> Result<(), CliError> {
        let text = format!("{} {word}{}", item.path(), self.dry_run.note());
        self.tell(&text, Told::Proposed(item))
    }

    fn tell(&mut self, text: &str, told: Told) -> Result<(), CliError> {
        if self.output.is_none() {
            return output::line(text);
        }
        self.told.push(told);
        Ok(())
    }

    /// All of them have been.
    pub fn end(self, runtime: &Runtime, mut failures: Failures) -> Result<u8, CliError> {
        let Some(data) = self.output else { return failures.end() };
        let mut items = Vec::new();
        for told in self.told {
            let item = match told {
                Told::Made(made) => item::one(runtime, made.kind, &made.namespace, &made.name),
                Told::Proposed(item) => Ok(item),
            };
            match item {
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
