//! Clients that are attached to containers: each gets a copy of what is written from then on.
//!
//! None of them can hold the container or the keeper up: what a client does not read is kept up to a limit, then the
//! client is let go.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{pipe2, write};

use super::clients::{Client, Clients};
use crate::config::ContainerId;
use crate::error::RequestError;
use crate::protocol::Reply;
use crate::status::Exit;

/// The pipe to a client holds this much, where the system allows it.
const PIPE_SIZE: i32 = 1 << 20;
/// Most that is kept beside it.
const MAX_UNREAD: usize = 4 << 20;

/// A pipe to an attached client.
#[derive(Debug)]
pub(super) struct Tap {
    pipe: OwnedFd,
    unsent: Vec<u8>,
}

impl Tap {
    /// A tap that begins with `first`, and the end that the client reads.
    pub fn new(first: &[u8]) -> io::Result<(Self, OwnedFd)> {
        let (read, pipe) = pipe2(OFlag::O_CLOEXEC)?;
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let _ = fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(PIPE_SIZE));
        Ok((Self { pipe, unsent: first.to_vec() }, read))
    }

    /// Writes what the pipe takes; an error when nobody reads it any more.
    fn flush(&mut self) -> nix::Result<()> {
        while !self.unsent.is_empty() {
            match write(&self.pipe, &self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// One attached client.
#[derive(Debug)]
struct Attachment {
    container: ContainerId,
    /// By the container's streams; without one, where the client does not read it any more.
    taps: [Option<Tap>; 2],
    /// How the container ended, once it has.
    exit: Option<Exit>,
}

impl Attachment {
    fn taps(&self) -> impl Iterator<Item = &Tap> {
        self.taps.iter().flatten()
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Attachments(BTreeMap<Client, Attachment>);

impl Attachments {
    pub fn add(&mut self, client: Client, container: ContainerId, taps: [Option<Tap>; 2]) {
        self.0.insert(client, Attachment { container, taps, exit: None });
    }

    /// The pipes to wait on, and whether there is more to write to them.
    pub fn pipes(&self) -> impl Iterator<Item = (Client, BorrowedFd<'_>, bool)> {
        self.0.iter().flat_map(|(client, attachment)| {
            attachment.taps().map(|tap| (*client, tap.pipe.as_fd(), !tap.unsent.is_empty()))
        })
    }

    /// Passes on what a container has written to one of its streams.
    pub fn copy(&mut self, container: &ContainerId, stream: usize, bytes: &[u8]) {
        for attachment in self.0.values_mut().filter(|a| a.container == *container) {
            if let Some(tap) = &mut attachment.taps[stream] {
                tap.unsent.extend_from_slice(bytes);
                if tap.flush().is_err() {
                    attachment.taps[stream] = None;
                }
            }
        }
    }

    /// Writes what can be written to a client's pipes.
    pub fn flush(&mut self, client: Client) {
        let Some(attachment) = self.0.get_mut(&client) else { return };
        for tap in &mut attachment.taps {
            if tap.as_mut().is_some_and(|tap| tap.flush().is_err()) {
                *tap = None;
            }
        }
    }

    /// A container has ended, and all that it wrote has been passed on.
    pub fn end(&mut self, container: &ContainerId, exit: &Exit) {
        let of_it = self.0.values_mut().filter(|a| a.container == *container);
        of_it.for_each(|attachment| attachment.exit = Some(exit.clone()));
    }

    /// Forgets those that are over: their client has gone, or does not read, or has been given all.
    pub fn settle(&mut self, clients: &mut Clients) {
        self.0.retain(|client, attachment| {
            let answer = match &attachment.exit {
                _ if clients.get_mut(*client).is_none() => return false,
                _ if attachment.taps().any(|tap| tap.unsent.len() > MAX_UNREAD) => {
                    Err(RequestError::Detached { id: attachment.container.to_string() })
                }
                Some(exit) if attachment.taps().all(|tap| tap.unsent.is_empty()) => {
                    Ok(Reply::Exited(exit.clone()))
                }
                _ => return true,
            };
            // The pipes end before the answer is there.
            attachment.taps = [None, None];
            clients.answer(*client, answer);
            false
        });
    }
}
