//! A blob as it comes from a registry.

use reqwest::header::CONTENT_RANGE;
use reqwest::{Response, StatusCode};

use super::{RegistryError, RegistryFault, Timing};

/// A blob that is coming.
#[derive(Debug)]
pub(crate) struct BlobStream {
    response: Response,
    what: String,
    host: String,
    timing: Timing,
    /// The place in the blob of the first byte that comes.
    start: u64,
    /// How long the whole blob is, as the registry says.
    size: Option<u64>,
}

impl BlobStream {
    /// The answer of `host` to a request for a blob, `what`, from byte `offset` on.
    pub(super) fn new(
        response: Response,
        offset: u64,
        what: String,
        host: String,
        timing: Timing,
    ) -> Result<Self, RegistryFault> {
        let (start, size) = extent(&response, offset)?;
        Ok(Self { response, what, host, timing, start, size })
    }

    /// The place in the blob of the first byte that comes: what was asked for, or 0.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// How long the whole blob is, where the registry says so.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The next bytes; `None` at the end of what the registry sends.
    pub(crate) async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, RegistryError> {
        let next = self.response.chunk().await;
        next.map_err(|error| self.error(RegistryFault::of(error, &self.host, &self.timing)))
    }

    /// Something is wrong with what comes.
    pub(crate) fn error(&self, fault: RegistryFault) -> RegistryError {
        RegistryError { what: self.what.clone(), host: self.host.clone(), fault }
    }
}

/// Where in the blob an answer starts, and how long the blob is.
fn extent(response: &Response, offset: u64) -> Result<(u64, Option<u64>), RegistryFault> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return Ok((0, response.content_length()));
    }
    let broken =
        RegistryFault::Protocol("it answered with another part of the blob than asked for");
    let range = response
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(content_range);
    match range {
        Some((start, size)) if start == offset => Ok((start, size)),
        _ => Err(broken),
    }
}

/// `bytes START-END/SIZE`, where the size may be a `*`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _end) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, size.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read() {
        for (text, expected) in [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 5-9/*", Some((5, None))),
            ("bytes */10", None),
            ("5-9/10", None),
        ] {
            assert_eq!(content_range(text), expected, "{text}");
        }
    }
}
