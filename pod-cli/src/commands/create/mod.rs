//! `pod create`: makes what is not there yet, of manifests or from the command line.

mod config;
mod credentials;
mod sources;
#[cfg(test)]
mod tests;
mod workload;

use clap::{Args, Subcommand};

use crate::args::Globals;
use crate::commands::apply::{self, Apply};
use crate::configuration::Making;
use crate::error::CliError;
use crate::generated::Generated;
use crate::report::Report;

#[derive(Debug, Args)]
#[command(mut_args(|arg| {
    let of_all = !["filename", "recursive"].contains(&arg.get_id().as_str());
    arg.global(of_all)
}))]
pub struct Create {
    #[command(subcommand)]
    pub what: Option<What>,
    #[command(flatten)]
    pub apply: Apply,
}

/// What can be described on the command line.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Make a ConfigMap of texts and files
    #[command(name = "configmap", visible_alias = "cm")]
    ConfigMap(config::ConfigMap),
    /// Make a Secret
    #[command(subcommand)]
    Secret(credentials::Secret),
    /// Make a Deployment of an image
    #[command(visible_alias = "deploy")]
    Deployment(workload::Deployment),
    /// Make a Job of an image
    Job(workload::Job),
}

impl What {
    /// The object, as kubectl generates it.
    fn generate(&self, namespace: Option<&str>) -> Result<Generated, CliError> {
        match self {
            Self::ConfigMap(args) => args.generate(namespace),
            Self::Secret(args) => args.generate(namespace),
            Self::Deployment(args) => args.generate(namespace),
            Self::Job(args) => Ok(args.generate(namespace)),
        }
    }
}

pub fn run(globals: &Globals, Create { what, apply }: &Create) -> Result<u8, CliError> {
    let Some(what) = what else { return apply::run(globals, apply, Making::Create) };
    if !apply.files.is_empty() {
        let message = "the files say what is created: leave the type and name out";
        return Err(CliError::Usage(message.to_owned()));
    }
    let generated = what.generate(globals.namespace.as_deref())?;
    let objects = generated.admit(globals, &apply.backoff)?;
    let runtime = globals.runtime_with(&apply.network)?;
    let report = Report::new(apply.output.as_ref(), &apply.dry_run);
    if apply.dry_run.is_on() {
        return generated.show(&runtime, report);
    }
    apply::make(&runtime, objects, Making::Create, report)
}
