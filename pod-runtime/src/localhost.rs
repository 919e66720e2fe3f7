//! Connections to a pod's localhost, from outside its network.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use pod_sandbox::Sandbox;
use tokio::net::{TcpSocket, TcpStream};

/// Connects to a TCP port as a program in the sandbox would.
pub(crate) async fn connect(sandbox: Sandbox, address: IpAddr, port: u16) -> io::Result<TcpStream> {
    let ipv6 = address.is_ipv6();
    let socket = tokio::task::spawn_blocking(move || socket(&sandbox, ipv6)).await??;
    let socket = TcpSocket::from_std_stream(std::net::TcpStream::from(socket));
    socket.connect(SocketAddr::new(address, port)).await
}

/// A TCP socket in the sandbox's network namespace.
fn socket(sandbox: &Sandbox, ipv6: bool) -> io::Result<OwnedFd> {
    let namespace = sandbox.network_namespace().map_err(io::Error::other)?;
    pod_network::tcp_socket(namespace.as_fd(), ipv6).map_err(io::Error::other)
}
