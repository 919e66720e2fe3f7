//! What a pod's network is to consist of.

use std::os::fd::BorrowedFd;

use crate::{NetworkError, bring_up_loopback};

/// What a network namespace is to hold once it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Network {
    /// The loopback interface alone: the containers of the pod reach each other.
    #[default]
    Loopback,
}

impl Network {
    /// Makes the namespace `netns` so. Doing it twice is the same as doing it once.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] names the step that failed. What was already set up stays:
    /// it ends with the namespace.
    pub fn set_up(&self, netns: BorrowedFd<'_>) -> Result<(), NetworkError> {
        match self {
            Self::Loopback => bring_up_loopback(netns),
        }
    }
}
