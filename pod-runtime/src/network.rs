//! A pod's network: what its manifest asks for, and the connection made of it.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;

use pod_lifecycle::Addresses;
use pod_network::{Attached, Attachment, HostsFile, Network, PortMapping, Protocol};
use pod_sandbox::Sandbox;
use pod_spec::{Container, ContainerPort};

use crate::dns;
use crate::error::{RuntimeError, chain};
use crate::plan::PodPlan;
use crate::store;

/// The domain that the names of pods with a subdomain end with, as in a cluster that does not say otherwise.
pub(crate) const CLUSTER_DOMAIN: &str = "cluster.local";

/// The files that every container of a pod is given.
pub(crate) const HOSTS: &str = "hosts";
pub(crate) const HOSTNAME: &str = "hostname";
pub(crate) const RESOLV_CONF: &str = "resolv.conf";

/// The network namespace of a pod that is being made, connected; `None` when it has the host's, or one that belongs to its
/// own users and is made with them.
pub(crate) fn begin(plan: &PodPlan) -> Result<Option<OwnedFd>, RuntimeError> {
    if plan.uses_host_network() || plan.has_own_users() {
        return Ok(None);
    }
    let namespace = pod_network::new_namespace()?;
    attach(plan, namespace.as_fd())?;
    Ok(Some(namespace))
}

/// Connects a pod's sandbox, unless that has been done, and writes the files that tell of it. Returns the addresses of the
/// pod.
pub(crate) fn connect(plan: &PodPlan, sandbox: &Sandbox) -> Result<Vec<IpAddr>, RuntimeError> {
    match pod_addresses(plan)? {
        Some(addresses) => Ok(addresses),
        None => attach(plan, sandbox.network_namespace()?.as_fd()),
    }
}

fn attach(plan: &PodPlan, namespace: BorrowedFd<'_>) -> Result<Vec<IpAddr>, RuntimeError> {
    let network = network(plan)?;
    let attached = plan.dirs.networks.attach(&network, &attachment(plan, &network), namespace)?;
    plan.write_resolver(&attached)?;
    Ok(attached.addresses)
}

/// The network that the pod is to have.
fn network(plan: &PodPlan) -> Result<Network, RuntimeError> {
    plan.dirs.state.read_network().map_err(RuntimeError::io("read network.json"))
}

/// Where a pod can be reached; `None` when its network is not made yet.
pub(crate) fn addresses(plan: &PodPlan) -> Result<Option<Addresses>, RuntimeError> {
    let pod = pod_addresses(plan)?;
    Ok(pod.map(|pod| Addresses { pod, host: host_addresses() }))
}

fn pod_addresses(plan: &PodPlan) -> Result<Option<Vec<IpAddr>>, RuntimeError> {
    Ok(if plan.uses_host_network() {
        Some(host_addresses())
    } else if plan.dirs.file(RESOLV_CONF).exists() {
        match plan.dirs.networks.attached(plan.uid())? {
            Some(attached) => Some(attached.addresses),
            // Of loopback alone there is no other record.
            None => (network(plan)? == Network::Loopback).then(Vec::new),
        }
    } else {
        // It is written last: whoever attached the pod was killed before that.
        None
    })
}

/// Takes back what the pod has of the machine's network.
pub(crate) fn disconnect(plan: &PodPlan) -> Option<String> {
    plan.dirs.networks.detach(plan.uid(), None).err().map(|e| chain(&e))
}

/// Takes back what the pod had in a namespace that is no more, so that it can be connected anew.
pub(crate) fn forget(plan: &PodPlan) -> Result<(), RuntimeError> {
    // First, since it says that the connection is whole. With the machine's own network there is none.
    if !plan.uses_host_network() {
        let path = plan.dirs.file(RESOLV_CONF);
        match fs::remove_file(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            result => {
                result.map_err(RuntimeError::io(format!("remove {}", path.display())))?;
            }
        }
    }
    Ok(plan.dirs.networks.release(plan.uid(), None)?)
}

/// Takes back what the pod has of the machine's network, just before its sandbox is removed.
pub(crate) fn release(plan: &PodPlan, sandbox: &Sandbox) -> Option<String> {
    // One that is dead already has no namespace to show.
    let namespace = sandbox.network_namespace().ok();
    let namespace = namespace.as_ref().map(AsFd::as_fd);
    plan.dirs.networks.release(plan.uid(), namespace).err().map(|e| chain(&e))
}

