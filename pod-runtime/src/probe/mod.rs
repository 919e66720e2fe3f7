//! Probes and hooks of containers, made by the engine as the kubelet makes them. When they are due and what they lead to
//! is the machine's to say.

mod endpoint;
mod exec;
mod grpc;
mod hook;
mod http;
mod tls;

use std::rc::Rc;
use std::time::Duration;

use hyper::header::HeaderValue;
use pod_lifecycle::{Addresses, ProbeKind, ProbeResult};
use pod_sandbox::Sandbox;
use pod_spec::{
    Container, GrpcAction, HttpGetAction, IntOrString, Probe, TcpSocketAction, UriScheme,
};

use crate::environment;
use crate::plan::PodPlan;
use endpoint::Endpoint;
use http::{Answer, Get};

/// The kubelet whose ways these are.
const USER_AGENT: HeaderValue = HeaderValue::from_static("kube-probe/1.36");

/// How often a probe that cannot be made is tried before that is told.
const TRIES: usize = 3;

/// Makes the probes and runs the hooks of one pod.
#[derive(Debug)]
pub(crate) struct Prober<'p> {
    pub plan: Rc<PodPlan>,
    pub sandbox: &'p Sandbox,
    /// Where the pod can be reached.
    pub addresses: Addresses,
}

/// Why a probe did not pass.
enum Failed {
    /// The container did not.
    Probe(String),
    /// It could not be made.
    Prober(String),
}

impl Prober<'_> {
    /// Makes a probe of an attempt at a container.
    pub async fn probe(&self, container: &str, attempt: u32, kind: ProbeKind) -> ProbeResult {
        let mut result = ProbeResult::Unknown(format!("container `{container}` has no such probe"));
        let Some(container) = self.plan.container(container) else { return result };
        let probe = match kind {
            ProbeKind::Startup => &container.startup_probe,
            ProbeKind::Liveness => &container.liveness_probe,
            ProbeKind::Readiness => &container.readiness_probe,
        };
        let Some(probe) = probe else { return result };
        for _ in 0..TRIES {
            result = match self.make(container, attempt, probe).await {
                Ok(result) => return result,
                Err(Failed::Probe(why)) => return ProbeResult::Failure(why),
                Err(Failed::Prober(why)) => ProbeResult::Unknown(why),
            };
        }
        result
    }

    async fn make(
        &self,
        container: &Container,
        attempt: u32,
        probe: &Probe,
    ) -> Result<ProbeResult, Failed> {
        let seconds = probe.timeout_seconds.and_then(|s| u64::try_from(s).ok()).unwrap_or(1);
        let timeout = Duration::from_secs(seconds);
        let handler = &probe.handler;
        if let Some(exec) = &handler.exec {
            let args = environment::expand_given(&container.env, &exec.command);
            return exec::probe(self.sandbox, &container.name, attempt, args, timeout).await;
        }
        if let Some(get) = &handler.http_get {
            return self.http(container, get, timeout).await;
        }
        if let Some(tcp) = &handler.tcp_socket {
            return self.tcp(container, tcp, timeout).await;
        }
        if let Some(grpc) = &handler.grpc {
            return self.grpc(grpc, timeout).await;
        }
        Err(Failed::Prober("the probe does nothing".to_owned()))
    }

    async fn http(
        &self,
        container: &Container,
        action: &HttpGetAction,
        timeout: Duration,
    ) -> Result<ProbeResult, Failed> {
        let port = port(&action.port, container)?;
        let endpoint = self.endpoint(action.host.as_deref());
        let secure = is_secure(action);
        let get = Get { endpoint: &endpoint, action, port, secure, agent: USER_AGENT };
        let answer = tokio::time::timeout(timeout, get.send()).await;
        let answer = answer
            .unwrap_or_else(|_| Err(format!("Get \"{}\": context deadline exceeded", get.url())));
        let Answer { status, body } = answer.map_err(Failed::Probe)?;
        match status {
            200..=299 => Ok(ProbeResult::Success),
            300..=399 => {
                let said = format!("Probe terminated redirects, Response body: {body}");
                Ok(ProbeResult::Warning(said))
            }
            _ => Err(Failed::Probe(format!("HTTP probe failed with statuscode: {status}"))),
        }
    }

    async fn tcp(
        &self,
        container: &Container,
        tcp: &TcpSocketAction,
        timeout: Duration,
    ) -> Result<ProbeResult, Failed> {
        let port = port(&tcp.port, container)?;
        let endpoint = self.endpoint(tcp.host.as_deref());
        match tokio::time::timeout(timeout, endpoint.connect(port)).await {
            Ok(connected) => connected.map(|_| ProbeResult::Success).map_err(Failed::Probe),
            Err(_) => Err(Failed::Probe(format!("dial tcp {}: i/o timeout", endpoint.name(port)))),
        }
    }

    async fn grpc(&self, action: &GrpcAction, timeout: Duration) -> Result<ProbeResult, Failed> {
        let service = action.service.as_deref().unwrap_or_default();
        let endpoint = self.endpoint(None);
        let port = u16::try_from(action.port)
            .map_err(|_| Failed::Prober(format!("there is no port {}", action.port)))?;
        let check = grpc::Check { endpoint: &endpoint, port, service, agent: USER_AGENT };
        check.ask(timeout).await.map(|()| ProbeResult::Success).map_err(Failed::Probe)
    }

    /// Where a probe goes to: the host that it names, or the pod.
    fn endpoint(&self, host: Option<&str>) -> Endpoint<'_> {
        match (host.filter(|host| !host.is_empty()), self.addresses.pod.first()) {
            (Some(host), _) => Endpoint::outside(host.to_owned()),
            (None, Some(address)) => Endpoint::outside(address.to_string()),
            (None, None) => Endpoint::inside(self.sandbox),
        }
    }
}

fn is_secure(action: &HttpGetAction) -> bool {
    action.scheme == Some(UriScheme::Https)
}

/// The number of a port, given so or by the name of one of the container's.
fn port(port: &IntOrString, container: &Container) -> Result<u16, Failed> {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => {
            let named = container.ports.iter().find(|p| p.name.as_deref() == Some(name));
            named.map(|p| p.container_port).or_else(|| name.parse().ok())
        }
    };
    number
        .and_then(|n| u16::try_from(n).ok())
        .filter(|n| *n != 0)
        .ok_or_else(|| Failed::Prober(format!("container `{}` has no port {port}", container.name)))
}
