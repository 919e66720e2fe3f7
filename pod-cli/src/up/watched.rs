//! One pod of those that `pod up` shows.

use std::rc::Rc;

use pod_runtime::{LogLine, LogOptions, OutputStream, PodHandle, PodStatus, RuntimeError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::error::CliError;
use crate::up::{Narrator, Outcome, Prefixes, Stop, Voice};

/// How much of a line is held back until its end is there.
const MAX_LINE: usize = 256 << 10;

/// A status of the pod at this place of the list, `None` when the pod is gone, or why nothing can be seen of it.
pub type News = (usize, Result<Option<PodStatus>, RuntimeError>);

/// A pod, and what is known of it.
pub struct Watched {
    pub handle: PodHandle,
    pub last: PodStatus,
    pub life: Life,
    /// Whether we have asked it to end.
    pub stop: Stop,
    /// What has still to be told of it.
    tale: Option<Tale>,
}

/// How far a pod has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It may not have begun yet.
    Pending,
    Begun,
    /// It has ended by itself.
    Over,
    /// Nothing is left of it.
    Gone,
}

/// Tells what happens to a pod, and what its containers write.
struct Tale {
    narrator: Narrator,
    logs: JoinSet<Result<(), RuntimeError>>,
}

impl Watched {
    /// Shows from now on what the containers write. `name` is what the pod is called in front of those of its containers.
    pub fn new(handle: PodHandle, name: Option<&str>, prefixes: &Prefixes, voice: &Voice) -> Self {
        let mut logs = JoinSet::new();
        for container in handle.containers() {
            let shown = label(name, container);
            let prefix = prefixes.of(&shown);
            let (handle, container, voice) = (handle.clone(), container.to_owned(), voice.clone());
            logs.spawn_local(async move {
                follow(&handle, &container, prefix, &voice).await?;
                let lost = handle.lost_output(&container)?;
                voice.messages(
                    lost.map(|why| format!("container {shown}: {why}")).into_iter().collect(),
                );
                Ok(())
            });
        }
        let narrator = Narrator::new(handle.pod(), name);
        Self {
            handle,
            last: PodStatus::default(),
            life: Life::Pending,
            stop: Stop::No,
            tale: Some(Tale { narrator, logs }),
        }
    }

    /// Tells of a status that is not the last one.
    pub fn see(&mut self, status: PodStatus, voice: &Voice) {
        if let Some(tale) = &mut self.tale {
            voice.messages(tale.narrator.see(&status));
        }
        self.last = status;
    }

    /// That it ends by SIGTERM is no news from now on.
    pub fn expect_end(&mut self) {
        if let Some(tale) = &mut self.tale {
            tale.narrator.stopping = true;
        }
    }

    /// Shows what the containers wrote last, and only then how the pod ended; `None` when that has been begun already.
    pub fn tell_end(
        &mut self,
        voice: Voice,
    ) -> Option<impl Future<Output = Result<(), CliError>> + use<>> {
        let Tale { mut narrator, mut logs } = self.tale.take()?;
        let last = self.last.clone();
        Some(async move {
            while let Some(followed) = logs.join_next().await {
                match followed.map_err(CliError::io("follow the logs"))? {
                    // Its log went with the pod.
                    Ok(()) | Err(RuntimeError::NotFound { .. }) => {}
                    Err(error) => return Err(CliError::from(error)),
                }
            }
            voice.messages(narrator.see(&last));
            Ok(())
        })
    }

    /// How it ended, as far as it has.
    pub fn outcome(&self) -> Outcome<'_> {
        Outcome { pod: self.handle.pod(), status: &self.last, stop: self.stop }
    }

    /// Whether it has neither ended nor gone.
    pub fn is_left(&self) -> bool {
        matches!(self.life, Life::Pending | Life::Begun)
    }
}

/// What a container is called.
pub fn label(pod: Option<&str>, container: &str) -> String {
    match pod {
        Some(pod) => format!("{pod}/{container}"),
        None => container.to_owned(),
    }
}

/// Sends each status of a pod until it is gone.
pub async fn send_news(place: usize, pod: PodHandle, news: mpsc::UnboundedSender<News>) {
    let mut changes = pod.changes();
    loop {
        let next = changes.next().await;
        let goes_on = matches!(next, Ok(Some(_)));
        if news.send((place, next)).is_err() || !goes_on {
            return;
        }
    }
}

/// Shows what a container writes, over restarts, until it has ended for good.
async fn follow(
    handle: &PodHandle,
    container: &str,
    prefix: String,
    voice: &Voice,
) -> Result<(), RuntimeError> {
    let mut stream =
        handle.logs(container, LogOptions { follow: true, ..LogOptions::default() })?;
    let prefix: Rc<str> = prefix.into();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(line) = stream.next().await? {
        let begun = match line.stream {
            OutputStream::Stdout => &mut stdout,
            OutputStream::Stderr => &mut stderr,
        };
        if let Some(whole) = complete(begun, line, &prefix) {
            voice.data(whole).await;
        }
    }
    for begun in [stdout, stderr].into_iter().filter(|b| !b.is_empty()) {
        voice.data([&begun[..], b"\n"].concat()).await;
    }
    Ok(())
}

/// Adds a piece to a line that has been begun; the line, when it is whole or as long as is bearable.
fn complete(begun: &mut Vec<u8>, piece: LogLine, prefix: &str) -> Option<Vec<u8>> {
    if begun.is_empty() {
        begun.extend_from_slice(prefix.as_bytes());
    }
    begun.extend_from_slice(&piece.text);
    if piece.partial && begun.len() < MAX_LINE {
        return None;
    }
    begun.push(b'\n');
    Some(std::mem::take(begun))
}
