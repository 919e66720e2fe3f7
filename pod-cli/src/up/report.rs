//! How pods ended, in a file for programs.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pod_spec::Time;
use pod_spec::status::ContainerStatus;
use serde_json::{Value, json};

use crate::up::{Outcome, exit_code};

const NANOSECONDS: f64 = 1e9;

/// Where the report goes, and its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    form: Form,
    file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Junit,
}

impl FromStr for Report {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (form, file) = match text.split_once('=') {
            Some(("json", file)) => (Form::Json, file),
            Some(("junit", file)) => (Form::Junit, file),
            _ => return Err("give json=FILE or junit=FILE"),
        };
        if file.is_empty() {
            Err("the file has no name")
        } else {
            Ok(Self { form, file: file.into() })
        }
    }
}

impl Report {
    /// Writes the report as a whole.
    pub fn write(&self, pods: &[Outcome<'_>], code: u8) -> io::Result<()> {
        let text = match self.form {
            Form::Json => format!("{:#}\n", json_of_all(pods, code)),
            Form::Junit => junit_of_all(pods),
        };
        let aside = aside(&self.file);
        fs::write(&aside, text)?;
        fs::rename(aside, &self.file)
    }
}

/// The name of what becomes a file.
fn aside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// One container and how it ended.
struct Ended<'a> {
    name: &'a str,
    code: Option<i32>,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    restarts: u32,
    seconds: f64,
}

/// All containers but sidecars, whose codes do not count.
fn ended<'a>(
    Outcome { pod, status, .. }: &Outcome<'a>,
) -> impl Iterator<Item = Ended<'a>> + use<'a> {
    let (all, pod) =
        (status.init_container_statuses.iter().chain(&status.container_statuses), *pod);
    all.filter(|c| !pod.spec().is_sidecar(&c.name)).map(of)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds are shown")]
fn of(container: &ContainerStatus) -> Ended<'_> {
    let last = container.last_state.terminated.as_ref();
    let ended = container.state.terminated.as_ref().or(last);
    let nanoseconds = |time: Option<Time>| time.map(Time::as_nanos);
    let times = ended.and_then(|e| nanoseconds(e.finished_at).zip(nanoseconds(e.started_at)));
    Ended {
        name: &container.name,
        code: ended.map(|e| e.exit_code),
        reason: ended.and_then(|e| e.reason.as_deref()),
        message: ended.and_then(|e| e.message.as_deref()),
        restarts: container.restart_count,
        seconds: times.map_or(0.0, |(end, start)| end.saturating_sub(start) as f64 / NANOSECONDS),
    }
}

/// One pod as it is, several in a list.
fn json_of_all(pods: &[Outcome<'_>], code: u8) -> Value {
    if let [pod] = pods {
        return json_of(pod, code);
    }
    let each = |pod: &Outcome<'_>| json_of(pod, exit_code(&[*pod]));
    json!({"exitCode": code, "pods": pods.iter().map(each).collect::<Vec<_>>()})
}

fn json_of(pod: &Outcome<'_>, code: u8) -> Value {
    let container = |c: Ended<'_>| {
        json!({
            "name": c.name,
            "exitCode": c.code,
            "reason": c.reason,
            "message": c.message,
            "restarts": c.restarts,
            "seconds": c.seconds,
        })
    };
    json!({
        "namespace": pod.pod.namespace(),
        "pod": pod.pod.name(),
        "phase": pod.status.phase.as_str(),
        "exitCode": code,
        "containers": ended(pod).map(container).collect::<Vec<_>>(),
    })
}

/// One suite as it is, several together.
fn junit_of_all(pods: &[Outcome<'_>]) -> String {
    let suites: String = pods.iter().map(junit).collect();
    let suites = match pods {
        [_] => suites,
        _ => format!("<testsuites>\n{suites}</testsuites>\n"),
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{suites}")
}

/// A suite of one test for each container, which fails with another code than 0.
fn junit(pod: &Outcome<'_>) -> String {
    let (mut cases, mut tests, mut failures, mut time) = (String::new(), 0, 0, 0.0_f64);
    for container in ended(pod) {
        tests += 1;
        time = time.max(container.seconds);
        let (class, name) = (escaped(pod.pod.name()), escaped(container.name));
        let _ = write!(
            cases,
            "  <testcase classname=\"{class}\" name=\"{name}\" time=\"{:.3}\"",
            container.seconds
        );
        let Some(why) = failure(&container) else {
            cases.push_str("/>\n");
            continue;
        };
        failures += 1;
        let _ = write!(cases, ">\n    <failure message=\"{}\"/>\n  </testcase>\n", escaped(&why));
    }
    let name = escaped(pod.pod.name());
    format!(
        "<testsuite name=\"{name}\" tests=\"{tests}\" \
         failures=\"{failures}\" time=\"{time:.3}\">\n{cases}</testsuite>\n"
    )
}

fn failure(container: &Ended<'_>) -> Option<String> {
    let code = match container.code {
        Some(0) => return None,
        Some(code) => format!("exit code {code}"),
        None => "it has not ended".to_owned(),
    };
    let why = [container.reason, container.message].into_iter().flatten();
    Some([code.as_str()].into_iter().chain(why).collect::<Vec<_>>().join(": "))
}

/// A text in an attribute of XML, which has no form for most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(' '),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_form_and_a_file() {
        let report: Report = "junit=a=b.xml".parse().expect("one");
        assert_eq!(report, Report { form: Form::Junit, file: "a=b.xml".into() });
        for wrong in ["json", "json=", "xml=a"] {
            assert!(wrong.parse::<Report>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn texts_are_safe_in_xml() {
        assert_eq!(escaped("a<b & \"c\"\n\x1b"), "a&lt;b &amp; &quot;c&quot; \u{fffd}");
    }
}
