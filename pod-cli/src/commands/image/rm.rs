//! `pod image rm`.

use pod_images::Removed;
use pod_runtime::Runtime;

use super::ImageNames;
use crate::error::CliError;
use crate::failures::Failures;
use crate::output;

pub fn run(runtime: &Runtime, args: &ImageNames) -> Result<u8, CliError> {
    // What pods that are gone still hold, nothing uses.
    runtime.release_images()?;
    let images = runtime.images();
    let mut failures = Failures::default();
    for name in &args.images {
        match images.remove(name) {
            Ok(removed) => tell(&removed)?,
            Err(error) => failures.add(CliError::image(error)),
        }
    }
    failures.end()
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
