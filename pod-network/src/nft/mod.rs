//! The messages of nf_tables that the rules of this crate are made of.
//!
//! See `linux/netfilter/nf_tables.h` for the names and netlink(7) for how messages are carried. Numbers in attributes
//! are big-endian; those in the headers of netlink itself have the byte order of the machine.

mod attributes;
mod expression;
mod message;
mod socket;

pub(crate) use attributes::{Attributes, attribute, attributes, covers};
pub(crate) use expression::{Expression, Family, Register};
pub(crate) use message::{Kind, Message};
pub(crate) use socket::{Refused, Socket};
