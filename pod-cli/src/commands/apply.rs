//! `pod apply`: runs a pod in the background.

use pod_runtime::{Admitted, Obstacle, PodHandle, Runtime, RuntimeError, ValidPod};

use crate::args::{Apply, Globals};
use crate::error::CliError;
use crate::progress::Progress;

use crate::{event_loop, exit, manifest, output};

pub fn run(globals: &Globals, args: &Apply) -> Result<u8, CliError> {
    let Admitted { pod, notices } = manifest::load_with(&args.filename, globals, &args.backoff)?;
    manifest::notice(&notices);
    apply(&globals.runtime_with(&args.network)?, pod)
}

fn apply(runtime: &Runtime, pod: ValidPod) -> Result<u8, CliError> {
    let name = pod.name().to_owned();
    // Nothing else is to be done meanwhile, and the event loop would do it in a thread of its own.
    match runtime.run_blocking(pod.clone()) {
        Ok(handle) => {
            let progress = Progress::of(&runtime.images(), manifest::images(&pod));
            event_loop::block_on(progress.beside(came_up(&handle)))?;
            output::line(&format!("pod/{name} created"))?;
        }
        Err(error @ RuntimeError::Exists { .. }) => {
            // It may be gone by now, or still be in the making: then what `run` said stands.
            let mut existing = runtime.pod(pod.namespace(), &name).map_err(|_| error)?;
            let what = event_loop::block_on(configure(&mut existing, &pod))?;
            output::line(&format!("pod/{name} {what}"))?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(exit::OK)
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
    matches!(error, RuntimeError::NotReached { reason, .. } if Obstacle::of_reason(reason) == Some(Obstacle::Manifest))
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
