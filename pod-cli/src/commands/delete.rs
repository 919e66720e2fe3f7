//! `pod delete`: stops pods and removes them, and removes what pods are configured with.

use clap::Args;
use pod_runtime::{PodHandle, Runtime};
use pod_spec::{AdmittedObject, ObjectMeta, Selector};

use crate::args::Globals;
use crate::error::CliError;
use crate::failures::Failures;
use crate::resource::Kind;
use crate::{event_loop, manifest, output, resource};

#[derive(Debug, Args)]
pub struct Delete {
    /// `NAME…`, `pods NAME…` or `pod/NAME…`; the same with `configmaps` (`cm`) and `secrets`
    #[arg(required_unless_present = "filename", value_name = "NAME")]
    pub targets: Vec<String>,
    /// All that this manifest names; `-` reads standard input
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["targets", "selector", "all"])]
    pub filename: Option<String>,
    /// Those whose labels are so: `app=web,tier!=cache`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<Selector>,
    /// All of the namespace
    #[arg(long, conflicts_with = "selector")]
    pub all: bool,
    /// Seconds between SIGTERM and SIGKILL [default: the pod's own]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..))]
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
}

/// What is to go.
struct Target {
    kind: Kind,
    namespace: String,
    name: String,
}

impl Target {
    fn new(kind: Kind, metadata: &ObjectMeta) -> Self {
        let namespace = metadata.namespace.clone().unwrap_or_default();
        Self { kind, namespace, name: metadata.name.clone() }
    }

    /// `None` for an object of a kind that nothing is kept of.
    fn of(object: &AdmittedObject) -> Option<Self> {
        match object {
            AdmittedObject::Pod(pod) => Some(Self::new(Kind::Pod, pod.pod.metadata())),
            AdmittedObject::ConfigMap(map, _) => Some(Self::new(Kind::ConfigMap, &map.metadata)),
            AdmittedObject::Secret(secret, _) => Some(Self::new(Kind::Secret, &secret.metadata)),
            _ => None,
        }
    }
}

pub fn run(globals: &Globals, args: &Delete) -> Result<u8, CliError> {
    let targets = match &args.filename {
        Some(file) => manifest::load(file, globals)?.iter().filter_map(Target::of).collect(),
        None => named(globals, args)?,
    };
    let runtime = globals.runtime()?;
    event_loop::block_on(delete(&runtime, &targets, args))
}

/// Those that the command line names, or whose labels it does.
fn named(globals: &Globals, args: &Delete) -> Result<Vec<Target>, CliError> {
    let resource::Targets { kind, names } = resource::targets(&args.targets)?;
    let kind = kind.unwrap_or(Kind::Pod);
    let selector = args.selector.clone().or(args.all.then(Selector::default));
    if let Some(selector) = selector {
        if !names.is_empty() {
            let message = "names and labels say both what is to go: leave one of them out";
            return Err(CliError::Usage(message.to_owned()));
        }
        return selected(globals, kind, &selector);
    }
    if names.is_empty() {
        let what = kind.word();
        let message = format!("which {what}s? Name them: `pod delete {what} NAME…`");
        return Err(CliError::Usage(message));
    }
    let namespace = globals.namespace();
    let target = |name| Target { kind, namespace: namespace.to_owned(), name };
    Ok(names.into_iter().map(target).collect())
}

/// All of a kind in the namespace whose labels are so.
fn selected(globals: &Globals, kind: Kind, selector: &Selector) -> Result<Vec<Target>, CliError> {
    let (runtime, namespace) = (globals.runtime()?, Some(globals.namespace()));
    let all: Vec<ObjectMeta> = match kind {
        Kind::Pod => runtime.list(namespace)?.iter().map(|p| p.pod().metadata().clone()).collect(),
        Kind::ConfigMap => {
            runtime.config_maps().list(namespace)?.into_iter().map(|map| map.metadata).collect()
        }
        Kind::Secret => {
            runtime.secrets().list(namespace)?.into_iter().map(|secret| secret.metadata).collect()
        }
    };
    let meant = all.iter().filter(|metadata| selector.matches(&metadata.labels));
    let targets: Vec<Target> = meant.map(|metadata| Target::new(kind, metadata)).collect();
    if targets.is_empty() {
        output::message("No resources found");
    }
    Ok(targets)
}

/// Deletes them all at the same time.
async fn delete(runtime: &Runtime, targets: &[Target], args: &Delete) -> Result<u8, CliError> {
    let mut failures = Failures::default();
    let mut failed = |error: CliError| {
        if !(args.ignore_not_found && error.is_not_found()) {
            failures.add(error);
        }
    };
    let mut going = Vec::new();
    for target in targets {
        match begin(runtime, target, args).await {
            Ok(Some(pod)) => going.push(pod),
            Ok(None) => say(target.kind, &target.name)?,
            Err(error) => failed(error),
        }
    }
    for pod in going {
        let gone = if args.wait { pod.wait_gone().await } else { Ok(()) };
        match gone {
            Ok(()) => say(Kind::Pod, pod.name())?,
            Err(error) => failed(error.into()),
        }
    }
    failures.end()
}

fn say(kind: Kind, name: &str) -> Result<(), CliError> {
    output::line(&format!("{} \"{name}\" deleted", kind.word()))
}

/// Begins to delete; only a pod takes its time.
async fn begin(
    runtime: &Runtime,
    Target { kind, namespace, name }: &Target,
    args: &Delete,
) -> Result<Option<PodHandle>, CliError> {
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
    }
    let pod = runtime.pod(namespace, name)?;
    if args.force && grace(args) == Some(0) {
        pod.kill().await?;
    } else {
        pod.delete(grace(args)).await?;
    }
    Ok(Some(pod))
}

fn grace(args: &Delete) -> Option<i64> {
    match args.grace_period {
        None if args.now => Some(1),
        None if args.force => Some(0),
        given => given,
    }
}
