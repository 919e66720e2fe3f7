//! What is shown, and how.

use std::time::Duration;

use clap::{Args, ValueEnum};
use pod_spec::{Selector, Time};

use crate::span;

#[derive(Debug, Args)]
pub struct Check {
    /// The manifests; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
    /// A manifest
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<String>,
    /// `json`: everything as data
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<CheckFormat>,
}

impl Check {
    pub fn json(&self) -> bool {
        self.output == Some(CheckFormat::Json)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    Json,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// The field: `pod.spec.containers.ports`
    #[arg(value_name = "FIELD")]
    pub field: String,
    /// The names of all fields within
    #[arg(long)]
    pub recursive: bool,
}

#[derive(Debug, Args)]
pub struct Get {
    /// `pods`, `pods NAME…` or `pod/NAME…`; the same with `configmaps` (`cm`), `secrets` and
    /// `persistentvolumeclaims` (`pvc`)
    #[arg(required = true, value_name = "pods [NAME]…")]
    pub targets: Vec<String>,
    /// Those of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Those whose labels are so: `app=web,tier!=cache`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<Selector>,
    /// How to print them
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Format>,
    /// Leave the headings out
    #[arg(long)]
    pub no_headers: bool,
    /// With their labels in a column
    #[arg(long)]
    pub show_labels: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table with more columns
    Wide,
    /// The whole objects
    Yaml,
    /// The whole objects
    Json,
    /// `pod/NAME` and the like only
    Name,
}

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

#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// The pod
    #[arg(required_unless_present = "selector", conflicts_with = "selector")]
    pub pod: Option<String>,
    /// Which container, as a word
    #[arg(hide = true, conflicts_with_all = ["container", "all_containers"])]
    pub container_word: Option<String>,
    /// Pods whose labels are so: `app=web,tier!=cache`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<Selector>,
    /// Which container [default: the first main one]
    #[arg(short, long, value_name = "NAME", conflicts_with = "all_containers")]
    pub container: Option<String>,
    /// All containers of the pod, in the order in which they start
    #[arg(long)]
    pub all_containers: bool,
    /// Go on until the container has ended for good
    #[arg(short, long)]
    pub follow: bool,
    /// The run before the current one
    #[arg(short, long, conflicts_with = "follow")]
    pub previous: bool,
    /// Only this many of the last lines; -1 means all [default: -1, or 10 with a selector]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub tail: Option<i64>,
    /// Only what was written in the last 5s, 2m or 3h
    #[arg(long, value_name = "SPAN", value_parser = span::parse, conflicts_with = "since_time")]
    pub since: Option<Duration>,
    /// Only what was written at this moment or later: 2026-01-02T03:04:05Z
    #[arg(long, value_name = "TIME", value_parser = Time::parse)]
    pub since_time: Option<Time>,
    /// Stop after so many bytes
    #[arg(long, value_name = "N")]
    pub limit_bytes: Option<usize>,
    /// Begin each line with the moment it was written
    #[arg(long)]
    pub timestamps: bool,
    /// Begin each line with its pod and container
    #[arg(long)]
    pub prefix: bool,
    /// So many logs may be followed at once
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub max_log_requests: usize,
}
