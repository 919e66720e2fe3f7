//! Measures the floor, the `pod` command and its peers in one run.
//!
//! `pod-bench [pull|read] [--pod PATH] [--floor PATH] [--runs N]`; the result is Markdown. With `pull`, it is images that are
//! pulled, with `read` many pods that are looked at, and without either pods that are brought up and taken down.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use pod_bench::runner::{Options, RunnerError, run, run_pull, run_read};

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "error: {error}{cause}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1).peekable();
    let measure: fn(&Options) -> Result<String, RunnerError> =
        match words.next_if(|word| word == "pull" || word == "read").as_deref() {
            Some("pull") => run_pull,
            Some(_) => run_read,
            None => run,
        };
    let options = Options::parse(words)?;
    Ok(write!(std::io::stdout(), "{}", measure(&options)?)?)
}
