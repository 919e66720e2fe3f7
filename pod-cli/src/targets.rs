//! Commands with several targets: each is tried, each failure is told, and the first one's code is the command's.

use crate::error::CliError;

/// Does something with each target in turn.
pub async fn each<T>(
    targets: &[T],
    mut with: impl AsyncFnMut(&T) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut first = None;
    for target in targets {
        if let Err(error) = with(target).await {
            error.report();
            first.get_or_insert(error.exit_code());
        }
    }
    first.map_or(Ok(()), |code| Err(CliError::Reported { code }))
}
