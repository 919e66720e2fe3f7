//! The engine's control socket: HTTP with the resource shapes of the Kubernetes API.
//!
//! | request | does |
//! |---|---|
//! | `GET /api/v1/namespaces/NS/pods/NAME/status` | answers with the pod's status |
//! | the same with `?watch=true` | goes on with one line for each status that follows, until the engine ends |
//! | `PUT /api/v1/namespaces/NS/pods/NAME` | changes the pod to the `v1.Pod` in the body, as far as a pod can be changed |
//! | `PATCH /api/v1/namespaces/NS/pods/NAME/status` | sets conditions; the body is a strategic merge patch with nothing else |
//! | `PATCH /api/v1/namespaces/NS/pods/NAME/ephemeralcontainers` | adds containers; the body is as above |
//! | `DELETE /api/v1/namespaces/NS/pods/NAME` | begins to delete the pod; the body may be a `v1.DeleteOptions` |
//! | the same with `?force=true` | kills what runs at once, without the two seconds that even a grace of 0 leaves |

use std::fs;
use std::fs::File;
use std::os::fd::AsRawFd;

use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use nix::unistd::geteuid;
use pod_lifecycle::OWN_CONDITIONS;
use pod_spec::status::PodCondition;
use pod_spec::{EphemeralContainer, Faults, PodStatus, ValidPod};
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::watchers::Lines;
use crate::dirs::StateDir;
use crate::error::RuntimeError;

/// Largest request body, in bytes.
const MAX_BODY: usize = 4 << 20;

/// What a client asks the engine.
pub(super) enum Request {
    Get { answer: oneshot::Sender<PodStatus> },
    Watch { answer: oneshot::Sender<Lines> },
    Update { pod: Box<ValidPod>, answer: oneshot::Sender<Changed> },
    SetConditions { conditions: Vec<PodCondition>, answer: oneshot::Sender<()> },
    AddContainers { containers: Vec<EphemeralContainer>, answer: oneshot::Sender<Changed> },
    Delete { grace: Option<i64>, force: bool, answer: oneshot::Sender<()> },
}

/// Whether the pod is changed, or what is wrong with that. Without an answer the pod is over.
pub(super) type Changed = Result<(), Faults>;

/// `v1.DeleteOptions`, as far as it means something here.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_period_seconds: Option<i64>,
}

/// What is patched of a pod's specification to add containers to it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContainersPatch {
    pub spec: EphemeralContainers,
}

/// Containers that are added.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct EphemeralContainers {
    pub ephemeral_containers: Vec<EphemeralContainer>,
}

/// What can be patched of a pod's status.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusPatch {
    pub status: ConditionsPatch,
}

/// Conditions, which are merged by their types.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConditionsPatch {
    pub conditions: Vec<PodCondition>,
}

/// Begins to listen, taking the socket over from an engine that has died.
pub(super) fn serve(state: &StateDir) -> Result<mpsc::UnboundedReceiver<Request>, RuntimeError> {
    let dir = File::open(state.path()).map_err(RuntimeError::io("open the pod's directory"))?;
    let _ = fs::remove_file(state.path().join(StateDir::SOCKET));
    // A socket's path may be 107 bytes long; the pod's directory may be any length.
    let path = format!("/proc/self/fd/{}/{}", dir.as_raw_fd(), StateDir::SOCKET);
    let listener =
        UnixListener::bind(path).map_err(RuntimeError::io("make the engine's socket"))?;
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::task::spawn_local(accept(listener, sender));
    Ok(receiver)
}

async fn accept(listener: UnixListener, requests: mpsc::UnboundedSender<Request>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let own = geteuid().as_raw();
        if !socket.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == own) {
            tracing::warn!("refused a client of another user");
            continue;
        }
        tokio::task::spawn_local(talk(socket, requests.clone()));
    }
}

async fn talk(socket: UnixStream, requests: mpsc::UnboundedSender<Request>) {
    let service = service_fn(move |request| respond(request, requests.clone()));
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a client went away");
    }
}

type Response = hyper::Response<Either<Full<Bytes>, Lines>>;

async fn respond(
    request: hyper::Request<Incoming>,
    requests: mpsc::UnboundedSender<Request>,
) -> Result<Response, std::convert::Infallible> {
    let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
    let what = match path.as_slice() {
        ["api", "v1", "namespaces", _, "pods", _, rest @ ..] => rest.join("/"),
        _ => return Ok(text(StatusCode::NOT_FOUND, "no such resource")),
    };
    let force = request.uri().query() == Some("force=true");
    let watch = request.uri().query() == Some("watch=true");
    let response = match (request.method().clone(), what.as_str()) {
        (Method::GET, "status") if watch => follow(&requests).await,
        (Method::GET, "status") => get(&requests).await,
        (Method::PUT, "") => match whole(request).await {
            Ok(body) => update(&requests, &body).await,
            Err(refused) => Some(refused),
        },
        (Method::PATCH, "status") => match whole(request).await {
            Ok(body) => set_conditions(&requests, &body).await,
            Err(refused) => Some(refused),
        },
        (Method::PATCH, "ephemeralcontainers") => match whole(request).await {
            Ok(body) => add_containers(&requests, &body).await,
            Err(refused) => Some(refused),
        },
        (Method::DELETE, "") => match whole(request).await {
            Ok(body) => delete(&requests, &body, force).await,
            Err(refused) => Some(refused),
        },
        _ => Some(text(
            StatusCode::METHOD_NOT_ALLOWED,
            "GET …/status, PUT, PATCH …/status or …/ephemeralcontainers, and DELETE are understood",
        )),
    };
    Ok(response.unwrap_or_else(|| text(StatusCode::GONE, "the pod is over")))
}

