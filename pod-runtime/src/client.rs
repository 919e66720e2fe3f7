//! A client of a pod's engine.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use pod_spec::status::PodCondition;
use pod_spec::{EphemeralContainer, PodStatus, ValidPod};
use serde::Serialize;
use tokio::net::UnixStream;

use crate::dirs::StateDir;
use crate::driven::driven;
use crate::engine::{
    ConditionsPatch, ContainersPatch, DeleteOptions, EphemeralContainers, StatusPatch,
};
use crate::error::RuntimeError;

/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// Asks the engine to delete its pod. `false` when no engine answers.
pub(crate) async fn delete(
    state: &StateDir,
    namespace: &str,
    name: &str,
    grace: Option<i64>,
    force: bool,
) -> Result<bool, RuntimeError> {
    let query = if force { "?force=true" } else { "" };
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}{query}");
    let body = DeleteOptions { grace_period_seconds: grace };
    ask(state, name, Method::DELETE, &path, &body).await
}

/// Asks the engine to change its pod. `false` when no engine answers.
pub(crate) async fn update(state: &StateDir, pod: &ValidPod) -> Result<bool, RuntimeError> {
    let path = format!("/api/v1/namespaces/{}/pods/{}", pod.namespace(), pod.name());
    ask(state, pod.name(), Method::PUT, &path, pod).await
}

/// Asks the engine to set conditions of its pod. `false` when no engine answers.
pub(crate) async fn set_conditions(
    state: &StateDir,
    namespace: &str,
    name: &str,
    conditions: Vec<PodCondition>,
) -> Result<bool, RuntimeError> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/status");
    let body = StatusPatch { status: ConditionsPatch { conditions } };
    ask(state, name, Method::PATCH, &path, &body).await
}

/// Asks the engine to add ephemeral containers to its pod. `false` when no engine answers.
pub(crate) async fn add_containers(
    state: &StateDir,
    namespace: &str,
    name: &str,
    ephemeral_containers: Vec<EphemeralContainer>,
) -> Result<bool, RuntimeError> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/ephemeralcontainers");
    let body = ContainersPatch { spec: EphemeralContainers { ephemeral_containers } };
    ask(state, name, Method::PATCH, &path, &body).await
}

/// Asks the engine for something. `false` when no engine answers.
async fn ask(
    state: &StateDir,
    name: &str,
    method: Method,
    path: &str,
    body: &impl Serialize,
) -> Result<bool, RuntimeError> {
    match request(state, method, path, body).await {
        Ok((status, _)) if status.is_success() => Ok(true),
        // It has just come to its end.
        Ok((StatusCode::GONE, _)) => Ok(false),
        Ok((status, message)) => {
            let (pod, message) = (name.to_owned(), String::from_utf8_lossy(&message).into_owned());
            Err(match status {
                StatusCode::UNPROCESSABLE_ENTITY => RuntimeError::Refused { pod, message },
                _ => RuntimeError::Engine { pod, status: status.as_u16(), message },
            })
        }
        Err(_) => Ok(false),
    }
}

/// The statuses of a pod as its engine tells of them, the present one first.
#[derive(Debug)]
pub(crate) struct Statuses {
    body: Incoming,
    /// What has been read of the next line.
    begun: Vec<u8>,
}

impl Statuses {
    /// Begins to listen; an error when no engine answers.
    pub async fn of(state: &StateDir, namespace: &str, name: &str) -> io::Result<Self> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/status?watch=true");
        let (mut sender, connection) = connect(state).await?;
        // It ends with the engine, or when the body is dropped.
        tokio::spawn(connection);
        let request = request_of(Method::GET, &path, Bytes::new())?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        if response.status() != StatusCode::OK {
            return Err(io::Error::other(format!("the engine answered {}", response.status())));
        }
        Ok(Self { body: response.into_body(), begun: Vec::new() })
    }

    /// The next status; `None` when the engine has ended, well or not.
    pub async fn next(&mut self) -> Option<PodStatus> {
        loop {
            if let Some(end) = self.begun.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.begun.drain(..=end).collect();
                return serde_json::from_slice(&line).ok();
            }
            let frame = self.body.frame().await?.ok()?;
            let room = MAX_ANSWER.checked_sub(self.begun.len())?;
            self.begun.extend(frame.into_data().ok().filter(|data| data.len() <= room)?);
        }
    }
}

type Connection = hyper::client::conn::http1::Connection<TokioIo<UnixStream>, Full<Bytes>>;

async fn connect(state: &StateDir) -> io::Result<(SendRequest<Full<Bytes>>, Connection)> {
    let dir = File::open(state.path())?;
    let socket = format!("/proc/self/fd/{}/{}", dir.as_raw_fd(), StateDir::SOCKET);
    let stream = UnixStream::connect(socket).await?;
    hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)
}

fn request_of(method: Method, path: &str, body: Bytes) -> io::Result<Request<Full<Bytes>>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "pod")
        .header("content-type", "application/json")
        .body(Full::new(body))
        .map_err(io::Error::other)
}

async fn request(
    state: &StateDir,
    method: Method,
    path: &str,
    body: &impl Serialize,
) -> io::Result<(StatusCode, Bytes)> {
    let (mut sender, connection) = connect(state).await?;
    let request = request_of(method, path, Bytes::from(serde_json::to_vec(body)?))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await
            .map_err(io::Error::other)?;
        Ok((status, body.to_bytes()))
    };
    driven(async { connection.await.map_err(io::Error::other) }, exchange).await
}
