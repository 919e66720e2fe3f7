//! `pod image`: the images of this machine, one file for each subcommand.

mod inspect;
mod load;
mod ls;
pub mod prune;
mod pull;
mod rm;
mod save;
mod tag;

use clap::{Args, Subcommand};

use crate::args::Globals;
use crate::error::CliError;

#[derive(Debug, Subcommand)]
pub enum Image {
    /// Pull images from their registries
    ///
    /// Prints the id of each. Registries are reached as `registries.conf`, `auth.json`, Docker's `config.json` and `certs.d`
    /// say, and through the proxies of the environment.
    Pull(pull::ImagePull),
    /// Load images from an archive or directory
    ///
    /// Takes an OCI image layout, as a directory or a tar, and what `docker save` and `podman save` write.
    Load(load::ImageLoad),
    /// Save images as an archive that podman, skopeo and `docker load` read
    Save(save::ImageSave),
    /// Show the images of this machine, their size on disk and the pods that use them
    #[command(visible_alias = "list")]
    Ls(ls::ImageLs),
    /// Print everything about images, as JSON
    Inspect(ImageNames),
    /// Remove images
    ///
    /// An image with several names loses the one that is given. One that a pod uses is not removed.
    #[command(visible_alias = "remove")]
    Rm(ImageNames),
    /// Remove what nothing uses
    Prune(prune::ImagePrune),
    /// Give an image one more name
    Tag(tag::ImageTag),
}

#[derive(Debug, Args)]
pub struct ImageNames {
    /// Names or ids; an id may be cut short
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<String>,
}

/// Runs the subcommand and returns its exit code.
pub fn run(globals: &Globals, args: &Image) -> Result<u8, CliError> {
    let runtime = globals.runtime()?;
    match args {
        Image::Pull(args) => pull::run(&runtime, args),
        Image::Load(args) => load::run(&runtime, args),
        Image::Save(args) => save::run(&runtime, args),
        Image::Ls(args) => ls::run(&runtime, args),
        Image::Inspect(args) => inspect::run(&runtime, args),
        Image::Rm(args) => rm::run(&runtime, args),
        Image::Prune(args) => prune::run(&runtime, args),
        Image::Tag(args) => tag::run(&runtime, args),
    }
}
