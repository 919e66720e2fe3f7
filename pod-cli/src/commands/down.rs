//! `pod down`: takes away what `pod up` and `pod apply` have made.

use clap::Args;

use crate::args::{DryRun, DryRunKind, Globals, Selection};
use crate::commands::delete::{self, Cascade, Delete};
use crate::error::CliError;
use crate::manifest::Files;

#[derive(Debug, Args)]
pub struct Down {
    /// The pods
    #[arg(value_name = "NAME", required_unless_present = "filename", conflicts_with = "filename")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub files: Files,
    /// Seconds between SIGTERM and SIGKILL [default: the pod's own]
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..))]
    pub timeout: Option<i64>,
}

/// Deletes all of it; what is not there has been taken away already.
pub fn run(globals: &Globals, args: Down) -> Result<u8, CliError> {
    let of_pod = |name: String| if name.contains('/') { name } else { format!("pod/{name}") };
    let selection = Selection {
        targets: args.names.into_iter().map(of_pod).collect(),
        selector: None,
        field_selector: None,
        all_namespaces: false,
        files: args.files,
    };
    let delete = Delete {
        cascade: Cascade::Background,
        selection,
        all: false,
        grace_period: args.timeout,
        now: false,
        force: false,
        wait: true,
        ignore_not_found: true,
        dry_run: DryRun { dry_run: DryRunKind::None },
        output: None,
    };
    delete::run(globals, &delete)
}
