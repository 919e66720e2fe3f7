//! `pod describe`: shows all there is to know of objects, for people.

use clap::Args;
use pod_runtime::{Runtime, RuntimeError, now, parallel};

use crate::args::{Globals, Meant, Selection};
use crate::describe::describe;
use crate::error::CliError;
use crate::failures::Failures;
use crate::item::{self, Item};
use crate::output;
use crate::resource::Kind;

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
        output::none_found(args.selection.namespace(globals));
    }
    let now = now();
    let page = |item: &Item| {
        let events = args.show_events.then(|| events(&runtime, item)).transpose()?;
        describe(item, events.as_deref(), now)
    };
    let pages = parallel(&items, page).into_iter().collect::<Result<Vec<_>, _>>()?;
    output::data(pages.join("\n\n"))?;
    failures.end()
}

/// What happened to an object.
fn events(runtime: &Runtime, item: &Item) -> Result<Vec<Item>, CliError> {
    match item.kind {
        Kind::Pod => {
            match runtime.events(item.namespace(), item.name(), item.uid()) {
                // It has gone meanwhile.
                Err(RuntimeError::NotFound { .. }) => Ok(Vec::new()),
                events => Ok(item::events_about(item, &events?)),
            }
        }
        Kind::Deployment | Kind::Job => {
            let mut events = item::all(runtime, Kind::Event, Some(item.namespace()))?;
            events.retain(|event| event.object["involvedObject"]["uid"] == item.uid());
            Ok(events)
        }
        // Nothing is told of them.
        Kind::ConfigMap | Kind::Secret | Kind::PersistentVolumeClaim | Kind::Event => {
            Ok(Vec::new())
        }
    }
}
