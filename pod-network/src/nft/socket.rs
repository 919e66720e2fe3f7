//! The socket that messages go through.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket,
    sockopt,
};

use super::message::Reply;
use super::{Attributes, Kind, Message};

/// The kernel hands out lists in pieces of at most 32 KiB, and repeats a refused message, which is no longer.
const PIECE: usize = 64 << 10;
/// `NFNL_BATCH_GENID`: the batch is for this generation of the tables, and fails with `ERESTART` for another.
const BATCH_GENERATION: u16 = 1;
const TABLES: u16 = 10;

/// A socket to netfilter, in the network namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: OwnedFd,
    /// What was received last.
    piece: Vec<u8>,
}

/// Which message of a batch the kernel refused, and why. Nothing of the batch was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Its place in the batch; `None` is the batch as a whole.
    pub(crate) message: Option<usize>,
    pub(crate) errno: Errno,
}

impl Socket {
    pub(crate) fn open() -> Result<Self, Errno> {
        let protocol = SockProtocol::NetlinkNetFilter;
        let socket =
            socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        Ok(Self { socket, piece: vec![0; PIECE] })
    }

    /// The attributes of the one thing that `request` asks for.
    pub(crate) fn get(&mut self, request: Message) -> Result<Vec<u8>, Errno> {
        self.ask(request, 0)?.pop().ok_or(Errno::ENOENT)
    }

    /// The attributes of all things that `request` asks for. `EINTR` says that they changed meanwhile.
    pub(crate) fn list(&mut self, request: Message) -> Result<Vec<Vec<u8>>, Errno> {
        self.ask(request, libc::NLM_F_DUMP)
    }

    /// Has `request` done by itself.
    pub(crate) fn request(&mut self, request: Message) -> Result<(), Errno> {
        self.ask(request, libc::NLM_F_ACK).map(drop)
    }

    fn ask(&mut self, request: Message, flags: libc::c_int) -> Result<Vec<Vec<u8>>, Errno> {
        let mut bytes = Vec::new();
        request.with_flags(flags).encode(0, &mut bytes);
        send(self.socket.as_raw_fd(), &bytes, MsgFlags::empty())?;
        let mut found = Vec::new();
        let mut changed = false;
        loop {
            let length = recv(self.socket.as_raw_fd(), &mut self.piece, MsgFlags::empty())?;
            for reply in Reply::all(&self.piece[..length]) {
                changed |= reply.flags & libc::NLM_F_DUMP_INTR != 0;
                match (reply.kind, reply.errno()) {
                    (libc::NLMSG_DONE | libc::NLMSG_ERROR, 0) if changed => {
                        return Err(Errno::EINTR);
                    }
                    (libc::NLMSG_DONE | libc::NLMSG_ERROR, 0) => return Ok(found),
                    (libc::NLMSG_DONE | libc::NLMSG_ERROR, errno) => {
                        return Err(Errno::from_raw(errno));
                    }
                    _ => found.push(reply.attributes().to_vec()),
                }
                if flags == 0 {
                    return Ok(found);
                }
            }
        }
    }

    /// Has all of `changes` done at once; with a `generation`, only if no rule of the namespace has changed since it.
    pub(crate) fn commit(
        &mut self,
        generation: Option<u32>,
        changes: &[Message],
    ) -> Result<(), Refused> {
        let whole = |errno| Refused { message: None, errno };
        let bytes = batch(generation, changes);
        // A batch must fit into the buffer, of which the kernel takes a part for itself.
        setsockopt(&self.socket, sockopt::SndBufForce, &(bytes.len() + PIECE)).map_err(whole)?;
        send(self.socket.as_raw_fd(), &bytes, MsgFlags::empty()).map_err(whole)?;
        self.outcome(changes.len())
    }

    /// Reads the answers to a batch, all of which are there when it has been sent.
    fn outcome(&mut self, changes: usize) -> Result<(), Refused> {
        let silent = Refused { message: None, errno: Errno::ENOMSG };
        let mut outcome = Err(silent);
        loop {
            let length =
                match recv(self.socket.as_raw_fd(), &mut self.piece, MsgFlags::MSG_DONTWAIT) {
                    Ok(length) => length,
                    Err(Errno::EAGAIN) => return outcome,
                    Err(errno) => return Err(Refused { message: None, errno }),
                };
            for reply in Reply::all(&self.piece[..length]) {
                let place =
                    (reply.sequence as usize).checked_sub(1).filter(|place| *place < changes);
                let told = match reply.errno() {
                    0 => Ok(()),
                    errno => Err(Refused { message: place, errno: Errno::from_raw(errno) }),
                };
                // The first fault tells most, and may be followed by the consent to what came after it.
                if outcome == Err(silent) || outcome == Ok(()) {
                    outcome = told;
                }
            }
        }
    }
}

/// `changes` between a beginning and an end, numbered from 1, of which the last asks for an answer.
fn batch(generation: Option<u32>, changes: &[Message]) -> Vec<u8> {
    let frame = |kind, attributes| Message {
        family: libc::NFPROTO_UNSPEC as u8,
        resource: TABLES,
        ..Message::inet(kind, attributes)
    };
    let mut bytes = Vec::new();
    let generation =
        generation.map(|generation| Attributes::new().number(BATCH_GENERATION, generation));
    frame(Kind::BATCH_BEGIN, generation.unwrap_or_default()).encode(0, &mut bytes);
    let mut sequence = 0;
    for change in changes {
        sequence += 1;
        let last = sequence as usize == changes.len();
        change
            .clone()
            .with_flags(if last { libc::NLM_F_ACK } else { 0 })
            .encode(sequence, &mut bytes);
    }
    frame(Kind::BATCH_END, Attributes::new()).encode(sequence + 1, &mut bytes);
    bytes
}
