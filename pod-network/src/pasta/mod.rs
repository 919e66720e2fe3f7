//! The program `pasta`, which carries the connections of one pod between its namespace and the host's sockets.
//!
//! It needs no privileges, so it is what connects the pods of an ordinary user. It runs in the background until
//! [`delete`]. Newer versions also leave by themselves soon after the first process of the namespace has ended.
//!
//! What the version of March 2023 in Debian 12 does not do: answer at ports of UDP on 127.0.0.1 and `::1`, forward
//! one port of two addresses of the host, complete a TCP connection from outside before the client has sent something,
//! or take one by IPv6 before the pod has sent something, which it does about a second after its start.

mod attachment;
mod error;
mod port;
mod process;
#[cfg(test)]
mod tests;
mod uplink;

pub(crate) use attachment::{PastaAttachment, attach, delete, owner, prepare};
pub use error::PastaError;
