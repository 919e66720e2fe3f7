//! Measures an attachment to the bridge against a bare program that makes the namespace, the pair of links, the
//! address and the route. Needs root; the host is a namespace of its own.
#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

use std::error::Error;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use nix::sched::{CloneFlags, setns, unshare};
use pod_network::{Attachment, Bridge, HostsFile, Network, Networks, bring_up_loopback};

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const POD_INDEX: u32 = 100;
const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn main() -> Result {
    let rounds = std::env::args().nth(1).map_or(Ok(100), |text| text.parse())?;
    let neighbours = std::env::args().nth(2).map_or(Ok(1), |text| text.parse())?;
    let dir = tempfile::Builder::new().prefix("pod-network-timing").tempdir_in("/run")?;
    let networks = Networks::new(dir.path(), "pod0");
    new_namespace()?;
    bring_up_loopback(own_namespace()?.as_fd())?;

    // Pods that stay, so that the bridge does.
    let staying = (0..neighbours)
        .map(|number| attach(&networks, pod(dir.path(), &format!("staying-{number}"))))
        .collect::<Result<Vec<_>>>()?;
    let mut taken = Taken::default();
    for round in 0..rounds {
        measure(&networks, &pod(dir.path(), &format!("pod-{round}")), &mut taken)?;
    }
    taken.print();
    let before = Instant::now();
    for (number, _) in staying.iter().enumerate() {
        networks.detach(&format!("staying-{number}"), None)?;
    }
    println!("detach of each of the {neighbours} others {:?}", before.elapsed() / neighbours);
    Ok(())
}

#[derive(Default)]
struct Taken {
    namespace: Vec<Duration>,
    bare: Vec<Duration>,
    attach: Vec<Duration>,
    detach: Vec<Duration>,
    bare_removal: Vec<Duration>,
    kept: Vec<File>,
}

impl Taken {
    fn print(self) {
        let [namespace, bare, attach, detach, bare_removal] =
            [self.namespace, self.bare, self.attach, self.detach, self.bare_removal].map(median);
        println!("namespace        {namespace:?}");
        println!("bare, with it    {bare:?}");
        println!("attach           {attach:?}");
        println!("detach           {detach:?}");
        println!("bare removal     {bare_removal:?}");
        let ratio = (namespace + attach).as_secs_f64() / bare.as_secs_f64();
        println!("namespace and attach, to bare: {ratio:.2}");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn measure(networks: &Networks, pod: &Attachment, taken: &mut Taken) -> Result {
    let start = Instant::now();
    let namespace = pod_namespace()?;
    taken.namespace.push(start.elapsed());
    let start = Instant::now();
    networks.attach(&Network::Bridge(Bridge::default()), pod, namespace.as_fd())?;
    taken.attach.push(start.elapsed());
    let start = Instant::now();
    networks.detach(&pod.id, None)?;
    taken.detach.push(start.elapsed());
    // The kernel removes namespaces later, under the lock that everyone here needs.
    taken.kept.push(namespace);

    let start = Instant::now();
    let namespace = bare()?;
    taken.bare.push(start.elapsed());
    let start = Instant::now();
    let mut link = LinkMessage::default();
    link.attributes = vec![LinkAttribute::IfName("bare".into())];
    ask(&Socket::new(NETLINK_ROUTE)?, RouteNetlinkMessage::DelLink(link), 0)?;
    taken.bare_removal.push(start.elapsed());
    taken.kept.push(namespace);
    Ok(())
}

fn attach(networks: &Networks, pod: Attachment) -> Result<File> {
    let namespace = pod_namespace()?;
    networks.attach(&Network::Bridge(Bridge::default()), &pod, namespace.as_fd())?;
    Ok(namespace)
}

fn pod(dir: &Path, id: &str) -> Attachment {
    Attachment {
        id: id.into(),
        namespace: "default".into(),
        name: id.into(),
        names: vec![id.into()],
        ports: Vec::new(),
        hosts: Some(HostsFile {
            path: dir.join(format!("{id}.hosts")),
            head: "127.0.0.1\tlocalhost\n".into(),
            tail: String::new(),
        }),
    }
}

/// What no program that connects a namespace can do without.
fn bare() -> Result<File> {
    let host = own_namespace()?;
    on_a_thread(move || {
        new_namespace()?;
        let pod = own_namespace()?;
        let mut inside = Socket::new(NETLINK_ROUTE)?;
        inside.bind_auto()?;
        setns(&host, CloneFlags::CLONE_NEWNET)?;
        ask(&Socket::new(NETLINK_ROUTE)?, veth(&pod), NLM_F_CREATE | NLM_F_EXCL)?;
        ask(&inside, up(1), 0)?;
        ask(&inside, up(POD_INDEX), 0)?;
        ask(&inside, address(), NLM_F_CREATE | NLM_F_EXCL)?;
        ask(&inside, route(), NLM_F_CREATE | NLM_F_EXCL)?;
        Ok(pod)
    })
}

fn veth(pod: &File) -> RouteNetlinkMessage {
    let mut peer = LinkMessage::default();
    peer.header.index = POD_INDEX;
    peer.attributes =
        vec![LinkAttribute::IfName("eth0".into()), LinkAttribute::NetNsFd(pod.as_raw_fd())];
    let mut link = LinkMessage::default();
    link.header.index = 1_000_000;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    link.attributes = vec![
        LinkAttribute::IfName("bare".into()),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]),
    ];
    RouteNetlinkMessage::NewLink(link)
}

fn up(index: u32) -> RouteNetlinkMessage {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    RouteNetlinkMessage::SetLink(link)
}

fn address() -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = 24;
    message.header.index = POD_INDEX;
    message.attributes = vec![AddressAttribute::Local(IpAddr::from([192, 0, 2, 2]))];
    RouteNetlinkMessage::NewAddress(message)
}

fn route() -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Boot;
    message.header.kind = RouteType::Unicast;
    message.attributes =
        vec![RouteAttribute::Oif(POD_INDEX), RouteAttribute::Gateway(RouteAddress::Inet(GATEWAY))];
    RouteNetlinkMessage::NewRoute(message)
}

fn ask(socket: &Socket, message: RouteNetlinkMessage, flags: u16) -> Result {
    let mut message = NetlinkMessage::from(message);
    message.header.flags = flags | NLM_F_REQUEST | NLM_F_ACK;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)?.payload {
        NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io().into()),
        _ => Ok(()),
    }
}

fn new_namespace() -> Result {
    Ok(unshare(CloneFlags::CLONE_NEWNET)?)
}

fn own_namespace() -> io::Result<File> {
    File::open("/proc/thread-self/ns/net")
}

fn pod_namespace() -> Result<File> {
    on_a_thread(|| {
        new_namespace()?;
        Ok(own_namespace()?)
    })
}

fn on_a_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| scope.spawn(work).join()).map_err(|_| "a thread panicked")?
}
