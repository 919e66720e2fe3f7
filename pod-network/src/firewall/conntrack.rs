//! Connections that the kernel remembers.
//!
//! The rules for addresses see the first packet of a connection only, and to the kernel all that comes from one UDP
//! port of a client is one connection for as long as it keeps coming. So a client that sent before its port was
//! published would go on sending to the host, and one that is used to a former pod to that.

use nix::errno::Errno;

use super::entry::Entry;
use crate::nft::{Attributes, Family, Kind, Message, Socket, attribute};

const TUPLE: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const TUPLE_ADDRESSES: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const PROTOCOL_NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;
const FILTER: u16 = 25;
const FILTER_TUPLE: u16 = 1;
/// That the filter is for the number of the protocol (`CTA_FILTER_F_CTA_PROTO_NUM` of the kernel).
const BY_PROTOCOL: u32 = 1 << 3;

/// Forgets the UDP connections that went to the pods of `gone`, and those to the ports of `new` that went to no pod.
pub(super) fn forget(socket: &mut Socket, gone: &[&Entry], new: &[&Entry]) -> Result<(), Errno> {
    for family in [Family::V4, Family::V6] {
        let of_family = |entries: &[&Entry]| -> Vec<Entry> {
            let ours = |entry: &&&Entry| {
                entry.map.family == family && entry.protocol() == libc::IPPROTO_UDP
            };
            entries.iter().filter(ours).map(|entry| (*entry).clone()).collect()
        };
        let (gone, new) = (of_family(gone), of_family(new));
        if gone.is_empty() && new.is_empty() {
            continue;
        }
        for connection in udp_connections(socket, family)? {
            if Connection::read(family, &connection).is_some_and(|read| read.is_stale(&gone, &new))
            {
                delete(socket, family, &connection)?;
            }
        }
    }
    Ok(())
}

fn udp_connections(socket: &mut Socket, family: Family) -> Result<Vec<Vec<u8>>, Errno> {
    let protocol = Attributes::new().bytes(PROTOCOL_NUMBER, &[libc::IPPROTO_UDP as u8]);
    let filter = Attributes::new()
        .nested(TUPLE, &Attributes::new().nested(TUPLE_PROTOCOL, &protocol))
        .nested(FILTER, &Attributes::new().bytes(FILTER_TUPLE, &BY_PROTOCOL.to_ne_bytes()));
    match socket.list(about(Kind::GET_CONNECTION, family, filter)) {
        // A kernel that cannot be asked: the connections end by themselves when nothing is sent for two minutes.
        Err(Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(Vec::new()),
        other => other,
    }
}

/// Deletes the connection that has this tuple. It may have ended meanwhile.
fn delete(socket: &mut Socket, family: Family, connection: &[u8]) -> Result<(), Errno> {
    let tuple = attribute(connection, &[TUPLE]).unwrap_or_default();
    let tuple = Attributes::new().copied(TUPLE, tuple);
    match socket.request(about(Kind::DELETE_CONNECTION, family, tuple)) {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}

fn about(kind: Kind, family: Family, attributes: Attributes) -> Message {
    Message { family: family.number(), ..Message::inet(kind, attributes) }
}

/// One side's view of a connection.
#[derive(Debug, PartialEq, Eq)]
struct Tuple<'a> {
    source: (&'a [u8], &'a [u8]),
    destination: (&'a [u8], &'a [u8]),
}

impl<'a> Tuple<'a> {
    fn read(family: Family, tuple: &'a [u8]) -> Option<Self> {
        let (source, destination) = match family {
            Family::V4 => (1, 2),
            Family::V6 => (3, 4),
        };
        let end = |address, port| {
            Some((
                attribute(tuple, &[TUPLE_ADDRESSES, address])?,
                attribute(tuple, &[TUPLE_PROTOCOL, port])?,
            ))
        };
        Some(Self {
            source: end(source, SOURCE_PORT)?,
            destination: end(destination, DESTINATION_PORT)?,
        })
    }
}

/// A connection as the client sees it, and as the answers come.
#[derive(Debug)]
struct Connection<'a> {
    asked: Tuple<'a>,
    answered: Tuple<'a>,
}

impl<'a> Connection<'a> {
    fn read(family: Family, connection: &'a [u8]) -> Option<Self> {
        let tuple = |kind| Tuple::read(family, attribute(connection, &[kind])?);
        Some(Self { asked: tuple(TUPLE)?, answered: tuple(TUPLE_REPLY)? })
    }

    fn is_stale(&self, gone: &[Entry], new: &[Entry]) -> bool {
        let port = self.asked.destination.1;
        let untranslated = self.asked.source == self.answered.destination
            && self.asked.destination == self.answered.source;
        let led =
            |entry: &Entry| entry.host_port() == port && entry.target() == self.answered.source;
        gone.iter().any(led) || (untranslated && new.iter().any(|entry| entry.host_port() == port))
    }
}
