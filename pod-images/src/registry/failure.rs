//! What can go wrong between a registry and us, and whether another attempt may help.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::Digest;

use super::{Login, Timing};

/// A request to a registry has failed: for what, and where.
#[derive(Debug, thiserror::Error)]
#[error("cannot get {what} from {host}")]
pub struct RegistryError {
    /// What was asked for.
    pub what: String,
    /// The host, and the port, that was asked.
    pub host: String,
    /// Why there is none.
    #[source]
    pub fault: RegistryFault,
}

/// Why a request to a registry has failed.
///
/// What a registry says about it is a part of the message, cut short and without control
/// characters. No login, token or address of a redirect is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryFault {
    /// There is none.
    #[error("the registry has none{said}")]
    NotFound {
        /// What the registry says, with a colon before it; or nothing.
        said: String,
    },
    /// The registry wants a login, or another one.
    #[error(
        "{}{said}; log in with `podman login {registry}` or `docker login {registry}`, \
         or name an image pull secret; logins are read from {files}",
        denied(.shown)
    )]
    Unauthorized {
        /// The registry to log in to.
        registry: String,
        /// Whether a login was shown.
        shown: bool,
        /// The files that logins are read from, as a list.
        files: String,
        /// What the registry says, with a colon before it; or nothing.
        said: String,
    },
    /// The name is not known to any name server.
    #[error("its name cannot be resolved")]
    Resolve(#[source] Cause),
    /// Nobody listens there.
    #[error("the connection was refused; is the registry running?")]
    Refused,
    /// There is no way there.
    #[error("it cannot be connected to")]
    Connect(#[source] Cause),
    /// Nobody that we trust vouches for its certificate.
    #[error(
        "its certificate is from an authority that is not trusted; put the authority's certificate \
         into /etc/containers/certs.d/{host}/ca.crt, or install ca-certificates when this machine \
         has none at all"
    )]
    Untrusted {
        /// The host, and the port, that was asked.
        host: String,
    },
    /// TLS failed otherwise.
    #[error("TLS failed; a registry without it needs `insecure = true` in registries.conf")]
    Tls(#[source] rustls::Error),
    /// Nobody answered.
    #[error("no connection came about within {} s", .0.as_secs_f32())]
    Unreachable(Duration),
    /// Nothing came for too long, or the whole took too long.
    #[error("the answer did not come within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] Cause),
    /// The answer ended before it was whole.
    #[error("the answer ended before it was whole")]
    Ended,
    /// The registry limits how often it may be asked.
    #[error("it was asked too often{}{said}", wait(.retry_after))]
    Busy {
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
        /// What the registry says, with a colon before it; or nothing.
        said: String,
    },
    /// The registry has trouble of its own.
    #[error("it answered {status}{said}")]
    Unavailable {
        /// The code of the answer.
        status: u16,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
        /// What the registry says, with a colon before it; or nothing.
        said: String,
    },
    /// The registry answered what is not expected of one.
    #[error("it answered {status}{said}")]
    Status {
        /// The code of the answer.
        status: u16,
        /// What the registry says, with a colon before it; or nothing.
        said: String,
    },
    /// The answer is longer than it may be.
    #[error("it is longer than the {most} bytes that it may have")]
    TooLarge {
        /// The most bytes.
        most: u64,
    },
    /// The content is not what its digest says.
    #[error("its digest is {actual}, not {expected}")]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// The answer breaks the rules of HTTP or of registries.
    #[error("{0}")]
    Protocol(&'static str),
    /// The registry leads to where we do not go.
    #[error("it was redirected from https to http, or too often")]
    Redirect,
    /// The login would go over the network for all to read.
    #[error(
        "its token server is not asked over https; it needs `insecure = true` in registries.conf"
    )]
    PlainTokenServer,
}

/// Who asks a registry, as far as its errors have to tell.
#[derive(Debug)]
pub(super) struct Visitor {
    /// The registry, as it is logged in to.
    pub registry: String,
    /// What is shown when it is asked for.
    pub login: Option<Login>,
    /// The files that logins are read from, as a list.
    pub files: String,
}

