//! Asking by HTTP, as probes and hooks do.

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use pod_spec::{HttpGetAction, HttpHeader};
use tokio::io::{AsyncRead, AsyncWrite};

use super::endpoint::Endpoint;
use super::tls;
use crate::driven::driven;

/// Most of an answer's body that is read, in bytes.
const MAX_BODY: usize = 10 << 10;

/// Most redirects that are followed.
const MAX_REDIRECTS: usize = 10;

/// The last answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub body: String,
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Get<'g> {
    pub endpoint: &'g Endpoint<'g>,
    pub action: &'g HttpGetAction,
    pub port: u16,
    /// Whether by TLS.
    pub secure: bool,
    /// Who asks, unless the headers that are given say otherwise.
    pub agent: HeaderValue,
}

impl Get<'_> {
    /// The URL that is asked for first.
    pub fn url(&self) -> String {
        url(self.secure, self.endpoint, self.port, &self.path())
    }

    fn path(&self) -> String {
        path(self.action.path.as_deref().unwrap_or("/"))
    }

    /// Asks, and follows redirects as long as they stay on the host. The error is one of words.
    pub async fn send(&self) -> Result<Answer, String> {
        let headers = headers(&self.action.http_headers, &self.agent);
        let (mut secure, mut port, mut path) = (self.secure, self.port, self.path());
        for _ in 0..=MAX_REDIRECTS {
            let url = url(secure, self.endpoint, port, &path);
            let failed = |why: String| format!("Get \"{url}\": {why}");
            let asked = ask(self.endpoint, secure, port, &path, &headers).await;
            let (status, location, body) = asked.map_err(failed)?;
            let next = location.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308));
            let Some(next) = next.map(|location| follow(secure, &path, &location)) else {
                return Ok(Answer { status, body });
            };
            match next.map_err(failed)? {
                Next::Here(next) => path = next,
                Next::At { secure: by_tls, host, port: at, path: next }
                    if host == self.endpoint.host() =>
                {
                    (secure, port, path) = (by_tls, at, next);
                }
                Next::At { .. } => return Ok(Answer { status, body }),
            }
        }
        Err(format!("Get \"{}\": stopped after {MAX_REDIRECTS} redirects", self.url()))
    }
}

fn url(secure: bool, endpoint: &Endpoint<'_>, port: u16, path: &str) -> String {
    let scheme = if secure { "https" } else { "http" };
    format!("{scheme}://{}{path}", endpoint.name(port))
}

/// The status of an answer, where it leads to, and the beginning of its body.
type Answered = (u16, Option<String>, String);

/// One request.
async fn ask(
    endpoint: &Endpoint<'_>,
    secure: bool,
    port: u16,
    path: &str,
    headers: &HeaderMap,
) -> Result<Answered, String> {
    let mut request =
        Request::builder().uri(path).body(Empty::<Bytes>::new()).map_err(|e| e.to_string())?;
    *request.headers_mut() = headers.clone();
    if !headers.contains_key(header::HOST) {
        let host = HeaderValue::from_str(&endpoint.name(port)).map_err(|e| e.to_string())?;
        request.headers_mut().insert(header::HOST, host);
    }
    let stream = endpoint.connect(port).await?;
    if secure {
        exchange(tls::connect(stream, endpoint.host()).await?, request).await
    } else {
        exchange(stream, request).await
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Empty<Bytes>>,
) -> Result<Answered, String> {
    let words = |e: hyper::Error| e.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(words)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(words)?;
        let location = response.headers().get(header::LOCATION);
        let location = location.and_then(|l| l.to_str().ok()).map(str::to_owned);
        Ok((response.status().as_u16(), location, beginning(response).await))
    };
    driven(async { connection.await.map_err(words) }, exchange).await
}

