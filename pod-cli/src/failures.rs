//! Commands with several targets: each is tried, each failure is told, and the first one's code is the command's.

use crate::error::CliError;
use crate::exit;

/// What has failed so far.
#[derive(Debug, Default)]
pub struct Failures {
    first: Option<u8>,
    not_found_is_fine: bool,
}

impl Failures {
    /// Where it may be that what is not there is no failure.
    pub fn new(not_found_is_fine: bool) -> Self {
        Self { first: None, not_found_is_fine }
    }

    /// From now on what is not there is no failure.
    pub fn ignore_not_found(&mut self) {
        self.not_found_is_fine = true;
    }

    /// Tells of one.
    pub fn add(&mut self, error: CliError) {
        if self.not_found_is_fine && error.is_not_found() {
            return;
        }
        error.report();
        self.first.get_or_insert(error.exit_code());
    }

    /// How the command ends.
    pub fn end(self) -> Result<u8, CliError> {
        self.first.map_or(Ok(exit::OK), |code| Err(CliError::Reported { code }))
    }
}
