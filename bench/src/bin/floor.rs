//! Prints what a pod costs at least, as one line of JSON for each measurement.
//!
//! `floor [--runs K] [--containers N[,N…]]`

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use pod_bench::floor::{FloorError, Pod};

fn main() -> ExitCode {
    match arguments().and_then(|(runs, containers)| measure(runs, &containers)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "error: {error}{cause}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<(usize, Vec<usize>), Box<dyn Error>> {
    let (mut runs, mut containers) = (10, vec![1, 2, 5]);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or("an option without its value")?;
        match word.as_str() {
            "--runs" => runs = value.parse()?,
            "--containers" => {
                containers = value.split(',').map(str::parse).collect::<Result<_, _>>()?;
            }
            _ => return Err(format!("unknown option {word}").into()),
        }
    }
    Ok((runs, containers))
}

fn measure(runs: usize, containers: &[usize]) -> Result<(), Box<dyn Error>> {
    for _ in 0..runs {
        for &count in containers {
            // At once: whoever started this program times it by the line.
            let say = |what, us| {
                let line = serde_json::json!({"what": what, "containers": count, "us": us});
                writeln!(std::io::stdout(), "{line}")
            };
            let (up, pod) = timed(|| Pod::up(count))?;
            say("up", up)?;
            let (exec, ()) = timed(|| pod.exec())?;
            say("exec", exec)?;
            let (down, ()) = timed(|| pod.down())?;
            say("down", down)?;
        }
    }
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> Result<T, FloorError>) -> Result<(u64, T), FloorError> {
    let start = Instant::now();
    let done = work()?;
    Ok((u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX), done))
}
