//! Where a probe connects to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use pod_sandbox::Sandbox;
use tokio::net::TcpStream;

use crate::localhost;

/// A host, and from where it is reached.
#[derive(Debug)]
pub(super) struct Endpoint<'s> {
    host: String,
    /// The sandbox in whose network the connection is made, in place of the machine's.
    within: Option<&'s Sandbox>,
}

impl<'s> Endpoint<'s> {
    /// A host that the machine reaches: an address or a name.
    pub fn outside(host: String) -> Self {
        Self { host, within: None }
    }

    /// The localhost of a pod that has loopback only.
    pub fn inside(sandbox: &'s Sandbox) -> Self {
        Self { host: Ipv4Addr::LOCALHOST.to_string(), within: Some(sandbox) }
    }

    /// The host, without a port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `HOST:PORT`, with brackets around an address of IPv6.
    pub fn name(&self, port: u16) -> String {
        match self.host.parse::<IpAddr>() {
            Ok(address) => SocketAddr::new(address, port).to_string(),
            Err(_) => format!("{}:{port}", self.host),
        }
    }

    /// Connects to a port. The error is one of words, as the kubelet has it.
    pub async fn connect(&self, port: u16) -> Result<TcpStream, String> {
        let connected = match self.within {
            Some(sandbox) => {
                localhost::connect(sandbox.clone(), Ipv4Addr::LOCALHOST.into(), port).await
            }
            None => TcpStream::connect((self.host.as_str(), port)).await,
        };
        connected.map_err(|error| {
            let why = match error.raw_os_error() {
                // In words, without the number.
                Some(_) => error.kind().to_string(),
                None => error.to_string(),
            };
            format!("dial tcp {}: connect: {why}", self.name(port))
        })
    }
}
