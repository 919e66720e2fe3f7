//! One rule, put together from what it asks.

use ipnet::IpNet;

use super::entry::{family_of, octets};
use crate::nft::{Expression, Family, Register};

const FIRST: Register = Register::FIRST;
/// The status bit of a connection whose destination has been translated (`IPS_DST_NAT`).
const DESTINATION_TRANSLATED: u32 = 1 << 5;

/// The expressions of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule(pub(super) Vec<Expression>);

impl Rule {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn with(mut self, expressions: impl IntoIterator<Item = Expression>) -> Self {
        self.0.extend(expressions);
        self
    }

    pub(super) fn family(self, family: Family) -> Self {
        self.with([Expression::load_family(FIRST), Expression::equal(FIRST, &[family.number()])])
    }

    pub(super) fn comes_by(self, link: &str) -> Self {
        self.with([Expression::load_input(FIRST), Expression::equal(FIRST, &link_name(link))])
    }

    pub(super) fn leaves_by(self, link: &str) -> Self {
        self.with([Expression::load_output(FIRST), Expression::equal(FIRST, &link_name(link))])
    }

    pub(super) fn leaves_by_other_than(self, link: &str) -> Self {
        self.with([Expression::load_output(FIRST), Expression::not_equal(FIRST, &link_name(link))])
    }

    pub(super) fn comes_from(self, range: IpNet) -> Self {
        self.address(Expression::load_source, range, Expression::equal)
    }

    pub(super) fn comes_from_outside(self, range: IpNet) -> Self {
        self.address(Expression::load_source, range, Expression::not_equal)
    }

    pub(super) fn goes_to(self, range: IpNet) -> Self {
        self.address(Expression::load_destination, range, Expression::equal)
    }

    pub(super) fn goes_outside(self, range: IpNet) -> Self {
        self.address(Expression::load_destination, range, Expression::not_equal)
    }

    /// Compares the network of an address. Which family the packet is of must have been asked before.
    fn address(
        self,
        load: fn(Family, Register) -> Expression,
        range: IpNet,
        compare: fn(Register, &[u8]) -> Expression,
    ) -> Self {
        let load = load(family_of(range.addr()), FIRST);
        let network = compare(FIRST, &octets(range.network()));
        self.with([load, Expression::mask(FIRST, &octets(range.netmask())), network])
    }

    pub(super) fn goes_to_this_host(self) -> Self {
        let local = u32::from(libc::RTN_LOCAL).to_ne_bytes();
        self.with([Expression::load_destination_type(FIRST), Expression::equal(FIRST, &local)])
    }

    pub(super) fn destination_was_translated(self) -> Self {
        self.with([
            Expression::load_connection_status(FIRST),
            Expression::mask(FIRST, &DESTINATION_TRANSLATED.to_ne_bytes()),
            Expression::not_equal(FIRST, &[0; 4]),
        ])
    }
}

fn link_name(link: &str) -> [u8; libc::IFNAMSIZ] {
    let mut name = [0; libc::IFNAMSIZ];
    // A name that is too long is no link's, and the kernel says so when the bridge is made.
    for (to, from) in name.iter_mut().zip(link.bytes().take(libc::IFNAMSIZ - 1)) {
        *to = from;
    }
    name
}
