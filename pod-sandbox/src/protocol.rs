//! What clients and the keeper say to each other: length-prefixed JSON over a unix socket, with descriptors beside it.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::{ContainerConfig, ContainerId, IdRange};
use crate::error::RequestError;
use crate::status::{Exit, SandboxStatus};
use crate::terminal::TerminalSize;

/// Largest message in bytes; a container's whole environment fits.
const MAX_MESSAGE: usize = (1 << 24) - 1;
/// Most that a client reads at once.
const READ: usize = 16 << 10;
/// Most descriptors with one message.
pub(crate) const MAX_FDS: usize = 4;

/// What a client asks for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// The requests that follow come from the companion of this generation.
    Hello {
        generation: u64,
    },
    Status,
    /// Answered with a [`Reply::Status`] now and at each change, until the client hangs up.
    Watch,
    /// Answered with the pause process's network namespace.
    NetworkNamespace,
    /// Answered with the root of a memory file system of the sandbox's configuration.
    Tmpfs {
        path: PathBuf,
    },
    /// Keeps the descriptors that come with it open as long as the keeper lives.
    Hold,
    /// Makes a lost sandbox again.
    MakeAgain,
    Create(Box<ContainerConfig>),
    Start {
        id: ContainerId,
    },
    /// Without a number, the one the container is asked to end with.
    Signal {
        id: ContainerId,
        signal: Option<i32>,
    },
    /// Kills what runs and forgets the container.
    Remove {
        id: ContainerId,
    },
    /// Answered with [`Reply::Executing`] and the ends of its pipes, then with [`Reply::Exited`].
    Execute {
        id: ContainerId,
        args: Vec<String>,
        stdin: bool,
        /// In place of pipes.
        terminal: Option<TerminalSize>,
    },
    /// Answered with [`Reply::Attached`], then with [`Reply::Exited`].
    Attach {
        id: ContainerId,
        stdin: bool,
    },
    /// Answered with [`Reply::Root`].
    Root {
        id: ContainerId,
    },
    /// Tears everything down; answered with [`Reply::Removed`], after which the keeper ends.
    Shutdown,
}

/// What the keeper answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Done,
    Status(SandboxStatus),
    /// With the descriptors stdin (when asked for), stdout, stderr; or with a terminal's outer side alone.
    Executing {
        pid: i32,
    },
    /// With the descriptors of the terminal, stdin, stdout and, where there is no terminal, stderr.
    Attached {
        terminal: bool,
        stdin: bool,
        /// Bytes that the log had when the output began.
        logged: u64,
    },
    /// With the root directory of a running container.
    Root {
        cwd: PathBuf,
        uid: u32,
        gid: u32,
        users: Option<IdRange>,
    },
    Exited(Exit),
    Removed {
        errors: Vec<String>,
    },
    Failed(RequestError),
}

/// A whole message. Before it stand its length, in the lower three bytes, and how many descriptors come with it, in the
/// upper one: the kernel hands descriptors over with whichever bytes are read together.
pub(crate) fn encode(message: &impl Serialize, fds: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = bytes.len() - 4;
    if length > MAX_MESSAGE {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "message is longer than 16 MiB"));
    }
    bytes[..4].copy_from_slice(&(length as u32 | (fds.min(MAX_FDS) as u32) << 24).to_le_bytes());
    Ok(bytes)
}

/// Sends some of `bytes`, with the descriptors on its first byte.
pub(crate) fn send_some(socket: &UnixStream, bytes: &[u8], fds: &[OwnedFd]) -> io::Result<usize> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[][..] } else { &rights[..] };
    let data = [IoSlice::new(bytes)];
    Ok(sendmsg::<()>(socket.as_raw_fd(), &data, control, MsgFlags::MSG_NOSIGNAL, None)?)
}

/// Takes bytes in and gives whole messages out.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    fds: VecDeque<OwnedFd>,
}

impl Inbox {
    /// Reads once, at most `N` bytes; `false` at the end of the stream.
    pub fn fill<const N: usize>(&mut self, socket: &UnixStream) -> io::Result<bool> {
        let mut buffer = [0; N];
        let mut space = cmsg_space!([RawFd; MAX_FDS]);
        let mut data = [IoSliceMut::new(&mut buffer)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let message = recvmsg::<()>(socket.as_raw_fd(), &mut data, Some(&mut space), flags)?;
        let n = message.bytes;
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(list) = control {
                self.fds.extend(list.into_iter().map(crate::sys::own_received));
            }
        }
        self.bytes.extend_from_slice(&buffer[..n]);
        Ok(n > 0)
    }

