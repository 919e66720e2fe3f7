//! `pod image pull`.

use clap::Args;
use pod_images::{Image, Images, PullOptions, Reference};
use pod_runtime::Runtime;

use crate::error::CliError;
use crate::failures::Failures;
use crate::progress::Progress;
use crate::{event_loop, output};

#[derive(Debug, Args)]
pub struct ImagePull {
    /// Such as `nginx`, `nginx:1.25`, `quay.io/a/b:c` or `localhost:5000/x@sha256:…`
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

pub fn run(runtime: &Runtime, args: &ImagePull) -> Result<u8, CliError> {
    event_loop::block_on(async {
        let images = runtime.images();
        let mut failures = Failures::default();
        for name in &args.images {
            match pull(&images, name).await {
                Ok(_) if args.quiet => {}
                Ok(image) => output::line(&image.id)?,
                Err(error) => failures.add(error),
            }
        }
        failures.end()
    })
}

async fn pull(images: &Images, name: &str) -> Result<Image, CliError> {
    let reference: Reference = name.parse().map_err(CliError::reference)?;
    let options = PullOptions::default();
    let progress = Progress::of(images, [reference.clone()]);
    progress.beside(images.pull(&reference, &options)).await.map_err(CliError::image)
}
