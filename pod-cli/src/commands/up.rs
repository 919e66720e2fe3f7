//! `pod up`: runs a pod in the foreground.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use pod_images::{PullPolicy, Reference};
use pod_runtime::{
    Blocked, Changes, LogLine, LogOptions, Obstacle, OutputStream, PodHandle, PodPhase, PodStatus,
    Runtime, RuntimeError, ValidPod,
};
use pod_spec::{AdmittedObject, Container, ImagePullPolicy};
use tokio::task::JoinSet;

use crate::args::{BackoffArgs, Globals, NetworkArgs};
use crate::configuration::{Making, keep_claim, keep_config_map, keep_secret};
use crate::error::CliError;
use crate::item::Item;
use crate::manifest::Files;
use crate::progress::Progress;
use crate::up::{Narrator, Prefixes, Printer, Report, Signals, Stop, Voice, exit_code};
use crate::{event_loop, exit, manifest, output, span};

#[derive(Debug, Args)]
pub struct Up {
    /// The manifest; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    pub filename: String,
    /// Keep the pod's status and logs when it has ended by itself
    #[arg(long)]
    pub keep: bool,
    #[command(flatten)]
    pub ending: Ending,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub backoff: BackoffArgs,
}

/// When the pod is stopped without being asked, and what is told of its end.
#[derive(Debug, Args)]
pub struct Ending {
    /// End with the code of this container, and stop the others when it has ended
    #[arg(long, value_name = "CONTAINER")]
    pub exit_code_from: Option<String>,
    /// Stop the pod, and fail, when it has not ended in time
    #[arg(long, value_name = "SPAN", value_parser = span::parse)]
    pub timeout: Option<Duration>,
    /// Write how the containers ended to a file, for programs: json=FILE or junit=FILE
    #[arg(long, value_name = "FORM=FILE")]
    pub summary: Vec<Report>,
}

/// The exit code of a command that a signal ended before there was a pod.
const INTERRUPTED: u8 = 130;
/// How much of a line is held back until its end is there.
const MAX_LINE: usize = 256 << 10;

pub fn run(globals: &Globals, args: &Up) -> Result<u8, CliError> {
    let objects = manifest::load_with(&Files::one(&args.filename), globals, &args.backoff)?;
    objects.iter().for_each(|object| manifest::notice(object.notices()));
    let (pod, others) = one_pod(objects)?;
    if let Some(container) = &args.ending.exit_code_from {
        known(&pod, container)?;
    }
    let runtime = globals.runtime_with(&args.network)?;
    for object in others {
        let Some(item) = Item::of(&object)? else { continue };
        let word = match object {
            AdmittedObject::ConfigMap(map, _) => keep_config_map(&runtime, map, Making::Apply)?,
            AdmittedObject::Secret(secret, _) => keep_secret(&runtime, secret, Making::Apply)?,
            AdmittedObject::PersistentVolumeClaim(claim, _) => {
                keep_claim(&runtime, *claim, Making::Apply)?
            }
            _ => continue,
        };
        output::line(&format!("{} {word}", item.path()))?;
    }
    event_loop::block_on(up(&runtime, pod, args))
}

/// Refuses a container that the pod does not have.
fn known(pod: &ValidPod, container: &str) -> Result<(), CliError> {
    let all = pod.spec().init_containers.iter().chain(&pod.spec().containers);
    let known: Vec<String> = all.map(|c| c.name.clone()).collect();
    if known.iter().any(|name| name == container) {
        return Ok(());
    }
    let (pod, container) = (pod.name().to_owned(), container.to_owned());
    Err(RuntimeError::NoContainer { pod, container, known }.into())
}

/// The pod of a manifest, and what stands beside it.
fn one_pod(objects: Vec<AdmittedObject>) -> Result<(ValidPod, Vec<AdmittedObject>), CliError> {
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
    match <[ValidPod; 1]>::try_from(pods) {
        Ok([pod]) => Ok((pod, others)),
        Err(pods) => Err(CliError::NotOnePod { pods: pods.len() }),
    }
}