    /// The next whole message, when it has arrived, with its descriptors.
    pub fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let Some(prefix) = self.bytes.first_chunk::<4>() else { return Ok(None) };
        let prefix = u32::from_le_bytes(*prefix);
        let (length, fds) = ((prefix & 0xff_ffff) as usize, (prefix >> 24) as usize);
        if fds > MAX_FDS {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "message with more than 4 descriptors",
            ));
        }
        let Some(body) = self.bytes.get(4..4 + length) else { return Ok(None) };
        let message = serde_json::from_slice(body)?;
        self.bytes.drain(..4 + length);
        let fds = self.fds.drain(..fds.min(self.fds.len())).collect();
        Ok(Some((message, fds)))
    }

    /// Closes the descriptors that no message can claim any more.
    pub fn drop_unclaimed(&mut self) {
        if self.bytes.is_empty() {
            self.fds.clear();
        }
        self.fds.truncate(MAX_FDS);
    }
}

/// A client's end, blocking.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: UnixStream,
    inbox: Inbox,
}

impl Channel {
    pub fn new(socket: UnixStream) -> Self {
        Self { socket, inbox: Inbox::default() }
    }

    pub fn socket(&self) -> &UnixStream {
        &self.socket
    }

    /// Sends a request with its descriptors, [`MAX_FDS`] at most.
    pub fn send(&self, request: &Request, fds: &[OwnedFd]) -> io::Result<()> {
        let bytes = encode(request, fds.len())?;
        let mut sent = send_some(&self.socket, &bytes, fds)?;
        while sent < bytes.len() {
            sent += send_some(&self.socket, &bytes[sent..], &[])?;
        }
        Ok(())
    }

    /// Waits for the next reply and the descriptors that came with it.
    pub fn receive(&mut self) -> io::Result<(Reply, Vec<OwnedFd>)> {
        loop {
            if let Some(reply) = self.inbox.next()? {
                return Ok(reply);
            }
            match self.inbox.fill::<READ>(&self.socket) {
                Ok(true) => {}
                Ok(false) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// The next reply when it is there already.
    pub fn try_receive(&mut self) -> io::Result<Option<(Reply, Vec<OwnedFd>)>> {
        if let Some(reply) = self.inbox.next()? {
            return Ok(Some(reply));
        }
        self.socket.set_nonblocking(true)?;
        let filled = self.inbox.fill::<READ>(&self.socket);
        self.socket.set_nonblocking(false)?;
        match filled {
            Ok(true) => {}
            Ok(false) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        self.inbox.next()
    }
}

/// Has a keeper that waits for its configuration read it, and gives it the descriptors, [`MAX_FDS`] at most.
pub(crate) fn send_word(socket: &UnixStream, fds: &[OwnedFd]) -> io::Result<()> {
    send_some(socket, b"go", fds).map(drop)
}

/// What [`send_word`] gave; `None` when nobody wants the sandbox any more.
pub(crate) fn receive_word(socket: &UnixStream) -> io::Result<Option<Vec<OwnedFd>>> {
    let mut inbox = Inbox::default();
    let wanted = inbox.fill::<2>(socket)?;
    Ok(wanted.then_some(inbox.fds.into()))
}

/// Reads a pipe or socket to its end.
pub(crate) fn read_to_end(mut from: impl Read) -> String {
    let mut text = Vec::new();
    let _ = from.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_whole_with_their_descriptors() {
        let (a, b) = UnixStream::pair().expect("a pair");
        let file = OwnedFd::from(std::fs::File::open("/dev/null").expect("opens"));
        let first = encode(&Reply::Done, 0).expect("encodes");
        send_some(&a, &first, &[]).expect("sends");
        let bytes = encode(&Reply::Executing { pid: 7 }, 1).expect("encodes");
        // In two pieces, the descriptor with the first.
        assert_eq!(send_some(&a, &bytes[..3], &[file]).expect("sends"), 3);
        let mut inbox = Inbox::default();
        assert!(inbox.fill::<READ>(&b).expect("reads"));
        // Read together with the second message's descriptor, which is not the first one's.
        assert!(matches!(inbox.next().expect("whole"), Some((Reply::Done, fds)) if fds.is_empty()));
        assert!(inbox.next::<Reply>().expect("no fault").is_none());
        send_some(&a, &bytes[3..], &[]).expect("sends");
        inbox.fill::<READ>(&b).expect("reads");
        let got = inbox.next().expect("whole");
        assert!(matches!(got, Some((Reply::Executing { pid: 7 }, fds)) if fds.len() == 1));
        drop(a);
        assert!(!inbox.fill::<READ>(&b).expect("reads the end"));
    }

    #[test]
    fn an_oversized_message_is_refused() {
        let mut inbox = Inbox { bytes: u32::MAX.to_le_bytes().to_vec(), fds: VecDeque::new() };
        assert!(inbox.next::<Reply>().is_err());
    }
}
