//! Where the host leads to.

use std::fs;
use std::net::IpAddr;

/// IPv4, IPv6 or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Families {
    pub ipv4: bool,
    pub ipv6: bool,
}

impl Families {
    /// Those in which the namespace of the calling thread has a default route.
    pub fn with_uplink() -> Self {
        let table =
            |name| fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default();
        Self {
            ipv4: has_default_ipv4(&table("route")),
            ipv6: has_default_ipv6(&table("ipv6_route")),
        }
    }

    /// Those in which the host has resolvers.
    pub fn with_resolver() -> Self {
        let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let resolvers: Vec<_> = text.lines().filter_map(resolver).collect();
        Self {
            ipv4: resolvers.iter().any(IpAddr::is_ipv4),
            ipv6: resolvers.iter().any(IpAddr::is_ipv6),
        }
    }
}

fn resolver(line: &str) -> Option<IpAddr> {
    let address = line.strip_prefix("nameserver")?.trim();
    // A scope, as in fe80::1%eth0, is not part of the address.
    address.split('%').next()?.parse().ok()
}

/// Interface, destination, gateway, flags, three numbers, mask.
fn has_default_ipv4(table: &str) -> bool {
    table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .any(|fields| fields.get(1) == Some(&"00000000") && fields.get(7) == Some(&"00000000"))
}

/// Destination and its length, and last the interface, which is `lo` for routes that lead nowhere.
fn has_default_ipv6(table: &str) -> bool {
    table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).any(|fields| {
        fields.first().is_some_and(|destination| destination.bytes().all(|b| b == b'0'))
            && fields.get(1) == Some(&"00")
            && fields.last() != Some(&"lo")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_routes_are_told_from_others() {
        let head =
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let net = "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let default = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
        assert!(!has_default_ipv4(""));
        assert!(!has_default_ipv4(&format!("{head}{net}")));
        assert!(has_default_ipv4(&format!("{head}{net}{default}")));

        let zeros = "0".repeat(32);
        let route = |length: &str, interface: &str| {
            format!(
                "{zeros} {length} {zeros} 00 {zeros} 00000400 00000001 00000000 00000003 {interface}\n"
            )
        };
        assert!(!has_default_ipv6(&route("00", "lo")));
        assert!(!has_default_ipv6(&route("80", "eth0")));
        assert!(has_default_ipv6(&(route("00", "lo") + &route("00", "eth0"))));
    }

    #[test]
    fn resolvers_are_found_in_the_forms_of_the_file() {
        assert_eq!(resolver("nameserver 192.0.2.53"), Some([192, 0, 2, 53].into()));
        assert_eq!(resolver("nameserver\tfe80::1%eth0"), Some("fe80::1".parse().unwrap()));
        assert_eq!(resolver("# nameserver 192.0.2.53"), None);
        assert_eq!(resolver("search example"), None);
    }
}
