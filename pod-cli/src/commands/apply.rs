//! `pod apply`, `pod create` and `pod replace`: run pods in the background, and keep what they are configured with.

use clap::Args;
use pod_runtime::{Obstacle, PodHandle, Runtime, RuntimeError, ValidPod};
use pod_spec::AdmittedObject;

use crate::args::{BackoffArgs, DryRun, Globals, NetworkArgs};
use crate::configuration::{Making, keep_claim, keep_config_map, keep_secret, keep_workload};
use crate::error::CliError;
use crate::failures::Failures;
use crate::format::Data;
use crate::item::{Item, ObjectReference};
use crate::manifest::Files;
use crate::progress::Progress;
use crate::proposal::Proposal;
use crate::report::Report;
use crate::{event_loop, manifest, output};

#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    pub files: Files,
    #[command(flatten)]
    pub dry_run: DryRun,
    /// Print the objects: json, yaml or name
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Data>,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub backoff: BackoffArgs,
}

pub fn run(globals: &Globals, args: &Apply, making: Making) -> Result<u8, CliError> {
    let runtime = globals.runtime_with(&args.network)?;
    if !args.dry_run.is_on() {
        runtime.anticipate();
    }
    let objects = manifest::load_with(&args.files, globals, &args.backoff)?;
    let report = Report::new(args.output.as_ref(), &args.dry_run);
    if args.dry_run.is_on() {
        propose(&runtime, &objects, making, report)
    } else {
        make(&runtime, objects, making, report)
    }
}

/// Says what would be done.
fn propose(
    runtime: &Runtime,
    objects: &[AdmittedObject],
    making: Making,
    mut report: Report<'_>,
) -> Result<u8, CliError> {
    let mut failures = Failures::default();
    for object in objects {
        let Some(item) = Item::of(object)? else { continue };
        let proposal = Proposal::of(runtime, item)?;
        match proposal.word(making) {
            Ok(word) => report.propose(proposal.merged, word)?,
            Err(error) => failures.add(error),
        }
    }
    report.end(runtime, failures)
}

/// Makes the objects, or changes those that are there.
pub fn make(
    runtime: &Runtime,
    mut objects: Vec<AdmittedObject>,
    making: Making,
    mut report: Report<'_>,
) -> Result<u8, CliError> {
    objects.iter().for_each(|object| manifest::notice(object.notices()));
    // What pods are configured with is there before any of them is.
    objects.sort_by_key(|object| {
        matches!(
            object,
            AdmittedObject::Pod(_) | AdmittedObject::Deployment(..) | AdmittedObject::Job(..)
        )
    });
    let mut failures = Failures::default();
    let mut pods = Vec::new();
    for object in objects {
        let reference = ObjectReference::of(&object);
        let made = match object {
            AdmittedObject::ConfigMap(map, _) => keep_config_map(runtime, map, making).map(Some),
            AdmittedObject::Secret(secret, _) => keep_secret(runtime, secret, making).map(Some),
            AdmittedObject::PersistentVolumeClaim(claim, _) => {
                keep_claim(runtime, *claim, making).map(Some)
            }
            AdmittedObject::Deployment(deployment, _) => {
                keep_workload(runtime, *deployment, making).map(Some)
            }
            AdmittedObject::Job(job, _) => keep_workload(runtime, *job, making).map(Some),
            AdmittedObject::Pod(pod) => begin(runtime, &pod.pod, making).map(|begun| match begun {
                Begun::New(pod, word) => {
                    pods.push((pod, word));
                    None
                }
                Begun::There(word) => Some(word),
            }),
            _ => Ok(None),
        };
        match (made, reference) {
            (Ok(Some(word)), Some(reference)) => report.say(reference, word)?,
            (Ok(_), _) => {}
            (Err(error), _) => failures.add(error),
        }
    }
    // They come up at the same time.
    for (pod, word) in pods {
        end(runtime, &pod, word, &mut report).unwrap_or_else(|error| failures.add(error));
    }
    report.end(runtime, failures)
}

