//! A client of a pod's engine.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::UnixStream;

use crate::dirs::StateDir;
use crate::engine::DeleteOptions;
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
    match request(state, Method::DELETE, &path, &body).await {
        Ok((status, _)) if status.is_success() => Ok(true),
        // It has just come to its end.
        Ok((StatusCode::GONE, _)) => Ok(false),
        Ok((status, message)) => {
            let message = String::from_utf8_lossy(&message).into_owned();
            Err(RuntimeError::Engine { pod: name.to_owned(), status: status.as_u16(), message })
        }
        Err(_) => Ok(false),
    }
}

async fn request(
    state: &StateDir,
    method: Method,
    path: &str,
    body: &impl Serialize,
) -> io::Result<(StatusCode, Bytes)> {
    let dir = File::open(state.path())?;
    let socket = format!("/proc/self/fd/{}/{}", dir.as_raw_fd(), StateDir::SOCKET);
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let body = Full::new(Bytes::from(serde_json::to_vec(body)?));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "pod")
        .header("content-type", "application/json")
        .body(body)
        .map_err(io::Error::other)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await
            .map_err(io::Error::other)?;
        Ok((status, body.to_bytes()))
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    // The connection has to be driven for the exchange to go on.
    tokio::select! {
        answer = &mut exchange => answer,
        ended = &mut connection => {
            ended.map_err(io::Error::other)?;
            exchange.await
        }
    }
}
