//! The table, its maps, chains and rules: all but the published ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use super::Rules;
use super::entry::{Map, PART, family_of, octets, port};
use super::rule::Rule;
use crate::nft::{Attributes, Expression, Family, Kind, Message, Register, attribute, attributes};

pub(super) const TABLE_NAME: u16 = 1;
const TABLE_FLAGS: u16 = 2;
const SET_TABLE: u16 = 1;
const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const SET_KEY_TYPE: u16 = 4;
const SET_KEY_LENGTH: u16 = 5;
const SET_DATA_TYPE: u16 = 6;
const SET_DATA_LENGTH: u16 = 7;
const SET_ID: u16 = 10;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const LIST_ELEMENT: u16 = 1;
const EXPRESSION_NAME: u16 = 1;

const FIRST: Register = Register::FIRST;
/// What a name server listens at.
const DOMAIN: u16 = 53;

/// What is there besides the entries of the maps, as the messages that make it.
pub(super) struct Ruleset {
    pub(super) table: Message,
    pub(super) maps: Vec<Message>,
    pub(super) chains: Vec<Message>,
    /// In the order of the chains, and within one in the order in which they are asked.
    pub(super) rules: Vec<Message>,
}

impl Ruleset {
    pub(super) fn new(table: &str, rules: &Rules) -> Self {
        let create = |message: Message| message.with_flags(libc::NLM_F_CREATE);
        let in_chain = |chain: Chain| {
            let append =
                move |rule: Rule| create(chain.rule(table, &rule)).with_flags(libc::NLM_F_APPEND);
            chain.rules(rules).into_iter().map(append)
        };
        let attributes = Attributes::new().text(TABLE_NAME, table).number(TABLE_FLAGS, 0);
        Self {
            table: create(Message::inet(Kind::NEW_TABLE, attributes)),
            maps: Map::ALL.into_iter().map(|map| create(new_map(table, map))).collect(),
            chains: Chain::ALL.into_iter().map(|chain| create(chain.message(table))).collect(),
            rules: Chain::ALL.into_iter().flat_map(in_chain).collect(),
        }
    }

    /// The messages that put it in the place of a table that is there.
    pub(super) fn replace(self, table: &str) -> Vec<Message> {
        let name = Attributes::new().text(TABLE_NAME, table);
        [vec![Message::inet(Kind::DELETE_TABLE, name)], self.make()].concat()
    }

    /// The messages that make it where there is no such table. A deletion would have the kernel wait for all who may look at
    /// what is deleted, which takes ten times as long.
    pub(super) fn make(self) -> Vec<Message> {
        let maps = (1..).zip(self.maps).map(|(id, map)| {
            // The number within the batch, which the kernel wants and does not keep.
            Message { attributes: map.attributes.number(SET_ID, id), ..map }
        });
        [vec![self.table], maps.collect(), self.chains, self.rules].concat()
    }
}

/// What the kernel needs to have been built with for `message`, when that is not sure.
pub(super) fn needs(message: &Message) -> Option<String> {
    match message.kind {
        Kind::NEW_TABLE => {
            Some("tables of nftables for IPv4 and IPv6 (CONFIG_NF_TABLES_INET)".to_owned())
        }
        Kind::NEW_CHAIN => Some("address translation by nftables (CONFIG_NFT_NAT)".to_owned()),
        Kind::NEW_RULE => {
            let list =
                attribute(message.attributes.as_bytes(), &[RULE_EXPRESSIONS]).unwrap_or_default();
            let name = |element| attribute(element, &[EXPRESSION_NAME]);
            let names: Vec<_> =
                attributes(list).filter_map(|(_, element)| option(name(element)?)).collect();
            Some(format!("parts of nftables ({})", names.join(", ")))
        }
        _ => None,
    }
}

/// The option of the kernel that an expression comes with; most are there always.
fn option(expression: &[u8]) -> Option<&'static str> {
    match expression {
        b"fib\0" => Some("CONFIG_NFT_FIB_INET"),
        b"ct\0" => Some("CONFIG_NFT_CT"),
        b"nat\0" => Some("CONFIG_NFT_NAT"),
        b"masq\0" => Some("CONFIG_NFT_MASQ"),
        _ => None,
    }
}

