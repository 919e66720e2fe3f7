//! The expressions that rules are made of. A rule ends at the first that does not hold.
//!
//! Bare numbers are the kinds of an expression's own attributes, as the kernel's header counts them.

use super::Attributes;

const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;

const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
/// Where both TCP and UDP have the port of the destination.
const DESTINATION_PORT: u32 = 2;

const META_INPUT_NAME: u32 = 6;
const META_OUTPUT_NAME: u32 = 7;
const META_FAMILY: u32 = 15;
const META_PROTOCOL: u32 = 16;
const CONNECTION_STATUS: u32 = 2;
const FIB_ADDRESS_TYPE: u32 = 3;
const FIB_DESTINATION: u32 = 2;

const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;

/// A place of four bytes in which values are kept while a rule runs. A longer value takes those after it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Register(u32);

impl Register {
    /// The first; it and the three after it are `NFT_REG_1`.
    pub(crate) const FIRST: Self = Self(0);

    /// The one that comes `bytes` later.
    pub(crate) fn after(self, bytes: usize) -> Self {
        Self(self.0 + bytes as u32 / 4)
    }

    /// The number that the kernel shows: it names groups of four by `NFT_REG_1` to `NFT_REG_4`, others one by one.
    fn number(self) -> u32 {
        const FIRST_OF_FOUR_BYTES: u32 = 8;
        if self.0.is_multiple_of(4) { 1 + self.0 / 4 } else { FIRST_OF_FOUR_BYTES + self.0 }
    }
}

/// A family of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Its number in netfilter, which is that of `AF_INET` or `AF_INET6`.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::V4 => libc::NFPROTO_IPV4 as u8,
            Self::V6 => libc::NFPROTO_IPV6 as u8,
        }
    }

    /// How many bytes an address has.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::V4 => 4,
            Self::V6 => 16,
        }
    }

    fn source_offset(self) -> u32 {
        match self {
            Self::V4 => 12,
            Self::V6 => 8,
        }
    }
}

/// One step of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expression(Attributes);

impl Expression {
    fn new(name: &str, data: &Attributes) -> Self {
        Self(Attributes::new().text(EXPRESSION_NAME, name).nested(EXPRESSION_DATA, data))
    }

    pub(crate) fn attributes(&self) -> &Attributes {
        &self.0
    }

    /// Loads the family of the packet's addresses: one byte.
    pub(crate) fn load_family(to: Register) -> Self {
        Self::meta(META_FAMILY, to)
    }

    /// Loads the number of the protocol, such as `IPPROTO_TCP`: one byte.
    pub(crate) fn load_protocol(to: Register) -> Self {
        Self::meta(META_PROTOCOL, to)
    }

    /// Loads the name of the link that the packet came in by: 16 bytes.
    pub(crate) fn load_input(to: Register) -> Self {
        Self::meta(META_INPUT_NAME, to)
    }

    /// Loads the name of the link that it leaves by: 16 bytes.
    pub(crate) fn load_output(to: Register) -> Self {
        Self::meta(META_OUTPUT_NAME, to)
    }

    fn meta(key: u32, to: Register) -> Self {
        Self::new("meta", &Attributes::new().number(1, to.number()).number(2, key))
    }

    /// Loads the address that the packet comes from.
    pub(crate) fn load_source(family: Family, to: Register) -> Self {
        Self::payload(NETWORK_HEADER, family.source_offset(), family.length() as u32, to)
    }

    /// Loads the address that it goes to.
    pub(crate) fn load_destination(family: Family, to: Register) -> Self {
        let length = family.length() as u32;
        Self::payload(NETWORK_HEADER, family.source_offset() + length, length, to)
    }

    /// Loads the port that it goes to: two bytes.
    pub(crate) fn load_destination_port(to: Register) -> Self {
        Self::payload(TRANSPORT_HEADER, DESTINATION_PORT, 2, to)
    }

    fn payload(base: u32, offset: u32, length: u32, to: Register) -> Self {
        let place = Attributes::new()
            .number(1, to.number())
            .number(2, base)
            .number(3, offset)
            .number(4, length);
        Self::new("payload", &place)
    }

