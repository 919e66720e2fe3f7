//! `pod port-forward`: leads ports of this machine to ports of a pod.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;

use clap::Args;
use pod_runtime::{Forwarded, PodHandle, PodPhase, chain};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::args::Globals;
use crate::error::CliError;
use crate::up::Signals;
use crate::{chosen, event_loop, exit, output};

#[derive(Debug, Args)]
pub struct PortForward {
    /// The pod
    pub pod: String,
    /// Ports: of both sides alike, one for each, or any one of this machine with `:REMOTE`
    #[arg(required = true, value_name = "[LOCAL:]REMOTE", value_parser = ForwardedPort::parse)]
    pub ports: Vec<ForwardedPort>,
    /// Addresses of this machine to listen at
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', default_value = "localhost")]
    pub address: Vec<String>,
}

/// A port of this machine and the pod's that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardedPort {
    /// 0 is any that is free; without one it is the same as the pod's.
    pub local: Option<u16>,
    /// A number, or the name of a port in the manifest.
    pub remote: String,
}

impl ForwardedPort {
    fn parse(text: &str) -> Result<Self, String> {
        let (local, remote) = match text.split_once(':') {
            None => (None, text),
            Some(("", remote)) => (Some(0), remote),
            Some((local, remote)) => {
                let number =
                    local.parse().map_err(|_| format!("`{local}` is no port: 0 to 65535"))?;
                (Some(number), remote)
            }
        };
        let wrong = || format!("`{remote}` is no port of a pod: 1 to 65535, or its name");
        let named = remote.bytes().any(|b| b.is_ascii_alphabetic())
            && remote.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !named && !remote.parse::<u16>().is_ok_and(|port| port != 0) {
            return Err(wrong());
        }
        Ok(Self { local, remote: remote.to_owned() })
    }
}

pub fn run(globals: &Globals, args: &PortForward) -> Result<u8, CliError> {
    let pod = chosen::pod(&globals.runtime()?, globals.namespace(), &args.pod)?;
    let phase = pod.status()?.phase;
    if phase != PodPhase::Running {
        return Err(CliError::NotRunning {
            name: pod.name().to_owned(),
            phase: phase.as_str().to_owned(),
        });
    }
    let ports: Vec<(u16, u16)> =
        args.ports.iter().map(|port| numbers(&pod, port)).collect::<Result<_, _>>()?;
    event_loop::block_on(forward(&pod, &ports, &args.address))
}

/// The local port, 0 for any, and that of the pod.
fn numbers(pod: &PodHandle, port: &ForwardedPort) -> Result<(u16, u16), CliError> {
    let remote = match port.remote.parse() {
        Ok(number) => number,
        Err(_) => named(pod, &port.remote)?,
    };
    Ok((port.local.unwrap_or(remote), remote))
}

fn named(pod: &PodHandle, name: &str) -> Result<u16, CliError> {
    let spec = pod.pod().spec();
    let containers = spec.init_containers.iter().chain(&spec.containers);
    let mut ports = containers.flat_map(|container| &container.ports);
    let port = ports.find(|port| port.name.as_deref() == Some(name));
    let number = port.and_then(|port| u16::try_from(port.container_port).ok());
    number
        .ok_or_else(|| CliError::Usage(format!("pod `{}` has no port named `{name}`", pod.name())))
}

async fn forward(
    pod: &PodHandle,
    ports: &[(u16, u16)],
    addresses: &[String],
) -> Result<u8, CliError> {
    // Before anything is said: who reads of a port may send the signal at once.
    let mut signals = Signals::listen()?;
    let mut listeners = Vec::new();
    for (local, remote) in ports {
        listeners.extend(listen(addresses, *local, *remote).await?);
    }
    let mut forwards = JoinSet::new();
    for (listener, local, remote) in listeners {
        output::line(&format!("Forwarding from {local} -> {remote}"))?;
        let pod = pod.clone();
        forwards.spawn(async move {
            pod.forward(listener, remote, move |event| tell(&event, local, remote)).await;
        });
    }
    tokio::select! {
        () = signals.next() => Ok(exit::OK),
        over = over(pod) => {
            over?;
            Err(CliError::LostPod { name: pod.name().to_owned() })
        }
    }
}

/// Listens at each address; one of two families of the same name may be missing.
async fn listen(
    addresses: &[String],
    mut port: u16,
    remote: u16,
) -> Result<Vec<(TcpListener, SocketAddr, u16)>, CliError> {
    let mut listeners = Vec::new();
    for address in addresses {
        let mut failed = None;
        let before = listeners.len();
        for ip in resolve(address)? {
            let bound = TcpListener::bind(SocketAddr::new(ip, port)).await;
            match bound.and_then(|listener| Ok((listener.local_addr()?, listener))) {
                Ok((at, listener)) => {
                    // A port that was chosen for the first address is that of all.
                    port = at.port();
                    listeners.push((listener, at, remote));
                }
                Err(error) => {
                    failed.get_or_insert((SocketAddr::new(ip, port), error));
                }
            }
        }
        if let Some((at, source)) = failed {
            let missing = matches!(
                source.kind(),
                io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported
            ) || source.raw_os_error() == Some(nix::libc::EAFNOSUPPORT);
            if listeners.len() == before || !missing {
                return Err(CliError::Listen { at, source });
            }
        }
    }
    Ok(listeners)
}

fn resolve(address: &str) -> Result<Vec<IpAddr>, CliError> {
    if address == "localhost" {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let wrong = || {
        CliError::Usage(format!("--address: `{address}` is neither an IP address nor `localhost`"))
    };
    Ok(vec![address.parse().map_err(|_| wrong())?])
}

fn tell(event: &Forwarded, local: SocketAddr, remote: u16) {
    match event {
        Forwarded::Connection(_) => {
            // Nobody reads it any more: the connections matter, not the words.
            let _ = output::line(&format!("Handling connection for {}", local.port()));
        }
        Forwarded::Failed(error) => {
            output::message(&format!(
                "error: forwarding {} -> {remote}: {}",
                local.port(),
                chain(error)
            ));
        }
        _ => {}
    }
}

/// Returns when the pod is over or gone.
async fn over(pod: &PodHandle) -> Result<(), CliError> {
    let mut changes = pin!(pod.changes());
    while let Some(status) = changes.next().await? {
        if status.phase.is_terminal() {
            break;
        }
    }
    Ok(())
}
