//! `pod delete`: stops pods and removes them, and removes what pods are configured with.

use clap::Args;
use pod_runtime::{PodHandle, Runtime};

use crate::args::{DryRun, Globals, Meant, Selection, Target};
use crate::error::CliError;
use crate::failures::Failures;
use crate::item::{self, Item};
use crate::resource::Kind;
use crate::{event_loop, output};

#[derive(Debug, Args)]
pub struct Delete {
    #[command(flatten)]
    pub selection: Selection,
    /// All of the namespace
    #[arg(long, conflicts_with_all = ["selector", "field_selector"])]
    pub all: bool,
    /// Seconds between SIGTERM and SIGKILL [default: the pod's own]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(-1..), allow_hyphen_values = true)]
    pub grace_period: Option<i64>,
    /// The same as --grace-period=1
    #[arg(long, conflicts_with_all = ["grace_period", "force"])]
    pub now: bool,
    /// Kill at once: --grace-period=0 unless another is given
    #[arg(long)]
    pub force: bool,
    /// Return only when the pods are gone; --wait=false returns at once
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub wait: bool,
    /// What is not there counts as deleted
    #[arg(long)]
    pub ignore_not_found: bool,
    #[command(flatten)]
    pub dry_run: DryRun,
    /// `name` prints the type and name only
    #[arg(short, long, value_name = "FORMAT", value_parser = ["name"])]
    pub output: Option<String>,
}

impl Delete {
    fn grace(&self) -> Option<i64> {
        match self.grace_period {
            None | Some(-1) if self.now => Some(1),
            None | Some(-1) if self.force => Some(0),
            given => given.filter(|seconds| *seconds >= 0),
        }
    }

    fn says(&self, Target { kind, name, .. }: &Target) -> Result<(), CliError> {
        let kind = kind.word();
        if self.output.is_some() {
            return output::line(&format!("{kind}/{name}"));
        }
        let how = if self.force && self.grace() == Some(0) { "force deleted" } else { "deleted" };
        output::line(&format!("{kind} \"{name}\" {how}{}", self.dry_run.note()))
    }
}

pub fn run(globals: &Globals, args: &Delete) -> Result<u8, CliError> {
    let runtime = globals.runtime()?;
    // What a selector has found may go by itself meanwhile.
    let (targets, mut failures) = match args.selection.meant(globals, Some(Kind::Pod))? {
        Meant::Named(targets) => (targets, Failures::new(args.ignore_not_found)),
        Meant::Kinds(kinds) => (selected(globals, args, &runtime, &kinds)?, Failures::new(true)),
    };
    if let Some(target) = targets.iter().find(|target| target.kind == Kind::Event) {
        let name = &target.name;
        return Err(CliError::Usage(format!(
            "event `{name}` goes with its pod, and cannot be deleted"
        )));
    }
    event_loop::block_on(delete(&runtime, &targets, args, &mut failures))?;
    failures.end()
}

/// All of some kinds that the selectors let through.
fn selected(
    globals: &Globals,
    args: &Delete,
    runtime: &Runtime,
    kinds: &[Kind],
) -> Result<Vec<Target>, CliError> {
    let selection = &args.selection;
    if !args.all && selection.selector.is_none() && selection.field_selector.is_none() {
        let what = kinds.first().map_or("pod", |kind| kind.word());
        let message = format!("which {what}s? Name them: `pod delete {what} NAME…`");
        return Err(CliError::Usage(message));
    }
    let items = selection.listed(runtime, globals, kinds)?;
    if items.is_empty() {
        output::message("No resources found");
    }
    let target = |item: &Item| Target {
        kind: item.kind,
        namespace: item.namespace().to_owned(),
        name: item.name().to_owned(),
    };
    Ok(items.iter().map(target).collect())
}

/// Deletes them all at the same time.
async fn delete(
    runtime: &Runtime,
    targets: &[Target],
    args: &Delete,
    failures: &mut Failures,
) -> Result<(), CliError> {
    let mut going = Vec::new();
    for target in targets {
        match begin(runtime, target, args).await {
            Ok(Some(pod)) => going.push((pod, target)),
            Ok(None) => args.says(target)?,
            Err(error) => failures.add(error),
        }
    }
    for (pod, target) in going {
        let gone = if args.wait { pod.wait_gone().await } else { Ok(()) };
        match gone {
            Ok(()) => args.says(target)?,
            Err(error) => failures.add(error.into()),
        }
    }
    Ok(())
}

/// Begins to delete; only a pod takes its time.
async fn begin(
    runtime: &Runtime,
    target: &Target,
    args: &Delete,
) -> Result<Option<PodHandle>, CliError> {
    let Target { kind, namespace, name } = target;
    if args.dry_run.is_on() {
        return item::one(runtime, *kind, namespace, name).map(|_| None);
    }
    match kind {
        Kind::Pod => {}
        Kind::ConfigMap => {
            runtime.config_maps().delete(namespace, name)?;
            return Ok(None);
        }
        Kind::Secret => {
            runtime.secrets().delete(namespace, name)?;
            return Ok(None);
        }
        Kind::Event => return Ok(None),
    }
    let pod = runtime.pod(namespace, name)?;
    if args.force && args.grace() == Some(0) {
        pod.kill().await?;
    } else {
        pod.delete(args.grace()).await?;
    }
    Ok(Some(pod))
}