fn new_map(table: &str, map: Map) -> Message {
    const IS_MAP: u32 = 8;
    let (key_type, data_type) = types(map);
    let attributes = Attributes::new()
        .text(SET_TABLE, table)
        .text(SET_NAME, map.name())
        .number(SET_FLAGS, IS_MAP)
        .number(SET_KEY_TYPE, key_type)
        .number(SET_KEY_LENGTH, map.key_length() as u32)
        .number(SET_DATA_TYPE, data_type)
        .number(SET_DATA_LENGTH, map.data_length() as u32);
    Message::inet(Kind::NEW_SET, attributes)
}

/// What the program `nft` shows keys and data as: six bits for each part.
fn types(map: Map) -> (u32, u32) {
    const PROTOCOL: u32 = 12;
    const PORT: u32 = 13;
    let address = match map.family {
        Family::V4 => 7,
        Family::V6 => 8,
    };
    let protocol_and_port = PROTOCOL << 6 | PORT;
    let key = if map.with_address { address << 12 | protocol_and_port } else { protocol_and_port };
    (key, address << 6 | PORT)
}

/// The chains, each called by one hook of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chain {
    /// Throws away what pods must not send.
    Guard,
    /// Sends what comes in for published ports on to pods.
    Prerouting,
    /// The same for what programs of the host send.
    Output,
    /// Lends an address of the host to what could not be answered otherwise.
    Postrouting,
}

impl Chain {
    const ALL: [Self; 4] = [Self::Guard, Self::Prerouting, Self::Output, Self::Postrouting];

    fn name(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Prerouting => "prerouting",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
        }
    }

    /// The hook, the priority and the type: before connections are known, or where addresses are translated.
    fn place(self) -> (libc::c_int, i32, &'static str) {
        match self {
            Self::Guard => (libc::NF_INET_PRE_ROUTING, libc::NF_IP_PRI_RAW, "filter"),
            Self::Prerouting => (libc::NF_INET_PRE_ROUTING, libc::NF_IP_PRI_NAT_DST, "nat"),
            Self::Output => (libc::NF_INET_LOCAL_OUT, libc::NF_IP_PRI_NAT_DST, "nat"),
            Self::Postrouting => (libc::NF_INET_POST_ROUTING, libc::NF_IP_PRI_NAT_SRC, "nat"),
        }
    }

    fn message(self, table: &str) -> Message {
        let (hook, priority, kind) = self.place();
        let hook = Attributes::new()
            .number(HOOK_NUMBER, hook.cast_unsigned())
            .number(HOOK_PRIORITY, priority.cast_unsigned());
        let attributes = Attributes::new()
            .text(CHAIN_TABLE, table)
            .text(CHAIN_NAME, self.name())
            .nested(CHAIN_HOOK, &hook)
            .number(CHAIN_POLICY, libc::NF_ACCEPT.cast_unsigned())
            .text(CHAIN_TYPE, kind);
        Message::inet(Kind::NEW_CHAIN, attributes)
    }

    fn rule(self, table: &str, rule: &Rule) -> Message {
        let list = Attributes::new();
        let list = rule
            .0
            .iter()
            .fold(list, |list, expression| list.nested(LIST_ELEMENT, expression.attributes()));
        let attributes = Attributes::new()
            .text(RULE_TABLE, table)
            .text(RULE_CHAIN, self.name())
            .nested(RULE_EXPRESSIONS, &list);
        Message::inet(Kind::NEW_RULE, attributes)
    }

    fn rules(self, rules: &Rules) -> Vec<Rule> {
        match self {
            Self::Guard => guard(rules),
            Self::Prerouting => [resolver(rules), published()].concat(),
            Self::Output => published(),
            Self::Postrouting => postrouting(rules),
        }
    }
}

/// The loopback addresses of IPv4.
fn loopback() -> IpNet {
    IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8)
}

/// Sources that hosts have on a link before and besides any other address.
fn of_link() -> [IpNet; 2] {
    let unspecified = IpNet::new_assert(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 128);
    [unspecified, IpNet::new_assert(IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10)]
}

