//! Measures the floor, the `pod` command and its peers in one run.
//!
//! `pod-bench [--pod PATH] [--floor PATH] [--runs N]`; the result is Markdown.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use pod_bench::runner::{Options, run};

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
    let options = Options::parse(std::env::args().skip(1))?;
    Ok(write!(std::io::stdout(), "{}", run(&options)?)?)
}
