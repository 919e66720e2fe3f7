//! The sandboxes of a runtime.

use std::sync::{Arc, OnceLock};

use crate::dirs::Dirs;
use crate::error::RuntimeError;

/// Where the sandboxes of a runtime and of all handles on its pods are: looked for when that is first needed, and once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sandboxes(Arc<OnceLock<pod_sandbox::Runtime>>);

impl Sandboxes {
    pub fn of(&self, dirs: &Dirs) -> Result<&pod_sandbox::Runtime, RuntimeError> {
        if let Some(sandboxes) = self.0.get() {
            return Ok(sandboxes);
        }
        let sandboxes = pod_sandbox::Runtime::open(dirs.sandboxes())?;
        Ok(self.0.get_or_init(|| sandboxes))
    }
}
