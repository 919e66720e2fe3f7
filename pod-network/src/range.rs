//! Which addresses pods get.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::{Bridge, NetworkError};

/// The length of the prefix of a range that is chosen: room for 4093 pods.
const CHOSEN_PREFIX: u8 = 20;
/// How many ranges of that size 10.0.0.0/8 and 172.16.0.0/12 have.
const IN_10: u32 = 1 << (CHOSEN_PREFIX - 8);
const IN_172: u32 = 1 << (CHOSEN_PREFIX - 12);
/// The host's number in each range. Zero is the range itself.
const GATEWAY: u32 = 1;
/// The longest prefixes that have room for the host and a pod.
const LONGEST_IPV4: u8 = 30;
const LONGEST_IPV6: u8 = 126;

/// The ranges of a bridge. A pod has the same number in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ranges {
    pub(crate) ipv4: Ipv4Net,
    pub(crate) ipv6: Option<Ipv6Net>,
    /// The number leased last. Its turn comes again after all the others.
    pub(crate) last: u32,
}

impl Ranges {
    /// The host's own addresses, with the length of the range's prefix.
    pub(crate) fn gateways(&self) -> Vec<IpNet> {
        self.addresses(GATEWAY)
    }

    /// The addresses of a number, with the length of the range's prefix.
    pub(crate) fn addresses(&self, number: u32) -> Vec<IpNet> {
        let ipv4 = Ipv4Addr::from_bits(self.ipv4.network().to_bits() + number);
        let ipv6 = self.ipv6.map(|range| {
            let address = Ipv6Addr::from_bits(range.network().to_bits() + u128::from(number));
            with_prefix(address.into(), range.prefix_len())
        });
        [Some(with_prefix(ipv4.into(), self.ipv4.prefix_len())), ipv6]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Both ranges.
    pub(crate) fn nets(&self) -> Vec<IpNet> {
        [Some(self.ipv4.into()), self.ipv6.map(IpNet::from)].into_iter().flatten().collect()
    }

    /// Leases the next number that is not among the addresses `taken`.
    pub(crate) fn lease(
        &mut self,
        taken: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Vec<IpNet>, NetworkError> {
        let base = self.ipv4.network().to_bits();
        let taken: HashSet<u32> = taken
            .into_iter()
            .filter_map(|address| match address {
                IpAddr::V4(address) => address.to_bits().checked_sub(base),
                IpAddr::V6(_) => None,
            })
            .collect();
        let (first, end) = (GATEWAY + 1, self.end());
        let number = (self.last + 1..end)
            .chain(first..end.min(self.last + 1))
            .find(|number| *number >= first && !taken.contains(number))
            .ok_or(NetworkError::NoAddress { range: self.ipv4 })?;
        self.last = number;
        Ok(self.addresses(number))
    }

    /// One beyond the last number: the last address of a range is its broadcast address.
    fn end(&self) -> u32 {
        let ipv4 = u32::MAX >> self.ipv4.prefix_len();
        match self.ipv6 {
            Some(range) => {
                u32::try_from(u128::MAX >> range.prefix_len()).map_or(ipv4, |ipv6| ipv4.min(ipv6))
            }
            None => ipv4,
        }
    }

    /// Refuses ranges other than these, which pods have addresses of.
    pub(crate) fn still_meets(&self, wanted: &Bridge) -> Result<(), NetworkError> {
        let refuse = |range: IpNet, kept: String| {
            let reason = format!(
                "pods have addresses of {kept}, which stays until the last of them is gone"
            );
            Err(NetworkError::Range { range, reason })
        };
        match (wanted.ipv4.map(|range| range.trunc()), wanted.ipv6.map(|range| range.trunc())) {
            (Some(range), _) if range != self.ipv4 => refuse(range.into(), self.ipv4.to_string()),
            (_, Some(range)) if Some(range) != self.ipv6 => refuse(
                range.into(),
                self.ipv6.map_or_else(|| "IPv4 alone".to_owned(), |kept| kept.to_string()),
            ),
            _ => Ok(()),
        }
    }
}

/// What of the host decides about ranges.
#[derive(Debug, Clone, Default)]
pub(crate) struct Occupied {
    /// The ranges that routes lead to, default routes aside.
    pub(crate) routes: Vec<IpNet>,
    /// Whether an address of IPv6 reaches beyond the host's own links.
    pub(crate) ipv6_beyond: bool,
    /// Whether the kernel has IPv6 at all.
    pub(crate) ipv6: bool,
    /// What tells this machine from others.
    pub(crate) machine: String,
}

impl Occupied {
    fn route_to(&self, range: IpNet) -> Option<IpNet> {
        self.routes.iter().copied().find(|route| route.contains(&range) || range.contains(route))
    }

    fn checked(&self, range: IpNet, longest: u8) -> Result<(), NetworkError> {
        let refuse = |reason: String| Err(NetworkError::Range { range, reason });
        if range.prefix_len() > longest {
            return refuse("it is too small".to_owned());
        }
        match self.route_to(range) {
            Some(route) => refuse(format!("the host has a route to {route}")),
            None => Ok(()),
        }
    }
}

/// The ranges for the first pod of the bridge `name`: those that are `wanted`, otherwise ones that no route leads to.
pub(crate) fn choose(wanted: &Bridge, name: &str, host: &Occupied) -> Result<Ranges, NetworkError> {
    let ipv4 = match wanted.ipv4 {
        Some(range) => given_ipv4(range, host)?,
        None => chosen_ipv4(name, host)?,
    };
    let ipv6 = match wanted.ipv6 {
        Some(range) => Some(given_ipv6(range, host)?),
        None if host.ipv6 && host.ipv6_beyond => Some(chosen_ipv6(name, host)?),
        None => None,
    };
    Ok(Ranges { ipv4, ipv6, last: GATEWAY })
}

fn given_ipv4(range: Ipv4Net, host: &Occupied) -> Result<Ipv4Net, NetworkError> {
    host.checked(range.trunc().into(), LONGEST_IPV4).map(|()| range.trunc())
}

fn given_ipv6(range: Ipv6Net, host: &Occupied) -> Result<Ipv6Net, NetworkError> {
    let range = range.trunc();
    if !host.ipv6 {
        let reason = "IPv6 is disabled on this host".to_owned();
        return Err(NetworkError::Range { range: range.into(), reason });
    }
    host.checked(range.into(), LONGEST_IPV6).map(|()| range)
}

/// Begins at a place that depends on the name, so that the bridges of two runtimes rarely meet.
fn chosen_ipv4(name: &str, host: &Occupied) -> Result<Ipv4Net, NetworkError> {
    let all = IN_10 + IN_172;
    let start = (hash(name.as_bytes()) % u64::from(all)) as u32;
    (0..all)
        .map(|step| candidate_ipv4((start + step) % all))
        .find(|range| host.route_to((*range).into()).is_none())
        .ok_or(NetworkError::NoRange)
}

fn candidate_ipv4(number: u32) -> Ipv4Net {
    let (block, number) = match number.checked_sub(IN_10) {
        None => (Ipv4Addr::new(10, 0, 0, 0), number),
        Some(number) => (Ipv4Addr::new(172, 16, 0, 0), number),
    };
    let network = block.to_bits() + (number << (32 - CHOSEN_PREFIX));
    Ipv4Net::new_assert(Ipv4Addr::from_bits(network), CHOSEN_PREFIX)
}

/// A unique local range (RFC 4193): 40 bits that no other machine should have.
fn chosen_ipv6(name: &str, host: &Occupied) -> Result<Ipv6Net, NetworkError> {
    (0..IN_10)
        .map(|attempt| hash(format!("{}/{name}/{attempt}", host.machine).as_bytes()))
        .map(|hash| {
            let network = 0xfd << 120 | u128::from(hash >> 8) << 64;
            Ipv6Net::new_assert(Ipv6Addr::from_bits(network), 64)
        })
        .find(|range| host.route_to((*range).into()).is_none())
        .ok_or(NetworkError::NoRange)
}

/// FNV-1a: the same at every run, which the standard library's hash does not promise.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn with_prefix(address: IpAddr, prefix: u8) -> IpNet {
    IpNet::new_assert(address, prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn host(routes: &[&str]) -> Occupied {
        Occupied {
            routes: routes.iter().map(|route| net(route)).collect(),
            ipv6_beyond: true,
            ipv6: true,
            machine: "m".into(),
        }
    }

    #[test]
    fn a_chosen_range_overlaps_no_route() {
        let free = choose(&Bridge::default(), "pod0", &host(&[])).unwrap();
        let other = choose(&Bridge::default(), "pod1", &host(&[])).unwrap();
        assert_ne!((free.ipv4, free.ipv6), (other.ipv4, other.ipv6));
        assert!(free.end() > 1022);
        assert!(net("fd00::/8").contains(&IpNet::from(free.ipv6.unwrap())));

        for taken in [free.ipv4.to_string(), free.ipv4.hosts().next().unwrap().to_string() + "/32"]
        {
            let next = choose(&Bridge::default(), "pod0", &host(&[&taken])).unwrap();
            assert!(!net(&taken).contains(&IpNet::from(next.ipv4)));
            assert_ne!(next.ipv4, free.ipv4);
        }
        let in_172 = choose(&Bridge::default(), "pod0", &host(&["10.0.0.0/8"])).unwrap();
        assert!(net("172.16.0.0/12").contains(&IpNet::from(in_172.ipv4)));
        let none = choose(&Bridge::default(), "pod0", &host(&["10.0.0.0/8", "172.16.0.0/12"]));
        assert!(matches!(none, Err(NetworkError::NoRange)));
    }

    #[test]
    fn ipv6_is_for_hosts_that_have_it() {
        let within = Occupied { ipv6_beyond: false, ..host(&[]) };
        assert_eq!(choose(&Bridge::default(), "pod0", &within).unwrap().ipv6, None);
        let disabled = Occupied { ipv6: false, ..host(&[]) };
        assert_eq!(choose(&Bridge::default(), "pod0", &disabled).unwrap().ipv6, None);
        let wanted = Bridge { ipv6: Some("fd01::/64".parse().unwrap()), ..Bridge::default() };
        assert!(choose(&wanted, "pod0", &within).is_ok());
        let refused = choose(&wanted, "pod0", &disabled).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "cannot give addresses of fd01::/64 to pods: IPv6 is disabled on this host"
        );
    }

    #[test]
    fn a_given_range_is_used_or_refused_with_the_reason() {
        let given = |ipv4: &str| Bridge { ipv4: Some(ipv4.parse().unwrap()), ipv6: None };
        let ranges = choose(&given("192.168.7.9/24"), "pod0", &host(&["192.168.8.0/24"])).unwrap();
        assert_eq!(ranges.ipv4, "192.168.7.0/24".parse().unwrap());
        let reason = |ipv4, routes: &[&str]| {
            choose(&given(ipv4), "pod0", &host(routes)).unwrap_err().to_string()
        };
        assert_eq!(
            reason("192.168.7.0/24", &["192.168.0.0/16"]),
            "cannot give addresses of 192.168.7.0/24 to pods: the host has a route to 192.168.0.0/16"
        );
        assert!(reason("10.0.0.0/31", &[]).contains("too small"));
    }

    #[test]
    fn ranges_stay_while_pods_have_addresses() {
        let ranges = choose(&Bridge::default(), "pod0", &host(&[])).unwrap();
        let same = Bridge { ipv4: Some(ranges.ipv4), ipv6: ranges.ipv6 };
        ranges.still_meets(&same).unwrap();
        ranges.still_meets(&Bridge::default()).unwrap();
        let other = Bridge { ipv4: Some("192.168.7.0/24".parse().unwrap()), ipv6: None };
        let error = ranges.still_meets(&other).unwrap_err().to_string();
        assert!(
            error.contains("192.168.7.0/24") && error.contains(&ranges.ipv4.to_string()),
            "{error}"
        );
    }

    #[test]
    fn numbers_go_round_before_one_comes_again() {
        let mut ranges = Ranges {
            ipv4: "10.1.0.0/29".parse().unwrap(),
            ipv6: Some("fd01::/64".parse().unwrap()),
            last: 1,
        };
        let mut lease = |taken: &[&str]| {
            let taken = taken.iter().map(|ip| ip.parse().unwrap());
            ranges
                .lease(taken)
                .map(|addresses| addresses.iter().map(IpNet::to_string).collect::<Vec<_>>())
        };
        assert_eq!(lease(&[]).unwrap(), ["10.1.0.2/29", "fd01::2/64"]);
        assert_eq!(lease(&[]).unwrap()[0], "10.1.0.3/29");
        assert_eq!(lease(&["10.1.0.4"]).unwrap()[0], "10.1.0.5/29");
        assert_eq!(lease(&[]).unwrap()[0], "10.1.0.6/29");
        assert_eq!(lease(&[]).unwrap()[0], "10.1.0.2/29");
        let all = ["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"];
        assert_eq!(lease(&all[1..]).unwrap()[0], "10.1.0.2/29", "the only free one");
        assert_eq!(lease(&all).unwrap_err().to_string(), "every address of 10.1.0.0/29 is taken");
    }

    #[test]
    fn a_thousand_leases_fit() {
        let mut ranges = choose(&Bridge::default(), "pod0", &host(&[])).unwrap();
        let mut taken = HashSet::new();
        for _ in 0..1000 {
            let address = ranges.lease(taken.iter().copied()).unwrap()[0].addr();
            assert!(ranges.ipv4.contains(&match address {
                IpAddr::V4(address) => address,
                IpAddr::V6(_) => unreachable!(),
            }));
            assert!(taken.insert(address));
        }
    }
}
