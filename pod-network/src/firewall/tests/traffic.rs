//! What gets where.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::lab::{BRIDGE, Lab, Machine, run, set, with_lab};
use crate::Protocol::{Tcp, Udp};
use crate::firewall::{Firewall, Rules};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PORT: u16 = 8001;
const BRIDGED: &str = "bridge/bridge-nf-call-iptables";

fn sync(rules: &Rules) {
    Firewall::new(BRIDGE).sync(rules).unwrap();
}

fn both_protocols(lab: &Lab, host_ip: Option<IpAddr>) -> Rules {
    lab.rules([Tcp, Udp].map(|protocol| Lab::publish(&lab.pod, protocol, host_ip, PORT)).into())
}

/// What the pod's server sees of `from` at `to`, the same for TCP and UDP.
fn heard(lab: &Lab, from: &Machine, to: IpAddr) -> IpAddr {
    let tcp = lab
        .pod
        .hears_tcp(80, from, (to, PORT))
        .unwrap_or_else(|error| panic!("TCP to {to}: {error}"));
    let udp = lab
        .pod
        .hears_udp(80, from, (to, PORT))
        .unwrap_or_else(|error| panic!("UDP to {to}: {error}"));
    assert_eq!(tcp, udp);
    tcp
}

/// Whether bridged packets pass the rules too, which other programs turn on: all that there is here.
fn bridged_or_not(test: impl Fn(&Lab) + Send + Sync) {
    with_lab(|lab| {
        let settings =
            if Path::new("/proc/sys/net").join(BRIDGED).exists() { &["1", "0"][..] } else { &[] };
        if settings.is_empty() {
            test(lab);
        }
        for setting in settings {
            set(BRIDGED, setting);
            set("bridge/bridge-nf-call-ip6tables", setting);
            test(lab);
        }
    });
}

#[test]
fn a_published_port_answers_a_client_whose_address_the_pod_sees() {
    with_lab(|lab| {
        sync(&both_protocols(lab, None));
        assert_eq!(heard(lab, &lab.client, lab.host.v4), lab.client.v4);
        assert_eq!(heard(lab, &lab.client, lab.host.v6), lab.client.v6);
    });
}

