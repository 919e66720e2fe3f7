//! `pod delete`: stops pods and removes them, and removes what pods are configured with.

use pod_runtime::{Deleted, ObjectError, PodHandle, Runtime};
use pod_spec::{AdmittedObject, ObjectMeta, Selector};

use crate::args::{Delete, Globals};
use crate::error::CliError;
use crate::failures::Failures;
use crate::resource::Kind;
use crate::{event_loop, manifest, output, resource};

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
            AdmittedObject::PersistentVolumeClaim(claim, _) => {
                Some(Self::new(Kind::PersistentVolumeClaim, &claim.metadata))
            }
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
        Kind::PersistentVolumeClaim => {
            runtime.claims().list(namespace)?.into_iter().map(|claim| claim.metadata).collect()
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
        Kind::PersistentVolumeClaim => {
            delete_claim(runtime, namespace, name, args.wait).await?;
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

/// Deletes a claim, and waits for the pods that use it.
async fn delete_claim(
    runtime: &Runtime,
    namespace: &str,
    name: &str,
    wait: bool,
) -> Result<(), CliError> {
    // From before the deletion on, so that none of them is missed.
    let mut changes = runtime.object_changes(namespace)?;
    let claim = runtime.claims().get(namespace, name)?;
    let Deleted::Used(pods) = runtime.claims().delete(namespace, name)? else { return Ok(()) };
    if !wait {
        return Ok(());
    }
    let pods = pods.join("`, `");
    output::message(&format!("persistentvolumeclaim `{name}` goes when pod `{pods}` does"));
    let is_there = || match runtime.claims().get(namespace, name) {
        Ok(found) => Ok(found.metadata.uid == claim.metadata.uid),
        Err(ObjectError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    };
    while is_there()? {
        changes.next().await.map_err(CliError::io("wait for the claim to go"))?;
    }
    Ok(())
}

fn grace(args: &Delete) -> Option<i64> {
    match args.grace_period {
        None if args.now => Some(1),
        None if args.force => Some(0),
        given => given,
    }
}
