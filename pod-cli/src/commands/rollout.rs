//! `pod rollout`: follows the replacement of a Deployment's pods, and begins one.

use std::time::Duration;

use clap::{Args, Subcommand};
use pod_runtime::now;
use pod_spec::Deployment;
use pod_workloads::{Rollout as Progress, Workloads, rollout};

use crate::args::Globals;
use crate::error::CliError;
use crate::failures::Failures;
use crate::{event_loop, exit, output, resource, span};

/// What kubectl notes in a template so that it is another one.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

#[derive(Debug, Subcommand)]
pub enum Rollout {
    /// Say how far the newest change has come, and wait for its end
    Status(Status),
    /// Replace all pods by new ones of the same template
    Restart(Restart),
}

#[derive(Debug, Args)]
pub struct Status {
    /// `deployment NAME` or `deployment/NAME`
    #[arg(required = true, value_name = "deployment/NAME")]
    pub targets: Vec<String>,
    /// Wait for its end; --watch=false says how it stands
    #[arg(short, long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub watch: bool,
    /// How long to wait; 0 is for ever
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = span::parse)]
    pub timeout: Duration,
}

#[derive(Debug, Args)]
pub struct Restart {
    /// `deployment NAME…` or `deployment/NAME…`
    #[arg(required = true, value_name = "deployment/NAME")]
    pub targets: Vec<String>,
}

pub fn run(globals: &Globals, args: &Rollout) -> Result<u8, CliError> {
    let deployments = Workloads::of(&globals.runtime()?);
    match args {
        Rollout::Status(args) => status(&deployments, globals.namespace(), args),
        Rollout::Restart(args) => restart(&deployments, globals.namespace(), args),
    }
}

fn status(
    deployments: &Workloads<Deployment>,
    namespace: &str,
    args: &Status,
) -> Result<u8, CliError> {
    let names = resource::deployments(&args.targets)?;
    let [name] = names.as_slice() else {
        return Err(CliError::Usage("the rollout of one Deployment is followed at a time".into()));
    };
    let following = follow(deployments, namespace, name, args.watch);
    event_loop::block_on(async {
        if args.timeout.is_zero() {
            return following.await;
        }
        match tokio::time::timeout(args.timeout, following).await {
            Ok(followed) => followed,
            Err(_) => Err(CliError::TimedOut {
                path: format!("deployment.apps/{name}"),
                condition: "its rollout".to_owned(),
                after: format!("{:?}", args.timeout),
            }),
        }
    })
}

async fn follow(
    deployments: &Workloads<Deployment>,
    namespace: &str,
    name: &str,
    watch: bool,
) -> Result<u8, CliError> {
    let mut said = String::new();
    let mut failed = Ok(());
    let deployment = deployments.wait(namespace, name, |deployment| {
        let progress = rollout(deployment);
        if let Progress::Going(words) = &progress
            && *words != said
        {
            said.clone_from(words);
            failed = output::line(words);
        }
        !watch || failed.is_err() || !matches!(progress, Progress::Going(_))
    });
    let deployment = deployment.await?;
    failed?;
    match rollout(&deployment) {
        Progress::Done(words) => output::line(&words).map(|()| exit::OK),
        Progress::Late(words) => Err(CliError::Unexpected(words)),
        _ => Ok(exit::OK),
    }
}

fn restart(
    deployments: &Workloads<Deployment>,
    namespace: &str,
    args: &Restart,
) -> Result<u8, CliError> {
    let mut failures = Failures::default();
    for name in resource::deployments(&args.targets)? {
        let now = now().to_seconds_string();
        let changed = deployments.change(namespace, &name, |deployment| {
            let annotations = &mut deployment.spec.template.metadata.annotations;
            annotations.insert(RESTARTED.to_owned(), now);
        });
        match changed {
            Ok(_) => output::line(&format!("deployment.apps/{name} restarted"))?,
            Err(error) => failures.add(error.into()),
        }
    }
    failures.end()
}
