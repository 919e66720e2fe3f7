//! What a link is, as far as it matters here.

use netlink_packet_core::{DecodeError, NlaBuffer, NlasIterator, parse_string, parse_u32};
use netlink_packet_route::link::{InfoKind, LinkFlags, LinkMessageBuffer};

/// The kind of an attribute of a kind, below its flags.
const KIND_OF_LINK: u16 = 1;

/// A link of the host.
///
/// The parser of `netlink-packet-route` takes a millisecond for a bridge, which is as long as the making of a link, and
/// refuses a link for one attribute that it does not know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) is_up: bool,
    pub(crate) is_loopback: bool,
    pub(crate) name: String,
    pub(crate) hardware: Vec<u8>,
    /// The index of the bridge that it is a port of.
    pub(crate) bridge: Option<u32>,
    /// The index of its other end, in the namespace of that.
    pub(crate) peer: Option<u32>,
    kind: Option<InfoKind>,
}

impl Link {
    /// Reads the payload of a message `RTM_NEWLINK`.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, DecodeError> {
        let message = LinkMessageBuffer::new_checked(payload)?;
        let flags = LinkFlags::from_bits_retain(message.flags());
        let mut link = Self {
            index: message.link_index(),
            is_up: flags.contains(LinkFlags::Up),
            is_loopback: flags.contains(LinkFlags::Loopback),
            ..Self::default()
        };
        for attribute in message.attributes() {
            link.take_in(&attribute?)?;
        }
        Ok(link)
    }

    pub(crate) fn is_kind(&self, kind: &InfoKind) -> bool {
        self.kind.as_ref() == Some(kind)
    }

    fn take_in(&mut self, attribute: &NlaBuffer<&[u8]>) -> Result<(), DecodeError> {
        let value = attribute.value();
        match attribute.kind() {
            libc::IFLA_IFNAME => self.name = parse_string(value)?,
            libc::IFLA_ADDRESS => self.hardware = value.to_vec(),
            libc::IFLA_MASTER => self.bridge = Some(parse_u32(value)?),
            libc::IFLA_LINK => self.peer = Some(parse_u32(value)?),
            libc::IFLA_LINKINFO => self.kind = kind(value)?,
            _ => {}
        }
        Ok(())
    }
}

fn kind(info: &[u8]) -> Result<Option<InfoKind>, DecodeError> {
    for attribute in NlasIterator::new(info) {
        let attribute = attribute?;
        if attribute.kind() == KIND_OF_LINK {
            return Ok(Some(InfoKind::from(parse_string(attribute.value())?.as_str())));
        }
    }
    Ok(None)
}
