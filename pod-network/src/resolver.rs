//! Which resolvers names are looked up with (resolv.conf(5)).

use std::fmt::{self, Write as _};
use std::fs;
use std::net::IpAddr;

/// Where programs read it.
const FILE: &str = "/etc/resolv.conf";
/// What systemd-resolved itself asks, where it listens on loopback.
const BEHIND_RESOLVED: &str = "/run/systemd/resolve/resolv.conf";
/// Most bytes that are read of either.
const MAX_SIZE: u64 = 64 << 10;

/// The content of a resolv.conf.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolver {
    /// The name servers, the first of which is asked first.
    pub nameservers: Vec<IpAddr>,
    /// The domains that short names are looked up in.
    pub searches: Vec<String>,
    /// Options, each `NAME` or `NAME:VALUE`.
    pub options: Vec<String>,
}

impl Resolver {
    /// The host's own, as it stands.
    pub fn of_host() -> Self {
        read(FILE).unwrap_or_default()
    }

    /// The host's, for a namespace of its own, in which the host's loopback cannot be reached: name servers there are
    /// left out, and where there are no others, those that systemd-resolved asks take their place.
    pub fn beyond_loopback() -> Self {
        let host = Self::of_host();
        let behind = || read(BEHIND_RESOLVED).unwrap_or_default();
        host.without_loopback(behind)
    }

    fn without_loopback(mut self, behind: impl FnOnce() -> Self) -> Self {
        let on_loopback = self.on_loopback().is_some();
        self.nameservers.retain(|server| !server.is_loopback());
        if on_loopback {
            let behind = behind();
            self.nameservers = behind.nameservers;
            self.nameservers.retain(|server| !server.is_loopback());
            if self.searches.is_empty() {
                self.searches = behind.searches;
            }
        }
        self
    }

    /// The first name server, when all of them are on loopback.
    pub fn on_loopback(&self) -> Option<IpAddr> {
        let all = self.nameservers.iter().all(IpAddr::is_loopback);
        self.nameservers.first().copied().filter(|_| all)
    }

    /// Reads the text of a resolv.conf. What is not understood is left out; of several `search` or `domain` lines the
    /// last one counts.
    pub fn parse(text: &str) -> Self {
        let mut resolver = Self::default();
        for line in text.lines() {
            let mut words = line.split(['#', ';']).next().unwrap_or_default().split_whitespace();
            let own = |words: std::str::SplitWhitespace<'_>| words.map(str::to_owned).collect();
            match words.next() {
                // An address with a zone cannot be told to another namespace.
                Some("nameserver") => {
                    resolver
                        .nameservers
                        .extend(words.next().and_then(|w| w.parse::<IpAddr>().ok()));
                }
                Some("search" | "domain") => resolver.searches = own(words),
                Some("options") => resolver.options.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        resolver
    }
}

impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for server in &self.nameservers {
            writeln!(f, "nameserver {server}")?;
        }
        for (keyword, words) in [("search", &self.searches), ("options", &self.options)] {
            if !words.is_empty() {
                f.write_str(keyword)?;
                words.iter().try_for_each(|word| write!(f, " {word}"))?;
                f.write_char('\n')?;
            }
        }
        Ok(())
    }
}

fn read(path: &str) -> Option<Resolver> {
    use std::io::Read;
    let mut text = Vec::new();
    fs::File::open(path).ok()?.take(MAX_SIZE).read_to_end(&mut text).ok()?;
    Some(Resolver::parse(&String::from_utf8_lossy(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_understood_and_written() {
        let text = "# made by hand\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver 2001:db8::1 ; second\n\
                    domain old.example\nsearch a.example b.example\noptions ndots:2 rotate\nsortlist 1.2.3.4\n";
        let resolver = Resolver::parse(text);
        let want = "nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch a.example b.example\noptions ndots:2 rotate\n";
        assert_eq!(resolver.to_string(), want);
        assert_eq!(Resolver::parse(want), resolver);
        assert_eq!(Resolver::default().to_string(), "");
    }

    #[test]
    fn name_servers_on_loopback_are_of_no_use_elsewhere() {
        let resolved = "nameserver 9.9.9.9\nnameserver 127.0.0.1\nsearch lan\n";
        let behind = || Resolver::parse(resolved);
        for (host, want) in [
            ("nameserver 1.1.1.1\nnameserver 127.0.0.1\n", "nameserver 1.1.1.1\n"),
            (
                "nameserver 127.0.0.53\noptions edns0\n",
                "nameserver 9.9.9.9\nsearch lan\noptions edns0\n",
            ),
            ("nameserver ::1\nsearch home\n", "nameserver 9.9.9.9\nsearch home\n"),
            ("search home\n", "search home\n"),
        ] {
            assert_eq!(Resolver::parse(host).without_loopback(behind).to_string(), want, "{host}");
        }
        let dnsmasq = Resolver::parse("nameserver 127.0.0.1\n");
        assert_eq!(dnsmasq.on_loopback(), Some(IpAddr::from([127, 0, 0, 1])));
        assert_eq!(dnsmasq.without_loopback(Resolver::default), Resolver::default());
    }
}
