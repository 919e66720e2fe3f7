//! `pod image`: the images of this machine, one file for each subcommand.

mod inspect;
mod load;
mod ls;
mod prune;
mod pull;
mod rm;
mod save;
mod tag;

use crate::args::{Globals, Image};
use crate::error::CliError;

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
