//! The event loop, made only by the commands that wait for something: starting it costs the others nothing.

use std::future::Future;

use tokio::task::LocalSet;

use crate::error::CliError;

/// Runs a command's future to its end, on this thread.
pub fn block_on<T>(future: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::io("start the event loop"))?;
    let result = LocalSet::new().block_on(&tokio, future);
    // A thread that still waits for a pod must not hold the command up.
    tokio.shutdown_background();
    result
}
