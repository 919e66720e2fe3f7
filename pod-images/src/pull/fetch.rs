//! One blob from a registry into the store, however often the connection breaks.

use std::sync::Arc;
use std::time::Duration;

use crate::digest::Digest;
use crate::registry::{Registry, RegistryError, RegistryFault, Timing};
use crate::store::{Begin, BlobError, PartialBlob, Session};

use super::PullError;

/// Where the bytes of a blob are told about as they come.
pub(super) trait Watch {
    /// Nobody else fetches it from now on, or somebody does.
    fn fetching(&self, alone: bool);
    /// So many bytes of it are there.
    fn fetched(&self, bytes: u64);
}

/// Fetches a blob of `size` bytes, unless it is there.
///
/// What an earlier attempt has left is gone on with. While another process fetches the blob,
/// this waits, and then takes what that one has got or goes on where it stopped.
pub(super) async fn fetch(
    registry: &Registry,
    session: &Arc<Session>,
    digest: &Digest,
    size: u64,
    watch: &impl Watch,
) -> Result<(), PullError> {
    loop {
        let Begin::Partial(mut blob) = begin(session, digest, size, watch).await? else {
            return Ok(());
        };
        watch.fetching(true);
        let resumed = blob.offset() > 0;
        fill(registry, digest, &mut blob, watch).await?;
        match super::blocking(move || blob.finish()).await? {
            // The part that was there may have been of something else; it is gone now.
            Err(BlobError::Mismatch { .. }) if resumed => {}
            result => return Ok(result?),
        }
    }
}

async fn begin(
    session: &Arc<Session>,
    digest: &Digest,
    size: u64,
    watch: &impl Watch,
) -> Result<Begin, PullError> {
    let at_once = {
        let (session, digest) = (Arc::clone(session), digest.clone());
        super::blocking(move || session.try_begin(&digest, size)).await??
    };
    if let Some(begin) = at_once {
        return Ok(begin);
    }
    watch.fetching(false);
    let (session, digest) = (Arc::clone(session), digest.clone());
    Ok(super::blocking(move || session.begin(&digest, size)).await??)
}

/// Fetches what is missing. An attempt that brought nothing counts; one that did starts anew.
async fn fill(
    registry: &Registry,
    digest: &Digest,
    blob: &mut PartialBlob,
    watch: &impl Watch,
) -> Result<(), PullError> {
    let mut attempts = Attempts::of_one_that_was_reached(registry.timing());
    while blob.offset() < blob.size() {
        let before = blob.offset();
        match stream(registry, digest, blob, watch).await {
            Ok(()) => {}
            Err(PullError::Registry(error)) => {
                if blob.offset() > before {
                    attempts = Attempts::of_one_that_was_reached(registry.timing());
                }
                attempts.failed(*error).await?;
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// One answer of the registry, up to its end or to where it breaks.
async fn stream(
    registry: &Registry,
    digest: &Digest,
    blob: &mut PartialBlob,
    watch: &impl Watch,
) -> Result<(), PullError> {
    let mut stream = registry.blob(digest, blob.offset()).await?;
    if stream.size().is_some_and(|size| size != blob.size()) {
        let fault = "the blob has another length there than in the manifest";
        return Err(stream.error(RegistryFault::Protocol(fault)).into());
    }
    if stream.start() != blob.offset() {
        blob.restart()?;
    }
    while let Some(bytes) = stream.next().await? {
        blob.write(bytes.as_ref())?;
        watch.fetched(blob.offset());
    }
    if blob.offset() < blob.size() {
        return Err(stream.error(RegistryFault::Ended).into());
    }
    Ok(())
}

/// Attempts at the same request, with growing pauses between them.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    timing: &'a Timing,
    reached: bool,
    failed: u32,
    pause: Duration,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(timing: &'a Timing) -> Self {
        Self { timing, reached: false, failed: 0, pause: timing.pause }
    }

    /// Attempts with a registry that has been spoken to before.
    fn of_one_that_was_reached(timing: &'a Timing) -> Self {
        Self { reached: true, ..Self::new(timing) }
    }

    /// Waits until another attempt makes sense; the error comes back when none does.
    pub(super) async fn failed(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        self.failed += 1;
        let asked = error.fault.retry_after().unwrap_or_default();
        if !error.fault.may_pass(self.reached)
            || self.failed >= self.timing.attempts
            || asked > self.timing.patience
        {
            return Err(error);
        }
        tokio::time::sleep(self.pause.max(asked)).await;
        self.pause = self.pause.saturating_mul(2).min(self.timing.patience);
        Ok(())
    }
}
