//! `pod image save`.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use clap::Args;
use pod_runtime::Runtime;

use crate::error::CliError;
use crate::exit;

#[derive(Debug, Args)]
pub struct ImageSave {
    /// Names or ids
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<String>,
    /// The archive [default: standard output]
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub output: String,
}

pub fn run(runtime: &Runtime, args: &ImageSave) -> Result<u8, CliError> {
    let images = runtime.images();
    let names: Vec<&str> = args.images.iter().map(String::as_str).collect();
    if args.output != "-" {
        return to_file(Path::new(&args.output), |file| {
            images.save(&names, file).map_err(CliError::image)
        });
    }
    if io::stdout().is_terminal() {
        let message = "an archive is not written to a terminal: give a file with --output";
        return Err(CliError::Usage(message.to_owned()));
    }
    images.save(&names, io::stdout().lock()).map_err(CliError::image)?;
    Ok(exit::OK)
}

/// Writes a file that is there when it is whole, and not before.
fn to_file(
    path: &Path,
    write: impl FnOnce(&mut io::BufWriter<File>) -> Result<(), CliError>,
) -> Result<u8, CliError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let begin = File::create_new(&part).map_err(CliError::io("make the archive"))?;
    let mut file = io::BufWriter::new(begin);
    let written = write(&mut file)
        .and_then(|()| file.flush().map_err(CliError::io("write the archive")))
        .and_then(|()| fs::rename(&part, path).map_err(CliError::io("name the archive")));
    if written.is_err() {
        // It is ours and worth nothing.
        let _ = fs::remove_file(&part);
    }
    written.map(|()| exit::OK)
}
