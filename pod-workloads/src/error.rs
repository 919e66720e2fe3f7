//! What can go wrong.

use std::io;

use pod_runtime::{ObjectError, RuntimeError};

/// An operation on a Deployment or a Job that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkloadError {
    /// The object is wrong, missing, or cannot be kept.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// A pod cannot be read or removed.
    #[error(transparent)]
    Pod(#[from] RuntimeError),
    /// A file or process operation failed.
    #[error("cannot {action}")]
    Io {
        /// What was tried, with the path.
        action: String,
        /// Why.
        source: io::Error,
    },
}

impl WorkloadError {
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
