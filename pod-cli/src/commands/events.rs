//! `pod events`: shows what happened to pods.

use clap::{Args, ValueEnum};
use pod_runtime::{EventKind, PodHandle, RecordedEvent, Runtime, RuntimeError};
use pod_spec::Time;

use crate::args::Globals;
use crate::error::CliError;
use crate::{clock, exit, output, resource, span, table};

#[derive(Debug, Args)]
pub struct Events {
    /// Only those of this pod: `pod/NAME`
    #[arg(long = "for", value_name = "pod/NAME")]
    pub pod: Option<String>,
    /// Events of pods of all namespaces
    #[arg(short = 'A', long, conflicts_with = "pod")]
    pub all_namespaces: bool,
    /// Only those of these types
    #[arg(long, value_name = "TYPE", value_delimiter = ',', ignore_case = true)]
    pub types: Vec<EventType>,
    /// Leave the headings out
    #[arg(long)]
    pub no_headers: bool,
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
    let mut found = Vec::new();
    for pod in pods(&runtime, globals, args)? {
        let events = match pod.events() {
            // It went while we looked.
            Err(RuntimeError::NotFound { .. }) if args.pod.is_none() => continue,
            events => events?,
        };
        let wanted = events.into_iter().filter(|e| is_wanted(e, &args.types));
        found.extend(wanted.map(|event| (pod.clone(), event)));
    }
    if found.is_empty() {
        output::message(&match namespace {
            Some(namespace) => format!("No events found in {namespace} namespace."),
            None => "No events found.".to_owned(),
        });
        return Ok(exit::OK);
    }
    found.sort_by_key(|(_, event)| event.last);
    output::data(rows(args, &found))?;
    Ok(exit::OK)
}

fn pods(runtime: &Runtime, globals: &Globals, args: &Events) -> Result<Vec<PodHandle>, CliError> {
    match &args.pod {
        Some(pod) => Ok(vec![runtime.pod(globals.namespace(), &resource::name(pod)?)?]),
        None if args.all_namespaces => Ok(runtime.list(None)?),
        None => Ok(runtime.list(Some(globals.namespace()))?),
    }
}

fn is_wanted(event: &RecordedEvent, types: &[EventType]) -> bool {
    let kind = match event.event.kind {
        EventKind::Normal => EventType::Normal,
        EventKind::Warning => EventType::Warning,
    };
    types.is_empty() || types.contains(&kind)
}

fn rows(args: &Events, found: &[(PodHandle, RecordedEvent)]) -> String {
    let mut heading = vec!["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"];
    if args.all_namespaces {
        heading.insert(0, "NAMESPACE");
    }
    if args.no_headers {
        heading.clear();
    }
    let now = clock::now();
    let row = |(pod, event): &(PodHandle, RecordedEvent)| {
        let what = &event.event;
        let mut row = vec![
            last_seen(event, now),
            format!("{:?}", what.kind),
            what.reason.clone(),
            format!("Pod/{}", pod.name()),
            what.message.trim().to_owned(),
        ];
        if args.all_namespaces {
            row.insert(0, pod.namespace().to_owned());
        }
        row
    };
    table::render(&heading, &found.iter().map(row).collect::<Vec<_>>())
}

fn last_seen(event: &RecordedEvent, now: Time) -> String {
    let ago = |then| span::age(now.since(then));
    match event.count {
        0 | 1 => ago(event.first),
        count => format!("{} (x{count} over {})", ago(event.last), ago(event.first)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pod_runtime::PodEvent;

    use super::*;

    #[test]
    fn an_event_that_came_again_says_how_often() {
        let at = |seconds| Time::default() + Duration::from_secs(seconds);
        let event = PodEvent {
            kind: EventKind::Warning,
            reason: "BackOff".to_owned(),
            container: None,
            message: String::new(),
        };
        let mut event = RecordedEvent { first: at(0), last: at(0), count: 1, event };
        assert_eq!(last_seen(&event, at(5)), "5s");
        (event.last, event.count) = (at(60), 3);
        assert_eq!(last_seen(&event, at(130)), "70s (x3 over 2m10s)");
    }
}
