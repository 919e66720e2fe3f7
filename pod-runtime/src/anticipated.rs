//! The keeper of the next pod, which starts up before the pod is known.

use std::sync::{Arc, Mutex, PoisonError};

use pod_sandbox::Preparation;

/// What [`Runtime::anticipate`](crate::Runtime::anticipate) has begun, for the handle's copies to share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Anticipated(Arc<Mutex<Option<Preparation>>>);

impl Anticipated {
    pub fn put(&self, preparation: Preparation) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(preparation);
    }

    pub fn take(&self) -> Option<Preparation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
