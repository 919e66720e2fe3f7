//! The rules that lead between the pods of a bridge, the host and what is beyond it.
//!
//! They are in one table of nftables of their own, for IPv4 and IPv6, and say:
//!
//! - what a pod sends beyond its bridge gets an address of the host;
//! - what is for a published port of the host goes to the pod, with the address it came from. Only what comes from the
//!   host's loopback or from a pod of the bridge gets the bridge's address, for the pod could not answer it otherwise;
//! - a pod cannot send with an address that is no pod's, nor reach the loopback addresses of the host.
//!
//! `::1` does not lead to published ports: IPv6 has nothing like `route_localnet`. A connection is refused there, and
//! programs that know `localhost` by both addresses go on to 127.0.0.1.
//!
//! No packet is let through that another table drops: where another firewall forwards nothing by default, it has to be
//! told of the bridge.

mod conntrack;
mod entry;
mod rule;
mod rules;
mod ruleset;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use nix::errno::Errno;

pub(crate) use rules::{Published, Rules};

use crate::NetworkError;
use crate::nft::{Attributes, Kind, Message, Refused, Socket, attribute, covers};
use entry::{Entry, Map};
use ruleset::{Ruleset, TABLE_NAME};

/// How often it is begun again when someone else changes rules at the same time.
const ATTEMPTS: usize = 20;
const GENERATION: u16 = 1;
/// The name of the table, in maps, chains and rules.
const LIST_TABLE: u16 = 1;

/// A table of nftables of our own.
#[derive(Debug, Clone)]
pub(crate) struct Firewall {
    table: String,
}

/// What the kernel has in our table.
struct Found {
    table: Vec<u8>,
    maps: Vec<Vec<u8>>,
    chains: Vec<Vec<u8>>,
    rules: Vec<Vec<u8>>,
    entries: BTreeSet<Entry>,
}

/// Why an attempt came to nothing.
enum Failure {
    /// The rules changed while they were read or before ours were in place.
    Overtaken,
    Network(NetworkError),
}

impl From<NetworkError> for Failure {
    fn from(error: NetworkError) -> Self {
        Self::Network(error)
    }
}

impl Firewall {
    /// The table of this name, in the network namespace of the calling thread.
    pub(crate) fn new(table: &str) -> Self {
        Self { table: table.to_owned() }
    }

    /// Makes the table say what `rules` say, at once or not at all, and forgets the UDP connections that go by what it
    /// said before. Connections of other ports are not touched. Returns whether more was mended than published ports.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Unsupported`] when the kernel lacks a part of nftables; others name the step. The table is then
    /// as it was, or as `rules` say when only connections could not be forgotten.
    pub(crate) fn sync(&self, rules: &Rules) -> Result<bool, NetworkError> {
        let mut socket = open()?;
        for _ in 0..ATTEMPTS {
            match self.attempt(&mut socket, rules) {
                Ok(mended) => return Ok(mended),
                Err(Failure::Overtaken) => {}
                Err(Failure::Network(error)) => return Err(error),
            }
        }
        Err(step(
            format!("change the nftables table {}, which others change too", self.table),
            Errno::ERESTART,
        ))
    }

    fn attempt(&self, socket: &mut Socket, rules: &Rules) -> Result<bool, Failure> {
        let generation = generation(socket)?;
        let found = self.found(socket)?;
        let wanted = Ruleset::new(&self.table, rules);
        let entries = Entry::all(&rules.published);
        let none = BTreeSet::new();
        let before = found.as_ref().map_or(&none, |found| &found.entries);
        let gone: Vec<_> = before.difference(&entries).collect();
        let mended = !found.as_ref().is_some_and(|found| found.agrees(&wanted));
        // What was not there before may have been missed by connections that came meanwhile.
        let new: Vec<_> =
            if mended { entries.iter().collect() } else { entries.difference(before).collect() };
        let first = match &found {
            None => wanted.make(),
            Some(_) if mended => wanted.replace(&self.table),
            Some(_) => entry::remove(&self.table, gone.iter().copied()),
        };
        let changes = [first, entry::add(&self.table, new.iter().copied())].concat();
        if !changes.is_empty() {
            socket
                .commit(Some(generation), &changes)
                .map_err(|refused| self.failure(refused, &changes))?;
            conntrack::forget(socket, &gone, &new)
                .map_err(|errno| step("forget UDP connections", errno))?;
        }
        Ok(mended)
    }

    /// Deletes the table. One that is not there is fine.
    ///
    /// # Errors
    ///
    /// When it cannot be deleted; it is then as it was.
    pub(crate) fn delete(&self) -> Result<(), NetworkError> {
        let delete = Message::inet(Kind::DELETE_TABLE, self.name());
        match open()?.commit(None, &[delete]) {
            Ok(()) | Err(Refused { errno: Errno::ENOENT, .. }) => Ok(()),
            Err(refused) => {
                Err(step(format!("delete the nftables table {}", self.table), refused.errno))
            }
        }
    }

