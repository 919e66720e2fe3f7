//! `pod replace`: puts objects in the place of those that are there.

use clap::Args;

use crate::args::Globals;
use crate::commands::apply::{self, Apply};
use crate::configuration::Making;
use crate::error::CliError;

#[derive(Debug, Args)]
pub struct Replace {
    #[command(flatten)]
    pub apply: Apply,
    /// Make a new pod where the one that is there cannot be changed; it is stopped first
    #[arg(long)]
    pub force: bool,
}

pub fn run(globals: &Globals, args: &Replace) -> Result<u8, CliError> {
    apply::run(globals, &args.apply, Making::Replace { force: args.force })
}
