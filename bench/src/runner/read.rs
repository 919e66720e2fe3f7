//! How long it takes to look at many pods, against a program that does nothing.

use std::fmt::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::command::timed;
use super::{Options, RunnerError, host};

/// How many pods there are.
const PODS: usize = 50;
/// A verb that only reads may take so many times as long as `/bin/true`.
const LIMIT: f64 = 15.0;

/// What is measured: lines of the `pod` command.
const LINES: [&str; 12] = [
    "get pods",
    "get pods -o wide",
    "get pods -o json",
    "get pods -o yaml",
    "get pods -o name -l app=web-7",
    "get pods -o jsonpath={.items[*].metadata.name}",
    "get pod web-7",
    "get events",
    "events",
    "describe pod web-7",
    "describe pods",
    "logs web-7",
];

/// Looks at pods as the options say and returns the result in Markdown. The pods are removed again.
///
/// # Errors
///
/// [`RunnerError`] when the scratch directory cannot be used, or the pods cannot be made.
pub fn run_read(options: &Options) -> Result<String, RunnerError> {
    let step = |step| move |source| RunnerError { step, source };
    let scratch = TempDir::with_prefix("pod-bench-").map_err(step("make a directory"))?;
    let pods = Pods { options, root: scratch.path().join("root") };
    let file = scratch.path().join("pods.yaml");
    std::fs::write(&file, manifest()).map_err(step("write the manifest"))?;
    let made = pods.command("apply -f").arg(&file).stdout(Stdio::null()).status();
    made.map_err(step("make the pods"))?;

    let mut times = vec![Vec::new(); LINES.len() + 1];
    let mut failures = Vec::new();
    for _ in 0..options.runs {
        let commands = LINES.iter().map(|line| pods.command(line));
        for (times, mut command) in
            times.iter_mut().zip([Command::new("/bin/true")].into_iter().chain(commands))
        {
            match timed(&mut command) {
                Ok(time) => times.push(time),
                Err(error) => failures.push(format!("{command:?}: {error}")),
            }
        }
    }
    let gone = pods.command("delete pods --all --force").stdout(Stdio::null()).status();
    gone.map_err(step("remove the pods"))?;
    Ok(render(&times, &failures, options.runs))
}

/// The pods that are looked at.
struct Pods<'a> {
    options: &'a Options,
    root: std::path::PathBuf,
}

impl Pods<'_> {
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.options.pod);
        command
            .args(line.split_whitespace())
            .env("POD_ROOT", &self.root)
            .env("POD_NETWORK", "loopback");
        command
    }
}

fn manifest() -> String {
    let pod = |n| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: web-{n}, labels: {{app: web-{n}}}}}\nspec:\n  \
             containers: [{{name: app, image: pod.local/host, command: [sh, -c, 'echo here; exec sleep 1000']}}]\n"
        )
    };
    (0..PODS).map(pod).collect()
}

fn render(times: &[Vec<Duration>], failures: &[String], runs: usize) -> String {
    let median = |times: &Vec<Duration>| {
        let mut times = times.clone();
        times.sort();
        times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
    };
    let floor = times.first().map_or(0.0, median);
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{}; looking at {PODS} pods, median of {runs} runs; the limit is {LIMIT}\n",
        host::describe()
    );
    let _ = writeln!(text, "| | ms | ratio to `/bin/true` |\n|---|---:|---:|");
    let _ = writeln!(text, "| `/bin/true` | {:.1} | 1.0 |", floor * 1e3);
    for (line, times) in LINES.iter().zip(times.iter().skip(1)) {
        let own = median(times);
        let ratio = own / floor;
        let over = if ratio > LIMIT { " **too slow**" } else { "" };
        let _ = writeln!(text, "| `pod {line}` | {:.1} | {ratio:.1}{over} |", own * 1e3);
    }
    failures.iter().for_each(|failure| {
        let _ = writeln!(text, "- {failure}");
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_marked() {
        let mut times = vec![vec![Duration::from_millis(14)]; LINES.len() + 1];
        times[0] = [1, 9, 1].map(Duration::from_millis).to_vec();
        times[2] = vec![Duration::from_millis(16)];
        let text = render(&times, &["`x`: no".to_owned()], 3);
        assert!(text.contains("| `pod get pods` | 14.0 | 14.0 |\n"), "{text}");
        assert!(text.contains("| `pod get pods -o wide` | 16.0 | 16.0 **too slow** |\n"), "{text}");
        assert!(text.ends_with("- `x`: no\n"), "{text}");
    }
}
