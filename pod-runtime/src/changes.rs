//! The status of a pod after each change.

use std::time::Duration;

use pod_spec::PodStatus;

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
    changed: Changed,
    last: Option<PodStatus>,
}

impl Changes {
    pub(crate) fn new(pod: PodHandle) -> Result<Self, RuntimeError> {
        let changed =
            Changed::of(&pod.state()).map_err(RuntimeError::io("watch the pod's directory"))?;
        Ok(Self { pod, changed, last: None })
    }

    /// Waits for a status that differs from the one before; `None` when the pod is gone.
    ///
    /// # Errors
    /// When the pod's state cannot be read.
    pub async fn next(&mut self) -> Result<Option<PodStatus>, RuntimeError> {
        loop {
            match self.pod.status() {
                Ok(status) if self.last.as_ref() != Some(&status) => {
                    self.last = Some(status.clone());
                    return Ok(Some(status));
                }
                Ok(_) => {}
                Err(RuntimeError::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
            if let Ok(changed) = tokio::time::timeout(HEARTBEAT, self.changed.next()).await {
                changed.map_err(RuntimeError::io("watch the pod's directory"))?;
            }
        }
    }
}
