//! `pod apply` and `pod create`: run pods in the background, and keep what they are configured with.

use clap::Args;
use pod_runtime::{Obstacle, PodHandle, Runtime, RuntimeError, ValidPod};
use pod_spec::AdmittedObject;

use crate::args::{BackoffArgs, Globals, NetworkArgs};
use crate::configuration::{Making, keep_claim, keep_config_map, keep_secret, keep_workload};
use crate::error::CliError;
use crate::failures::Failures;
use crate::manifest::Files;
use crate::progress::Progress;
use crate::resource::Kind;

use crate::{event_loop, manifest, output};

#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    pub files: Files,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub backoff: BackoffArgs,
}

pub fn run(globals: &Globals, args: &Apply, making: Making) -> Result<u8, CliError> {
    let mut objects = manifest::load_with(&args.files, globals, &args.backoff)?;
    objects.iter().for_each(|object| manifest::notice(object.notices()));
    // What pods are configured with is there before any of them is.
    objects.sort_by_key(|object| {
        matches!(
            object,
            AdmittedObject::Pod(_) | AdmittedObject::Deployment(..) | AdmittedObject::Job(..)
        )
    });
    let runtime = globals.runtime_with(&args.network)?;
    let mut failures = Failures::default();
    let mut pods = Vec::new();
    for object in objects {
        let made = match object {
            AdmittedObject::ConfigMap(map, _) => keep_config_map(&runtime, map, making),
            AdmittedObject::Secret(secret, _) => keep_secret(&runtime, secret, making),
            AdmittedObject::Pod(pod) => {
                begin(&runtime, pod.pod, making).map(|new| pods.extend(new))
            }
            AdmittedObject::PersistentVolumeClaim(claim, _) => keep_claim(&runtime, *claim, making),
            AdmittedObject::Deployment(deployment, _) => {
                keep_workload(&runtime, Kind::Deployment, *deployment, making)
            }
            AdmittedObject::Job(job, _) => keep_workload(&runtime, Kind::Job, *job, making),
            _ => Ok(()),
        };
        made.unwrap_or_else(|error| failures.add(error));
    }
    // They come up at the same time.
    for pod in pods {
        end(&runtime, &pod).unwrap_or_else(|error| failures.add(error));
    }
    failures.end()
}

/// Begins to run a pod; `None` when it is there already, the same as it.
fn begin(runtime: &Runtime, pod: ValidPod, making: Making) -> Result<Option<PodHandle>, CliError> {
    // Nothing else is to be done meanwhile, and the event loop would do it in a thread of its own.
    match runtime.run_blocking(pod.clone()) {
        Ok(handle) => Ok(Some(handle)),
        Err(error @ RuntimeError::Exists { .. }) if making == Making::Apply => {
            // It may be gone by now, or still be in the making: then what `run` said stands.
            let mut existing = runtime.pod(pod.namespace(), pod.name()).map_err(|_| error)?;
            let what = event_loop::block_on(configure(&mut existing, &pod))?;
            output::line(&format!("pod/{} {what}", pod.name()))?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Says that a pod has been made, when it has come up.
fn end(runtime: &Runtime, handle: &PodHandle) -> Result<(), CliError> {
    let progress = Progress::of(&runtime.images(), manifest::images(handle.pod()));
    event_loop::block_on(progress.beside(came_up(handle)))?;
    output::line(&format!("pod/{} created", handle.name()))
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
            output::line(&format!("pod/{name} created"))?;
            Err(CliError::KeptUnready { namespace, name, source: Box::new(error) })
        }
        error => Err(error.into()),
    }
}

/// Whether the pod could not start for what its manifest says, so that it never will.
fn is_hopeless(error: &RuntimeError) -> bool {
    matches!(error, RuntimeError::NotReached { obstacle: Some(Obstacle::Manifest), .. })
}

/// Changes a pod that is there to the one that is wanted. Returns what has become of it, in kubectl's word.
async fn configure(existing: &mut PodHandle, wanted: &ValidPod) -> Result<&'static str, CliError> {
    let (namespace, name) = (existing.namespace().to_owned(), existing.name().to_owned());
    if is_deleted(existing)? {
        return Err(CliError::Terminating { namespace, name });
    }
    let (old, new) = (existing.pod(), wanted);
    let same = old.spec() == new.spec()
        && old.metadata().labels == new.metadata().labels
        && old.metadata().annotations == new.metadata().annotations;
    if same {
        return Ok("unchanged");
    }
    match existing.update(wanted).await {
        Ok(()) => Ok("configured"),
        Err(RuntimeError::Manifest(faults)) => {
            Err(CliError::Differs { namespace, name, source: Box::new(faults) })
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the deletion of a pod is under way.
fn is_deleted(handle: &PodHandle) -> Result<bool, CliError> {
    Ok(handle.object()?["metadata"].get("deletionTimestamp").is_some())
}
