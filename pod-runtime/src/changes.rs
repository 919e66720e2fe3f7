//! The status of a pod after each change.

use std::time::Duration;

use pod_spec::PodStatus;

use crate::client::Statuses;
use crate::error::RuntimeError;
use crate::handle::PodHandle;
use crate::notify::Changed;

/// How often the status is looked at although no file has changed: a keeper and engine that were killed together write
/// nothing any more.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The status of a pod, now and after each change, until the pod is gone.
#[derive(Debug)]
pub struct Changes {
    pod: PodHandle,
    signs: Signs,
    last: Option<PodStatus>,
}

/// What tells that the status has changed.
#[derive(Debug)]
enum Signs {
    /// Not asked for yet.
    Unknown,
    /// The engine says so, and how.
    Engine(Statuses),
    /// The engine has ended, well or not. Most often the pod is over then, and nothing more has to be waited for.
    Ended,
    /// Without an engine, the files of the pod. To stop watching files takes the kernel more than ten milliseconds, so this
    /// is the second choice.
    Files(Changed),
}

impl Changes {
    pub(crate) fn new(pod: PodHandle) -> Self {
        Self { pod, signs: Signs::Unknown, last: None }
    }

    /// Waits for a status that differs from the one before; `None` when the pod is gone.
    ///
    /// # Errors
    /// When the pod's state cannot be read.
    pub async fn next(&mut self) -> Result<Option<PodStatus>, RuntimeError> {
        loop {
            let status = match self.look().await {
                Ok(status) => status,
                Err(RuntimeError::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            if self.last.as_ref() != Some(&status) {
                self.last = Some(status.clone());
                return Ok(Some(status));
            }
        }
    }

    /// The status after the next sign of a change.
    ///
    /// Without an engine it is put together from what several processes wrote, each at its own time, and may differ at
    /// each look until the last of them has written. So there is no second look without a sign.
    async fn look(&mut self) -> Result<PodStatus, RuntimeError> {
        match &mut self.signs {
            Signs::Unknown => {
                self.signs = self.listen().await?;
                // The engine begins with the present status. It may be that of another pod, by now, of this name.
                if let Signs::Engine(statuses) = &mut self.signs
                    && self.pod.is_current()?
                    && let Some(status) = statuses.next().await
                {
                    return Ok(status);
                }
            }
            Signs::Engine(statuses) => {
                if let Some(status) = statuses.next().await {
                    return Ok(status);
                }
                self.signs = Signs::Ended;
            }
            Signs::Ended => self.signs = self.files()?,
            Signs::Files(changed) => {
                if let Ok(changed) = tokio::time::timeout(HEARTBEAT, changed.next()).await {
                    changed.map_err(RuntimeError::io("watch the pod's directory"))?;
                }
            }
        }
        self.pod.status()
    }

    async fn listen(&self) -> Result<Signs, RuntimeError> {
        let pod = &self.pod;
        match Statuses::of(&pod.state(), pod.namespace(), pod.name()).await {
            Ok(statuses) => Ok(Signs::Engine(statuses)),
            Err(error) => {
                tracing::debug!(%error, "no engine answers");
                self.files()
            }
        }
    }

    fn files(&self) -> Result<Signs, RuntimeError> {
        let changed = Changed::of(&self.pod.state());
        changed.map(Signs::Files).map_err(RuntimeError::io("watch the pod's directory"))
    }
}
