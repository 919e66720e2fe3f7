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
    /// Seconds that it has to end by itself, 1 at least [default: the pod's own]
    #[arg(long, value_name = "SECONDS", requires = "force", value_parser = clap::value_parser!(i64).range(-1..), allow_hyphen_values = true)]
    pub grace_period: Option<i64>,
}

impl Replace {
    /// As kubectl has it, which lets no pod lose its data by accident here.
    fn grace(&self) -> Option<i64> {
        self.grace_period.filter(|seconds| *seconds >= 0).map(|seconds| seconds.max(1))
    }
}

pub fn run(globals: &Globals, args: &Replace) -> Result<u8, CliError> {
    let making = Making::Replace { force: args.force, grace: args.grace() };
    apply::run(globals, &args.apply, making)
}