/// Takes the ports of the host that lead to the pod, so that nobody else does: they are its own as long as the
/// descriptors are open.
pub(crate) fn reserve(plan: &PodPlan) -> Result<Vec<OwnedFd>, RuntimeError> {
    if plan.uses_host_network() {
        return Ok(Vec::new());
    }
    Ok(plan.dirs.networks.reserve(&ports(plan))?)
}

fn attachment(plan: &PodPlan, network: &Network) -> Attachment {
    let (head, tail) = plan.hosts();
    let hosts = HostsFile { path: plan.dirs.file(HOSTS), head, tail };
    Attachment {
        id: plan.uid().to_owned(),
        namespace: plan.pod.namespace().to_owned(),
        name: plan.pod.name().to_owned(),
        names: names(plan),
        ports: ports(plan),
        hosts: (*network != Network::Loopback).then_some(hosts),
    }
}

/// The names of the pod, the longest first.
fn names(plan: &PodPlan) -> Vec<String> {
    let host = plan.short_hostname();
    let spec = plan.pod.spec();
    let subdomain = spec.subdomain.as_deref().filter(|s| !s.is_empty());
    match (plan.domain(), subdomain) {
        (Some(domain), Some(subdomain)) => {
            vec![format!("{host}.{domain}"), format!("{host}.{subdomain}"), host]
        }
        _ => vec![host],
    }
}

/// The ports of all containers that run while the pod does.
fn ports(plan: &PodPlan) -> Vec<PortMapping> {
    let spec = plan.pod.spec();
    let sidecars = spec.init_containers.iter().filter(|c| c.is_sidecar());
    let ports = |c: &Container| c.ports.iter().filter_map(mapping).collect::<Vec<_>>();
    sidecars.chain(&spec.containers).flat_map(ports).collect()
}

fn mapping(port: &ContainerPort) -> Option<PortMapping> {
    let number = |port: i32| u16::try_from(port).ok().filter(|port| *port != 0);
    let protocol = match port.protocol {
        Some(pod_spec::Protocol::Sctp) => return None,
        Some(pod_spec::Protocol::Udp) => Protocol::Udp,
        Some(pod_spec::Protocol::Tcp) | None => Protocol::Tcp,
    };
    // No address, and the one that stands for all.
    let host_ip = port.host_ip.as_ref().and_then(|ip| ip.parse::<IpAddr>().ok());
    Some(PortMapping {
        protocol,
        host_ip: host_ip.filter(|ip| *ip != IpAddr::from(Ipv4Addr::UNSPECIFIED)),
        host_port: number(port.host_port?)?,
        container_port: number(port.container_port)?,
    })
}

/// The addresses that this machine speaks to the outside with, or its loopback when there is no outside.
pub(crate) fn host_addresses() -> Vec<IpAddr> {
    // Addresses of documentation: a datagram socket that is connected sends nothing.
    let targets: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    ];
    let own = |(any, target): (IpAddr, IpAddr)| {
        let socket = UdpSocket::bind(SocketAddr::from((any, 0))).ok()?;
        socket.connect(SocketAddr::from((target, 9))).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let found: Vec<IpAddr> = targets.into_iter().filter_map(own).collect();
    if found.is_empty() { vec![Ipv4Addr::LOCALHOST.into()] } else { found }
}

impl PodPlan {
    /// Writes the files that its containers are given, as far as they are known before it is connected.
    pub(crate) fn write_files(&self, network: &Network) -> Result<(), RuntimeError> {
        let (mut hosts, tail) = self.hosts();
        if *network == Network::Loopback {
            // Its own name leads to itself all the same.
            hosts.push_str(&format!("127.0.0.1\t{}\n", names(self).join("\t")));
        }
        hosts.push_str(&tail);
        self.write_file(HOSTS, hosts.as_bytes())?;
        self.write_file(HOSTNAME, format!("{}\n", self.hostname()).as_bytes())?;
        // Of the others it is known when they are connected.
        if self.uses_host_network() {
            self.write_resolver(&Attached::default())?;
        }
        Ok(())
    }

    /// Writes where the pod asks for names.
    fn write_resolver(&self, attached: &Attached) -> Result<(), RuntimeError> {
        let resolver = dns::resolver(self.pod.spec(), attached).to_string();
        self.write_file(RESOLV_CONF, resolver.as_bytes())
    }

    /// Writes a file that every container of the pod is given.
    fn write_file(&self, name: &str, text: &[u8]) -> Result<(), RuntimeError> {
        let path = self.dirs.file(name);
        let write = || {
            store::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644))
        };
        write().map_err(RuntimeError::io(format!("write {}", path.display())))
    }
}
