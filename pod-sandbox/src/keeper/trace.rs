//! Collects what libcontainer traces as errors, since its error values leave the detail out.

use std::fmt::{self, Write};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write as _};

use nix::sys::memfd::{MFdFlags, memfd_create};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

/// The errors traced since [`collect`], by this process and the ones it forked.
#[derive(Debug)]
pub(super) struct Traces(File);

/// Starts collecting, for the rest of this process.
pub(super) fn collect() -> Option<Traces> {
    let file = File::from(memfd_create("traces", MFdFlags::MFD_CLOEXEC).ok()?);
    let shared = file.try_clone().ok()?;
    // A copy of the keeper may have its own subscriber; it is the same process-wide setting, set at most once.
    let _ = tracing::subscriber::set_global_default(Collector(shared));
    Some(Traces(file))
}

impl Traces {
    /// One text for each error.
    pub fn read(mut self) -> Vec<String> {
        let mut text = String::new();
        let _ = self.0.seek(SeekFrom::Start(0)).and_then(|_| self.0.read_to_string(&mut text));
        text.lines().map(str::to_owned).collect()
    }
}

struct Collector(File);

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        line.0.retain(|c| c != '\n');
        line.0.push('\n');
        let _ = (&self.0).write_all(line.0.as_bytes());
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
