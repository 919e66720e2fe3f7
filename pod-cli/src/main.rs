//! The `pod` command: Kubernetes Pods on one Linux machine, without Kubernetes.
//!
//! It holds no pod and decides nothing about one: it reads arguments and manifests, asks `pod-runtime`, and prints.

mod args;
mod changing;
mod chosen;
mod cli;
mod columns;
mod commands;
mod configuration;
mod describe;
mod error;
mod event_loop;
mod exit;
mod failures;
mod fields;
mod following;
mod format;
mod generated;
mod item;
mod jsonpath;
mod manifest;
mod object;
mod output;
mod progress;
mod proposal;
mod report;
mod resource;
mod rows;
mod size;
mod span;
mod summary;
mod switches;
mod table;
mod terminal;
mod up;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::Cli;

fn main() -> ExitCode {
    // The processes of a pod are this program too.
    pod_workloads::init();
    let cli = Cli::parse_from(switches::plain(Cli::command, std::env::args_os().collect()));
    match cli::run(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            error.report();
            ExitCode::from(error.exit_code())
        }
    }
}
