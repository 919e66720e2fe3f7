//! The loopback interface.

use std::os::fd::{AsFd, BorrowedFd};

use crate::netns::control_socket;
use crate::{NetworkError, sys};

const LOOPBACK: &str = "lo";

/// Brings up `lo` inside `netns`, which gives it 127.0.0.1 and `::1`.
///
/// The caller's threads stay where they are. An interface that is already up is
/// left as it is.
///
/// # Errors
///
/// [`NetworkError`] names the step that failed; the namespace is then unchanged.
pub fn bring_up_loopback(netns: BorrowedFd<'_>) -> Result<(), NetworkError> {
    let socket = control_socket(netns)?;
    sys::set_interface_up(socket.as_fd(), LOOPBACK)
        .map_err(|source| NetworkError::Interface { interface: LOOPBACK, source })
}
