//! What ties the processes of a sandbox to the life of its keeper.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::getpid;

use crate::sys;

/// A descriptor for the keeper, which its children carry until they execute a program.
#[derive(Debug, Clone)]
pub(super) struct Tether(Rc<OwnedFd>);

impl Tether {
    /// To the calling process.
    pub fn to_this_process() -> io::Result<Self> {
        Ok(Self(Rc::new(sys::pidfd_open(getpid())?)))
    }

    /// Has the calling process, a child of the keeper, killed when the keeper ends; ends at once when it has.
    ///
    /// A change of user takes the tie back, the execution of a program keeps it.
    pub fn tie(&self) -> io::Result<()> {
        sys::die_with_parent()?;
        // The kernel tells nobody of a parent that was dead before.
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::ZERO) {
            Ok(0) => Ok(()),
            Ok(_) => sys::exit_now(1),
            Err(e) => Err(e.into()),
        }
    }
}