/// As much of the body as is wanted; what is missing of a broken one is not.
async fn beginning(response: Response<Incoming>) -> String {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        bytes.extend(frame.into_data().unwrap_or_default());
        if bytes.len() >= MAX_BODY {
            bytes.truncate(MAX_BODY);
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The headers of a request: those that are given, and the kubelet's own.
fn headers(given: &[HttpHeader], agent: &HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for given in given {
        let name = HeaderName::from_bytes(given.name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&given.value)) {
            headers.append(name, value);
        }
    }
    headers.entry(header::USER_AGENT).or_insert_with(|| agent.clone());
    match headers.entry(header::ACCEPT) {
        header::Entry::Vacant(entry) => {
            entry.insert(HeaderValue::from_static("*/*"));
        }
        // Whoever gives an empty one wants none.
        header::Entry::Occupied(entry) if entry.get().is_empty() => {
            entry.remove();
        }
        header::Entry::Occupied(_) => {}
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers
}

/// A path as it can be sent: from the root, and with what has no place in one encoded.
fn path(given: &str) -> String {
    let given = given.split('#').next().unwrap_or_default();
    let mut path = if given.starts_with('/') { String::new() } else { "/".to_owned() };
    for byte in given.bytes() {
        match byte {
            b'!'..=b'~'
                if !matches!(
                    byte,
                    b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
                ) =>
            {
                path.push(char::from(byte));
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

/// Where a redirect leads to.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// On the same host and port.
    Here(String),
    At {
        secure: bool,
        host: String,
        port: u16,
        path: String,
    },
}

fn follow(secure: bool, from: &str, location: &str) -> Result<Next, String> {
    let location = match location.strip_prefix("//") {
        Some(rest) if secure => format!("https://{rest}"),
        Some(rest) => format!("http://{rest}"),
        None => location.to_owned(),
    };
    if location.contains("://") {
        let uri: Uri = location.parse().map_err(|e| format!("redirected to {location}: {e}"))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let (secure, usual) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err(format!("redirected to {location}: not by HTTP")),
        };
        let path = path(uri.path_and_query().map_or("/", |p| p.as_str()));
        return Ok(Next::At { secure, host, port: uri.port_u16().unwrap_or(usual), path });
    }
    if location.starts_with('/') {
        return Ok(Next::Here(path(&location)));
    }
    let directory = from.split('?').next().unwrap_or_default();
    let directory = &directory[..directory.rfind('/').map_or(0, |at| at + 1)];
    Ok(Next::Here(path(&format!("{directory}{location}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: HeaderValue = HeaderValue::from_static("kube-probe/1.36");

    fn with_headers(given: &[(&str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&str, &str)| HttpHeader {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        };
        headers(&given.iter().map(header).collect::<Vec<_>>(), &AGENT)
    }

    #[test]
    fn b117_headers_are_those_of_a_kubelet_unless_they_are_given() {
        let own = with_headers(&[]);
        assert_eq!(
            (&own["user-agent"], &own["accept"]),
            (&AGENT, &HeaderValue::from_static("*/*"))
        );
        let given = with_headers(&[
            ("Accept", ""),
            ("User-Agent", "me"),
            ("Host", "web"),
            ("X-A", "1"),
            ("X-A", "2"),
        ]);
        assert_eq!(given.get("accept"), None);
        assert_eq!(
            (&given["user-agent"], &given["host"]),
            (&"me".parse::<HeaderValue>().unwrap(), &"web".parse().unwrap())
        );
        assert_eq!(given.get_all("x-a").iter().count(), 2);
    }

    #[test]
    fn paths_are_sent_from_the_root_and_encoded() {
        for (given, sent) in [
            ("/", "/"),
            ("", "/"),
            ("healthz", "/healthz"),
            ("/a b?q=ü#x", "/a%20b?q=%C3%BC"),
            ("/%20", "/%20"),
        ] {
            assert_eq!(path(given), sent, "{given}");
        }
    }

    #[test]
    fn b109_b110_redirects_lead_where_they_say() {
        let at = |secure, host: &str, port, path: &str| Next::At {
            secure,
            host: host.into(),
            port,
            path: path.into(),
        };
        for (location, next) in [
            ("/x?y", Next::Here("/x?y".into())),
            ("x", Next::Here("/dir/x".into())),
            ("http://other/x", at(false, "other", 80, "/x")),
            ("https://10.0.0.1:8080", at(true, "10.0.0.1", 8080, "/")),
            ("//[::1]:81/x", at(false, "::1", 81, "/x")),
        ] {
            assert_eq!(follow(false, "/dir/page?q=/", location), Ok(next), "{location}");
        }
        assert!(follow(true, "/", "ftp://other/").is_err());
    }
}
