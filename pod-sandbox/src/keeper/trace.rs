//! What the keeper and its children have to say when nobody listens.
//!
//! Warnings of this crate go to the keeper's log. What libcontainer traces as errors is collected in the process that
//! calls it, since its error values leave the detail out.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber, span};

/// The errors of this process, once it has begun to collect them.
static COLLECTED: OnceLock<Mutex<Vec<String>>> = OnceLock::new();

thread_local! {
    /// In a keeper's one thread, and not globally: what it forks may come to have a subscriber of its own.
    static SUBSCRIBED: Cell<Option<DefaultGuard>> = const { Cell::new(None) };
}

/// Sends warnings to what is the standard error now, for the rest of this process and those it forks: in there the
/// standard error becomes the container's.
pub(super) fn log_to_stderr() -> io::Result<()> {
    let log = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    SUBSCRIBED.set(Some(tracing::subscriber::set_default(Writer(log))));
    Ok(())
}

/// Ends that for this process.
pub(super) fn stop() {
    SUBSCRIBED.take();
}

/// Starts collecting errors, for the rest of this process.
pub(super) fn collect() {
    COLLECTED.get_or_init(Mutex::default);
}

/// The errors traced since [`collect`], one text for each.
pub(super) fn collected() -> Vec<String> {
    let lock =
        |all: &Mutex<Vec<String>>| all.lock().unwrap_or_else(PoisonError::into_inner).clone();
    COLLECTED.get().map(lock).unwrap_or_default()
}

struct Writer(File);

impl Subscriber for Writer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line(String::new());
        event.record(&mut line);
        line.0.retain(|c| c != '\n');
        if let Some(all) = COLLECTED.get().filter(|_| *metadata.level() == Level::ERROR) {
            all.lock().unwrap_or_else(PoisonError::into_inner).push(line.0.clone());
        }
        line.0.push('\n');
        // libcontainer warns of what it is meant to do without.
        if metadata.target().starts_with(env!("CARGO_CRATE_NAME")) {
            let now = DateTime::<Utc>::from(SystemTime::now())
                .to_rfc3339_opts(SecondsFormat::Millis, true);
            let _ =
                (&self.0).write_all(format!("{now} {} {}", metadata.level(), line.0).as_bytes());
        }
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = if field.name() == "message" {
            let text = format!("{value:?}");
            self.0.insert_str(0, &text);
            Ok(())
        } else {
            write!(self.0, " ({}: {value:?})", field.name())
        };
    }
}
