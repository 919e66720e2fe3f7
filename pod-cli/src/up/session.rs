//! Watches the pods of `pod up` to their end.

use std::pin::pin;
use std::time::Duration;

use pod_runtime::{Blocked, Obstacle, PodHandle, PodPhase, PodStatus, RuntimeError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::error::CliError;
use crate::up::watched::{Life, News, Watched, label, send_news};
use crate::up::{Outcome, Prefixes, Printer, Report, Signals, Stop, Voice, exit_code};
use crate::{exit, span};

/// When pods are stopped without being asked, and what is left and told of their end.
#[derive(Debug)]
pub struct Terms<'a> {
    /// What ends with this command, and gives its code.
    pub counted: Option<Counted>,
    /// How long all of it may take.
    pub timeout: Option<Duration>,
    pub summary: &'a [Report],
    /// Whether the status and logs of a pod that has ended by itself stay.
    pub keep: bool,
}

/// A container of the pod at this place of the list.
#[derive(Debug, PartialEq, Eq)]
pub struct Counted {
    pub place: usize,
    pub container: String,
}

/// Pods and who watches them.
pub struct Session<'a> {
    terms: Terms<'a>,
    signals: Signals,
    pods: Vec<Watched>,
    news: mpsc::UnboundedReceiver<News>,
    /// What tells how pods have ended, until it is told.
    tales: JoinSet<Result<(), CliError>>,
    voice: Voice,
    printer: Printer,
}

/// How the watch came to its end.
enum End {
    /// All pods are over or gone.
    Over,
    /// We have been asked to stop them, or nobody reads us any more.
    Stop,
    /// The container whose end counts has ended with this code.
    Counted(u8),
    /// It took too long for these.
    Late { after: Duration, paths: String },
}

impl<'a> Session<'a> {
    pub fn new(handles: &[PodHandle], signals: Signals, terms: Terms<'a>) -> Self {
        let (printer, voice) = Printer::start();
        let (sender, news) = mpsc::unbounded_channel();
        let name = |handle: &PodHandle| (handles.len() > 1).then(|| handle.name().to_owned());
        let labels = handles.iter().flat_map(|handle| {
            let name = name(handle);
            handle.containers().into_iter().map(move |c| label(name.as_deref(), c))
        });
        let prefixes = Prefixes::new(labels.collect());
        let watched = |(place, handle): (usize, &PodHandle)| {
            tokio::task::spawn_local(send_news(place, handle.clone(), sender.clone()));
            Watched::new(handle.clone(), name(handle).as_deref(), &prefixes, &voice)
        };
        let pods = handles.iter().enumerate().map(watched).collect();
        Self { terms, signals, pods, news, tales: JoinSet::new(), voice, printer }
    }

    /// Shows all of it to its end, takes away what has ended, and returns the exit code.
    pub async fn run(mut self) -> Result<u8, CliError> {
        let end = self.watch().await?;
        self.stop().await?;
        let (terms, pods) = self.finish_output().await?;
        if !terms.keep {
            remove(pods.iter().filter(|pod| pod.life == Life::Over)).await?;
        }
        let outcomes: Vec<Outcome<'_>> = pods.iter().map(Watched::outcome).collect();
        let code = match end {
            End::Counted(code) => code,
            End::Late { .. } => exit::FAILED,
            End::Over | End::Stop => {
                code_of(terms.counted.as_ref(), &pods).unwrap_or_else(|| exit_code(&outcomes))
            }
        };
        for report in terms.summary {
            report.write(&outcomes, code).map_err(CliError::io("write the summary"))?;
        }
        match end {
            End::Late { after, paths: path } => {
                let (condition, after) = ("its end".to_owned(), span::age(after));
                Err(CliError::TimedOut { path, condition, after })
            }
            _ => Ok(code),
        }
    }

    /// Tells what happens until all pods are over or shall be.
    async fn watch(&mut self) -> Result<End, CliError> {
        let after = self.terms.timeout.unwrap_or(Duration::MAX);
        let mut late = pin!(tokio::time::sleep(after));
        while self.left().next().is_some() {
            tokio::select! {
                biased;
                () = self.signals.next() => return Ok(End::Stop),
                () = self.printer.unread() => return Ok(End::Stop),
                () = &mut late => return Ok(End::Late { after, paths: self.paths() }),
                Some(news) = self.news.recv() => self.hear(news)?,
            }
            if let Some(code) = code_of(self.terms.counted.as_ref(), &self.pods) {
                return Ok(End::Counted(code));
            }
        }
        Ok(End::Over)
    }