async fn up(runtime: &Runtime, pod: ValidPod, args: &Up) -> Result<u8, CliError> {
    // Before there is anything to stop, so that a signal that comes early is not lost.
    let mut signals = Signals::listen()?;
    tokio::select! {
        () = signals.next() => return Ok(INTERRUPTED),
        () = fetch(runtime, &pod) => {}
    }
    let handle = runtime.run(pod).await?;
    let result = async { Session::new(&handle, signals, &args.ending)?.run(args.keep).await }.await;
    if result.is_err()
        && let Err(error) = remove(&handle, Some(0)).await
    {
        error.report();
    }
    result
}

/// Pulls what is missing, with bars, before anything else is shown. What cannot be pulled the pod itself tells of.
async fn fetch(runtime: &Runtime, pod: &ValidPod) {
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

/// Deletes the pod and waits until it is gone.
async fn remove(handle: &PodHandle, grace: Option<i64>) -> Result<(), CliError> {
    begin_delete(handle, grace).await?;
    Ok(handle.wait_gone().await?)
}

async fn begin_delete(handle: &PodHandle, grace: Option<i64>) -> Result<(), RuntimeError> {
    match handle.delete(grace).await {
        // Somebody else was faster.
        Err(RuntimeError::NotFound { .. }) => Ok(()),
        result => result,
    }
}

/// A pod and who watches it.
struct Session<'a> {
    handle: &'a PodHandle,
    ending: &'a Ending,
    signals: Signals,
    changes: Changes,
    narrator: Narrator,
    voice: Voice,
    printer: Printer,
    logs: JoinSet<Result<(), RuntimeError>>,
    last: PodStatus,
}

/// How the watch came to its end.
enum End {
    /// The pod is over, by itself.
    Over,
    /// The pod is gone: somebody else deleted it.
    Gone,
    /// We have been asked to stop it, or nobody reads us any more.
    Stop,
    /// The container whose end counts has ended with this code.
    Counted(u8),
    /// It took too long.
    Late(Duration),
}

impl<'a> Session<'a> {
    fn new(handle: &'a PodHandle, signals: Signals, ending: &'a Ending) -> Result<Self, CliError> {
        let (printer, voice) = Printer::start();
        let mut logs = JoinSet::new();
        let prefixes = Prefixes::new(&handle.containers());
        for (i, container) in handle.containers().into_iter().enumerate() {
            let prefix = prefixes.of(i, container);
            logs.spawn_local(follow(handle.clone(), container.to_owned(), prefix, voice.clone()));
        }
        Ok(Self {
            handle,
            ending,
            signals,
            changes: handle.changes(),
            narrator: Narrator::new(handle.pod()),
            voice,
            printer,
            logs,
            last: PodStatus::default(),
        })
    }

    async fn run(mut self, keep: bool) -> Result<u8, CliError> {
        let end = self.watch().await?;
        let stop = match end {
            End::Stop | End::Counted(_) | End::Late(_) => self.stop().await?,
            End::Over | End::Gone => Stop::No,
        };
        let (handle, ending) = (self.handle, self.ending);
        let last = self.finish_output().await?;
        if matches!(end, End::Over) && !keep {
            remove(handle, None).await?;
        }
        let counted = ending.exit_code_from.as_ref().and_then(|name| code_of(&last, name));
        let code = match end {
            End::Counted(code) => code,
            End::Late(_) => exit::FAILED,
            End::Over | End::Gone | End::Stop => {
                counted.unwrap_or_else(|| exit_code(handle.pod(), &last, stop))
            }
        };
        for report in &ending.summary {
            report.write(handle.pod(), &last, code).map_err(CliError::io("write the summary"))?;
        }
        if let End::Late(after) = end { Err(late(handle, after)) } else { Ok(code) }
    }

    /// Tells what happens until the pod is over or shall be.
    async fn watch(&mut self) -> Result<End, CliError> {
        let mut begun = false;
        let timeout = self.ending.timeout.unwrap_or(Duration::MAX);
        let mut late = pin!(tokio::time::sleep(timeout));
        loop {
            tokio::select! {
                biased;
                () = self.signals.next() => return Ok(End::Stop),
                () = self.printer.unread() => return Ok(End::Stop),
                () = &mut late => return Ok(End::Late(timeout)),
                status = self.changes.next() => {
                    let Some(status) = status? else { return Ok(End::Gone) };
                    if !begun && let Some(error) = cannot_begin(self.handle.name(), &status) {
                        return Err(error.into());
                    }
                    begun = begun || status.phase == PodPhase::Running;
                    if status.phase.is_terminal() {
                        self.last = status;
                        return Ok(End::Over);
                    }
                    self.see(status);
                    let counts = self.ending.exit_code_from.as_ref();
                    if let Some(code) = counts.and_then(|name| code_of(&self.last, name)) {
                        return Ok(End::Counted(code));
                    }
                }
            }
        }
    }

