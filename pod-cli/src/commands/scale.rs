//! `pod scale`: says how many pods a Deployment keeps.

use clap::Args;
use pod_spec::Deployment;
use pod_workloads::Workloads;

use crate::args::Globals;
use crate::error::CliError;
use crate::failures::Failures;
use crate::{output, resource};

#[derive(Debug, Args)]
pub struct Scale {
    /// `deployment NAME…` or `deployment/NAME…`
    #[arg(required = true, value_name = "deployment/NAME")]
    pub targets: Vec<String>,
    /// How many pods
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i32).range(0..))]
    pub replicas: i32,
    /// Change nothing unless there are as many now
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i32).range(0..))]
    pub current_replicas: Option<i32>,
}

pub fn run(globals: &Globals, args: &Scale) -> Result<u8, CliError> {
    let deployments = Workloads::of(&globals.runtime()?);
    let mut failures = Failures::default();
    for name in resource::deployments(&args.targets)? {
        let scaled = scale(&deployments, globals.namespace(), &name, args);
        scaled.unwrap_or_else(|error| failures.add(error));
    }
    failures.end()
}

fn scale(
    deployments: &Workloads<Deployment>,
    namespace: &str,
    name: &str,
    args: &Scale,
) -> Result<(), CliError> {
    let now = deployments.get(namespace, name)?.spec.replicas.unwrap_or(1);
    if args.current_replicas.is_some_and(|expected| expected != now) {
        let message = format!("deployment.apps/{name} has {now} replicas: nothing was changed");
        return Err(CliError::Unexpected(message));
    }
    deployments.change(namespace, name, |d| d.spec.replicas = Some(args.replicas))?;
    output::line(&format!("deployment.apps/{name} scaled"))
}
