//! Starts the process that unpacks a layer, and understands its answer.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::limits::Limits;
use super::role::{Answer, Order, ROLE};
use crate::digest::Digest;

/// More than any answer.
const MAX_ANSWER: u64 = 64 << 10;

/// Why a layer was not unpacked. Nothing of it is left then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The layer asks for what no layer gets, or is broken. Another attempt would end the same way.
    #[error("cannot unpack layer {layer}: {why}")]
    Refused {
        /// The layer's digest when inflated.
        layer: Digest,
        /// What is wrong with it, and where.
        why: String,
    },
    /// The layer is not what the image's configuration says.
    #[error("layer {layer} is in truth {found}: the image was put together wrongly, or changed")]
    Mismatch {
        /// The digest that it should have when inflated.
        layer: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// The system failed, as when the disk is full.
    #[error("cannot {step}, unpacking layer {layer}")]
    System {
        /// The layer's digest when inflated.
        layer: Digest,
        /// What could not be done.
        step: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The process that unpacks has ended without an answer.
    #[error(
        "the process that unpacks layer {layer} has ended: {status}; \
         does the program call `pod_images::init` first in `main`?"
    )]
    Ended {
        /// The layer's digest when inflated.
        layer: Digest,
        /// How it ended.
        status: std::process::ExitStatus,
    },
}

/// What a layer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unpacked {
    pub entries: u64,
    pub bytes: u64,
}

/// Unpacks `blob` to the empty directory `target`, in a process of its own, and waits for its end.
///
/// The process is killed when the calling thread ends.
pub(crate) fn unpack(
    helper: Option<&Path>,
    blob: File,
    target: &Path,
    diff_id: &Digest,
    limits: Limits,
) -> Result<Unpacked, UnpackError> {
    let failed = |step: &str| {
        let (layer, step) = (diff_id.clone(), step.to_owned());
        move |source| UnpackError::System { layer, step, source }
    };
    let packed = blob.metadata().map_err(failed("look at the layer"))?.len();
    let order = Order {
        target: target.canonicalize().map_err(failed("find the directory"))?,
        parent: std::process::id(),
        packed,
        diff_id: diff_id.clone(),
        inflated: limits.inflated,
        entries: limits.entries,
    };
    let order =
        serde_json::to_string(&order).map_err(|e| failed("name the directory")(e.into()))?;
    let program = helper.map_or_else(|| PathBuf::from("/proc/self/exe"), Path::to_path_buf);
    let mut child = Command::new(program)
        .arg0(ROLE)
        .arg(order)
        .current_dir("/")
        .env_clear()
        .stdin(blob)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed("start the process"))?;
    let mut answer = Vec::new();
    let read = match child.stdout.take() {
        Some(output) => output.take(MAX_ANSWER).read_to_end(&mut answer),
        None => Ok(0),
    };
    let status = child.wait().map_err(failed("wait for the process"))?;
    read.map_err(failed("read the answer of the process"))?;
    let layer = diff_id.clone();
    match serde_json::from_slice(&answer) {
        Ok(Answer::Done { entries, bytes }) => Ok(Unpacked { entries, bytes }),
        Ok(Answer::Mismatch { found }) => Err(UnpackError::Mismatch { layer, found }),
        Ok(Answer::Refused { why }) => Err(UnpackError::Refused { layer, why }),
        Ok(Answer::Failed { step, errno }) => {
            let source = io::Error::from_raw_os_error(errno);
            Err(UnpackError::System { layer, step, source })
        }
        Err(_) => Err(UnpackError::Ended { layer, status }),
    }
}