    /// Loads what the destination is to this host, such as `RTN_LOCAL`: four bytes of the machine's order.
    pub(crate) fn load_destination_type(to: Register) -> Self {
        let look_up = Attributes::new()
            .number(1, to.number())
            .number(2, FIB_ADDRESS_TYPE)
            .number(3, FIB_DESTINATION);
        Self::new("fib", &look_up)
    }

    /// Loads the status bits of the connection: four bytes of the machine's order.
    pub(crate) fn load_connection_status(to: Register) -> Self {
        Self::new("ct", &Attributes::new().number(1, to.number()).number(2, CONNECTION_STATUS))
    }

    /// Puts a value into a register.
    pub(crate) fn set(to: Register, value: &[u8]) -> Self {
        Self::new("immediate", &Attributes::new().number(1, to.number()).nested(2, &data(value)))
    }

    /// Keeps the bits of a register that `mask` has.
    pub(crate) fn mask(register: Register, mask: &[u8]) -> Self {
        let number = register.number();
        let mask_and_flip = Attributes::new()
            .number(1, number)
            .number(2, number)
            .number(3, mask.len() as u32)
            .nested(4, &data(mask))
            .nested(5, &data(&vec![0; mask.len()]));
        Self::new("bitwise", &mask_and_flip)
    }

    /// Goes on if the register has this value.
    pub(crate) fn equal(register: Register, value: &[u8]) -> Self {
        Self::compare(register, EQUAL, value)
    }

    /// Goes on if it has another one.
    pub(crate) fn not_equal(register: Register, value: &[u8]) -> Self {
        Self::compare(register, NOT_EQUAL, value)
    }

    fn compare(register: Register, how: u32, value: &[u8]) -> Self {
        Self::new(
            "cmp",
            &Attributes::new().number(1, register.number()).number(2, how).nested(3, &data(value)),
        )
    }

    /// Goes on if the map has the key that starts at `key`, with what it leads to from `to` on.
    pub(crate) fn look_up(map: &str, key: Register, to: Register) -> Self {
        let look_up = Attributes::new()
            .text(1, map)
            .number(2, key.number())
            .number(3, to.number())
            .number(5, 0);
        Self::new("lookup", &look_up)
    }

    /// Sends the connection to the address and the port in these registers.
    pub(crate) fn translate_destination(family: Family, address: Register, port: Register) -> Self {
        const DESTINATION: u32 = 1;
        let target = Attributes::new()
            .number(1, DESTINATION)
            .number(2, u32::from(family.number()))
            .number(3, address.number())
            .number(5, port.number());
        Self::new("nat", &target)
    }

    /// Makes the connection come from an address of the link that it leaves by.
    pub(crate) fn masquerade() -> Self {
        Self::new("masq", &Attributes::new())
    }

    /// Throws the packet away.
    pub(crate) fn drop_packet() -> Self {
        const VERDICT_REGISTER: u32 = 0;
        const DROP: u32 = 0;
        let verdict =
            Attributes::new().nested(DATA_VERDICT, &Attributes::new().number(VERDICT_CODE, DROP));
        Self::new("immediate", &Attributes::new().number(1, VERDICT_REGISTER).nested(2, &verdict))
    }
}

fn data(value: &[u8]) -> Attributes {
    Attributes::new().bytes(DATA_VALUE, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::attribute;

    #[test]
    fn registers_have_the_numbers_that_the_kernel_shows() {
        let numbers = [0, 4, 8, 12, 16, 20, 32].map(|bytes| Register::FIRST.after(bytes).number());
        assert_eq!(numbers, [1, 9, 10, 11, 2, 13, 3]);
    }

    #[test]
    fn addresses_are_where_the_headers_have_them() {
        let place = |expression: Expression| {
            [3, 4].map(|kind| {
                attribute(expression.attributes().as_bytes(), &[2, kind])
                    .and_then(|value| value.last().copied())
            })
        };
        let to = Register::FIRST;
        assert_eq!(place(Expression::load_source(Family::V4, to)), [Some(12), Some(4)]);
        assert_eq!(place(Expression::load_destination(Family::V4, to)), [Some(16), Some(4)]);
        assert_eq!(place(Expression::load_source(Family::V6, to)), [Some(8), Some(16)]);
        assert_eq!(place(Expression::load_destination(Family::V6, to)), [Some(24), Some(16)]);
        assert_eq!(place(Expression::load_destination_port(to)), [Some(2), Some(2)]);
    }
}