    /// The pods that have neither ended nor gone.
    fn left(&mut self) -> impl Iterator<Item = &mut Watched> {
        self.pods.iter_mut().filter(|pod| pod.is_left())
    }

    fn paths(&mut self) -> String {
        let paths: Vec<String> =
            self.left().map(|pod| format!("pod/{}", pod.handle.name())).collect();
        paths.join(", ")
    }

    fn hear(&mut self, (place, status): News) -> Result<(), CliError> {
        let pod = &mut self.pods[place];
        let Some(status) = status? else {
            pod.life = Life::Gone;
            self.tell_end(place);
            return Ok(());
        };
        if pod.life == Life::Pending && pod.stop == Stop::No {
            refuse_obstacles(pod.handle.name(), &status)?;
        }
        if pod.stop == Stop::No && status.phase.is_terminal() {
            pod.life = Life::Over;
            pod.last = status;
            self.tell_end(place);
            return Ok(());
        }
        if status.phase == PodPhase::Running {
            pod.life = Life::Begun;
        }
        pod.see(status, &self.voice);
        Ok(())
    }

    fn tell_end(&mut self, place: usize) {
        if let Some(tale) = self.pods[place].tell_end(self.voice.clone()) {
            self.tales.spawn_local(tale);
        }
    }

    /// Stops what is left within its grace period, or at once when asked for a second time.
    async fn stop(&mut self) -> Result<(), CliError> {
        let grace = |pod: &mut Watched| pod.handle.pod().spec().termination_grace_period_seconds;
        let Some(grace) = self.left().map(grace).max() else { return Ok(()) };
        let (paths, grace) = (self.paths(), grace.unwrap_or_default());
        let all = if self.left().count() > 1 { "them" } else { "it" };
        let message = format!("{paths} stopping, within {grace}s; once more to kill {all}");
        self.voice.messages(vec![message]);
        for pod in self.left() {
            pod.expect_end();
            pod.stop = Stop::Graceful;
            begin_delete(&pod.handle, None).await?;
        }
        while self.left().next().is_some() {
            tokio::select! {
                Some(news) = self.news.recv() => self.hear(news)?,
                () = self.signals.next() => {
                    for pod in self.left() {
                        pod.stop = Stop::Killed;
                        begin_delete(&pod.handle, Some(0)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until all is shown. A further signal cuts it short.
    async fn finish_output(mut self) -> Result<(Terms<'a>, Vec<Watched>), CliError> {
        let finish = async {
            while let Some(told) = self.tales.join_next().await {
                told.map_err(CliError::io("follow the logs"))??;
            }
            drop(self.voice);
            self.printer.finish().await;
            Ok::<_, CliError>(())
        };
        tokio::select! {
            result = finish => result?,
            () = self.signals.next() => {}
        }
        Ok((self.terms, self.pods))
    }
}

/// Deletes pods and waits until they are gone.
async fn remove<'w>(pods: impl Iterator<Item = &'w Watched> + Clone) -> Result<(), CliError> {
    for pod in pods.clone() {
        begin_delete(&pod.handle, None).await?;
    }
    for pod in pods {
        pod.handle.wait_gone().await?;
    }
    Ok(())
}

/// Begins to delete a pod, or lets it go.
pub async fn begin_delete(handle: &PodHandle, grace: Option<i64>) -> Result<(), RuntimeError> {
    match handle.delete(grace).await {
        // Somebody else was faster.
        Err(RuntimeError::NotFound { .. }) => Ok(()),
        result => result,
    }
}

/// The exit code of a container that has ended, and will not be started again as it is.
fn code_of(counted: Option<&Counted>, pods: &[Watched]) -> Option<u8> {
    let Counted { place, container } = counted?;
    let status = &pods.get(*place)?.last;
    let mut all = status.init_container_statuses.iter().chain(&status.container_statuses);
    let ended = all.find(|c| c.name == *container)?.state.terminated.as_ref()?;
    Some(u8::try_from(ended.exit_code).unwrap_or(exit::FAILED))
}

/// Refuses a pod that has not begun yet and will not: one in the foreground does not wait for an image to come.
fn refuse_obstacles(pod: &str, status: &PodStatus) -> Result<(), RuntimeError> {
    let blocked = Blocked::of(status).filter(|blocked| blocked.obstacle != Obstacle::Crash);
    blocked.map_or(Ok(()), |blocked| Err(blocked.into_error(pod)))
}
