//! All clients of the keeper, by number.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use super::connection::Connection;
use crate::error::RequestError;
use crate::protocol::{Reply, Request};

/// Most clients at once: the keeper must not run out of descriptors.
const MAX_CLIENTS: usize = 256;

/// A client's number, never given twice.
pub(super) type Client = usize;

/// The clients and the socket on which they come.
#[derive(Debug)]
pub(super) struct Clients {
    pub listener: UnixListener,
    connections: BTreeMap<Client, Connection>,
    last: Client,
}

impl Clients {
    pub fn new(listener: UnixListener) -> Self {
        Self { listener, connections: BTreeMap::new(), last: 0 }
    }

    /// Takes the next one in.
    pub fn accept(&mut self) {
        match self.listener.accept().and_then(|(socket, _)| Connection::accept(socket)) {
            Ok(Some(_)) if self.connections.len() >= MAX_CLIENTS => {
                tracing::warn!("refused a client, there are too many")
            }
            Ok(Some(client)) => {
                self.last += 1;
                self.connections.insert(self.last, client);
            }
            Ok(None) => tracing::warn!("refused a client of another user"),
            Err(error) => tracing::debug!(%error, "a client was not taken in"),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Client, &Connection)> {
        self.connections.iter()
    }

    pub fn get_mut(&mut self, n: Client) -> Option<&mut Connection> {
        self.connections.get_mut(&n)
    }

    pub fn generation(&self, n: Client) -> Option<u64> {
        self.connections.get(&n)?.generation
    }

    /// What a client asks for, as far as it has been sent; one that has gone is forgotten.
    pub fn receive(&mut self, n: Client) -> Vec<(Request, Vec<OwnedFd>)> {
        let Some(client) = self.connections.get_mut(&n) else { return Vec::new() };
        client.flush().and_then(|()| client.receive()).unwrap_or_else(|_| {
            self.connections.remove(&n);
            Vec::new()
        })
    }

    /// Sends a reply, with descriptors; a client that cannot take it is dropped.
    pub fn reply(&mut self, n: Client, reply: &Reply, fds: Vec<OwnedFd>) {
        if let Some(client) = self.connections.get_mut(&n)
            && let Err(error) = client.send(reply, fds)
        {
            tracing::debug!(%error, "a client is dropped");
            self.connections.remove(&n);
        }
    }

    pub fn answer(&mut self, n: Client, result: Result<Reply, RequestError>) {
        let reply = result.unwrap_or_else(Reply::Failed);
        self.reply(n, &reply, Vec::new());
    }

    /// Gives the same answer to several.
    pub fn answer_all(
        &mut self,
        clients: Vec<Client>,
        answer: impl Fn() -> Result<Reply, RequestError>,
    ) {
        clients.into_iter().for_each(|n| self.answer(n, answer()));
    }

    /// Tells those who watch.
    pub fn publish(&mut self, reply: &Reply) {
        let watching: Vec<Client> =
            self.connections.iter().filter(|(_, c)| c.watches).map(|(n, _)| *n).collect();
        watching.into_iter().for_each(|n| self.reply(n, reply, Vec::new()));
    }

    /// Sends a client the last thing it hears, waiting for it to be taken.
    pub fn last_words(&mut self, n: Client, reply: &Reply) -> io::Result<()> {
        if let Some(client) = self.connections.get_mut(&n) {
            client.socket().set_nonblocking(false)?;
            client.send(reply, Vec::new())?;
        }
        Ok(())
    }
}
