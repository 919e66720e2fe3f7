//! Clients of the keeper. None of them can hold it up: what a client does not read is kept up to a limit, then the
//! client is dropped.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;

use crate::protocol::{Inbox, Reply, Request, encode, send_some};

/// Most that is read from a client before others have their turn: a flood of the shortest requests is a hundred of them.
const READ: usize = 2 << 10;
/// Most that is kept for a client that does not read.
const MAX_UNREAD: usize = 4 << 20;

/// One client.
#[derive(Debug)]
pub(super) struct Connection {
    socket: UnixStream,
    inbox: Inbox,
    unsent: Vec<u8>,
    /// Descriptors that go with the first unsent byte.
    fds: Vec<OwnedFd>,
    /// Whether it is told of each change.
    pub watches: bool,
    /// The companion's generation, when it has said one.
    pub generation: Option<u64>,
}

impl Connection {
    /// Takes a client in. `None` when it runs as another user than the keeper or root.
    pub fn accept(socket: UnixStream) -> io::Result<Option<Self>> {
        let peer = getsockopt(&socket, PeerCredentials)?;
        if peer.uid() != 0 && peer.uid() != geteuid().as_raw() {
            return Ok(None);
        }
        socket.set_nonblocking(true)?;
        Ok(Some(Self {
            socket,
            inbox: Inbox::default(),
            unsent: Vec::new(),
            fds: Vec::new(),
            watches: false,
            generation: None,
        }))
    }

    pub fn socket(&self) -> &UnixStream {
        &self.socket
    }

    pub fn wants_to_send(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Reads some of what is there, so that others have their turn; `Err` when the client is gone.
    pub fn receive(&mut self) -> io::Result<Vec<(Request, Vec<OwnedFd>)>> {
        match self.inbox.fill::<READ>(&self.socket) {
            Ok(true) => {}
            Ok(false) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(e)
                if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) =>
            {
                return Ok(Vec::new());
            }
            Err(e) => return Err(e),
        }
        let mut requests = Vec::new();
        while let Some(request) = self.inbox.next()? {
            requests.push(request);
        }
        // None may pile up here.
        self.inbox.drop_unclaimed();
        Ok(requests)
    }

    /// Sends now what can be sent and keeps the rest; `Err` when the client must be dropped.
    pub fn send(&mut self, reply: &Reply, fds: Vec<OwnedFd>) -> io::Result<()> {
        let count = fds.len();
        if count > 0 {
            // Descriptors stand for the byte they are sent with, so all before them has to be out.
            self.flush()?;
            if self.wants_to_send() {
                return Err(io::Error::other("the client does not read"));
            }
            self.fds = fds;
        }
        self.unsent.extend_from_slice(&encode(reply, count)?);
        if self.unsent.len() > MAX_UNREAD {
            return Err(io::Error::other("the client does not read"));
        }
        self.flush()
    }

    /// Sends what the socket takes.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match send_some(&self.socket, &self.unsent, &self.fds) {
                Ok(n) => {
                    self.unsent.drain(..n);
                    self.fds.clear();
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}
