//! `pod top`: what pods consume.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use pod_runtime::{Consumption, PodHandle, Runtime, RuntimeError};
use pod_spec::Selector;

use crate::args::Globals;
use crate::error::CliError;
use crate::{exit, output, resource, table};

/// How long processors are looked at.
const WINDOW: Duration = Duration::from_millis(250);
const MEBIBYTE: u64 = 1 << 20;

#[derive(Debug, Subcommand)]
pub enum Top {
    /// Show what pods consume of processors and memory
    ///
    /// Processors are looked at for a quarter of a second. Memory is the working set: without files that can be dropped.
    #[command(visible_aliases = ["pods", "po"])]
    Pod(TopPod),
}

#[derive(Debug, Args)]
pub struct TopPod {
    /// The pod [default: all]
    #[arg(conflicts_with = "selector")]
    pub name: Option<String>,
    /// Those whose labels are so: `app=web,tier!=cache`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<Selector>,
    /// Those of all namespaces
    #[arg(short = 'A', long, conflicts_with = "name")]
    pub all_namespaces: bool,
    /// Each container by itself
    #[arg(long)]
    pub containers: bool,
    /// The greatest first
    #[arg(long, value_name = "WHAT")]
    pub sort_by: Option<SortBy>,
    /// Leave the headings out
    #[arg(long)]
    pub no_headers: bool,
    /// With the sum of all
    #[arg(long)]
    pub sum: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SortBy {
    Cpu,
    Memory,
}

/// What one line is about, and what that consumes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    namespace: String,
    pod: String,
    container: Option<String>,
    rate: Rate,
}

/// Thousandths of a processor, and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Rate {
    cpu: u64,
    memory: u64,
}

impl Rate {
    fn between(before: Consumption, after: Consumption, window: Duration) -> Self {
        let nanos = after.cpu.saturating_sub(before.cpu).as_nanos() * 1000;
        let cpu = nanos.div_ceil(window.as_nanos().max(1));
        Self { cpu: u64::try_from(cpu).unwrap_or(u64::MAX), memory: after.memory }
    }

    fn and(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, memory: self.memory + other.memory }
    }

    fn words(self) -> [String; 2] {
        [format!("{}m", self.cpu), format!("{}Mi", self.memory / MEBIBYTE)]
    }
}

pub fn run(globals: &Globals, Top::Pod(args): &Top) -> Result<u8, CliError> {
    let runtime = globals.runtime()?;
    let pods = pods(&runtime, globals, args)?;
    let began = Instant::now();
    let before = pods.iter().map(consumed).collect::<Result<Vec<_>, _>>()?;
    thread::sleep(WINDOW);
    let mut lines = Vec::new();
    for (pod, before) in pods.iter().zip(&before) {
        let after = consumed(pod)?;
        lines.extend(lines_of(pod, before, &after, began.elapsed(), args.containers));
    }
    match &args.name {
        Some(name) if lines.is_empty() => return Err(CliError::NotMeasured { name: name.clone() }),
        None if lines.is_empty() => {
            output::none_found((!args.all_namespaces).then(|| globals.namespace()));
            return Ok(exit::OK);
        }
        _ => {}
    }
    match args.sort_by {
        Some(SortBy::Cpu) => lines.sort_by_key(|line| std::cmp::Reverse(line.rate.cpu)),
        Some(SortBy::Memory) => lines.sort_by_key(|line| std::cmp::Reverse(line.rate.memory)),
        None => {}
    }
    output::data(render(args, &lines))?;
    Ok(exit::OK)
}

fn pods(runtime: &Runtime, globals: &Globals, args: &TopPod) -> Result<Vec<PodHandle>, CliError> {
    if let Some(name) = &args.name {
        return Ok(vec![runtime.pod(globals.namespace(), &resource::name(name)?)?]);
    }
    let mut pods = runtime.list((!args.all_namespaces).then(|| globals.namespace()))?;
    pods.retain(|pod| {
        args.selector.as_ref().is_none_or(|selector| selector.matches(&pod.pod().metadata().labels))
    });
    Ok(pods)
}

/// What the containers of a pod have consumed; nothing when it has gone meanwhile.
fn consumed(pod: &PodHandle) -> Result<BTreeMap<String, Consumption>, CliError> {
    match pod.consumption() {
        Ok(consumed) => Ok(consumed.into_iter().collect()),
        Err(RuntimeError::NotFound { .. }) => Ok(BTreeMap::new()),
        Err(error) => Err(error.into()),
    }
}

fn lines_of(
    pod: &PodHandle,
    before: &BTreeMap<String, Consumption>,
    after: &BTreeMap<String, Consumption>,
    window: Duration,
    containers: bool,
) -> Vec<Line> {
    let line = |container, rate| Line {
        namespace: pod.namespace().to_owned(),
        pod: pod.name().to_owned(),
        container,
        rate,
    };
    // One that was started anew has counted from nothing.
    let rates = after.iter().map(|(name, after)| {
        let before = before.get(name).copied().unwrap_or_default();
        (name, Rate::between(before, *after, window))
    });
    if containers {
        return rates.map(|(name, rate)| line(Some(name.clone()), rate)).collect();
    }
    let sum = rates.map(|(_, rate)| rate).reduce(Rate::and);
    sum.map(|rate| line(None, rate)).into_iter().collect()
}

fn render(args: &TopPod, lines: &[Line]) -> String {
    let names: &[&str] = if args.containers { &["POD", "NAME"] } else { &["NAME"] };
    let namespace = args.all_namespaces.then_some("NAMESPACE");
    let names: Vec<&str> = namespace.into_iter().chain(names.iter().copied()).collect();
    let mut rows: Vec<Vec<String>> = lines.iter().map(|line| row(args, line)).collect();
    if args.sum {
        let sum = lines.iter().map(|line| line.rate).fold(Rate::default(), Rate::and);
        let blank = names.iter().map(|_| String::new());
        let dashes = ["________", "________"].map(str::to_owned);
        rows.push(blank.clone().chain(dashes).collect());
        rows.push(blank.chain(sum.words()).collect());
    }
    let heading: Vec<&str> = match args.no_headers {
        true => Vec::new(),
        false => names.into_iter().chain(["CPU(cores)", "MEMORY(bytes)"]).collect(),
    };
    table::render(&heading, &rows)
}

fn row(args: &TopPod, line: &Line) -> Vec<String> {
    let namespace = args.all_namespaces.then(|| line.namespace.clone());
    let names = namespace.into_iter().chain([line.pod.clone()]).chain(line.container.clone());
    names.chain(line.rate.words()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_what_was_consumed_within_a_window() {
        let consumption =
            |millis, memory| Consumption { cpu: Duration::from_millis(millis), memory };
        let window = Duration::from_millis(200);
        let rate = Rate::between(consumption(1000, 1), consumption(1100, 3 * MEBIBYTE + 5), window);
        assert_eq!(rate.words(), ["500m", "3Mi"]);
        let idle = Rate::between(consumption(5, 0), consumption(5, 0), window);
        assert_eq!(idle.words(), ["0m", "0Mi"]);
        let anew = Rate::between(consumption(1000, 0), consumption(1, 0), window);
        assert_eq!(anew.cpu, 0);
    }
}
