//! One message: the header of netlink, that of netfilter, and attributes.

use super::Attributes;

const NETFILTER_HEADER: usize = 4;
/// The header of netlink.
const HEADER: usize = 16;

/// What a message asks for or tells: a part of netfilter in the high byte, a message of that part in the low one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind(u16);

impl Kind {
    pub(crate) const NEW_TABLE: Self = Self::of_tables(0);
    pub(crate) const GET_TABLE: Self = Self::of_tables(1);
    pub(crate) const DELETE_TABLE: Self = Self::of_tables(2);
    pub(crate) const NEW_CHAIN: Self = Self::of_tables(3);
    pub(crate) const GET_CHAIN: Self = Self::of_tables(4);
    pub(crate) const NEW_RULE: Self = Self::of_tables(6);
    pub(crate) const GET_RULE: Self = Self::of_tables(7);
    pub(crate) const NEW_SET: Self = Self::of_tables(9);
    pub(crate) const GET_SET: Self = Self::of_tables(10);
    pub(crate) const NEW_ELEMENTS: Self = Self::of_tables(12);
    pub(crate) const GET_ELEMENTS: Self = Self::of_tables(13);
    pub(crate) const DELETE_ELEMENTS: Self = Self::of_tables(14);
    pub(crate) const GET_GENERATION: Self = Self::of_tables(16);
    pub(crate) const GET_CONNECTION: Self = Self::of_connections(1);
    pub(crate) const DELETE_CONNECTION: Self = Self::of_connections(2);
    /// What is between these two happens at once or not at all.
    pub(super) const BATCH_BEGIN: Self = Self(16);
    pub(super) const BATCH_END: Self = Self(17);

    const fn of_tables(message: u16) -> Self {
        Self(10 << 8 | message)
    }

    const fn of_connections(message: u16) -> Self {
        Self(1 << 8 | message)
    }
}

/// A message to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    /// The family of addresses, such as `NFPROTO_INET`.
    pub(crate) family: u8,
    /// `NLM_F_CREATE` and the like.
    pub(crate) flags: u16,
    /// What it is about, where the kind asks for it: the part of netfilter that a batch is for.
    pub(crate) resource: u16,
    pub(crate) attributes: Attributes,
}

impl Message {
    /// About tables for both IPv4 and IPv6.
    pub(crate) fn inet(kind: Kind, attributes: Attributes) -> Self {
        Self { kind, family: libc::NFPROTO_INET as u8, flags: 0, resource: 0, attributes }
    }

    pub(crate) fn with_flags(mut self, flags: libc::c_int) -> Self {
        self.flags |= flags as u16;
        self
    }

    /// Appends it to `to`.
    pub(super) fn encode(&self, sequence: u32, to: &mut Vec<u8>) {
        let attributes = self.attributes.as_bytes();
        let length = (HEADER + NETFILTER_HEADER + attributes.len()) as u32;
        to.extend(length.to_ne_bytes());
        to.extend(self.kind.0.to_ne_bytes());
        to.extend((self.flags | libc::NLM_F_REQUEST as u16).to_ne_bytes());
        to.extend(sequence.to_ne_bytes());
        // The port of the sender, which the kernel fills in.
        to.extend(0_u32.to_ne_bytes());
        to.extend([self.family, libc::NFNETLINK_V0 as u8]);
        to.extend(self.resource.to_be_bytes());
        to.extend(attributes);
    }
}

/// A message from the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    pub(super) kind: libc::c_int,
    pub(super) flags: libc::c_int,
    pub(super) sequence: u32,
    /// What follows netlink's header.
    pub(super) body: &'a [u8],
}

impl<'a> Reply<'a> {
    /// All that came in one piece.
    pub(super) fn all(mut datagram: &'a [u8]) -> impl Iterator<Item = Self> {
        std::iter::from_fn(move || {
            let (reply, rest) = Self::first(datagram)?;
            datagram = rest;
            Some(reply)
        })
    }

    fn first(datagram: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (header, _) = datagram.split_first_chunk::<HEADER>()?;
        let number = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let half = |at: usize| libc::c_int::from(u16::from_ne_bytes([header[at], header[at + 1]]));
        let length = number(0) as usize;
        let body = datagram.get(HEADER..length)?;
        let rest = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((Self { kind: half(4), flags: half(6), sequence: number(8), body }, rest))
    }

    /// The attributes after netfilter's header.
    pub(super) fn attributes(&self) -> &'a [u8] {
        self.body.get(NETFILTER_HEADER..).unwrap_or_default()
    }

    /// The code that an error or the end of a list begins with; 0 is success.
    pub(super) fn errno(&self) -> libc::c_int {
        self.body.first_chunk().map_or(0, |code| libc::c_int::from_ne_bytes(*code).wrapping_neg())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_carries_its_length_and_what_it_is_about() {
        let message = Message::inet(Kind::NEW_TABLE, Attributes::new().text(1, "pod0"))
            .with_flags(libc::NLM_F_CREATE);
        let mut bytes = Vec::new();
        message.encode(3, &mut bytes);
        message.encode(4, &mut bytes);
        let replies: Vec<_> = Reply::all(&bytes).collect();
        assert_eq!(replies.iter().map(|reply| reply.sequence).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(replies[0].kind, 10 << 8);
        assert_eq!(replies[0].flags, libc::NLM_F_CREATE | libc::NLM_F_REQUEST);
        assert_eq!(replies[1].attributes(), message.attributes.as_bytes());
        assert_eq!(replies[1].body[..4], [libc::NFPROTO_INET as u8, 0, 0, 0]);
    }

    #[test]
    fn replies_that_are_cut_short_are_left_out() {
        let mut bytes = Vec::new();
        Message::inet(Kind::GET_TABLE, Attributes::new()).encode(1, &mut bytes);
        assert_eq!(Reply::all(&bytes[..bytes.len() - 1]).count(), 0);
        assert_eq!(Reply::all(&[0; 32]).count(), 0, "a length of nothing would never end");
    }
}
