//! A host of a test's own, and what there is to ask of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage};
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use crate::netlink::{Netlink, Request};
use crate::netns::inside;
pub(super) use crate::netns::lab::{new_namespace, own_namespace};
use crate::range::Ranges;
use crate::record::Records;
use crate::{
    Attached, Attachment, Bridge, HostsFile, Network, Networks, bridge, bring_up_loopback,
};

pub(super) const BRIDGE: &str = "pod0";

/// A host of the test's own: the namespace of its thread, and a directory.
pub(super) struct Host {
    pub(super) dir: TempDir,
    pub(super) networks: Networks,
}

impl Host {
    /// Runs `test` on a thread with a host of its own.
    pub(super) fn run(test: impl FnOnce(Self) + Send) {
        thread::scope(|scope| {
            let test = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET).expect("making a network namespace needs root");
                bring_up_loopback(own_namespace().as_fd()).unwrap();
                test(Self::new());
            });
            if let Err(panic) = test.join() {
                std::panic::resume_unwind(panic);
            }
        });
    }

    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let networks = networks(dir.path());
        Self { dir, networks }
    }

    pub(super) fn pod(&self, id: &str) -> Attachment {
        pod(self.dir.path(), id)
    }

    pub(super) fn hosts(&self, id: &str) -> PathBuf {
        hosts(self.dir.path(), id)
    }

    pub(super) fn attach(&self, id: &str) -> (File, Attached) {
        let namespace = new_namespace();
        let attached = self.networks.attach(&bridged(), &self.pod(id), namespace.as_fd()).unwrap();
        (namespace, attached)
    }

    /// The links, the tables of rules and the files of the runtime: all that an attachment makes on the host.
    pub(super) fn traces(&self) -> BTreeSet<String> {
        let links = Netlink::here().unwrap().links().unwrap().into_iter().map(|link| link.name);
        let tables = Command::new("nft").args(["list", "tables"]).output().unwrap().stdout;
        let tables: Vec<_> =
            String::from_utf8(tables).unwrap().lines().map(str::to_owned).collect();
        links.chain(tables).chain(files(&self.dir.path().join("network"))).collect()
    }

    pub(super) fn assert_empty(&self, context: &str) {
        assert_eq!(self.traces(), BTreeSet::from(["lo".to_owned()]), "{context}");
    }
}

pub(super) fn networks(dir: &Path) -> Networks {
    Networks::new(dir.join("network"), BRIDGE)
}

pub(super) fn hosts(dir: &Path, id: &str) -> PathBuf {
    dir.join(format!("{id}.hosts"))
}

pub(super) fn pod(dir: &Path, id: &str) -> Attachment {
    Attachment {
        id: id.into(),
        namespace: "default".into(),
        name: id.into(),
        names: vec![format!("{id}.default"), id.into()],
        ports: Vec::new(),
        hosts: Some(HostsFile {
            path: hosts(dir, id),
            head: "127.0.0.1\tlocalhost\n".into(),
            tail: "10.9.9.9\textra\n".into(),
        }),
    }
}

pub(super) fn files(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path.display().to_string()],
        })
        .collect()
}

pub(super) fn bridged() -> Network {
    Network::Bridge(Bridge { ipv6: Some("fd12:3456::/64".parse().unwrap()), ipv4: None })
}

pub(super) fn within<T: Send>(namespace: &File, work: impl FnOnce() -> T + Send) -> T {
    inside(namespace.as_fd(), || Ok(work())).unwrap()
}

/// Sends a word from the calling thread's namespace to a server in another, and returns the client's address as seen
/// there.
pub(super) fn reach(server: &File, address: IpAddr) -> IpAddr {
    let listener = within(server, || TcpListener::bind((address, 8080)).unwrap());
    let mut client =
        TcpStream::connect_timeout(&(address, 8080).into(), Duration::from_secs(5)).unwrap();
    client.write_all(b"word").unwrap();
    drop(client);
    let (mut accepted, from) = listener.accept().unwrap();
    let mut text = String::new();
    accepted.read_to_string(&mut text).unwrap();
    assert_eq!(text, "word");
    from.ip()
}

/// A link of someone else's. Of the kinds there are, this is the one that no kernel here lacks.
pub(super) fn make_link(name: &str, address: Option<IpNet>) {
    let mut netlink = Netlink::here().unwrap();
    let mut link = LinkMessage::default();
    link.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
    ];
    let message = RouteNetlinkMessage::NewLink(link);
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    netlink.change([Request { action: format!("make {name}"), message, flags }]).unwrap();
    let index = netlink.link(name).unwrap().unwrap().index;
    netlink.change([bridge::set_up(index, name)]).unwrap();
    netlink.change(address.map(|address| bridge::add_address(index, name, address))).unwrap();
}

pub(super) fn ranges(networks: &Networks) -> Ranges {
    Records::new(&networks.dir).ranges().unwrap().unwrap()
}

pub(super) fn setting(path: &str) -> String {
    fs::read_to_string(format!("/proc/sys/net/{path}")).unwrap()
}

pub(super) fn default_bridge() -> Network {
    Network::Bridge(Bridge::default())
}
