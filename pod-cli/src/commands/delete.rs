//! `pod delete`: stops pods and removes them, and removes what pods are configured with.

use clap::{Args, ValueEnum};
use pod_runtime::{Deleted, ObjectError, PodHandle, Runtime};
use pod_spec::{Deployment, Job};
use pod_workloads::{Workload, Workloads};

use crate::args::{DryRun, Globals, Meant, Selection};
use crate::error::CliError;
use crate::failures::Failures;
use crate::item::{self, ObjectReference};
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
    /// What happens to the pods of a Deployment or Job
    #[arg(long, value_name = "WORD", default_value = "background", num_args = 0..=1, require_equals = true,
          default_missing_value = "background")]
    pub cascade: Cascade,
    #[command(flatten)]
    pub dry_run: DryRun,
    /// `name` prints the type and name only
    #[arg(short, long, value_name = "FORMAT", value_parser = ["name"])]
    pub output: Option<String>,
}

/// What happens to the pods of a Deployment or Job that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Cascade {
    /// They go with it
    Background,
    /// They go first
    Foreground,
    /// They stay, and nobody looks after them
    Orphan,
}

impl Delete {
    fn grace(&self) -> Option<i64> {
        match self.grace_period {
            None | Some(-1) if self.now => Some(1),
            None | Some(-1) if self.force => Some(0),
            given => given.filter(|seconds| *seconds >= 0),
        }
    }

    fn says(&self, ObjectReference { kind, name, .. }: &ObjectReference) -> Result<(), CliError> {
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
) -> Result<Vec<ObjectReference>, CliError> {
    let selection = &args.selection;
    if !args.all && !selection.selects() {
        let what = kinds.first().map_or("pod", |kind| kind.names().singular);
        let message = format!("which {what}s? Name them: `pod delete {what} NAME…`");
        return Err(CliError::Usage(message));
    }
    let items = selection.listed(runtime, globals, kinds)?;
    if items.is_empty() {
        output::message("No resources found");
    }
    Ok(items.iter().map(ObjectReference::of_item).collect())
}

/// Deletes them all at the same time.
async fn delete(
    runtime: &Runtime,
    targets: &[ObjectReference],
    args: &Delete,
    failures: &mut Failures,
) -> Result<(), CliError> {
    let mut going = Vec::new();
    for target in targets {
        match begin(runtime, target, args).await {
            Ok(Some(left)) => going.push((left, target)),
            Ok(None) => args.says(target)?,
            Err(error) => failures.add(error),
        }
    }
    for (left, target) in going {
        let gone = if args.wait { left.wait_gone(target).await } else { Ok(()) };
        match gone {
            Ok(()) => args.says(target)?,
            Err(error) => failures.add(error),
        }
    }
    Ok(())
}

/// What takes its time to go.
enum Going {
    Pod(Box<PodHandle>),
    Deployment(Workloads<Deployment>),
    Job(Workloads<Job>),
    /// A claim that goes with the last pod that uses it.
    Claim(Runtime),
}

impl Going {
    async fn wait_gone(
        &self,
        ObjectReference { namespace, name, .. }: &ObjectReference,
    ) -> Result<(), CliError> {
        match self {
            Self::Pod(pod) => Ok(pod.wait_gone().await?),
            Self::Deployment(deployments) => Ok(deployments.wait_gone(namespace, name).await?),
            Self::Job(jobs) => Ok(jobs.wait_gone(namespace, name).await?),
            Self::Claim(runtime) => claim_gone(runtime, namespace, name).await,
        }
    }
}

async fn claim_gone(runtime: &Runtime, namespace: &str, name: &str) -> Result<(), CliError> {
    let mut changes = runtime.object_changes(namespace)?;
    loop {
        match runtime.claims().get(namespace, name) {
            Ok(claim) if claim.metadata.deletion_timestamp.is_some() => {}
            Ok(_) | Err(ObjectError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        changes.next().await.map_err(CliError::io("wait for the claim to go"))?;
    }
}

/// Begins to delete a Deployment or a Job. Without its pods it is gone at once.
fn begin_with_pods<T: Workload>(
    runtime: &Runtime,
    ObjectReference { namespace, name, .. }: &ObjectReference,
    args: &Delete,
    going: fn(Workloads<T>) -> Going,
) -> Result<Option<Going>, CliError> {
    let workloads = Workloads::of(runtime);
    if args.cascade == Cascade::Orphan {
        workloads.orphan(namespace, name)?;
        return Ok(None);
    }
    workloads.delete(namespace, name)?;
    Ok(Some(going(workloads)))
}

/// Begins to delete; what only lies there is gone at once.
async fn begin(
    runtime: &Runtime,
    target: &ObjectReference,
    args: &Delete,
) -> Result<Option<Going>, CliError> {
    let ObjectReference { kind, namespace, name } = target;
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
        Kind::Deployment => return begin_with_pods(runtime, target, args, Going::Deployment),
        Kind::Job => return begin_with_pods(runtime, target, args, Going::Job),
        Kind::PersistentVolumeClaim => {
            let Deleted::Used(pods) = runtime.claims().delete(namespace, name)? else {
                return Ok(None);
            };
            let pods = pods.join("`, `");
            output::message(&format!("persistentvolumeclaim `{name}` goes when pod `{pods}` does"));
            return Ok(Some(Going::Claim(runtime.clone())));
        }
        Kind::Event => return Ok(None),
    }
    let pod = runtime.pod(namespace, name)?;
    if args.force && args.grace() == Some(0) {
        pod.kill().await?;
    } else {
        pod.delete(args.grace()).await?;
    }
    Ok(Some(Going::Pod(Box::new(pod))))
}
