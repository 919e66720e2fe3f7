//! What is in the table, whoever else changes it.

use super::lab::{BRIDGE, Lab, Machine, run, with_lab};
use crate::NetworkError;
use crate::Protocol::{Tcp, Udp};
use crate::firewall::ruleset::Ruleset;
use crate::firewall::{Failure, Firewall, Published, Rules, generation};
use crate::nft::{Kind, Refused, Socket};
use nix::errno::Errno;

/// `count` ports of the host from 10000 on.
fn many(pod: &Machine, count: u16) -> Vec<Published> {
    (0..count).map(|number| Lab::publish(pod, Tcp, None, 10000 + number)).collect()
}

fn some(lab: &Lab) -> Rules {
    let one = Lab::publish(&lab.pod, Tcp, None, 8001);
    lab.rules(vec![one, Lab::publish(&lab.neighbour, Udp, Some(lab.host.v4), 8001)])
}

#[test]
fn what_is_there_already_is_not_made_again() {
    with_lab(|lab| {
        let firewall = Firewall::new(BRIDGE);
        assert!(firewall.sync(&some(lab)).unwrap(), "the table was not there");
        let before = run("nft -a list ruleset");
        assert!(!firewall.sync(&some(lab)).unwrap());
        assert_eq!(run("nft -a list ruleset"), before);
        assert!(!firewall.sync(&lab.rules(Vec::new())).unwrap(), "only the ports have changed");
        let after = run("nft list ruleset");
        assert!(!after.contains("elements"), "{after}");
    });
}

#[test]
fn what_someone_else_changed_is_mended() {
    with_lab(|lab| {
        let firewall = Firewall::new(BRIDGE);
        firewall.sync(&some(lab)).unwrap();
        let ours = run("nft list ruleset");
        for change in [
            "flush ruleset",
            "flush table inet pod0",
            "delete table inet pod0",
            "flush chain inet pod0 postrouting",
            "add rule inet pod0 guard counter",
            "insert rule inet pod0 output accept",
            "add chain inet pod0 more",
            "add set inet pod0 more { type ipv4_addr ; }",
            "add chain inet pod0 guard { policy drop ; }",
            "add table inet pod0 { flags dormant ; }",
        ] {
            run(&format!("nft {change}"));
            assert_ne!(run("nft list ruleset"), ours, "{change}");
            assert!(firewall.sync(&some(lab)).unwrap(), "{change}");
            assert_eq!(run("nft list ruleset"), ours, "{change}");
        }
    });
}

#[test]
fn a_port_that_someone_else_changed_is_mended() {
    with_lab(|lab| {
        let firewall = Firewall::new(BRIDGE);
        firewall.sync(&some(lab)).unwrap();
        let ours = run("nft list ruleset");
        for change in [
            "delete element inet pod0 ports_v4 { tcp . 8001 }",
            "flush map inet pod0 ports_v6",
            "add element inet pod0 ports_v4 { udp . 53 : 10.88.0.2 . 53 }",
            "add element inet pod0 ports_of_address_v6 { ::2 . tcp . 80 : fd88::2 . 80 }",
        ] {
            run(&format!("nft {change}"));
            assert_ne!(run("nft list ruleset"), ours, "{change}");
            assert!(!firewall.sync(&some(lab)).unwrap(), "{change}");
            assert_eq!(run("nft list ruleset"), ours, "{change}");
        }
        let moved = vec![Lab::publish(&lab.neighbour, Tcp, None, 8001)];
        firewall.sync(&lab.rules(moved)).unwrap();
        assert!(run("nft list map inet pod0 ports_v4").contains("tcp . 8001 : 10.88.0.3 . 80"));
    });
}

#[test]
fn tables_of_others_are_left_alone() {
    with_lab(|lab| {
        run("nft add table inet pod1");
        run("nft add chain inet pod1 guard");
        run("nft add table ip pod0");
        let others = run("nft list ruleset");
        let firewall = Firewall::new(BRIDGE);
        firewall.sync(&some(lab)).unwrap();
        firewall.delete().unwrap();
        firewall.delete().expect("a second time changes nothing");
        assert_eq!(run("nft list ruleset"), others);
    });
}

#[test]
fn two_tables_work_side_by_side() {
    with_lab(|lab| {
        let (first, second) = (Firewall::new(BRIDGE), Firewall::new("pod1"));
        first.sync(&lab.rules(vec![Lab::publish(&lab.pod, Tcp, None, 8001)])).unwrap();
        let other = Rules {
            bridge: "pod1".into(),
            ranges: vec!["10.89.0.0/16".parse().unwrap()],
            ..lab.rules(vec![Lab::publish(&lab.neighbour, Tcp, None, 8002)])
        };
        second.sync(&other).unwrap();
        let both = |port, pod: &Machine| pod.hears_tcp(80, &lab.client, (lab.host.v4, port));
        assert_eq!(both(8001, &lab.pod).unwrap(), lab.client.v4);
        assert_eq!(both(8002, &lab.neighbour).unwrap(), lab.client.v4);
        second.delete().unwrap();
        assert_eq!(both(8001, &lab.pod).unwrap(), lab.client.v4);
        assert!(both(8002, &lab.neighbour).is_err());
    });
}

