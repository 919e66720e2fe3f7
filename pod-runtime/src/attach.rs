//! A client's hold on the standard descriptors of a container.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use pod_sandbox::{Attached, ContainerId, Sandbox};

use crate::error::RuntimeError;
use crate::exec::Streams;
use crate::handle::PodHandle;
use crate::logs::LogLine;
use crate::plan::instance;

/// What [`PodHandle::attach`] gives. Dropping it leaves the container as it is, except that an input that ends with its first
/// client (`stdinOnce`) does.
#[derive(Debug)]
pub struct Attachment {
    /// The container's standard descriptors. What it writes is read from now on, with the unfinished line that it has begun.
    pub streams: Streams,
    log: PathBuf,
    logged: u64,
}

impl Attachment {
    /// What the container had written before, as far as its log still has it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn earlier(&self) -> io::Result<Vec<LogLine>> {
        let mut text = Vec::new();
        File::open(&self.log)?.take(self.logged).read_to_end(&mut text)?;
        Ok(text.split(|b| *b == b'\n').filter_map(LogLine::parse).collect())
    }
}

impl PodHandle {
    /// Attaches to a running container: reads what it writes from now on and, when asked for and where the container has
    /// `stdin`, writes to its standard input. Any number of clients may be attached; one that does not read what the
    /// container writes is let go.
    ///
    /// # Errors
    /// When the container does not run.
    pub async fn attach(&self, container: &str, stdin: bool) -> Result<Attachment, RuntimeError> {
        let act = move |sandbox: &Sandbox, id: &ContainerId| sandbox.attach(id, stdin);
        let (id, attached) = self.in_container(container, act).await?;
        let attempt = instance(&id).map_or(0, |(_, attempt)| attempt);
        let log = self.plan().dirs.log(container, attempt);
        let Attached { stdin, stdout, stderr, terminal, logged, ended } = attached;
        let streams = Streams { stdin, stdout, stderr, terminal, ended };
        Ok(Attachment { streams, log, logged })
    }
}
