//! `pod image tag`.

use pod_runtime::Runtime;

use crate::args::ImageTag;
use crate::error::CliError;
use crate::exit;

pub fn run(runtime: &Runtime, args: &ImageTag) -> Result<u8, CliError> {
    let name = args.name.parse().map_err(CliError::reference)?;
    runtime.images().tag(&args.image, &name).map_err(CliError::image)?;
    Ok(exit::OK)
}
