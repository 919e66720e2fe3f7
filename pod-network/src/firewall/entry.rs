//! Published ports, as they stand in the maps of the table.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Published;
use crate::Protocol;
use crate::nft::{Attributes, Family, Kind, Message, attribute, attributes};

const LIST_TABLE: u16 = 1;
const LIST_SET: u16 = 2;
const LIST_ELEMENTS: u16 = 3;
const LIST_ELEMENT: u16 = 1;
const ELEMENT_KEY: u16 = 1;
const ELEMENT_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;

/// How many entries go into one message, the length of which is limited.
const ENTRIES_OF_MESSAGE: usize = 200;
/// Parts of a key are padded to this.
pub(super) const PART: usize = 4;

/// The maps that lead from a port of the host to one of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Map {
    pub(super) family: Family,
    /// Whether the key begins with the address that answers; otherwise every address of the host does.
    pub(super) with_address: bool,
}

impl Map {
    /// All, those of one address first, since rules are asked in this order.
    pub(super) const ALL: [Self; 4] = [
        Self { family: Family::V4, with_address: true },
        Self { family: Family::V4, with_address: false },
        Self { family: Family::V6, with_address: true },
        Self { family: Family::V6, with_address: false },
    ];

    pub(super) fn name(self) -> &'static str {
        match (self.family, self.with_address) {
            (Family::V4, true) => "ports_of_address_v4",
            (Family::V4, false) => "ports_v4",
            (Family::V6, true) => "ports_of_address_v6",
            (Family::V6, false) => "ports_v6",
        }
    }

    /// The length of a key: address, protocol, port.
    pub(super) fn key_length(self) -> usize {
        if self.with_address { self.family.length() + 2 * PART } else { 2 * PART }
    }

    /// The length of what a key leads to: address, port.
    pub(super) fn data_length(self) -> usize {
        self.family.length() + PART
    }
}

/// One port of the host and where it leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) map: Map,
    key: Vec<u8>,
    data: Vec<u8>,
}

impl Entry {
    /// All entries that `published` asks for.
    pub(super) fn all(published: &[Published]) -> BTreeSet<Self> {
        let of = |published| {
            [Family::V4, Family::V6]
                .into_iter()
                .filter_map(move |family| Self::of(published, family))
        };
        published.iter().flat_map(of).collect()
    }

    /// That of one family, if both the host and the pod answer to it.
    fn of(published: &Published, family: Family) -> Option<Self> {
        let mapping = published.mapping;
        if mapping.host_ip.is_some_and(|address| family_of(address) != family) {
            return None;
        }
        let to = published.to.iter().find(|address| family_of(**address) == family)?;
        let host = mapping.host_ip.filter(|address| !address.is_unspecified()).map(octets);
        let protocol = match mapping.protocol {
            Protocol::Tcp => libc::IPPROTO_TCP,
            Protocol::Udp => libc::IPPROTO_UDP,
        };
        let map = Map { family, with_address: host.is_some() };
        let key =
            [host.unwrap_or_default(), vec![protocol as u8, 0, 0, 0], port(mapping.host_port)]
                .concat();
        Some(Self { map, key, data: [octets(*to), port(mapping.container_port)].concat() })
    }

    pub(super) fn protocol(&self) -> libc::c_int {
        libc::c_int::from(self.key[self.map.key_length() - 2 * PART])
    }

    /// The port of the host, in the network's order.
    pub(super) fn host_port(&self) -> &[u8] {
        let at = self.map.key_length() - PART;
        &self.key[at..at + 2]
    }

    /// The pod's address and port, in the network's order.
    pub(super) fn target(&self) -> (&[u8], &[u8]) {
        let (address, port) = self.data.split_at(self.map.family.length());
        (address, &port[..2])
    }

    /// Reads the entries of `map` from an answer to [`list`].
    pub(super) fn read(map: Map, answer: &[u8]) -> impl Iterator<Item = Self> {
        let elements = attribute(answer, &[LIST_ELEMENTS]).unwrap_or_default();
        attributes(elements).filter_map(move |(_, element)| {
            let key = attribute(element, &[ELEMENT_KEY, DATA_VALUE])?;
            let data = attribute(element, &[ELEMENT_DATA, DATA_VALUE])?;
            let whole = key.len() == map.key_length() && data.len() == map.data_length();
            whole.then(|| Self { map, key: key.to_vec(), data: data.to_vec() })
        })
    }

    fn key_attributes(&self) -> Attributes {
        Attributes::new().nested(ELEMENT_KEY, &Attributes::new().bytes(DATA_VALUE, &self.key))
    }

    fn attributes(&self) -> Attributes {
        self.key_attributes().nested(ELEMENT_DATA, &Attributes::new().bytes(DATA_VALUE, &self.data))
    }
}

/// Asks for the entries of a map.
pub(super) fn list(table: &str, map: Map) -> Message {
    Message::inet(Kind::GET_ELEMENTS, place(table, map))
}

