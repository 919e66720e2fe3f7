//! Data goes to standard output, messages to standard error.

use std::io::{self, Write};

use crate::error::CliError;

/// Writes data.
pub fn data(bytes: impl AsRef<[u8]>) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes.as_ref()).and_then(|()| out.flush()).map_err(CliError::Output)
}

/// Writes one line of data.
pub fn line(text: &str) -> Result<(), CliError> {
    data(format!("{text}\n"))
}

/// Writes one message. Where standard error is closed there is nobody to tell.
pub fn message(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// Says that there is nothing to show, in a namespace or in all.
pub fn none_found(namespace: Option<&str>) {
    message(&match namespace {
        Some(namespace) => format!("No resources found in {namespace} namespace."),
        None => "No resources found".to_owned(),
    });
}
