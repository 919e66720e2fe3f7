//! How long it takes to pull an image.
//!
//! All subjects pull the same image from the same registry on the loopback device, in turn, each time into an empty
//! directory; that takes about 500 MB of disk space for each run. What podman and skopeo write may still be in memory when
//! they end; what `pod` writes is on the disk.

mod subject;

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pod_tests::image::{Layer, Recipe, Registry};
use tempfile::TempDir;

use super::command::{is_installed, timed};
use super::{Options, RunnerError, host};
use subject::Subject;

/// The image's name in the registry.
const IMAGE: &str = "pod/bench:1";

/// How many bytes of files each of the image's layers holds, about.
const LAYER: usize = 50 << 20;

/// Where the layers' files come from, below `/`.
const SOURCES: [&str; 3] = ["usr/bin", "usr/lib", "usr/share"];

/// Pulls as the options say and returns the result in Markdown. Nothing of what is pulled is left.
///
/// # Errors
///
/// [`RunnerError`] when the scratch directory cannot be used.
///
/// # Panics
///
/// When the registry cannot be started, or the image cannot be made.
pub fn run_pull(options: &Options) -> Result<String, RunnerError> {
    let step = |step| move |source| RunnerError { step, source };
    let programs = ["docker-registry", "skopeo"];
    if let Some(missing) = programs.into_iter().find(|name| !is_installed(name)) {
        return Ok(format!("pull: {missing} is {}\n", super::subject::NOT_INSTALLED));
    }
    let scratch = TempDir::with_prefix("pod-bench-").map_err(step("make a directory"))?;
    let target = scratch.path().to_string_lossy();
    let registry = Registry::with(&[image()], &target, &scratch.path().join("registry"));
    let place = format!("{}/{IMAGE}", registry.host());
    let config = scratch.path().join("registries.conf");
    let text = format!("[[registry]]\nlocation = \"{}\"\ninsecure = true\n", registry.host());
    fs::write(&config, text).map_err(step("write registries.conf"))?;

    let mut columns: Vec<Column> =
        subject::all(&options.pod, &config, &place).into_iter().map(Column::new).collect();
    for round in 0..options.runs {
        for (index, column) in columns.iter_mut().enumerate() {
            // It stays until the end: some file systems are slow to make files where others have just been removed.
            column.measure(&scratch.path().join(format!("{round}-{index}")));
        }
    }
    Ok(render(&columns, options.runs))
}

/// An image of three layers with files of this machine.
fn image() -> Recipe {
    let layer = |source: &str| {
        Layer::Script(format!(
            "(cd / && find {source} -xdev \\( -type f -o -type l \\) -size -40960k -printf '%s %p\\n' | sort -k2 | \
             awk 'sum + $1 <= {LAYER} {{ sum += $1; sub(/^[0-9]+ /, \"\"); print }}' | \
             tar -cf - -T -) | tar -xf -"
        ))
    };
    Recipe {
        name: IMAGE.to_owned(),
        layers: SOURCES.map(layer).to_vec(),
        config: serde_json::json!({"Cmd": ["sh"]}),
    }
}

/// What one subject did.
struct Column {
    subject: Subject,
    times: Vec<Duration>,
    failure: Option<String>,
}

impl Column {
    fn new(subject: Subject) -> Self {
        let failure = subject.missing().then(|| super::subject::NOT_INSTALLED.to_owned());
        Self { subject, times: Vec::new(), failure }
    }

    fn measure(&mut self, dir: &Path) {
        if self.failure.is_some() {
            return;
        }
        let settled = timed(&mut Command::new("sync"));
        match settled.and_then(|_| timed(&mut self.subject.command(dir))) {
            Ok(time) => self.times.push(time),
            Err(error) => self.failure = Some(error),
        }
    }

    fn median(&self) -> Option<f64> {
        let mut times = self.times.clone();
        times.sort();
        times.get(times.len() / 2).map(Duration::as_secs_f64)
    }
}

fn render(columns: &[Column], runs: usize) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut text, columns, runs);
    text
}

fn write_all(text: &mut String, columns: &[Column], runs: usize) -> std::fmt::Result {
    writeln!(
        text,
        "{}; pull of {} layers, about {} MB unpacked, median of {runs} runs\n",
        host::describe(),
        SOURCES.len(),
        (SOURCES.len() * LAYER) >> 20
    )?;
    writeln!(text, "| | ms | ratio to pod |\n|---|---:|---:|")?;
    let pod = columns.first().and_then(Column::median);
    for column in columns {
        let name = column.subject.name();
        match (column.median(), pod, &column.failure) {
            (Some(own), Some(pod), None) => {
                writeln!(text, "| {name} | {:.0} | {:.2} |", own * 1e3, own / pod)?;
            }
            (_, _, Some(failure)) => writeln!(text, "| {name} | {failure} | |")?,
            (own, ..) => writeln!(text, "| {name} | {:.0} | |", own.unwrap_or_default() * 1e3)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_says_so() {
        let subjects = subject::all(Path::new("/nonexistent"), Path::new("/c"), "h/i:1");
        let mut columns: Vec<_> = subjects.into_iter().map(Column::new).collect();
        for (column, seconds) in columns[1..].iter_mut().zip([[3, 9, 1], [4, 2, 8]]) {
            column.failure = None;
            column.times = seconds.map(Duration::from_secs).to_vec();
        }
        let text = render(&columns, 3);
        assert!(text.contains("| `pod image pull` | not installed | |\n"), "{text}");
        columns[0].failure = None;
        columns[0].times = vec![Duration::from_secs(2)];
        let text = render(&columns, 3);
        assert!(text.contains("| `pod image pull` | 2000 | 1.00 |\n"), "{text}");
        assert!(
            text.contains(" | 3000 | 1.50 |\n") && text.contains(" | 4000 | 2.00 |\n"),
            "{text}"
        );
    }
}