/// The bridge has `route_localnet` set, so that 127.0.0.1 leads to published ports; without this, pods would reach all
/// that listens there.
fn guard(rules: &Rules) -> Vec<Rule> {
    let of = |family| {
        rules.ranges.iter().copied().filter(move |range| family_of(range.addr()) == family)
    };
    let comes = |family| Rule::new().comes_by(&rules.bridge).family(family);
    let into_loopback = comes(Family::V4).goes_to(loopback());
    let false_v4 = of(Family::V4).fold(comes(Family::V4), Rule::comes_from_outside);
    let false_v6 =
        of(Family::V6).chain(of_link()).fold(comes(Family::V6), Rule::comes_from_outside);
    [into_loopback, false_v4, false_v6]
        .into_iter()
        .map(|rule| rule.with([Expression::drop_packet()]))
        .collect()
}

/// Sends questions to the gateways on to the host's resolver.
fn resolver(rules: &Rules) -> Vec<Rule> {
    let Some(resolver) = rules.resolver else { return Vec::new() };
    let reachable = resolver.ip() != IpAddr::V6(Ipv6Addr::LOCALHOST);
    let asked = rules
        .gateways
        .iter()
        .filter(|gateway| reachable && gateway.is_ipv4() == resolver.is_ipv4());
    let rules_of = |gateway: &IpAddr| {
        [libc::IPPROTO_UDP, libc::IPPROTO_TCP]
            .map(|protocol| to_resolver(&rules.bridge, *gateway, protocol as u8, resolver))
    };
    asked.flat_map(rules_of).collect()
}

fn to_resolver(bridge: &str, gateway: IpAddr, protocol: u8, resolver: SocketAddr) -> Rule {
    let family = family_of(gateway);
    let port_register = FIRST.after(family.length());
    Rule::new().comes_by(bridge).family(family).goes_to(gateway.into()).with([
        Expression::load_protocol(FIRST),
        Expression::equal(FIRST, &[protocol]),
        Expression::load_destination_port(FIRST),
        Expression::equal(FIRST, &DOMAIN.to_be_bytes()),
        Expression::set(FIRST, &octets(resolver.ip())),
        Expression::set(port_register, &port(resolver.port())[..2]),
        Expression::translate_destination(family, FIRST, port_register),
    ])
}

/// Sends what is for a published port of this host on to the pod.
fn published() -> Vec<Rule> {
    Map::ALL.into_iter().map(of_map).collect()
}

fn of_map(map: Map) -> Rule {
    let family = map.family;
    let rule = Rule::new().family(family);
    let rule = match family {
        Family::V4 => rule,
        // Nothing of IPv6 lets an answer through to `::1`, so the port had better be refused there than be silent.
        Family::V6 => rule.goes_outside(IpAddr::V6(Ipv6Addr::LOCALHOST).into()),
    };
    let rule = rule.goes_to_this_host();
    let protocol = FIRST.after(if map.with_address { family.length() } else { 0 });
    let rule = if map.with_address {
        rule.with([Expression::load_destination(family, FIRST)])
    } else {
        rule
    };
    rule.with([
        Expression::load_protocol(protocol),
        Expression::load_destination_port(protocol.after(PART)),
        Expression::look_up(map.name(), FIRST, FIRST),
        Expression::translate_destination(family, FIRST, FIRST.after(family.length())),
    ])
}

fn postrouting(rules: &Rules) -> Vec<Rule> {
    let bridge = &rules.bridge;
    let outward = |range: &IpNet| {
        Rule::new()
            .family(family_of(range.addr()))
            .comes_from(*range)
            .goes_outside(*range)
            .leaves_by_other_than(bridge)
    };
    // From a pod by way of the host to a pod. Asked by address and not by the link it came in by, which the kernel does
    // not tell where bridged packets pass these rules (`bridge-nf-call-iptables`).
    let back = |range: IpNet| {
        Rule::new().leaves_by(bridge).family(family_of(range.addr())).comes_from(range)
    };
    let rules_of_range = rules.ranges.iter().map(outward);
    let through_host = rules
        .ranges
        .iter()
        .copied()
        .chain([loopback()])
        .map(|range| back(range).destination_was_translated());
    rules_of_range.chain(through_host).map(|rule| rule.with([Expression::masquerade()])).collect()
}
