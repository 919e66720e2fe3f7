//! Asking for the health of a server by gRPC, with the method `Check` of the service `grpc.health.v1.Health`.
//!
//! Both its messages have one field, so they are written and read here: a request is the name of a service, a response a
//! number.

use std::time::Duration;

use h2::RecvStream;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::endpoint::Endpoint;
use crate::driven::driven;

/// Most of an answer's headers, and most of its body, that is read, in bytes.
const MAX_HEADERS: u32 = 16 << 10;
const MAX_BODY: usize = 4 << 10;

/// How long after a failed connection the next one is tried.
const PAUSE: Duration = Duration::from_secs(1);

/// The response that a healthy server gives.
const SERVING: u64 = 1;

/// The responses, by number.
const RESPONSES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/// The codes of gRPC, by number, as Go's library spells them.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// The codes that are of use here.
const UNKNOWN: u32 = 2;
const PERMISSION_DENIED: u32 = 7;
const RESOURCE_EXHAUSTED: u32 = 8;
const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;
const UNAUTHENTICATED: u32 = 16;

/// Whose health is asked for.
#[derive(Debug)]
pub(super) struct Check<'c> {
    pub endpoint: &'c Endpoint<'c>,
    pub port: u16,
    /// A service of the server; the server itself when empty.
    pub service: &'c str,
    pub agent: HeaderValue,
}

/// A call that came to nothing.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    code: u32,
    message: String,
}

impl Check<'_> {
    /// Asks. The error is one of words, as the kubelet has them.
    pub async fn ask(&self, timeout: Duration) -> Result<(), String> {
        let (end, seconds) = (Instant::now() + timeout, timeout.as_secs());
        let Ok(stream) = timeout_at(end, self.connect()).await else {
            let name = self.endpoint.name(self.port);
            return Err(format!(
                "timeout: failed to connect service \"{name}\" within {seconds}s: context deadline exceeded"
            ));
        };
        match timeout_at(end, self.call(stream)).await {
            Err(_) => Err(format!("timeout: health rpc did not complete within {seconds}s")),
            Ok(Err(refusal)) => Err(refusal.words()),
            Ok(Ok(SERVING)) => Ok(()),
            Ok(Ok(other)) => Err(format!("service unhealthy (responded with \"{}\")", name(other))),
        }
    }

    /// Connects as soon as somebody listens.
    async fn connect(&self) -> TcpStream {
        loop {
            match self.endpoint.connect(self.port).await {
                Ok(stream) => return stream,
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Makes the call. Returns the number of the response.
    async fn call(&self, stream: TcpStream) -> Result<u64, Refusal> {
        let request = self.request()?;
        let mut client = h2::client::Builder::new();
        client.max_header_list_size(MAX_HEADERS).enable_push(false);
        let (sender, connection) = client.handshake(stream).await?;
        let exchange = async {
            let (response, mut sent) = sender.ready().await?.send_request(request, false)?;
            sent.send_data(Bytes::from(framed(&request_message(self.service))), true)?;
            let (head, body) = response.await?.into_parts();
            if head.status != StatusCode::OK {
                return Err(Refusal::of_http(head.status));
            }
            read(&head.headers, body).await
        };
        driven(async { Ok(connection.await?) }, exchange).await
    }

    fn request(&self) -> Result<Request<()>, Refusal> {
        let name = self.endpoint.name(self.port);
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{name}/grpc.health.v1.Health/Check"))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .header(header::USER_AGENT, &self.agent)
            .body(());
        request.map_err(|e| Refusal { code: INTERNAL, message: e.to_string() })
    }
}

/// The answer, whose status is in its trailers, or in its headers when there is nothing else.
async fn read(headers: &HeaderMap, mut body: RecvStream) -> Result<u64, Refusal> {
    if headers.contains_key("grpc-status") {
        return Err(Refusal::in_headers(headers).unwrap_or_else(Refusal::without_answer));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_BODY {
            let message = format!("received more than {MAX_BODY} bytes");
            return Err(Refusal { code: RESOURCE_EXHAUSTED, message });
        }
        body.flow_control().release_capacity(chunk.len())?;
    }
    let trailers = body.trailers().await?.unwrap_or_default();
    match Refusal::in_headers(&trailers) {
        Some(refusal) => Err(refusal),
        None => message(&bytes).and_then(response).ok_or_else(Refusal::without_answer),
    }
}

impl Refusal {
    /// What headers or trailers say, unless it is that all is well.
    fn in_headers(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(code) = text("grpc-status") else {
            let message = "server closed the stream without sending trailers".to_owned();
            return Some(Self { code: INTERNAL, message });
        };
        let code = code.parse().unwrap_or(UNKNOWN);
        let message = decoded(text("grpc-message").unwrap_or_default());
        (code != 0).then_some(Self { code, message })
    }

    fn without_answer() -> Self {
        Self { code: INTERNAL, message: "the response cannot be read".to_owned() }
    }

    /// What an answer by somebody who knows HTTP only comes to.
    fn of_http(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            400 => INTERNAL,
            401 => UNAUTHENTICATED,
            403 => PERMISSION_DENIED,
            404 => UNIMPLEMENTED,
            429 | 502..=504 => UNAVAILABLE,
            _ => UNKNOWN,
        };
        let message = format!("unexpected HTTP status code received from server: {status}");
        Self { code, message }
    }

    fn words(&self) -> String {
        let Self { code, message } = self;
        if *code == UNIMPLEMENTED {
            return format!(
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {message}"
            );
        }
        let known = usize::try_from(*code).ok().and_then(|code| CODES.get(code));
        let code = known.map_or_else(|| format!("Code({code})"), |name| (*name).to_owned());
        format!("error: health rpc probe failed: rpc error: code = {code} desc = {message}")
    }
}

impl From<h2::Error> for Refusal {
    fn from(error: h2::Error) -> Self {
        Self { code: UNAVAILABLE, message: error.to_string() }
    }
}

fn name(response: u64) -> String {
    let known = usize::try_from(response).ok().and_then(|number| RESPONSES.get(number));
    known.map_or_else(|| response.to_string(), |name| (*name).to_owned())
}

/// Field 1, a text. An empty one is left out.
fn request_message(service: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !service.is_empty() {
        bytes.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            bytes.push(length.to_le_bytes()[0] | 0x80);
            length >>= 7;
        }
        bytes.push(length.to_le_bytes()[0]);
        bytes.extend_from_slice(service.as_bytes());
    }
    bytes
}

