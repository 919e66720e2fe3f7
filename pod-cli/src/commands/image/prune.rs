//! `pod image prune`.

use clap::Args;
use pod_images::Prune;
use pod_runtime::Runtime;

use super::rm;
use crate::error::CliError;
use crate::{exit, output, size};

#[derive(Debug, Args)]
pub struct ImagePrune {
    /// Also images that have a name, when no pod uses them
    #[arg(short, long)]
    pub all: bool,
}

pub fn run(runtime: &Runtime, args: &ImagePrune) -> Result<u8, CliError> {
    // What pods that are gone still hold, nothing uses.
    runtime.release_images()?;
    let which = if args.all { Prune::Unused } else { Prune::Unnamed };
    let removed = runtime.images().prune(which).map_err(CliError::image)?;
    rm::tell(&removed)?;
    output::line(&format!("Total reclaimed space: {}", size::words(removed.bytes)))?;
    Ok(exit::OK)
}