/// The messages that add `entries`.
pub(super) fn add<'a>(table: &str, entries: impl IntoIterator<Item = &'a Entry>) -> Vec<Message> {
    messages(table, entries, |table, map, entries| {
        let create = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
        message(Kind::NEW_ELEMENTS, table, map, entries.iter().map(|entry| entry.attributes()))
            .with_flags(create)
    })
}

/// The messages that remove them.
pub(super) fn remove<'a>(
    table: &str,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> Vec<Message> {
    messages(table, entries, |table, map, entries| {
        message(
            Kind::DELETE_ELEMENTS,
            table,
            map,
            entries.iter().map(|entry| entry.key_attributes()),
        )
    })
}

fn messages<'a>(
    table: &str,
    entries: impl IntoIterator<Item = &'a Entry>,
    message: impl Fn(&str, Map, &[&Entry]) -> Message,
) -> Vec<Message> {
    let entries: Vec<_> = entries.into_iter().collect();
    let of_map = |map| entries.iter().copied().filter(|entry| entry.map == map).collect::<Vec<_>>();
    let pieces = |map| {
        let pieces = of_map(map);
        pieces
            .chunks(ENTRIES_OF_MESSAGE)
            .map(|piece| message(table, map, piece))
            .collect::<Vec<_>>()
    };
    Map::ALL.into_iter().flat_map(pieces).collect()
}

fn message(
    kind: Kind,
    table: &str,
    map: Map,
    elements: impl Iterator<Item = Attributes>,
) -> Message {
    let elements =
        elements.fold(Attributes::new(), |list, element| list.nested(LIST_ELEMENT, &element));
    Message::inet(kind, place(table, map).nested(LIST_ELEMENTS, &elements))
}

fn place(table: &str, map: Map) -> Attributes {
    Attributes::new().text(LIST_TABLE, table).text(LIST_SET, map.name())
}

pub(super) fn family_of(address: IpAddr) -> Family {
    if address.is_ipv4() { Family::V4 } else { Family::V6 }
}

pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// A port as a part of a key.
pub(super) fn port(port: u16) -> Vec<u8> {
    [port.to_be_bytes(), [0; 2]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PortMapping;

    fn published(host_ip: Option<&str>, to: &[&str]) -> Published {
        let host_ip = host_ip.map(|address| address.parse().unwrap());
        let mapping =
            PortMapping { protocol: Protocol::Udp, host_ip, host_port: 8001, container_port: 80 };
        Published { mapping, to: to.iter().map(|address| address.parse().unwrap()).collect() }
    }

    #[test]
    fn each_family_that_both_sides_have_gets_an_entry() {
        let both = ["10.0.0.2", "fd00::2"];
        for (host_ip, to, expected) in [
            (None, &both[..], &["ports_v4", "ports_v6"][..]),
            (None, &both[1..], &["ports_v6"]),
            (None, &[], &[]),
            (Some("127.0.0.1"), &both, &["ports_of_address_v4"]),
            (Some("127.0.0.1"), &both[1..], &[]),
            (Some("0.0.0.0"), &both, &["ports_v4"]),
            (Some("::"), &both, &["ports_v6"]),
            (Some("fd00::1"), &both, &["ports_of_address_v6"]),
        ] {
            let entries = Entry::all(&[published(host_ip, to)]);
            assert_eq!(
                entries.iter().map(|entry| entry.map.name()).collect::<Vec<_>>(),
                expected,
                "{host_ip:?} {to:?}"
            );
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let entries = Entry::all(&[
            published(Some("192.0.2.1"), &["10.0.0.2"]),
            published(Some("fd00::1"), &["fd00::2"]),
        ]);
        let added = add("pod0", &entries);
        assert_eq!(added.len(), 2);
        for (message, entry) in added.iter().zip(&entries) {
            let read: Vec<_> = Entry::read(entry.map, message.attributes.as_bytes()).collect();
            assert_eq!(read.as_slice(), std::slice::from_ref(entry));
            assert_eq!(entry.host_port(), [0x1f, 0x41]);
            assert_eq!(entry.target().1, [0, 80]);
            assert_eq!(entry.protocol(), libc::IPPROTO_UDP);
        }
        assert_eq!(entries.first().map(|entry| entry.target().0), Some([10, 0, 0, 2].as_slice()));
    }

    #[test]
    fn many_entries_take_several_messages() {
        let one = published(None, &["10.0.0.2"]);
        let all: Vec<_> = (1..=1000)
            .map(|host_port| Published {
                mapping: PortMapping { host_port, ..one.mapping },
                to: one.to.clone(),
            })
            .collect();
        let entries = Entry::all(&all);
        assert_eq!(
            (entries.len(), add("pod0", &entries).len(), remove("pod0", &entries).len()),
            (1000, 5, 5)
        );
    }
}
