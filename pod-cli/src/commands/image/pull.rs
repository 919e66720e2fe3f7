//! `pod image pull`.

use pod_images::{PullOptions, Reference};
use pod_runtime::Runtime;

use crate::args::ImagePull;
use crate::error::CliError;
use crate::progress::Progress;
use crate::{event_loop, exit, output, targets};

pub fn run(runtime: &Runtime, args: &ImagePull) -> Result<u8, CliError> {
    event_loop::block_on(async {
        targets::each(&args.images, async |name| {
            let reference: Reference = name.parse().map_err(CliError::reference)?;
            let images = runtime.images();
            let progress = Progress::of(&images, [reference.clone()]);
            let options = PullOptions::default();
            let pull = images.pull(&reference, &options);
            let image = progress.beside(pull).await.map_err(CliError::image)?;
            if args.quiet { Ok(()) } else { output::line(&image.id) }
        })
        .await?;
        Ok(exit::OK)
    })
}
