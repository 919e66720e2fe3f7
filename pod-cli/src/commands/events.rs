//! `pod events`: shows what happened to pods.

use clap::{Args, ValueEnum};
use pod_runtime::now;
use pod_spec::Time;
use serde_json::Value;

use crate::args::Globals;
use crate::error::CliError;
use crate::following::{Change, follow};
use crate::format::Data;
use crate::item::{self, Item};
use crate::resource::{self, Kind, Named};
use crate::table::Table;
use crate::{event_loop, exit, output, rows};

#[derive(Debug, Args)]
pub struct Events {
    /// Only those of this object: `pod/NAME`
    #[arg(long = "for", value_name = "pod/NAME")]
    pub object: Option<String>,
    /// Events of all namespaces
    #[arg(short = 'A', long, conflicts_with = "object")]
    pub all_namespaces: bool,
    /// Only those of these types
    #[arg(long, value_name = "TYPE", value_delimiter = ',', ignore_case = true)]
    pub types: Vec<EventType>,
    /// Leave the headings out
    #[arg(long)]
    pub no_headers: bool,
    /// Go on and show what happens
    #[arg(short, long)]
    pub watch: bool,
    /// Print them as objects: json, yaml or name
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Data>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EventType {
    /// Something went as it should
    #[value(name = "Normal")]
    Normal,
    /// Something did not
    #[value(name = "Warning")]
    Warning,
}

pub fn run(globals: &Globals, args: &Events) -> Result<u8, CliError> {
    let runtime = globals.runtime()?;
    let namespace = (!args.all_namespaces).then(|| globals.namespace());
    let about = args.object.as_ref().map(|word| about(word)).transpose()?;
    if let (Some(Named { kind, name }), false) = (&about, args.watch) {
        item::one(&runtime, *kind, globals.namespace(), name)?;
    }
    let list = || {
        let mut events = item::all(&runtime, Kind::Event, namespace)?;
        events.retain(|event| {
            is_wanted(&event.object, &args.types) && is_about(&event.object, about.as_ref())
        });
        Ok(events)
    };
    let mut table = Table::default();
    if args.watch {
        let show = |changes: &[(Change, Item)]| {
            let come = changes.iter().filter(|(change, _)| *change != Change::Deleted);
            let events: Vec<Item> = come.map(|(_, event)| event.clone()).collect();
            if events.is_empty() { Ok(()) } else { print(args, &events, &mut table) }
        };
        event_loop::block_on(follow(&runtime, list, show))?;
        return Ok(exit::OK);
    }
    let events = list()?;
    if events.is_empty() && args.output.is_none() {
        output::message(&match namespace {
            Some(namespace) => format!("No events found in {namespace} namespace."),
            None => "No events found.".to_owned(),
        });
        return Ok(exit::OK);
    }
    print(args, &events, &mut table)?;
    Ok(exit::OK)
}

/// The object that `--for` names.
fn about(word: &str) -> Result<Named, CliError> {
    let mut names = resource::asked(&[word.to_owned()], Some(Kind::Pod))?.names;
    names
        .pop()
        .ok_or_else(|| CliError::Usage("--for: name one object, such as pod/NAME".to_owned()))
}

fn is_about(event: &Value, about: Option<&Named>) -> bool {
    let involved = &event["involvedObject"];
    about.is_none_or(|Named { kind, name }| {
        involved["kind"] == kind.names().kind && involved["name"] == name.as_str()
    })
}

fn is_wanted(event: &Value, types: &[EventType]) -> bool {
    let word = |kind: &EventType| match kind {
        EventType::Normal => "Normal",
        EventType::Warning => "Warning",
    };
    types.is_empty() || types.iter().any(|kind| event["type"] == word(kind))
}

fn print(args: &Events, events: &[Item], table: &mut Table) -> Result<(), CliError> {
    if let Some(data) = &args.output {
        return output::data(data.render(events.to_vec(), false)?);
    }
    let mut lines = Vec::new();
    if table.is_empty() && !args.no_headers {
        let namespace = args.all_namespaces.then_some("NAMESPACE");
        let own = rows::heading(Kind::Event, false);
        lines.push(namespace.into_iter().chain(own).map(str::to_owned).collect());
    }
    let now = now();
    for event in events {
        let namespace = args.all_namespaces.then(|| event.namespace().to_owned());
        lines.push(namespace.into_iter().chain(row(&event.object, now)).collect());
    }
    output::data(table.add(&lines))
}

fn row(event: &Value, now: Time) -> [String; 5] {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let involved = &event["involvedObject"];
    [
        last_seen(event, now),
        text(&event["type"]),
        text(&event["reason"]),
        format!("{}/{}", text(&involved["kind"]), text(&involved["name"])),
        text(&event["message"]),
    ]
}

/// When it last happened, and how often.
pub fn last_seen(event: &Value, now: Time) -> String {
    let ago = |field: &str| rows::age(&event[field], now);
    match event["count"].as_u64() {
        None | Some(0 | 1) => ago("firstTimestamp"),
        Some(count) => {
            format!("{} (x{count} over {})", ago("lastTimestamp"), ago("firstTimestamp"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_that_came_again_says_how_often() {
        let at = |seconds| Time::default() + Duration::from_secs(seconds);
        let event = |last: u64, count: u32| {
            let time = |seconds| at(seconds).to_seconds_string();
            json!({"firstTimestamp": time(0), "lastTimestamp": time(last), "count": count})
        };
        assert_eq!(last_seen(&event(0, 1), at(5)), "5s");
        assert_eq!(last_seen(&event(60, 3), at(130)), "70s (x3 over 2m10s)");
    }
}