/// A message as it is sent: not compressed, and with its length before it.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0][..], &length.to_be_bytes(), message].concat()
}

/// The message in a body that holds one.
fn message(body: &[u8]) -> Option<&[u8]> {
    let (head, message) = body.split_first_chunk::<5>()?;
    let [0, length @ ..] = *head else { return None };
    (usize::try_from(u32::from_be_bytes(length)) == Ok(message.len())).then_some(message)
}

/// Field 1, a number; 0 when it is left out. Other fields are passed over.
fn response(mut message: &[u8]) -> Option<u64> {
    let mut found = 0;
    while !message.is_empty() {
        let key = number(&mut message)?;
        let skipped = match key & 7 {
            0 => {
                let value = number(&mut message)?;
                if key >> 3 == 1 {
                    found = value;
                }
                0
            }
            1 => 8,
            2 => usize::try_from(number(&mut message)?).ok()?,
            5 => 4,
            _ => return None,
        };
        message = message.get(skipped..)?;
    }
    Some(found)
}

/// Takes a number of variable length off the front.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// A text in which `%` and two digits stand for a byte.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b121_a_request_names_the_service() {
        assert_eq!(framed(&request_message("")), [0, 0, 0, 0, 0]);
        assert_eq!(framed(&request_message("web")), [0, 0, 0, 0, 5, 0x0a, 3, b'w', b'e', b'b']);
        let long = request_message(&"x".repeat(300));
        assert_eq!((&long[..3], long.len()), (&[0x0a, 0xac, 0x02][..], 303));
    }

    #[test]
    fn b121_a_response_is_a_number() {
        let read = |body: &[u8]| message(body).and_then(response);
        assert_eq!(read(&[0, 0, 0, 0, 2, 8, 1]), Some(SERVING));
        assert_eq!(read(&[0, 0, 0, 0, 0]), Some(0));
        // A field that is not known, of each form, before the one that is.
        let others = [0x12, 1, b'x', 0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x28, 9, 8, 2];
        assert_eq!(read(&framed(&others)), Some(2));
        for broken in [&[][..], &[0, 0, 0, 0, 2, 8], &[1, 0, 0, 0, 2, 8, 1], &[0, 0, 0, 0, 1, 8]] {
            assert_eq!(read(broken), None, "{broken:?}");
        }
        assert_eq!(read(&framed(&[0x12, 0xff, 0xff, 0x03])), None);
        assert_eq!(read(&framed(&[0xff; 12])), None);
    }

    #[test]
    fn b121_what_is_not_healthy_is_told_in_the_kubelets_words() {
        let refusal = |code, message: &str| Refusal { code, message: message.to_owned() }.words();
        assert_eq!(
            refusal(5, "unknown service"),
            "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service"
        );
        assert!(refusal(12, "no").ends_with("(grpc.health.v1.Health): no"));
        assert!(refusal(99, "").contains("code = Code(99)"));
        assert_eq!(Refusal::of_http(StatusCode::NOT_FOUND).code, UNIMPLEMENTED);
        assert_eq!((name(2), name(7)), ("NOT_SERVING".to_owned(), "7".to_owned()));
    }

    #[test]
    fn messages_are_decoded() {
        for (sent, meant) in [("a%20b", "a b"), ("%C3%BC", "ü"), ("100%", "100%"), ("%zz", "%zz")]
        {
            assert_eq!(decoded(sent), meant);
        }
    }

    #[test]
    fn a_status_is_read_from_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!(Refusal::in_headers(&headers).map(|r| r.code), Some(INTERNAL));
        headers.insert("grpc-status", HeaderValue::from_static("5"));
        headers.insert("grpc-message", HeaderValue::from_static("no%21"));
        let refusal = Refusal { code: 5, message: "no!".to_owned() };
        assert_eq!(Refusal::in_headers(&headers), Some(refusal));
        headers.insert("grpc-status", HeaderValue::from_static("0"));
        assert_eq!(Refusal::in_headers(&headers), None);
    }
}