    fn found(&self, socket: &mut Socket) -> Result<Option<Found>, Failure> {
        let table = match socket.get(Message::inet(Kind::GET_TABLE, self.name())) {
            Ok(table) => table,
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(self.unread(errno)),
        };
        let mut list = |kind| {
            // All three kinds have the name of the table first. Not every kernel keeps to it.
            let name = Attributes::new().text(LIST_TABLE, &self.table);
            let ours = |one: &Vec<u8>| covers(name.as_bytes(), one);
            let all = socket
                .list(Message::inet(kind, name.clone()))
                .map_err(|errno| self.unread(errno))?;
            Ok::<_, Failure>(all.into_iter().filter(ours).collect())
        };
        Ok(Some(Found {
            table,
            maps: list(Kind::GET_SET)?,
            chains: list(Kind::GET_CHAIN)?,
            rules: list(Kind::GET_RULE)?,
            entries: self.entries(socket)?,
        }))
    }

    fn entries(&self, socket: &mut Socket) -> Result<BTreeSet<Entry>, Failure> {
        let mut entries = BTreeSet::new();
        for map in Map::ALL {
            match socket.list(entry::list(&self.table, map)) {
                Ok(answers) => {
                    entries.extend(answers.iter().flat_map(|answer| Entry::read(map, answer)))
                }
                // Then the map will be made.
                Err(Errno::ENOENT) => {}
                Err(errno) => return Err(self.unread(errno)),
            }
        }
        Ok(entries)
    }

    fn name(&self) -> Attributes {
        Attributes::new().text(TABLE_NAME, &self.table)
    }

    fn unread(&self, errno: Errno) -> Failure {
        match errno {
            Errno::EINTR | Errno::ENOENT => Failure::Overtaken,
            errno => step(format!("read the nftables table {}", self.table), errno).into(),
        }
    }

    fn failure(&self, refused: Refused, changes: &[Message]) -> Failure {
        let lacks = [Errno::ENOENT, Errno::EOPNOTSUPP, Errno::EPROTONOSUPPORT, Errno::EAFNOSUPPORT];
        let refused_message = refused.message.and_then(|place| changes.get(place));
        match (refused_message.and_then(ruleset::needs), refused.errno) {
            (_, Errno::ERESTART) => Failure::Overtaken,
            (Some(what), errno) if lacks.contains(&errno) => {
                NetworkError::Unsupported { what }.into()
            }
            (_, errno) => step(format!("change the nftables table {}", self.table), errno).into(),
        }
    }
}

impl Found {
    /// Whether all but the entries is as wanted, with nothing besides.
    fn agrees(&self, wanted: &Ruleset) -> bool {
        let same = |wanted: &Message, found: &Vec<u8>| covers(wanted.attributes.as_bytes(), found);
        let set = |wanted: &[Message], found: &[Vec<u8>]| {
            wanted.len() == found.len()
                && wanted.iter().all(|wanted| found.iter().any(|found| same(wanted, found)))
        };
        same(&wanted.table, &self.table)
            && set(&wanted.maps, &self.maps)
            && set(&wanted.chains, &self.chains)
            && wanted.rules.len() == self.rules.len()
            && wanted.rules.iter().zip(&self.rules).all(|(wanted, found)| same(wanted, found))
    }
}

fn open() -> Result<Socket, NetworkError> {
    Socket::open().map_err(|errno| match errno {
        Errno::EPROTONOSUPPORT => {
            NetworkError::Unsupported { what: "netfilter (CONFIG_NETFILTER_NETLINK)".into() }
        }
        errno => step("make a socket to netfilter", errno),
    })
}

/// The number of the last change to any rule of the network namespace.
fn generation(socket: &mut Socket) -> Result<u32, NetworkError> {
    let answer = socket.get(Message::inet(Kind::GET_GENERATION, Attributes::new()));
    let answer = answer.map_err(|errno| match errno {
        // What the kernel says about a part of netfilter that it does not have.
        Errno::EINVAL | Errno::EOPNOTSUPP => {
            NetworkError::Unsupported { what: "nftables (CONFIG_NF_TABLES)".into() }
        }
        errno => step("read the state of nftables", errno),
    })?;
    let number = attribute(&answer, &[GENERATION]).and_then(|number| number.try_into().ok());
    number.map(u32::from_be_bytes).ok_or_else(|| step("read the state of nftables", Errno::EBADMSG))
}

fn step(action: impl Into<String>, errno: Errno) -> NetworkError {
    NetworkError::Step { action: action.into(), source: errno.into() }
}