#[test]
fn it_answers_the_host_at_all_its_addresses_but_that_of_loopback_of_ipv6() {
    with_lab(|lab| {
        sync(&both_protocols(lab, None));
        assert_eq!(heard(lab, &lab.host, lab.host.v4), lab.host.v4);
        assert_eq!(heard(lab, &lab.host, lab.host.v6), lab.host.v6);
        assert_eq!(heard(lab, &lab.host, LOCALHOST), "10.88.0.1".parse::<IpAddr>().unwrap());
        let to = SocketAddr::from((Ipv6Addr::LOCALHOST, PORT));
        let error = lab
            .host
            .inside(|| TcpStream::connect_timeout(&to, Duration::from_secs(5)))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn it_answers_the_pod_itself_and_its_neighbour() {
    bridged_or_not(|lab| {
        sync(&both_protocols(lab, None));
        for from in [&lab.pod, &lab.neighbour] {
            for to in [lab.host.v4, lab.host.v6] {
                let gateway = if to.is_ipv4() { "10.88.0.1" } else { "fd88::1" };
                assert_eq!(heard(lab, from, to), gateway.parse::<IpAddr>().unwrap());
            }
        }
        let direct = lab.pod.hears_tcp(80, &lab.neighbour, (lab.pod.v4, 80)).unwrap();
        assert_eq!(direct, lab.neighbour.v4, "pods know each other by their addresses");
    });
}

#[test]
fn an_address_of_the_host_answers_alone() {
    with_lab(|lab| {
        for host_ip in [lab.host.v4, lab.host.v6] {
            sync(&both_protocols(lab, Some(host_ip)));
            assert_eq!(heard(lab, &lab.client, host_ip), lab.client.address(host_ip));
            for other in [LOCALHOST, "10.88.0.1".parse().unwrap(), "fd88::1".parse().unwrap()] {
                let error = lab.pod.hears_tcp(80, &lab.host, (other, PORT)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{other} beside {host_ip}");
            }
        }
        sync(&both_protocols(lab, Some(LOCALHOST)));
        assert_eq!(heard(lab, &lab.host, LOCALHOST), "10.88.0.1".parse::<IpAddr>().unwrap());
        assert!(lab.pod.hears_tcp(80, &lab.client, (lab.host.v4, PORT)).is_err());
    });
}

#[test]
fn what_leaves_the_bridge_has_an_address_of_the_host() {
    with_lab(|lab| {
        sync(&lab.rules(Vec::new()));
        for to in [lab.client.v4, lab.client.v6] {
            assert_eq!(lab.client.hears_tcp(80, &lab.pod, (to, 80)).unwrap(), lab.host.address(to));
            assert_eq!(lab.client.hears_udp(80, &lab.pod, (to, 80)).unwrap(), lab.host.address(to));
        }
        for to in [lab.host.v4, lab.host.v6] {
            let seen = lab.host.hears_tcp(80, &lab.pod, (to, 80)).unwrap();
            assert_eq!(seen, lab.pod.address(to), "the host knows pods by their addresses");
        }
    });
}

#[test]
fn a_pod_does_not_reach_the_loopback_of_the_host() {
    bridged_or_not(|lab| {
        let _secret = lab.host.tcp(SocketAddr::from((LOCALHOST, 7000)));
        lab.pod.inside(|| {
            // By the gateway, not by its own loopback.
            run("ip addr flush dev lo");
            run("ip link set lo down");
            set("ipv4/conf/eth0/route_localnet", "1");
            run("ip route flush table local 127.0.0.0/8");
            run("ip route replace 127.0.0.0/8 via 10.88.0.1 src 10.88.0.2");
        });
        Firewall::new(BRIDGE).delete().unwrap();
        assert!(lab.pod.gets_answer((LOCALHOST, 7000)), "the test would show nothing");
        sync(&both_protocols(lab, None));
        assert!(!lab.pod.gets_answer((LOCALHOST, 7000)));
        assert!(!lab.pod.gets_answer((LOCALHOST, PORT)));
    });
}

#[test]
fn a_pod_cannot_send_as_someone_else() {
    with_lab(|lab| {
        for (own, other, host) in [
            ("10.88.0.2/16", "10.99.0.9/32", lab.host.v4),
            ("fd88::2/64", "fd99::9/128", lab.host.v6),
        ] {
            run(&format!("ip route add {other} dev {BRIDGE}"));
            let from_other = || {
                let address: IpAddr = other.split('/').next().unwrap().parse().unwrap();
                let server = lab.host.udp(SocketAddr::new(host, 9000));
                server.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
                let client = lab.pod.udp(SocketAddr::new(address, 0));
                client.send_to(b"false", SocketAddr::new(host, 9000)).unwrap();
                server.recv_from(&mut [0; 8]).is_ok()
            };
            lab.pod.inside(|| {
                run(&format!(
                    "ip addr add {other} dev eth0 {}",
                    if host.is_ipv6() { "nodad" } else { "" }
                ))
            });
            Firewall::new(BRIDGE).delete().unwrap();
            assert!(from_other(), "the test would show nothing");
            sync(&lab.rules(Vec::new()));
            assert!(!from_other(), "{other} beside {own}");
            lab.pod.inside(|| run(&format!("ip addr del {other} dev eth0")));
        }
        for to in [lab.host.v4, lab.host.v6] {
            let seen = lab.host.hears_tcp(80, &lab.pod, (to, 80)).unwrap();
            assert_eq!(seen, lab.pod.address(to));
        }
    });
}

#[test]
fn addresses_of_the_link_alone_are_no_one_elses() {
    with_lab(|lab| {
        sync(&lab.rules(Vec::new()));
        let shown = lab.pod.inside(|| run("ip -6 -o addr show dev eth0 scope link"));
        let link_local: Ipv6Addr =
            shown.split_whitespace().nth(3).unwrap().split('/').next().unwrap().parse().unwrap();
        let server = lab.host.udp(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 9000)));
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let client = lab.pod.inside(|| {
            let index = nix::net::if_::if_nametoindex("eth0").unwrap();
            let from = std::net::SocketAddrV6::new(link_local, 0, 0, index);
            let bridge = std::net::SocketAddrV6::new("ff02::1".parse().unwrap(), 9000, 0, index);
            let socket = std::net::UdpSocket::bind(from).unwrap();
            socket.send_to(b"here", bridge).unwrap();
            socket
        });
        let (_, from) = server.recv_from(&mut [0; 8]).unwrap();
        assert_eq!(from.ip(), client.local_addr().unwrap().ip());
    });
}

#[test]
fn the_hosts_resolver_on_loopback_answers_pods_at_the_gateway() {
    bridged_or_not(|lab| {
        let at = SocketAddr::from((LOCALHOST, 5353));
        sync(&Rules { resolver: Some(at), ..lab.rules(Vec::new()) });
        let gateway = SocketAddr::from(([10, 88, 0, 1], 53));

        let resolver = lab.host.udp(at);
        let client = lab.pod.udp(SocketAddr::from(([0; 4], 0)));
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        resolver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        client.connect(gateway).unwrap();
        client.send(b"name?").unwrap();
        let mut bytes = [0; 8];
        let (_, peer) = resolver.recv_from(&mut bytes).unwrap();
        assert_eq!(peer.ip(), lab.pod.v4);
        resolver.send_to(b"address", peer).unwrap();
        assert_eq!(client.recv(&mut bytes).unwrap(), 7);

        let listener = lab.host.tcp(at);
        let mut client = lab
            .pod
            .inside(|| TcpStream::connect_timeout(&gateway, Duration::from_secs(5)))
            .unwrap();
        listener.accept().unwrap().0.write_all(b"address").unwrap();
        assert_eq!(client.read_to_end(&mut Vec::new()).unwrap(), 7);
    });
}

#[test]
fn removing_one_port_leaves_connections_of_others() {
    with_lab(|lab| {
        let one = Lab::publish(&lab.pod, Tcp, None, PORT);
        let other = Lab::publish(&lab.neighbour, Tcp, None, PORT + 1);
        sync(&lab.rules(vec![one, other.clone()]));
        let listener = lab.neighbour.tcp(SocketAddr::from(([0; 4], 80)));
        let to = SocketAddr::from((lab.host.v4, PORT + 1));
        let mut client =
            lab.client.inside(|| TcpStream::connect_timeout(&to, Duration::from_secs(5))).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let mut still_there = |server: &mut TcpStream| {
            client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            server.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
            client.write_all(b"y").unwrap();
            server.read_exact(&mut [0]).unwrap();
        };
        still_there(&mut server);
        assert!(!Firewall::new(BRIDGE).sync(&lab.rules(vec![other.clone()])).unwrap());
        still_there(&mut server);
        let error = lab.pod.hears_tcp(80, &lab.client, (lab.host.v4, PORT)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        run("nft flush ruleset");
        assert!(Firewall::new(BRIDGE).sync(&lab.rules(vec![other])).unwrap());
        still_there(&mut server);
    });
}

#[test]
fn a_udp_client_that_keeps_its_port_follows_what_is_published() {
    with_lab(|lab| {
        for host in [lab.host.v4, lab.host.v6] {
            let to = SocketAddr::new(host, PORT);
            let any = if host.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
            let client = lab.client.udp(SocketAddr::new(any, 0));
            let hears = |pod: &Machine| {
                pod.hears_udp_of(80, &client, to, Duration::from_millis(500)).is_ok()
            };
            sync(&lab.rules(Vec::new()));
            // The host has the port, as when it is reserved, and does not answer.
            let _reserved = lab.host.udp(to);
            assert!(!hears(&lab.pod));
            for pod in [&lab.pod, &lab.neighbour, &lab.pod] {
                sync(&lab.rules(vec![Lab::publish(pod, Udp, None, PORT)]));
                assert!(hears(pod), "by {host}");
            }
            sync(&lab.rules(Vec::new()));
            assert!(!hears(&lab.pod), "by {host}");
        }
    });
}
