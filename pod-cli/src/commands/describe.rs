//! `pod describe`: shows all there is to know of objects, for people.

use clap::Args;

use crate::args::{Globals, Meant, Selection};
use crate::describe::describe;
use crate::error::CliError;
use crate::failures::Failures;
use crate::item::{self, Item};
use crate::resource::Kind;
use crate::{clock, output};

#[derive(Debug, Args)]
pub struct Describe {
    #[command(flatten)]
    pub selection: Selection,
    /// With what happened to them; --show-events=false leaves it out
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub show_events: bool,
}

pub fn run(globals: &Globals, args: &Describe) -> Result<u8, CliError> {
    let runtime = globals.runtime()?;
    let meant = args.selection.meant(globals, None)?;
    let mut failures = Failures::default();
    let items = args.selection.find(&runtime, globals, &meant, &mut failures)?;
    if items.is_empty() && matches!(meant, Meant::Kinds(_)) {
        output::message(&match args.selection.namespace(globals) {
            Some(namespace) => format!("No resources found in {namespace} namespace."),
            None => "No resources found".to_owned(),
        });
    }
    let now = clock::now();
    let mut pages = Vec::new();
    for item in &items {
        let mut events = Vec::new();
        if args.show_events && item.kind == Kind::Pod {
            events = item::all(&runtime, Kind::Event, Some(item.namespace()))?;
            events.retain(|event| is_about(event, item));
        }
        pages.push(describe(item, &events, now)?);
    }
    output::data(pages.join("\n\n"))?;
    failures.end()
}

fn is_about(event: &Item, item: &Item) -> bool {
    event.object["involvedObject"]["uid"] == item.uid()
}
