//! Pods that come and go.

use std::fs::{self, File};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;

use ipnet::IpNet;

use crate::netlink::Netlink;
use crate::{
    Attached, Attachment, Bridge, Network, NetworkError, Networks, PortMapping, Protocol, Repair,
    bridge,
};

use super::lab::*;

#[test]
fn pods_and_the_host_reach_each_other() {
    Host::run(|host| {
        let (one, one_has) = host.attach("one");
        let (two, two_has) = host.attach("two");
        let here = own_namespace();
        let gateways = ranges(&host.networks).gateways();
        assert_eq!((one_has.addresses.len(), gateways.len()), (2, 2));
        for (number, gateway) in gateways.iter().enumerate() {
            let (one_ip, two_ip) = (one_has.addresses[number], two_has.addresses[number]);
            assert_eq!(within(&one, || reach(&two, two_ip)), one_ip);
            assert_eq!(within(&two, || reach(&one, one_ip)), two_ip);
            assert_eq!(reach(&one, one_ip), gateway.addr());
            assert_eq!(within(&one, || reach(&here, gateway.addr())), one_ip);
            within(&one, || reach(&one, IpAddr::from(Ipv4Addr::LOCALHOST)));
        }
        host.networks.detach("one", None).unwrap();
        assert_eq!(within(&two, || reach(&here, gateways[0].addr())), two_has.addresses[0]);
        host.networks.detach("two", None).unwrap();
        host.assert_empty("after the last");
    });
}

#[test]
fn a_pod_sends_beyond_the_host_by_default_and_the_host_forwards() {
    Host::run(|host| {
        fs::write("/proc/sys/net/ipv4/ip_forward", "0").unwrap();
        make_link("uplink0", Some("192.0.2.1/24".parse().unwrap()));
        let (pod, has) = host.attach("one");
        let socket = within(&pod, || UdpSocket::bind((has.addresses[0], 0)).unwrap());
        socket.connect("198.51.100.1:53").expect("a route leads there");
        assert_eq!(setting("ipv4/ip_forward"), "1\n");
        assert_eq!(setting("ipv6/conf/all/forwarding"), "1\n");
        assert_eq!(
            setting("ipv6/conf/uplink0/accept_ra"),
            "2\n",
            "it was 1, and forwarding makes that 0"
        );
        assert_eq!(setting("ipv6/conf/pod0/accept_ra"), "0\n");
        assert_eq!(within(&pod, || setting("ipv6/conf/eth0/accept_ra")), "0\n");
        assert_eq!(setting("ipv4/conf/pod0/route_localnet"), "1\n");
        assert_eq!(setting("ipv4/conf/uplink0/route_localnet"), "0\n");
    });
}

#[test]
fn what_is_attached_stays_and_what_was_taken_is_refused() {
    Host::run(|host| {
        let (namespace, first) = host.attach("one");
        let again = host.networks.attach(&bridged(), &host.pod("one"), namespace.as_fd()).unwrap();
        assert_eq!(again, first);
        assert_eq!(host.networks.list().unwrap(), [(host.pod("one"), first)]);

        let port = |host_ip, host_port, protocol| PortMapping {
            protocol,
            host_ip,
            host_port,
            container_port: 80,
        };
        let loopback = Some(IpAddr::from(Ipv4Addr::LOCALHOST));
        let web = Attachment { ports: vec![port(None, 8001, Protocol::Tcp)], ..host.pod("web") };
        let namespace_of_web = new_namespace();
        host.networks.attach(&bridged(), &web, namespace_of_web.as_fd()).unwrap();
        let before = host.traces();
        let other =
            Attachment { ports: vec![port(loopback, 8001, Protocol::Tcp)], ..host.pod("other") };
        let error = host.networks.attach(&bridged(), &other, new_namespace().as_fd()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "host port 8001/TCP of 127.0.0.1 is taken by pod `default/web`"
        );
        assert_eq!(host.traces(), before);
        let udp = Attachment { ports: vec![port(None, 8001, Protocol::Udp)], ..host.pod("udp") };
        host.networks.attach(&bridged(), &udp, new_namespace().as_fd()).unwrap();
        host.networks.detach("web", None).unwrap();
        host.networks.attach(&bridged(), &other, new_namespace().as_fd()).unwrap();
    });
}

#[test]
fn a_pod_whose_namespace_has_gone_is_attached_anew() {
    Host::run(|host| {
        let (_stays, _) = host.attach("stays");
        let (_, has) = host.attach("one");
        let gone = bridge::interface_name(&[IpNet::from(has.addresses[0])]);
        bridge::remove_link(&mut Netlink::here().unwrap(), &gone).unwrap();
        let (one, has) = host.attach("one");
        reach(&one, has.addresses[0]);
        assert_eq!(host.networks.list().unwrap().len(), 2);
    });
}

#[test]
fn ranges_avoid_the_routes_of_the_host() {
    Host::run(|host| {
        let chosen = |networks: &Networks| {
            networks.attach(&default_bridge(), &host.pod("one"), new_namespace().as_fd()).unwrap();
            let ranges = ranges(networks);
            networks.detach("one", None).unwrap();
            ranges
        };
        let first = chosen(&host.networks);
        assert_eq!(first.ipv6, None, "the host has no address of IPv6");
        make_link("there0", Some(IpNet::V4(first.ipv4)));
        make_link("there1", Some("fd77::1/64".parse().unwrap()));
        let second = chosen(&host.networks);
        assert!(!second.ipv4.contains(&first.ipv4) && !first.ipv4.contains(&second.ipv4));
        assert!(second.ipv6.is_some());

        let clash = Network::Bridge(Bridge { ipv4: Some(first.ipv4), ipv6: None });
        let error =
            host.networks.attach(&clash, &host.pod("one"), new_namespace().as_fd()).unwrap_err();
        assert!(matches!(error, NetworkError::Range { .. }), "{error}");
        assert_eq!(
            host.traces(),
            ["lo", "there0", "there1"].map(str::to_owned).into(),
            "nothing of the refused one"
        );
    });
}

