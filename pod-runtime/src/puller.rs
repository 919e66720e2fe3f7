//! Pulling an image in a process of its own, which takes the memory that a registry's client needs along when it ends, and
//! in which nothing of a registry's answers is read by an engine.
//!
//! The process is told what to pull by a line on its standard input and answers on its standard output. It ends when its
//! input does: nobody waits for it then.

use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use pod_images::{Images, PullPolicy, Reference};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::error::chain;
use crate::pull_secrets::{self, PullSecret};

/// `argv[0]` of the process.
pub const PULLER: &str = "pod-pull";

/// Most bytes of what a process is told: the Secrets with logins are some of no more than 1 MiB.
const MAX_ORDER: u64 = 64 << 20;
/// Most bytes of an answer.
const MAX_ANSWER: u64 = 64 << 10;

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    images: PathBuf,
    reference: String,
    logins: Vec<PullSecret>,
}

/// Why an image could not be pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PullFailure {
    /// Kubernetes' reason for the container that waits for it.
    pub reason: String,
    /// The error with its causes.
    pub message: String,
}

impl PullFailure {
    fn here(error: &dyn std::error::Error) -> Self {
        Self { reason: "ErrImagePull".to_owned(), message: chain(error) }
    }
}

/// Pulls an image into a store, with these logins before those of the machine, and returns when it is there. The pull ends
/// when this is dropped.
pub(crate) async fn pull(
    images: &Path,
    reference: &Reference,
    logins: &[PullSecret],
) -> Result<(), PullFailure> {
    let (images, reference) = (images.to_owned(), reference.to_string());
    let order = Order { images, reference, logins: logins.to_vec() };
    let answer = ask(&order).await.map_err(|e| PullFailure::here(&e))?;
    match serde_json::from_slice::<Result<(), PullFailure>>(&answer) {
        Ok(result) => result,
        Err(_) => Err(PullFailure {
            reason: "ErrImagePull".to_owned(),
            message: "the process that pulled ended without a word".to_owned(),
        }),
    }
}

async fn ask(order: &Order) -> io::Result<Vec<u8>> {
    let mut child = Command::new("/proc/self/exe")
        .arg0(PULLER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    stdin.write_all(&line).await?;
    let mut answer = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    }
    child.wait().await?;
    drop(stdin);
    Ok(answer)
}

/// Becomes a puller when this process was executed to be one, and then never returns.
pub(crate) fn init() {
    if std::env::args_os().next().is_none_or(|name| name != PULLER) {
        return;
    }
    crate::log::to_stderr();
    let result = run();
    let written = serde_json::to_vec(&result)
        .map_err(io::Error::from)
        .and_then(|answer| io::stdout().write_all(&answer));
    std::process::exit(i32::from(written.is_err() || result.is_err()))
}

fn run() -> Result<(), PullFailure> {
    let failed = |e: io::Error| PullFailure::here(&e);
    let mut line = String::new();
    io::stdin().lock().take(MAX_ORDER).read_line(&mut line).map_err(failed)?;
    let order: Order = serde_json::from_str(&line).map_err(|e| failed(e.into()))?;
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(1)
    });
    let reference: Reference = order.reference.parse().map_err(|e| PullFailure::here(&e))?;
    let tokio = tokio::runtime::Builder::new_current_thread().build().map_err(failed)?;
    let images = Images::open(order.images);
    let options = pull_secrets::options(&order.logins).map_err(|e| PullFailure::here(&e))?;
    let pulled = tokio.block_on(images.pull(&reference, &options));
    pulled.map(drop).map_err(|e| PullFailure {
        reason: e.reason(PullPolicy::Always).to_owned(),
        message: chain(&e),
    })
}
