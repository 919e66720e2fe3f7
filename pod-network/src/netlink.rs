//! Links, addresses and routes of the calling thread's namespace (rtnetlink(7)).

use std::io;

use netlink_packet_core::{
    DecodeError, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkDeserializable,
    NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkMessage};
use netlink_packet_route::route::RouteMessage;
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};

use crate::NetworkError;
use crate::link::Link;

/// The kernel fills a datagram of a dump up to this size.
const DATAGRAM: usize = 64 * 1024;
/// How often a dump that changes underneath is begun again.
const DUMP_ATTEMPTS: usize = 8;

/// A socket for requests. Each waits for its answer.
pub(crate) struct Netlink {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

/// A change that is asked of the kernel.
pub(crate) struct Request {
    /// What it does, to complete "cannot".
    pub(crate) action: String,
    pub(crate) message: RouteNetlinkMessage,
    /// Flags such as `NLM_F_CREATE`.
    pub(crate) flags: u16,
}

/// What the kernel tells of.
enum Answer {
    Link(Link),
    Other(RouteNetlinkMessage),
}

impl NetlinkDeserializable for Answer {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        match header.message_type {
            libc::RTM_NEWLINK => Link::parse(payload).map(Self::Link),
            _ => RouteNetlinkMessage::deserialize(header, payload).map(Self::Other),
        }
    }
}

impl Netlink {
    /// Opens a socket in the calling thread's namespace, where it stays.
    pub(crate) fn here() -> Result<Self, NetworkError> {
        let socket =
            Socket::new(NETLINK_ROUTE).map_err(NetworkError::step("make a netlink socket"))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; DATAGRAM] })
    }

    /// Does one change after the other, up to the first that fails.
    pub(crate) fn change(
        &mut self,
        requests: impl IntoIterator<Item = Request>,
    ) -> Result<(), NetworkError> {
        requests.into_iter().try_for_each(|Request { action, message, flags }| {
            self.request(message, flags | NLM_F_ACK).map(drop).map_err(NetworkError::step(action))
        })
    }

    /// Does a change. `false` when the kernel answers `expected`, which says that there was nothing to do.
    pub(crate) fn change_unless(
        &mut self,
        request: Request,
        expected: i32,
    ) -> Result<bool, NetworkError> {
        match self.change([request]) {
            Ok(()) => Ok(true),
            Err(NetworkError::Step { source, .. }) if source.raw_os_error() == Some(expected) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The link of this name.
    pub(crate) fn link(&mut self, name: &str) -> Result<Option<Link>, NetworkError> {
        let mut query = LinkMessage::default();
        query.attributes = vec![LinkAttribute::IfName(name.to_owned()), without_statistics()];
        match self.request(RouteNetlinkMessage::GetLink(query), 0) {
            Ok(answers) => Ok(answers.into_iter().find_map(link)),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            Err(source) => {
                Err(NetworkError::Step { action: format!("look for the link {name}"), source })
            }
        }
    }

    /// All links.
    pub(crate) fn links(&mut self) -> Result<Vec<Link>, NetworkError> {
        let mut query = LinkMessage::default();
        query.attributes = vec![without_statistics()];
        self.dump("links", RouteNetlinkMessage::GetLink(query), link)
    }

    /// All addresses.
    pub(crate) fn addresses(&mut self) -> Result<Vec<AddressMessage>, NetworkError> {
        let query = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        self.dump("addresses", query, |message| match message {
            Answer::Other(RouteNetlinkMessage::NewAddress(address)) => Some(address),
            _ => None,
        })
    }

    /// The routes of all tables.
    pub(crate) fn routes(&mut self) -> Result<Vec<RouteMessage>, NetworkError> {
        let query = RouteNetlinkMessage::GetRoute(RouteMessage::default());
        self.dump("routes", query, |message| match message {
            Answer::Other(RouteNetlinkMessage::NewRoute(route)) => Some(route),
            _ => None,
        })
    }

    fn dump<T>(
        &mut self,
        what: &str,
        query: RouteNetlinkMessage,
        pick: impl Fn(Answer) -> Option<T>,
    ) -> Result<Vec<T>, NetworkError> {
        let mut result = Ok(Vec::new());
        for _ in 0..DUMP_ATTEMPTS {
            result = self.request(query.clone(), NLM_F_DUMP);
            if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
                break;
            }
        }
        let answers = result.map_err(NetworkError::step(format!("list the {what} of the host")))?;
        Ok(answers.into_iter().filter_map(pick).collect())
    }

    /// Sends a request and returns what the kernel answers. `Interrupted` is a dump in
    /// which something was missed.
    fn request(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<Answer>> {
        self.sequence += 1;
        let mut request = NetlinkMessage::from(message);
        request.header.flags = flags | NLM_F_REQUEST;
        request.header.sequence_number = self.sequence;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut conversation = Conversation { flags, answers: Vec::new(), missed: false };
        while !self.receive(&mut conversation)? {}
        match conversation.missed {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(conversation.answers),
        }
    }

    /// Takes in one datagram; `true` when it was the last.
    fn receive(&mut self, conversation: &mut Conversation) -> io::Result<bool> {
        let length = self.socket.recv(&mut &mut self.buffer[..], 0)?;
        let mut rest = self.buffer.get(..length).unwrap_or_default();
        while let Some(header) = rest.first_chunk::<4>() {
            let size = u32::from_ne_bytes(*header) as usize;
            let Some(message) = rest.get(..size).filter(|message| !message.is_empty()) else {
                break;
            };
            if conversation.hear(message, self.sequence)? {
                return Ok(true);
            }
            rest = rest.get(size.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(false)
    }
}

/// What has been answered to a request so far.
struct Conversation {
    flags: u16,
    answers: Vec<Answer>,
    missed: bool,
}

impl Conversation {
    /// Takes in one message; `true` when it was the last.
    fn hear(&mut self, message: &[u8], sequence: u32) -> io::Result<bool> {
        // A route of a kind that the parser does not know is someone else's, and says nothing to us.
        let Ok(answer) = NetlinkMessage::<Answer>::deserialize(message) else {
            return Ok(!self.is_dump());
        };
        if answer.header.sequence_number != sequence {
            return Ok(false);
        }
        self.missed |= answer.header.flags & NLM_F_DUMP_INTR != 0;
        match answer.payload {
            NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
            NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => Ok(true),
            NetlinkPayload::InnerMessage(message) => {
                self.answers.push(message);
                Ok(!self.is_dump() && self.flags & NLM_F_ACK == 0)
            }
            _ => Ok(false),
        }
    }

    fn is_dump(&self) -> bool {
        self.flags & NLM_F_DUMP == NLM_F_DUMP
    }
}

fn link(answer: Answer) -> Option<Link> {
    match answer {
        Answer::Link(link) => Some(link),
        Answer::Other(_) => None,
    }
}

/// Saves the kernel the longest part of a link.
fn without_statistics() -> LinkAttribute {
    LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])
}
