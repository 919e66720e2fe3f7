//! Terminals, as those who sit at one see them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use crate::sys;

/// How many characters a terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters of a line.
    pub columns: u16,
}

impl TerminalSize {
    /// The size of a terminal that is open, such as the standard input.
    ///
    /// # Errors
    /// When it is no terminal.
    pub fn of(terminal: impl AsFd) -> io::Result<Self> {
        let (rows, columns) = sys::window_size(terminal.as_fd())?;
        Ok(Self { rows, columns })
    }
}

/// The outer side of a container's terminal: what is written to it, the container's programs read as if it were typed.
///
/// It does not block: a write may find no room ([`io::ErrorKind::WouldBlock`]) when nobody reads in the container.
#[derive(Debug)]
pub struct Terminal(OwnedFd);

impl Terminal {
    pub(crate) fn new(outer: OwnedFd) -> Self {
        Self(outer)
    }

    /// Tells the container's programs another size, by SIGWINCH.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn resize(&self, size: TerminalSize) -> io::Result<()> {
        sys::set_window_size(self.0.as_fd(), size.rows, size.columns)
    }

    /// Another descriptor for it, to write to. Of a terminal that was executed with, also to read from; what an attached
    /// one shows comes by its output instead.
    ///
    /// # Errors
    /// When there are too many descriptors.
    pub fn try_clone(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
