//! Measures the floor, the `pod` command and its peers in one run.
//!
//! `pod-bench [pull] [--pod PATH] [--floor PATH] [--runs N]`; the result is Markdown. With `pull`, it is images that are
//! pulled, without it pods that are brought up and taken down.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use pod_bench::runner::{Options, run, run_pull};

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
    let measure = match words.next_if(|word| word == "pull") {
        Some(_) => run_pull,
        None => run,
    };
    let options = Options::parse(words)?;
    Ok(write!(std::io::stdout(), "{}", measure(&options)?)?)
}
