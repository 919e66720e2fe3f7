//! Those who follow the pod's status over the control socket.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use pod_spec::PodStatus;
use tokio::sync::mpsc;

/// How many statuses a client may be behind before it is dropped. It reads the files then.
const BACKLOG: usize = 64;
/// How long a client may take to read the last ones when the engine ends.
const PATIENCE: Duration = Duration::from_secs(1);

/// The clients that follow the status.
#[derive(Debug, Default)]
pub(super) struct Watchers(Vec<mpsc::Sender<Line>>);

/// A status as a line of JSON, or the end.
type Line = Option<Bytes>;

/// The body of an answer that goes on until the engine ends.
#[derive(Debug)]
pub(super) struct Lines(mpsc::Receiver<Line>);

impl Watchers {
    /// Adds a client, which is told of `status` first.
    pub fn add(&mut self, status: &PodStatus) -> Lines {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        if let Some(line) = line(status) {
            let _ = sender.try_send(Some(line));
        }
        self.0.push(sender);
        Lines(receiver)
    }

    /// Tells all of them; those that have gone or do not read are dropped.
    pub fn tell(&mut self, status: &PodStatus) {
        if self.0.is_empty() {
            return;
        }
        if let Some(line) = line(status) {
            self.0.retain(|sender| sender.try_send(Some(line.clone())).is_ok());
        }
    }

    /// Ends all answers and waits until they have been sent.
    pub async fn end(&mut self) {
        let sent = async {
            for sender in std::mem::take(&mut self.0) {
                if sender.try_send(None).is_ok() {
                    sender.closed().await;
                }
            }
            // The server has taken the last line and writes it now.
            tokio::task::yield_now().await;
        };
        if tokio::time::timeout(PATIENCE, sent).await.is_err() {
            tracing::debug!("a client has not read to the end");
        }
    }
}

fn line(status: &PodStatus) -> Option<Bytes> {
    let mut text = serde_json::to_vec(status).ok()?;
    text.push(b'\n');
    Some(Bytes::from(text))
}

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.flatten().map(|line| Ok(Frame::data(line))))
    }
}
