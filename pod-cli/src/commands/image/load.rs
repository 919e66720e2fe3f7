//! `pod image load`.

use std::io::{self, IsTerminal};
use std::path::Path;

use clap::Args;
use pod_runtime::Runtime;

use crate::error::CliError;
use crate::{exit, output};

#[derive(Debug, Args)]
pub struct ImageLoad {
    /// The archive or directory [default: standard input]
    #[arg(short, long, value_name = "PATH", default_value = "-", hide_default_value = true)]
    pub input: String,
}

pub fn run(runtime: &Runtime, args: &ImageLoad) -> Result<u8, CliError> {
    let images = runtime.images();
    let loaded = if args.input == "-" {
        if io::stdin().is_terminal() {
            let message = "there is no archive: give one with --input, or on standard input";
            return Err(CliError::Usage(message.to_owned()));
        }
        images.load(io::stdin())
    } else {
        images.load_path(Path::new(&args.input))
    };
    for image in loaded.map_err(CliError::image)? {
        let named =
            if image.names.is_empty() { image.id.to_string() } else { image.names.join(", ") };
        output::line(&format!("Loaded image: {named}"))?;
    }
    Ok(exit::OK)
}
