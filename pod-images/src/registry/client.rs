//! A registry as it is read from: manifests and blobs of one repository.
//!
//! Source: the OCI distribution specification. Everything that comes is bounded, and what is
//! asked for by its digest is compared with it.

use std::path::PathBuf;
use std::sync::OnceLock;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE, WWW_AUTHENTICATE,
};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::Digest;
use crate::digest::Hasher;

use super::blob::BlobStream;
use super::body::{bounded, said};
use super::certificates::CertificateError;
use super::challenge::Challenge;
use super::failure::Visitor;
use super::token::{TokenRequest, secret_header};
use super::transport;
use super::{Endpoint, Login, Places, RegistryError, RegistryFault, Timing, Version};

/// What a registry says is the digest of its answer.
const CONTENT_DIGEST: &str = "docker-content-digest";

/// One repository of one registry, as somebody with one login, or without any, sees it.
#[derive(Debug)]
pub(crate) struct Registry {
    http: reqwest::Client,
    endpoint: Endpoint,
    visitor: Visitor,
    timing: Timing,
    /// `https`, or `http` where that is all there is; settled by the first answer.
    scheme: OnceLock<&'static str>,
    /// What was shown last and accepted.
    authorization: Mutex<Option<HeaderValue>>,
}

/// A manifest or an index, and what it is.
#[derive(Debug)]
pub(crate) struct Document {
    pub bytes: Vec<u8>,
    pub digest: Digest,
    /// What the registry says that it is.
    pub media_type: Option<String>,
}

impl Registry {
    /// The registry of `endpoint`; nothing is sent yet.
    pub(crate) fn new(
        endpoint: &Endpoint,
        login: Option<Login>,
        places: &Places,
        timing: &Timing,
    ) -> Result<Self, CertificateError> {
        Ok(Self {
            http: transport::client(endpoint, places, timing)?,
            endpoint: endpoint.clone(),
            visitor: Visitor {
                registry: endpoint.registry().to_owned(),
                login,
                files: list(&places.login_files()),
            },
            timing: timing.clone(),
            scheme: OnceLock::new(),
            authorization: Mutex::new(None),
        })
    }

    /// The same registry as somebody else sees it.
    pub(crate) fn with_login(&self, login: Option<Login>) -> Self {
        Self {
            http: self.http.clone(),
            endpoint: self.endpoint.clone(),
            visitor: Visitor {
                registry: self.visitor.registry.clone(),
                login,
                files: self.visitor.files.clone(),
            },
            timing: self.timing.clone(),
            scheme: self.scheme.clone(),
            authorization: Mutex::new(None),
        }
    }

    /// Where this is.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How long it may take.
    pub(crate) fn timing(&self) -> &Timing {
        &self.timing
    }

    /// The digest of the manifest or index that `version` names now; `None` when the registry
    /// tells it only with the whole.
    pub(crate) async fn digest(
        &self,
        version: &Version,
        accept: &[&str],
    ) -> Result<Option<Digest>, RegistryError> {
        let what = self.manifest_name(version);
        let result = self.get(Method::HEAD, &self.manifest_path(version), &accepting(accept)).await;
        let response = result.map_err(|fault| self.error(&what, fault))?;
        Ok(header(&response, CONTENT_DIGEST).and_then(|digest| digest.parse().ok()))
    }

    /// The manifest or index that `version` names, which may have `most` bytes.
    pub(crate) async fn manifest(
        &self,
        version: &Version,
        accept: &[&str],
        most: u64,
    ) -> Result<Document, RegistryError> {
        let what = self.manifest_name(version);
        let limit = self.timing.exchange();
        let document = timeout(limit, self.document(version, accept, most)).await;
        document
            .unwrap_or(Err(RegistryFault::Timeout(limit)))
            .map_err(|fault| self.error(&what, fault))
    }

    async fn document(
        &self,
        version: &Version,
        accept: &[&str],
        most: u64,
    ) -> Result<Document, RegistryFault> {
        let path = self.manifest_path(version);
        let response = self.get(Method::GET, &path, &accepting(accept)).await?;
        let media_type = header(&response, CONTENT_TYPE.as_str())
            .map(|text| text.split(';').next().unwrap_or(text).trim().to_owned());
        let told = header(&response, CONTENT_DIGEST).and_then(|text| text.parse::<Digest>().ok());
        let bytes = bounded(response, most, self.endpoint.host(), &self.timing).await?;
        let wanted = match version {
            Version::Digest(digest) => Some(digest.clone()),
            Version::Tag(_) => None,
        };
        for expected in [&told, &wanted].into_iter().flatten() {
            let mut hasher = Hasher::new(expected.algorithm());
            hasher.update(&bytes);
            let actual = hasher.finish();
            if actual != *expected {
                return Err(RegistryFault::Digest { expected: expected.clone(), actual });
            }
        }
        let digest = wanted.unwrap_or_else(|| Hasher::digest(&bytes));
        Ok(Document { bytes, digest, media_type })
    }