/// The body of a request, unless it is too long.
async fn whole(request: hyper::Request<Incoming>) -> Result<Bytes, Response> {
    match Limited::new(request.into_body(), MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(_) => Err(text(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 4 MiB")),
    }
}

async fn set_conditions(
    requests: &mpsc::UnboundedSender<Request>,
    body: &[u8],
) -> Option<Response> {
    let conditions = match serde_json::from_slice(body) {
        Ok(StatusPatch { status: ConditionsPatch { conditions } }) => conditions,
        Err(error) => return Some(text(StatusCode::BAD_REQUEST, &error.to_string())),
    };
    if conditions.iter().any(|c| c.kind.is_empty()) {
        return Some(text(StatusCode::UNPROCESSABLE_ENTITY, "a condition needs a `type`"));
    }
    if let Some(own) = conditions.iter().find(|c| OWN_CONDITIONS.contains(&c.kind.as_str())) {
        let message = format!("the condition `{}` is the pod's own and cannot be set", own.kind);
        return Some(text(StatusCode::UNPROCESSABLE_ENTITY, &message));
    }
    let (answer, done) = oneshot::channel();
    requests.send(Request::SetConditions { conditions, answer }).ok()?;
    done.await.ok()?;
    Some(text(StatusCode::OK, "the conditions are set"))
}

async fn add_containers(
    requests: &mpsc::UnboundedSender<Request>,
    body: &[u8],
) -> Option<Response> {
    let containers = match serde_json::from_slice(body) {
        Ok(ContainersPatch { spec }) => spec.ephemeral_containers,
        Err(error) => return Some(text(StatusCode::BAD_REQUEST, &error.to_string())),
    };
    let (answer, added) = oneshot::channel();
    requests.send(Request::AddContainers { containers, answer }).ok()?;
    Some(changed(added.await.ok()?, "the containers are added"))
}

fn changed(result: Changed, message: &str) -> Response {
    match result {
        Ok(()) => text(StatusCode::OK, message),
        Err(faults) => text(StatusCode::UNPROCESSABLE_ENTITY, &faults.to_string()),
    }
}

async fn get(requests: &mpsc::UnboundedSender<Request>) -> Option<Response> {
    let (answer, status) = oneshot::channel();
    requests.send(Request::Get { answer }).ok()?;
    Some(json(&status.await.ok()?))
}

async fn follow(requests: &mpsc::UnboundedSender<Request>) -> Option<Response> {
    let (answer, lines) = oneshot::channel();
    requests.send(Request::Watch { answer }).ok()?;
    let mut response = Response::new(Either::Right(lines.await.ok()?));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Some(response)
}

async fn update(requests: &mpsc::UnboundedSender<Request>, body: &[u8]) -> Option<Response> {
    let pod = match serde_json::from_slice(body) {
        Ok(pod) => pod,
        Err(error) => return Some(text(StatusCode::BAD_REQUEST, &error.to_string())),
    };
    let (answer, updated) = oneshot::channel();
    requests.send(Request::Update { pod, answer }).ok()?;
    Some(changed(updated.await.ok()?, "the pod is being changed"))
}

async fn delete(
    requests: &mpsc::UnboundedSender<Request>,
    body: &[u8],
    force: bool,
) -> Option<Response> {
    let options =
        if body.is_empty() { Ok(DeleteOptions::default()) } else { serde_json::from_slice(body) };
    let grace = match options {
        Ok(DeleteOptions { grace_period_seconds: Some(n) }) if n < 0 => {
            return Some(text(
                StatusCode::UNPROCESSABLE_ENTITY,
                "gracePeriodSeconds must not be negative",
            ));
        }
        Ok(options) => options.grace_period_seconds,
        Err(error) => return Some(text(StatusCode::BAD_REQUEST, &error.to_string())),
    };
    let (answer, done) = oneshot::channel();
    requests.send(Request::Delete { grace, force, answer }).ok()?;
    done.await.ok()?;
    Some(text(StatusCode::ACCEPTED, "the pod is being deleted"))
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => respond_with(StatusCode::OK, "application/json", bytes),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn text(status: StatusCode, message: &str) -> Response {
    respond_with(status, "text/plain", message.as_bytes().to_vec())
}

fn respond_with(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