#[test]
fn ranges_and_resolver_may_change() {
    with_lab(|lab| {
        let firewall = Firewall::new(BRIDGE);
        firewall.sync(&some(lab)).unwrap();
        let resolver = Some("127.0.0.1:53".parse().unwrap());
        assert!(firewall.sync(&Rules { resolver, ..some(lab) }).unwrap());
        assert_eq!(
            run("nft list chain inet pod0 prerouting").matches("dnat ip to 127.0.0.1:53").count(),
            2
        );
        let unreachable = Some("[::1]:53".parse().unwrap());
        firewall.sync(&Rules { resolver: unreachable, ..some(lab) }).unwrap();
        assert!(!run("nft list ruleset").contains("127.0.0.1:53"));
        assert!(
            firewall
                .sync(&Rules { ranges: vec!["10.0.0.0/9".parse().unwrap()], ..some(lab) })
                .unwrap()
        );
        assert!(run("nft list chain inet pod0 postrouting").contains("10.0.0.0/9"));
    });
}

#[test]
fn thousands_of_ports_fit() {
    with_lab(|lab| {
        let firewall = Firewall::new(BRIDGE);
        let count =
            |map: &str| run(&format!("nft list map inet pod0 {map}")).matches("tcp . ").count();
        firewall.sync(&lab.rules(many(&lab.pod, 4000))).unwrap();
        assert_eq!((count("ports_v4"), count("ports_v6")), (4000, 4000));
        assert!(!firewall.sync(&lab.rules(many(&lab.pod, 3999))).unwrap());
        assert_eq!((count("ports_v4"), count("ports_v6")), (3999, 3999));
        assert_eq!(
            lab.pod.hears_tcp(80, &lab.client, (lab.host.v4, 13998)).unwrap(),
            lab.client.v4
        );
        assert!(!firewall.sync(&lab.rules(Vec::new())).unwrap());
        assert_eq!((count("ports_v4"), count("ports_v6")), (0, 0));
    });
}

#[test]
fn a_batch_that_was_overtaken_is_not_done() {
    with_lab(|lab| {
        let mut socket = Socket::open().unwrap();
        let before = generation(&mut socket).unwrap();
        run("nft add table ip others");
        let ours = Ruleset::new(BRIDGE, &some(lab)).make();
        let refused = socket.commit(Some(before), &ours).unwrap_err();
        assert!(
            matches!(Firewall::new(BRIDGE).failure(refused, &ours), Failure::Overtaken),
            "{refused:?}"
        );
        assert!(!run("nft list tables").contains(BRIDGE));
        let now = generation(&mut socket).unwrap();
        socket.commit(Some(now), &ours).unwrap();
        assert!(run("nft list tables").contains(BRIDGE));
    });
}

#[test]
fn a_batch_is_done_whole_or_not_at_all() {
    with_lab(|lab| {
        let mut ours = Ruleset::new(BRIDGE, &some(lab)).make();
        let last = ours.len() - 1;
        ours[last].kind = Kind::GET_TABLE;
        let refused = Socket::open().unwrap().commit(None, &ours).unwrap_err();
        assert_eq!(refused.message, Some(last), "{refused:?}");
        assert_eq!(run("nft list ruleset"), "");
    });
}

#[test]
fn what_the_kernel_lacks_is_named() {
    with_lab(|lab| {
        let changes = Ruleset::new(BRIDGE, &some(lab)).make();
        let of = |kind| changes.iter().position(|change| change.kind == kind);
        let last = Some(changes.len() - 1);
        for (message, errno, expected) in [
            (of(Kind::NEW_TABLE), Errno::EAFNOSUPPORT, "CONFIG_NF_TABLES_INET"),
            (of(Kind::NEW_CHAIN), Errno::ENOENT, "CONFIG_NFT_NAT"),
            (last, Errno::ENOENT, "CONFIG_NFT_CT, CONFIG_NFT_MASQ"),
        ] {
            let failure = Firewall::new(BRIDGE).failure(Refused { message, errno }, &changes);
            let Failure::Network(error @ NetworkError::Unsupported { .. }) = failure else {
                panic!("{expected}")
            };
            assert!(error.to_string().contains(expected), "{error}");
        }
        let other =
            Firewall::new(BRIDGE).failure(Refused { message: last, errno: Errno::EPERM }, &changes);
        assert!(matches!(other, Failure::Network(NetworkError::Step { .. })));
    });
}
