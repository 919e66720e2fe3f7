//! Waiting in the event loop until something can be read. The only place of this crate with `unsafe` code.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Something with a descriptor, registered with the event loop.
#[derive(Debug)]
pub(crate) struct Readable<T: AsFd>(AsyncFd<Holder<T>>);

#[derive(Debug)]
struct Holder<T>(T);

impl<T: AsFd> AsRawFd for Holder<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl<T: AsFd> Readable<T> {
    /// Registers it. `T` must have the same descriptor for as long as it lives, as everything of this project does.
    pub fn new(inner: T) -> io::Result<Self> {
        // SAFETY: `AsFd` borrows the descriptor from `inner`, which owns it, is owned by the registration, and is only
        // handed out by reference. The safe constructor is deprecated because it would take any `AsRawFd`.
        let fd = unsafe { AsyncFd::register_with_interest(Holder(inner), Interest::READABLE) };
        Ok(Self(fd?))
    }

    /// What is registered. It must keep its descriptor.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.0.get_mut().0
    }

    /// Waits until `read` gives something; `Ok(None)` from it means that there is nothing to be read for now.
    pub async fn read<R, E>(
        &mut self,
        mut read: impl FnMut(&mut T) -> Result<Option<R>, E>,
    ) -> Result<R, ReadError<E>> {
        loop {
            let mut ready = self.0.readable_mut().await.map_err(ReadError::Wait)?;
            match read(&mut ready.get_inner_mut().0).map_err(ReadError::Read)? {
                Some(result) => return Ok(result),
                None => ready.clear_ready(),
            }
        }
    }
}

/// Why nothing was read.
#[derive(Debug)]
pub(crate) enum ReadError<E> {
    /// The event loop is going away.
    Wait(io::Error),
    /// Reading failed.
    Read(E),
}
