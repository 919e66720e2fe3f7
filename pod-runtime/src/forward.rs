//! Connections from outside into a pod, to whatever listens at its localhost.
//!
//! ```text
//! client ──> listener of this process ── carried by `carry` ──> socket in the pod's namespace ──> 127.0.0.1:PORT
//! ```
//!
//! The namespace is asked for anew with each connection, so that nothing of a pod that is over is held here, and nothing
//! is needed in its images.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use pod_sandbox::{Sandbox, SandboxError};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};

use crate::error::RuntimeError;
use crate::handle::PodHandle;
use crate::localhost;

/// Room for what is under way in one direction of a connection, in bytes.
const BUFFER: usize = 128 << 10;

/// How long no further connection is taken when descriptors have run out.
const EXHAUSTED: Duration = Duration::from_millis(50);

impl PodHandle {
    /// Connects to a TCP port of the pod as a program inside would, by its localhost: 127.0.0.1, or `::1` when nothing
    /// listens there. The port need not be in the manifest.
    ///
    /// # Errors
    /// [`RuntimeError::Unreachable`] when the pod is over or nothing listens.
    pub async fn connect(&self, port: u16) -> Result<TcpStream, RuntimeError> {
        let unreachable =
            |source| RuntimeError::Unreachable { pod: self.name().to_owned(), port, source };
        match self.connect_to(Ipv4Addr::LOCALHOST.into(), port).await {
            Ok(stream) => Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let other = self.connect_to(Ipv6Addr::LOCALHOST.into(), port).await;
                // What went wrong first says more.
                other.map_err(|_| unreachable(error))
            }
            Err(error) => Err(unreachable(error)),
        }
    }

    async fn connect_to(&self, address: IpAddr, port: u16) -> io::Result<TcpStream> {
        let pod = self.clone();
        let sandbox = tokio::task::spawn_blocking(move || pod.living_sandbox()).await??;
        localhost::connect(sandbox, address, port).await
    }

    fn living_sandbox(&self) -> io::Result<Sandbox> {
        self.sandbox().map_err(|error| match error {
            RuntimeError::Sandbox(SandboxError::NotRunning { .. }) => {
                io::Error::new(io::ErrorKind::NotConnected, "the pod is over")
            }
            error => io::Error::other(error),
        })
    }

    /// Carries every connection that comes to `listener` to a TCP port of the pod, for as long as the future is polled.
    /// `tell` is given an event for each. Those that are open then break with it. A container that starts again does not disturb it.
    pub async fn forward(
        &self,
        listener: TcpListener,
        port: u16,
        tell: impl Fn(Forwarded) + Clone + Send + 'static,
    ) {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                next = listener.accept() => match next {
                    Ok((client, from)) => {
                        tell(Forwarded::Connection(from));
                        let (pod, tell) = (self.clone(), tell.clone());
                        connections.spawn(async move {
                            match pod.connect(port).await {
                                Ok(server) => carry(client, server).await,
                                Err(error) => tell(Forwarded::Failed(error)),
                            }
                        });
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a connection was not taken");
                        tokio::time::sleep(EXHAUSTED).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// What happens at a forwarded port.
#[derive(Debug)]
#[non_exhaustive]
pub enum Forwarded {
    /// Somebody has connected, from this address.
    Connection(SocketAddr),
    /// A connection could not be carried, and was closed.
    Failed(RuntimeError),
}

/// Passes on what either side sends until both have said that they are done; the end of one direction leaves the other
/// open.
async fn carry(mut client: TcpStream, mut server: TcpStream) {
    for stream in [&client, &server] {
        // Small messages must not wait for more.
        let _ = stream.set_nodelay(true);
    }
    if let Err(error) =
        copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await
    {
        tracing::debug!(%error, "a connection broke");
    }
}
