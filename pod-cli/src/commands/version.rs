//! `pod version`.

use crate::error::CliError;
use crate::{exit, output};

pub fn run() -> Result<u8, CliError> {
    output::line(&format!("pod {}", env!("CARGO_PKG_VERSION")))?;
    Ok(exit::OK)
}