    /// A blob from byte `offset` on, or from its start when the registry does not do that.
    pub(crate) async fn blob(
        &self,
        digest: &Digest,
        offset: u64,
    ) -> Result<BlobStream, RegistryError> {
        let what = format!("blob {digest} of {}", self.endpoint.repository());
        let path = format!("blobs/{digest}");
        let failed = |fault| self.error(&what, fault);
        let mut headers = HeaderMap::new();
        if offset > 0 {
            let range = HeaderValue::from_str(&format!("bytes={offset}-"));
            headers.extend(range.ok().map(|range| (RANGE, range)));
        }
        let result = match self.get(Method::GET, &path, &headers).await {
            // What we have does not fit what is there, so that it is no start of it.
            Err(RegistryFault::Status { status: 416, .. }) if offset > 0 => {
                self.get(Method::GET, &path, &HeaderMap::new()).await
            }
            other => other,
        };
        let response = result.map_err(failed)?;
        let (host, timing) = (self.endpoint.host().to_owned(), self.timing.clone());
        BlobStream::new(response, offset, what.clone(), host, timing).map_err(failed)
    }

    /// Sends a request and returns the answer, which is a success.
    async fn get(
        &self,
        method: Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response, RegistryFault> {
        if let Some(scheme) = self.scheme.get() {
            return self.get_over(scheme, method, path, headers).await;
        }
        let over_tls = self.get_over("https", method.clone(), path, headers).await;
        let fault = match over_tls {
            Err(fault) if self.endpoint.is_insecure() && fault.is_without_tls() => fault,
            other => {
                // Whoever answers there, well or ill, speaks HTTP this way.
                let _ = self.scheme.set("https");
                return other;
            }
        };
        match self.get_over("http", method, path, headers).await {
            // It was there, and spoke no TLS; another attempt may go better.
            Err(plain @ RegistryFault::Broken(_)) if matches!(fault, RegistryFault::Tls(_)) => {
                Err(plain)
            }
            // Nobody speaks HTTP either, or only to say that it has to be TLS.
            Err(plain) if plain.is_without_tls() || plain.is_bad_request() => Err(fault),
            other => {
                let _ = self.scheme.set("http");
                other
            }
        }
    }

    async fn get_over(
        &self,
        scheme: &'static str,
        method: Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response, RegistryFault> {
        let (host, repository) = (self.endpoint.host(), self.endpoint.repository());
        let url = format!("{scheme}://{host}/v2/{repository}/{path}");
        let send = async |authorization: Option<HeaderValue>| {
            let request = self.http.request(method.clone(), &url).headers(headers.clone());
            let request = match authorization {
                Some(value) => request.header(AUTHORIZATION, value),
                None => request,
            };
            request.send().await.map_err(|error| RegistryFault::of(error, host, &self.timing))
        };
        let shown = self.authorization.lock().await.clone();
        let mut response = send(shown.clone()).await?;
        // Only the registry itself is answered, not somebody that it has led to.
        let own =
            reqwest::Url::parse(&url).is_ok_and(|url| url.origin() == response.url().origin());
        if own
            && response.status() == StatusCode::UNAUTHORIZED
            && let Some(value) = self.authorize(shown, &response).await?
        {
            response = send(Some(value)).await?;
        }
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let said = timeout(self.timing.silence, said(response)).await.unwrap_or_default();
        Err(RegistryFault::of_status(status, &headers, said, &self.visitor))
    }

    /// Answers a challenge: what to show from now on, or `None` when there is nothing more.
    ///
    /// `shown` is what was not accepted, for example a token that is too old. Requests run
    /// beside each other; only the first whose token is too old gets a new one.
    async fn authorize(
        &self,
        shown: Option<HeaderValue>,
        refusal: &Response,
    ) -> Result<Option<HeaderValue>, RegistryFault> {
        let mut current = self.authorization.lock().await;
        if current.is_some() && *current != shown {
            return Ok(current.clone());
        }
        let headers = refusal.headers().get_all(WWW_AUTHENTICATE);
        let challenge = Challenge::find(headers.iter().filter_map(|value| value.to_str().ok()));
        let value = match (&self.visitor.login, challenge) {
            (Some(Login::Bearer(token)), _) => secret_header(&format!("Bearer {}", token.reveal())),
            (Some(Login::Password { user, password }), Some(Challenge::Basic)) => {
                basic(user, password.reveal())
            }
            (_, Some(Challenge::Bearer { realm, service })) => {
                let request = TokenRequest {
                    realm: &realm,
                    service: service.as_deref(),
                    repository: self.endpoint.repository(),
                    visitor: &self.visitor,
                    plain: self.endpoint.is_insecure(),
                };
                Some(request.send(&self.http, &self.timing).await?)
            }
            _ => None,
        };
        // The same again would be refused again.
        let value = value.filter(|value| Some(value) != shown.as_ref());
        current.clone_from(&value);
        Ok(value)
    }

    fn manifest_path(&self, version: &Version) -> String {
        match version {
            Version::Tag(tag) => format!("manifests/{tag}"),
            Version::Digest(digest) => format!("manifests/{digest}"),
        }
    }

    fn manifest_name(&self, version: &Version) -> String {
        match version {
            Version::Tag(tag) => format!("the manifest of {}:{tag}", self.endpoint.repository()),
            Version::Digest(digest) => {
                format!("the manifest of {}@{digest}", self.endpoint.repository())
            }
        }
    }

    fn error(&self, what: &str, fault: RegistryFault) -> RegistryError {
        RegistryError { what: what.to_owned(), host: self.endpoint.host().to_owned(), fault }
    }
}

fn list(files: &[PathBuf]) -> String {
    let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    if names.is_empty() { "no file".to_owned() } else { names.join(", ") }
}

fn accepting(types: &[&str]) -> HeaderMap {
    let value = HeaderValue::from_str(&types.join(", "));
    value.into_iter().map(|value| (ACCEPT, value)).collect()
}

fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    use base64::Engine;
    let login = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    secret_header(&format!("Basic {login}"))
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}