#[test]
fn two_runtimes_on_one_host_do_not_disturb_each_other() {
    Host::run(|host| {
        let other = Networks::new(host.dir.path().join("other"), "pod1");
        let (here, has) = host.attach("one");
        let there = new_namespace();
        let pod = Attachment { hosts: None, ..host.pod("one") };
        let its = other.attach(&default_bridge(), &pod, there.as_fd()).unwrap();
        assert_eq!(its.addresses.len(), 1, "the other's bridge is no reason for IPv6");
        assert_ne!(its.addresses[0], has.addresses[0]);
        assert_eq!(setting("ipv6/conf/pod1/accept_ra"), "0\n");
        assert_eq!(host.networks.repair(&|_| true).unwrap(), Repair::default());
        other.detach("one", None).unwrap();
        assert_eq!(reach(&here, has.addresses[0]), ranges(&host.networks).gateways()[0].addr());
    });
}

#[test]
fn pods_of_a_namespace_know_each_other() {
    Host::run(|host| {
        let read = |id: &str| fs::read_to_string(host.hosts(id)).unwrap();
        let line = |id: &str, ip: IpAddr| format!("{ip}\t{id}.default\t{id}\n");
        let attach = |id: &str| host.attach(id).1.addresses;
        let own = |id: &str, addresses: &[IpAddr]| {
            let own: String = addresses.iter().map(|ip| line(id, *ip)).collect();
            format!("127.0.0.1\tlocalhost\n{own}10.9.9.9\textra\n")
        };
        let one = attach("one");
        let alone = own("one", &one);
        assert_eq!(read("one"), alone);
        let mut file_of_one = File::open(host.hosts("one")).unwrap();

        let other = Attachment { namespace: "other".into(), ..host.pod("far") };
        host.networks.attach(&bridged(), &other, new_namespace().as_fd()).unwrap();
        assert_eq!(read("one"), alone);

        let neighbours = |lines: &[&[IpAddr]], names: &[&str]| -> String {
            let all = lines.iter().zip(names);
            let lines: String =
                all.flat_map(|(ips, id)| ips.iter().map(|ip| line(id, *ip))).collect();
            format!("\n# Pods of the same namespace.\n{lines}")
        };
        let two = attach("two");
        let three = attach("three");
        assert_eq!(read("one"), alone.clone() + &neighbours(&[&two, &three], &["two", "three"]));
        assert_eq!(read("two"), own("two", &two) + &neighbours(&[&one, &three], &["one", "three"]));
        assert_eq!(
            read("three"),
            own("three", &three) + &neighbours(&[&one, &two], &["one", "two"])
        );
        host.networks.detach("two", None).unwrap();
        assert_eq!(read("one"), alone.clone() + &neighbours(&[&three], &["three"]));
        host.networks.detach("three", None).unwrap();
        assert_eq!(read("one"), alone);
        let mut mounted = String::new();
        file_of_one.read_to_string(&mut mounted).unwrap();
        assert_eq!(mounted, alone, "the file is the one that was there");
    });
}

#[test]
fn a_file_of_names_that_is_no_file_is_not_written() {
    Host::run(|host| {
        let (_one, _) = host.attach("one");
        let (_two, _) = host.attach("two");
        let target = host.dir.path().join("target");
        fs::write(&target, "keep").unwrap();
        fs::remove_file(host.hosts("one")).unwrap();
        std::os::unix::fs::symlink(&target, host.hosts("one")).unwrap();
        let (_three, _) = host.attach("three");
        host.networks.detach("two", None).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "keep");

        std::os::unix::fs::symlink(&target, host.hosts("four")).unwrap();
        let before = host.traces();
        host.networks.attach(&bridged(), &host.pod("four"), new_namespace().as_fd()).unwrap_err();
        assert_eq!(fs::read_to_string(&target).unwrap(), "keep");
        assert_eq!(host.traces(), before);
    });
}

#[test]
fn loopback_alone_leaves_no_record() {
    Host::run(|host| {
        let attached = host
            .networks
            .attach(&Network::Loopback, &host.pod("one"), new_namespace().as_fd())
            .unwrap();
        assert_eq!(attached, Attached::default());
        assert_eq!(
            fs::read_to_string(host.hosts("one")).unwrap(),
            "127.0.0.1\tlocalhost\n10.9.9.9\textra\n"
        );
        host.networks.detach("one", None).unwrap();
        assert!(!host.dir.path().join("network").exists());
    });
}

#[test]
fn a_bridge_of_someone_else_is_left_alone() {
    Host::run(|host| {
        make_link(BRIDGE, None);
        let error = host
            .networks
            .attach(&bridged(), &host.pod("one"), new_namespace().as_fd())
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot make the bridge pod0");
        assert_eq!(host.traces(), ["lo", BRIDGE].map(str::to_owned).into());
    });
}