/// What became of a pod that was asked for.
enum Begun {
    /// It has been made, and this is what to say of it when it has come up.
    New(Box<PodHandle>, &'static str),
    /// One of its name is there.
    There(&'static str),
}

/// Begins to run a pod, or changes the one that is there.
fn begin(runtime: &Runtime, pod: &ValidPod, making: Making) -> Result<Begun, CliError> {
    if let Making::Replace { .. } = making {
        let existing = runtime.pod(pod.namespace(), pod.name())?;
        return change(runtime, existing, pod, making);
    }
    // Nothing else is to be done meanwhile, and the event loop would do it in a thread of its own.
    match runtime.run_blocking(pod.clone()) {
        Ok(handle) => Ok(Begun::New(Box::new(handle), "created")),
        Err(error @ RuntimeError::Exists { .. }) if making == Making::Apply => {
            // It may be gone by now, or still be in the making: then what `run` said stands.
            let existing = runtime.pod(pod.namespace(), pod.name()).map_err(|_| error)?;
            change(runtime, existing, pod, making)
        }
        Err(error) => Err(error.into()),
    }
}

/// Changes a pod that is there to the one that is wanted: in place where that can be, else by a new one.
fn change(
    runtime: &Runtime,
    mut existing: PodHandle,
    wanted: &ValidPod,
    making: Making,
) -> Result<Begun, CliError> {
    let (namespace, name) = (existing.namespace().to_owned(), existing.name().to_owned());
    if existing.is_deleted()? {
        return Err(CliError::Terminating { namespace, name });
    }
    let said = |word| if making == Making::Apply { word } else { "replaced" };
    if is_same(existing.pod(), wanted) {
        return Ok(Begun::There(said("unchanged")));
    }
    match event_loop::block_on(async { Ok(existing.update(wanted).await) })? {
        Ok(()) => Ok(Begun::There(said("configured"))),
        Err(RuntimeError::Manifest(source))
            if matches!(making, Making::Replace { force: false, .. }) =>
        {
            Err(CliError::Differs { namespace, name, source: Box::new(source) })
        }
        // A pod that is over is not run again for the sake of its labels.
        Err(error @ RuntimeError::Over { .. }) if existing.pod().spec() == wanted.spec() => {
            Err(error.into())
        }
        Err(error @ (RuntimeError::Manifest(_) | RuntimeError::Over { .. })) => {
            output::message(&format!(
                "note: pod/{name} is replaced by a new one: {}",
                reason(&error)
            ));
            let handle = replace(runtime, &existing, wanted, making.grace())?;
            Ok(Begun::New(Box::new(handle), "replaced"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Why a pod cannot be changed in place.
fn reason(error: &RuntimeError) -> String {
    match error {
        RuntimeError::Over { .. } => "the one that is there is over".to_owned(),
        error => error.to_string(),
    }
}

/// Whether somebody who applies one pod would see no difference to the other.
fn is_same(old: &ValidPod, new: &ValidPod) -> bool {
    old.spec() == new.spec()
        && old.metadata().labels == new.metadata().labels
        && old.metadata().annotations == new.metadata().annotations
}

/// Stops a pod within a grace period, its own if none is given, and makes a new one in its place.
fn replace(
    runtime: &Runtime,
    existing: &PodHandle,
    wanted: &ValidPod,
    grace: Option<i64>,
) -> Result<PodHandle, CliError> {
    event_loop::block_on(async {
        existing.delete(grace).await?;
        Ok(existing.wait_gone().await?)
    })?;
    Ok(runtime.run_blocking(wanted.clone())?)
}

/// Says that a pod has been made, when it has come up.
fn end(
    runtime: &Runtime,
    handle: &PodHandle,
    word: &'static str,
    report: &mut Report<'_>,
) -> Result<(), CliError> {
    let progress = Progress::of(&runtime.images(), manifest::images(handle.pod()));
    let came_up = event_loop::block_on(progress.beside(came_up(handle)));
    if !matches!(came_up, Ok(()) | Err(CliError::KeptUnready { .. })) {
        return came_up;
    }
    report.say(ObjectReference::of_pod(handle), word)?;
    came_up
}

/// Waits for the pod to run. One that cannot, for what its manifest says, is taken away again.
async fn came_up(handle: &PodHandle) -> Result<(), CliError> {
    let Err(error) = handle.wait_running().await else { return Ok(()) };
    if is_hopeless(&error) {
        handle.kill().await?;
        handle.wait_gone().await?;
        return Err(error.into());
    }
    let (namespace, name) = (handle.namespace().to_owned(), handle.name().to_owned());
    match error {
        RuntimeError::NotReached { .. } => {
            Err(CliError::KeptUnready { namespace, name, source: Box::new(error) })
        }
        error => Err(error.into()),
    }
}

/// Whether the pod could not start for what its manifest says, so that it never will.
fn is_hopeless(error: &RuntimeError) -> bool {
    matches!(error, RuntimeError::NotReached { obstacle: Some(Obstacle::Manifest), .. })
}
