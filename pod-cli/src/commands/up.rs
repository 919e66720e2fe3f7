//! `pod up`: runs pods in the foreground.

use std::time::Duration;

use clap::{ArgGroup, Args};
use pod_images::{PullPolicy, Reference};
use pod_runtime::{PodHandle, Runtime, ValidPod};
use pod_spec::{AdmittedObject, Container, ImagePullPolicy};

use crate::args::{BackoffArgs, Globals, NetworkArgs};
use crate::configuration::{Making, keep_claim, keep_config_map, keep_secret};
use crate::error::CliError;
use crate::item::ObjectReference;
use crate::manifest::Files;
use crate::progress::Progress;
use crate::up::{Counted, Report, Session, Signals, Terms, begin_delete};
use crate::{event_loop, manifest, output, span};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("manifests").arg("filename").required(true)))]
pub struct Up {
    #[command(flatten)]
    pub files: Files,
    /// Keep the status and logs of pods that have ended by themselves
    #[arg(long)]
    pub keep: bool,
    #[command(flatten)]
    pub ending: Ending,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub backoff: BackoffArgs,
}

/// When pods are stopped without being asked, and what is told of their end.
#[derive(Debug, Args)]
pub struct Ending {
    /// End with the code of this container, and stop all others when it has ended
    #[arg(long, value_name = "[POD/]CONTAINER")]
    pub exit_code_from: Option<String>,
    /// Stop the pods, and fail, when they have not ended in time
    #[arg(long, value_name = "SPAN", value_parser = span::parse)]
    pub timeout: Option<Duration>,
    /// Write how the containers ended to a file, for programs: json=FILE or junit=FILE
    #[arg(long, value_name = "FORM=FILE")]
    pub summary: Vec<Report>,
}

/// The exit code of a command that a signal ended before there was a pod.
const INTERRUPTED: u8 = 130;

pub fn run(globals: &Globals, args: &Up) -> Result<u8, CliError> {
    let runtime = globals.runtime_with(&args.network)?;
    runtime.anticipate();
    let objects = manifest::load_with(&args.files, globals, &args.backoff)?;
    objects.iter().for_each(|object| manifest::notice(object.notices()));
    let (pods, others) = pods(objects)?;
    let counted = args.ending.exit_code_from.as_deref().map(|word| counted(&pods, word));
    let terms = Terms {
        counted: counted.transpose()?,
        timeout: args.ending.timeout,
        summary: &args.ending.summary,
        keep: args.keep,
    };
    for object in others {
        let Some(reference) = ObjectReference::of(&object) else { continue };
        let word = match object {
            AdmittedObject::ConfigMap(map, _) => keep_config_map(&runtime, map, Making::Apply)?,
            AdmittedObject::Secret(secret, _) => keep_secret(&runtime, secret, Making::Apply)?,
            AdmittedObject::PersistentVolumeClaim(claim, _) => {
                keep_claim(&runtime, *claim, Making::Apply)?
            }
            _ => continue,
        };
        output::line(&format!("{} {word}", reference.path()))?;
    }
    event_loop::block_on(up(&runtime, pods, terms))
}

/// The one container that a word means: CONTAINER or POD/CONTAINER.
fn counted(pods: &[ValidPod], word: &str) -> Result<Counted, CliError> {
    let names = |pod: &ValidPod| -> Vec<String> {
        let all = pod.spec().init_containers.iter().chain(&pod.spec().containers);
        all.map(|c| c.name.clone()).collect()
    };
    let (pod, container) = word.split_once('/').map_or((None, word), |(pod, c)| (Some(pod), c));
    let is_meant = |candidate: &ValidPod| {
        pod.is_none_or(|pod| candidate.name() == pod)
            && names(candidate).iter().any(|name| name == container)
    };
    let mut meant = pods.iter().enumerate().filter(|(_, pod)| is_meant(pod));
    match (meant.next(), meant.next()) {
        (Some((place, _)), None) => Ok(Counted { place, container: container.to_owned() }),
        (Some(_), Some(_)) => Err(CliError::Usage(format!(
            "more than one pod has a container `{container}`: --exit-code-from=POD/{container}"
        ))),
        (None, _) => {
            let known = pods.iter().flat_map(|pod| {
                names(pod).into_iter().map(|name| format!("{}/{name}", pod.name()))
            });
            let known: Vec<String> = known.collect();
            Err(CliError::NotCounted { word: word.to_owned(), known: known.join(", ") })
        }
    }
}

/// The pods of manifests, and what stands beside them.
fn pods(objects: Vec<AdmittedObject>) -> Result<(Vec<ValidPod>, Vec<AdmittedObject>), CliError> {
    let (mut pods, mut others) = (Vec::new(), Vec::new());
    for object in objects {
        match object {
            AdmittedObject::Pod(pod) => pods.push(pod.pod),
            AdmittedObject::ConfigMap(..)
            | AdmittedObject::Secret(..)
            | AdmittedObject::PersistentVolumeClaim(..) => others.push(object),
            _ => return Err(CliError::NotForeground),
        }
    }
    if pods.is_empty() { Err(CliError::NoPod) } else { Ok((pods, others)) }
}

async fn up(runtime: &Runtime, pods: Vec<ValidPod>, terms: Terms<'_>) -> Result<u8, CliError> {
    // Before there is anything to stop, so that a signal that comes early is not lost.
    let mut signals = Signals::listen()?;
    tokio::select! {
        () = signals.next() => return Ok(INTERRUPTED),
        () = fetch(runtime, &pods) => {}
    }
    let mut made = Vec::new();
    let result = async {
        for pod in pods {
            made.push(runtime.run(pod).await?);
        }
        Session::new(&made, signals, terms).run().await
    };
    let result = result.await;
    if result.is_err() {
        for pod in &made {
            kill(pod).await.unwrap_or_else(|error| error.report());
        }
    }
    result
}

async fn kill(pod: &PodHandle) -> Result<(), CliError> {
    begin_delete(pod, Some(0)).await?;
    Ok(pod.wait_gone().await?)
}

/// Pulls what is missing, with bars, before anything else is shown. What cannot be pulled the pod itself tells of.
async fn fetch(runtime: &Runtime, pods: &[ValidPod]) {
    for pod in pods {
        fetch_for(runtime, pod).await;
    }
}

async fn fetch_for(runtime: &Runtime, pod: &ValidPod) {
    let images = runtime.images();
    let policy = |container: &Container| match container.image_pull_policy {
        Some(ImagePullPolicy::Never) => PullPolicy::Never,
        _ => PullPolicy::IfNotPresent,
    };
    let options = runtime.pull_options(pod).unwrap_or_default();
    for container in pod.spec().init_containers.iter().chain(&pod.spec().containers) {
        let Ok(reference) = container.image.parse::<Reference>() else { continue };
        let progress = Progress::of(&images, [reference.clone()]);
        let _ = progress.beside(images.ensure(&reference, policy(container), &options)).await;
    }
}
