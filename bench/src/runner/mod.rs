//! Measures every subject in turn, again and again, and prints the medians.
//!
//! All subjects are measured in one run, one after another in each round, so that
//! what disturbs the machine disturbs them alike. Compare the ratios.

mod command;
mod host;
mod measure;
mod memory;
mod options;
mod pull;
mod read;
mod subject;
mod table;

use std::path::Path;

use tempfile::TempDir;

pub use options::{Options, OptionsError};
pub use pull::run_pull;
pub use read::run_read;

use subject::{Crun, Floor, PodCommand, Podman, Subject};

/// Why there is no result at all. What goes wrong with one subject is in its column.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step}")]
pub struct RunnerError {
    step: &'static str,
    source: std::io::Error,
}

/// Measures as the options say and returns the result in Markdown.
///
/// It moves the calling process, which must have a single thread, into a mount
/// namespace of its own. Nothing of what is started is left.
///
/// # Errors
///
/// [`RunnerError`] when the scratch directory or the namespace cannot be made.
pub fn run(options: &Options) -> Result<String, RunnerError> {
    let step = |step| move |source| RunnerError { step, source };
    host::enter_private_mounts().map_err(step("enter a mount namespace"))?;
    let scratch = TempDir::with_prefix("pod-bench-").map_err(step("make a directory"))?;
    let mut subjects = subjects(options, scratch.path());
    let results: Vec<_> =
        subjects.iter_mut().map(|subject| (subject.name(), subject.set_up())).collect();
    let mut record = measure::Record::new(results);
    for round in 0..options.runs {
        measure::round(&mut subjects, &mut record, round);
    }
    measure::memory(&mut subjects, &mut record);
    for subject in &mut subjects {
        subject.clean_up();
    }
    Ok(table::render(&record, options.runs))
}

fn subjects(options: &Options, scratch: &Path) -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(Floor::new(&options.floor)),
        Box::new(PodCommand::new(&options.pod, scratch)),
        Box::new(Crun::new(scratch)),
        Box::new(Podman::new(scratch)),
    ]
}
