//! What can go wrong on the floor.

use std::io;

use nix::errno::Errno;

/// A step that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FloorError {
    /// A step of this process failed.
    #[error("cannot {0}")]
    Step(&'static str, #[source] io::Error),
    /// A container failed before it was executed; the text is its own report.
    #[error("a container cannot start: {0}")]
    Container(String),
    /// A command in a container ended other than with success.
    #[error("the command in the container failed")]
    Command,
}

/// Names the step that a result belongs to.
pub(crate) trait Step<T> {
    fn step(self, name: &'static str) -> Result<T, FloorError>;
}

impl<T> Step<T> for Result<T, Errno> {
    fn step(self, name: &'static str) -> Result<T, FloorError> {
        self.map_err(|errno| FloorError::Step(name, errno.into()))
    }
}

impl<T> Step<T> for io::Result<T> {
    fn step(self, name: &'static str) -> Result<T, FloorError> {
        self.map_err(|error| FloorError::Step(name, error))
    }
}
