//! `pod image ls`.

use clap::{Args, ValueEnum};
use pod_images::{ImageSummary, Images};
use pod_runtime::Runtime;
use serde_json::json;

use crate::error::CliError;
use crate::{exit, output, size, table};

#[derive(Debug, Args)]
pub struct ImageLs {
    /// How to print them
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<ImageFormat>,
    /// Leave the headings out
    #[arg(long)]
    pub no_headers: bool,
    /// Print ids only
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageFormat {
    /// Everything
    Json,
    /// A table with whole ids and digests
    Wide,
}

/// How many digits of an id tell it from others.
const SHORT: usize = 12;

pub fn run(runtime: &Runtime, args: &ImageLs) -> Result<u8, CliError> {
    let images = runtime.images();
    let list = images.list().map_err(CliError::image)?;
    if args.quiet {
        for image in &list {
            output::line(image.id.as_str())?;
        }
        return Ok(exit::OK);
    }
    // What pods that are gone still hold, nothing uses.
    let _ = runtime.release_images();
    if args.output == Some(ImageFormat::Json) {
        let objects: Result<Vec<_>, _> = list.iter().map(|image| object(&images, image)).collect();
        let text = serde_json::to_string_pretty(&objects?).map_err(CliError::io("print"))?;
        return output::line(&text).map(|()| exit::OK);
    }
    let wide = args.output == Some(ImageFormat::Wide);
    let mut rows = Vec::new();
    for image in &list {
        rows.extend(rows_of(&images, image, wide)?);
    }
    let heading: &[&str] = match (args.no_headers, wide) {
        (true, _) => &[],
        (false, false) => &["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "USED BY"],
        (false, true) => {
            &["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "USED BY", "PLATFORM", "DIGEST"]
        }
    };
    output::data(table::render(heading, &rows))?;
    Ok(exit::OK)
}

fn object(images: &Images, image: &ImageSummary) -> Result<serde_json::Value, CliError> {
    let mut object = json!(image);
    object["usedBy"] = json!(images.holders(image.id.as_str()).map_err(CliError::image)?);
    Ok(object)
}

/// One row for each name, or one for an image without any.
fn rows_of(
    images: &Images,
    image: &ImageSummary,
    wide: bool,
) -> Result<Vec<Vec<String>>, CliError> {
    let users = images.holders(image.id.as_str()).map_err(CliError::image)?;
    let users = if users.is_empty() { "-".to_owned() } else { users.join(",") };
    let id = if wide { image.id.as_str() } else { image.id.hex().get(..SHORT).unwrap_or_default() };
    let created = image.created.as_deref().and_then(|at| at.get(..10)).unwrap_or("-");
    let size = size::words(image.packed + image.unpacked);
    let row = |repository: &str, tag: &str| {
        let mut row = [repository, tag, id, created, &size, &users].map(str::to_owned).to_vec();
        if wide {
            row.push(image.platform.to_string());
            row.push(image.manifest.to_string());
        }
        row
    };
    if image.tags.is_empty() {
        let repository = image.repo_digests.first().and_then(|name| name.split('@').next());
        return Ok(vec![row(repository.unwrap_or("<none>"), "<none>")]);
    }
    Ok(image
        .tags
        .iter()
        .map(|name| match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => row(repository, tag),
            _ => row(name, "<none>"),
        })
        .collect())
}
