//! What containers consume.

use std::path::Path;
use std::time::Duration;

use crate::cgroup::Hierarchy;
use crate::config::ContainerId;
use crate::error::CgroupError;

/// What a container has consumed, as its cgroup counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Consumption {
    /// The time that its processes have had processors, over all of them, since it was made.
    pub cpu: Duration,
    /// Its working set in bytes: memory that it uses, without files that can be dropped at once.
    pub memory: u64,
}

impl Consumption {
    /// That of a container in a sandbox with this cgroup; `None` when there is no such container any more. Asks no keeper.
    ///
    /// # Errors
    /// When the machine has no cgroups.
    pub fn of(sandbox: &Path, container: &ContainerId) -> Result<Option<Self>, CgroupError> {
        Ok(Hierarchy::detect()?.consumption(&sandbox.join(container.as_str())))
    }
}
