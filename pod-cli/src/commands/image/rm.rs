//! `pod image rm`.

use pod_images::Removed;
use pod_runtime::Runtime;

use crate::args::ImageNames;
use crate::error::CliError;
use crate::{event_loop, exit, output, targets};

pub fn run(runtime: &Runtime, args: &ImageNames) -> Result<u8, CliError> {
    // What pods that are gone still hold, nothing uses.
    runtime.release_images()?;
    let images = runtime.images();
    event_loop::block_on(async {
        targets::each(&args.images, async |name| {
            tell(&images.remove(name).map_err(CliError::image)?)
        })
        .await?;
        Ok(exit::OK)
    })
}

/// Prints what has gone.
pub fn tell(removed: &Removed) -> Result<(), CliError> {
    for name in &removed.names {
        output::line(&format!("Untagged: {name}"))?;
    }
    for id in &removed.images {
        output::line(&format!("Deleted: {id}"))?;
    }
    Ok(())
}