impl Visitor {
    /// The login, or its absence, is not accepted; `said` is what the answer has for a text.
    pub(super) fn denied(&self, said: String) -> RegistryFault {
        let (registry, files) = (self.registry.clone(), self.files.clone());
        RegistryFault::Unauthorized { registry, shown: self.login.is_some(), files, said }
    }
}

/// What another library says.
pub type Cause = Box<dyn Error + Send + Sync>;

fn denied(shown: &bool) -> &'static str {
    if *shown {
        "the login is not accepted, or not good for this image"
    } else {
        "it needs a login, or does not exist"
    }
}

fn wait(retry_after: &Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!("; again in {} s", wait.as_secs()))
}

impl RegistryFault {
    /// Whether the same request may well succeed a moment later. `reached` is whether the
    /// registry has been spoken to before, so that it is known to be there.
    pub(crate) fn may_pass(&self, reached: bool) -> bool {
        match self {
            Self::Timeout(_) | Self::Broken(_) | Self::Ended => true,
            Self::Busy { .. } | Self::Unavailable { .. } => true,
            // It may be being started again. One that was never there is more likely a mistake.
            Self::Refused | Self::Connect(_) | Self::Resolve(_) | Self::Unreachable(_) => reached,
            _ => false,
        }
    }

    /// How long the registry wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether another login may help.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(self, Self::Unauthorized { .. })
    }

    /// Whether nobody there speaks HTTP over TLS.
    pub(super) fn is_without_tls(&self) -> bool {
        matches!(
            self,
            Self::Tls(_)
                | Self::Untrusted { .. }
                | Self::Refused
                | Self::Connect(_)
                | Self::Broken(_)
        )
    }

    /// Whether the request was not understood, as one without TLS where that is wanted.
    pub(super) fn is_bad_request(&self) -> bool {
        matches!(self, Self::Status { status: 400, .. })
    }

    /// What an error of the HTTP library means. Its address is left out, since that of a
    /// redirect may be a secret: it is what object stores sign.
    pub(super) fn of(error: reqwest::Error, host: &str, timing: &Timing) -> Self {
        let error = error.without_url();
        if error.is_redirect() {
            return Self::Redirect;
        }
        if error.is_timeout() {
            return match error.is_connect() {
                true => Self::Unreachable(timing.connect),
                false => Self::Timeout(timing.silence),
            };
        }
        if let Some(tls) = found::<rustls::Error>(&error) {
            return match tls {
                rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
                    Self::Untrusted { host: host.to_owned() }
                }
                other => Self::Tls(other.clone()),
            };
        }
        let refused = found::<io::Error>(&error)
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        match () {
            () if refused => Self::Refused,
            () if error.is_dns() => Self::Resolve(root(&error)),
            () if error.is_connect() => Self::Connect(root(&error)),
            () => Self::Broken(root(&error)),
        }
    }

    /// What an answer that is no success means; `said` is what it has for a text.
    pub(super) fn of_status(
        status: StatusCode,
        headers: &HeaderMap,
        said: String,
        visitor: &Visitor,
    ) -> Self {
        match status.as_u16() {
            401 | 403 => visitor.denied(said),
            404 => Self::NotFound { said },
            429 => Self::Busy { retry_after: retry_after(headers), said },
            408 | 500..=599 if status != StatusCode::NOT_IMPLEMENTED => Self::Unavailable {
                status: status.as_u16(),
                retry_after: retry_after(headers),
                said,
            },
            status => Self::Status { status, said },
        }
    }
}

/// In seconds; the other form, a date, is not used by registries.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The last cause, which tells what happened; those before it tell in which layer of HTTP.
fn root(error: &dyn Error) -> Cause {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = cause.to_string();
        next = cause.source();
    }
    text.into()
}

/// The first cause of a kind. An `io::Error` hides what it was made of from `source`.
fn found<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(wanted) = error.downcast_ref() {
            return Some(wanted);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
