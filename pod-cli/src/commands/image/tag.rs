//! `pod image tag`.

use clap::Args;
use pod_runtime::Runtime;

use crate::error::CliError;
use crate::exit;

#[derive(Debug, Args)]
pub struct ImageTag {
    /// A name or id
    pub image: String,
    /// The further name
    pub name: String,
}

pub fn run(runtime: &Runtime, args: &ImageTag) -> Result<u8, CliError> {
    let name = args.name.parse().map_err(CliError::reference)?;
    runtime.images().tag(&args.image, &name).map_err(CliError::image)?;
    Ok(exit::OK)
}
