//! Objects in kubectl's words: `pod describe`.

mod config;
mod container;
mod environment;
mod pod;
mod state;
mod tabs;
mod volume;
mod workload;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::DateTime;
use pod_spec::Time;

use crate::commands::events::last_seen;
use crate::error::CliError;
use crate::item::Item;
use crate::resource::Kind;

/// A word that does not stand in one line with its key.
const LONG: usize = 140;

/// An object, and what happened to it, where that is to be shown.
pub fn describe(item: &Item, events: Option<&[Item]>, now: Time) -> Result<String, CliError> {
    let mut page = Page::default();
    match item.kind {
        Kind::Pod => pod::describe(&mut page, &item.read()?, now),
        Kind::ConfigMap => config::config_map(&mut page, &item.read()?),
        Kind::Secret => config::secret(&mut page, &item.read()?),
        Kind::PersistentVolumeClaim => config::claim(&mut page, &item.read()?),
        Kind::Deployment => workload::deployment(&mut page, &item.read()?),
        Kind::Job => workload::job(&mut page, &item.read()?),
        Kind::Event => config::event(&mut page, &item.object),
    }
    if let Some(events) = events
        && !matches!(item.kind, Kind::Secret | Kind::Event)
    {
        page.events(events, now);
    }
    Ok(page.text())
}

/// Lines of cells, indented by levels.
#[derive(Debug, Default)]
struct Page {
    text: String,
    level: usize,
}

impl Page {
    /// One line; tabs part its cells.
    fn line(&mut self, text: impl AsRef<str>) {
        let indent = "  ".repeat(self.level);
        let _ = writeln!(self.text, "{indent}{}", text.as_ref());
    }

    /// A name and its value.
    fn pair(&mut self, name: &str, value: impl AsRef<str>) {
        self.line(format!("{name}:\t{}", value.as_ref()));
    }

    /// As [`pair`](Self::pair), where there is a value.
    fn some(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value.filter(|value| !value.as_ref().is_empty()) {
            self.pair(name, value);
        }
    }

    /// Lines that stand one level deeper.
    fn within(&mut self, write: impl FnOnce(&mut Self)) {
        self.level += 1;
        write(self);
        self.level -= 1;
    }

    /// Words each on its own line, the first beside the name; long ones below their keys.
    fn words(&mut self, name: &str, words: &BTreeMap<String, String>, between: &str) {
        if words.is_empty() {
            return self.pair(name, "<none>");
        }
        for (i, (key, value)) in words.iter().enumerate() {
            let name = if i == 0 { format!("{name}:") } else { String::new() };
            if !value.contains('\n') && key.len() + value.len() < LONG {
                self.line(format!("{name}\t{key}{between}{value}"));
                continue;
            }
            self.line(format!("{name}\t{key}{}", between.trim_end()));
            value.lines().for_each(|line| self.line(format!("\t  {line}")));
        }
    }

    fn labels(&mut self, metadata: &pod_spec::ObjectMeta) {
        self.words("Labels", &metadata.labels, "=");
        self.words("Annotations", &metadata.annotations, ": ");
    }

    fn events(&mut self, events: &[Item], now: Time) {
        if events.is_empty() {
            return self.pair("Events", "<none>");
        }
        self.line("Events:");
        self.within(|page| {
            page.line("Type\tReason\tAge\tFrom\tMessage");
            page.line("----\t------\t----\t----\t-------");
            for Item { object, .. } in events {
                let text =
                    |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                page.line(format!(
                    "{}\t{}\t{}\t{}\t{}",
                    text(&object["type"]),
                    text(&object["reason"]),
                    last_seen(object, now),
                    text(&object["source"]["component"]),
                    text(&object["message"]).replace('\n', " "),
                ));
            }
        });
    }

    fn text(self) -> String {
        tabs::align(&self.text)
    }
}

/// A moment as RFC 1123 has it, in UTC.
fn moment(time: Time) -> String {
    DateTime::from_timestamp_nanos(time.as_nanos()).format("%a, %d %b %Y %H:%M:%S %z").to_string()
}

/// `True` or `False`.
fn title(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

#[cfg(test)]
mod tests;
