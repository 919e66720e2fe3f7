//! `pod image inspect`.

use pod_runtime::Runtime;

use super::ImageNames;
use crate::error::CliError;
use crate::{exit, output};

pub fn run(runtime: &Runtime, args: &ImageNames) -> Result<u8, CliError> {
    let images = runtime.images();
    let inspect = |name: &String| images.inspect(name).map_err(CliError::image);
    let found: Vec<_> = args.images.iter().map(inspect).collect::<Result<_, _>>()?;
    let text = serde_json::to_string_pretty(&found).map_err(CliError::io("print"))?;
    output::line(&text)?;
    Ok(exit::OK)
}
