//! The engine's own messages, to its stderr.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// The most detailed level that is written; `POD_LOG` sets it, `info` by default.
fn level() -> Level {
    std::env::var("POD_LOG").ok().and_then(|l| l.parse().ok()).unwrap_or(Level::INFO)
}

/// Writes the messages of this project to stderr, one line each, from now on, unless the program has a subscriber of
/// `tracing` already. `POD_LOG` names the most detailed level; `info` by default.
pub fn to_stderr() {
    // A program that embeds the engine may have its own way already.
    let _ = tracing::subscriber::set_global_default(Stderr(level()));
}

struct Stderr(Level);

impl Subscriber for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.0 && metadata.target().starts_with("pod_")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} {}:", crate::clock::now(), event.metadata().level()));
        event.record(&mut line);
        line.0.push('\n');
        let _ = std::io::stderr().write_all(line.0.as_bytes());
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}