    fn see(&mut self, status: PodStatus) {
        self.voice.messages(self.narrator.see(&status));
        self.last = status;
    }

    /// Stops the pod within its grace period, or at once when asked for a second time.
    async fn stop(&mut self) -> Result<Stop, CliError> {
        self.narrator.stopping = true;
        let grace = self.handle.pod().spec().termination_grace_period_seconds.unwrap_or_default();
        let name = self.handle.name();
        self.voice
            .messages(vec![format!("pod/{name} stopping, within {grace}s; once more to kill it")]);
        let mut stop = Stop::Graceful;
        begin_delete(self.handle, None).await?;
        loop {
            tokio::select! {
                status = self.changes.next() => match status? {
                    None => return Ok(stop),
                    Some(status) => self.see(status),
                },
                () = self.signals.next() => {
                    stop = Stop::Killed;
                    begin_delete(self.handle, Some(0)).await?;
                }
            }
        }
    }

    /// Shows what the containers wrote last, and only then how the pod ended. A further signal cuts it short.
    async fn finish_output(mut self) -> Result<PodStatus, CliError> {
        let finish = async {
            while let Some(followed) = self.logs.join_next().await {
                match followed.map_err(CliError::io("follow the logs"))? {
                    // Its log went with the pod.
                    Ok(()) | Err(RuntimeError::NotFound { .. }) => {}
                    Err(error) => return Err(CliError::from(error)),
                }
            }
            self.voice.messages(self.narrator.see(&self.last));
            drop(self.voice);
            self.printer.finish().await;
            Ok(())
        };
        tokio::select! {
            result = finish => result?,
            () = self.signals.next() => {}
        }
        Ok(self.last)
    }
}

/// The exit code of a container that has ended, and will not be started again as it is.
fn code_of(status: &PodStatus, container: &str) -> Option<u8> {
    let mut all = status.init_container_statuses.iter().chain(&status.container_statuses);
    let ended = all.find(|c| c.name == container)?.state.terminated.as_ref()?;
    Some(u8::try_from(ended.exit_code).unwrap_or(exit::FAILED))
}

fn late(pod: &PodHandle, after: Duration) -> CliError {
    let (path, after) = (format!("pod/{}", pod.name()), span::age(after));
    CliError::TimedOut { path, condition: "its end".to_owned(), after }
}

/// Why a pod that has not begun yet will not: one in the foreground does not wait for an image to come.
fn cannot_begin(pod: &str, status: &PodStatus) -> Option<RuntimeError> {
    let blocked = Blocked::of(status).filter(|blocked| blocked.obstacle != Obstacle::Crash)?;
    Some(blocked.into_error(pod))
}

/// Shows what a container writes, over restarts, until it has ended for good.
async fn follow(
    handle: PodHandle,
    container: String,
    prefix: String,
    voice: Voice,
) -> Result<(), RuntimeError> {
    let mut stream =
        handle.logs(&container, LogOptions { follow: true, ..LogOptions::default() })?;
    let prefix: Rc<str> = prefix.into();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(line) = stream.next().await? {
        let begun = match line.stream {
            OutputStream::Stdout => &mut stdout,
            OutputStream::Stderr => &mut stderr,
        };
        if let Some(whole) = complete(begun, line, &prefix) {
            voice.data(whole).await;
        }
    }
    for begun in [stdout, stderr].into_iter().filter(|b| !b.is_empty()) {
        voice.data([&begun[..], b"\n"].concat()).await;
    }
    Ok(())
}

/// Adds a piece to a line that has been begun; the line, when it is whole or as long as is bearable.
fn complete(begun: &mut Vec<u8>, piece: LogLine, prefix: &str) -> Option<Vec<u8>> {
    if begun.is_empty() {
        begun.extend_from_slice(prefix.as_bytes());
    }
    begun.extend_from_slice(&piece.text);
    if piece.partial && begun.len() < MAX_LINE {
        return None;
    }
    begun.push(b'\n');
    Some(std::mem::take(begun))
}
