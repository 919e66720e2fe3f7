//! Commands with several targets: each is tried, each failure is told, and the first one's code is the command's.

use crate::error::CliError;
use crate::exit;

/// What has failed so far.
#[derive(Debug, Default)]
pub struct Failures {
    first: Option<u8>,
}

impl Failures {
    /// Tells of one.
    pub fn add(&mut self, error: CliError) {
        error.report();
        self.first.get_or_insert(error.exit_code());
    }

    /// How the command ends.
    pub fn end(self) -> Result<u8, CliError> {
        self.first.map_or(Ok(exit::OK), |code| Err(CliError::Reported { code }))
    }
}
