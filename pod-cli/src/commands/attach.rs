//! `pod attach`: leads the standard descriptors of a container's first process here.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use pod_runtime::{
    Attachment, LogLine, LogOptions, OutputStream, PodHandle, PodStatus, RuntimeError, Terminal,
    TerminalSize,
};
use pod_spec::status::ContainerState;
use pod_spec::{Container, RestartPolicy};
use tokio::time::{Instant, timeout_at};

use crate::args::Globals;
use crate::chosen::ContainerArgs;
use crate::commands::exec::exit_code;
use crate::error::{CliError, located};
use crate::terminal::{self, DetachKeys, End, Session};
use crate::{event_loop, exit, output, span};

/// The keys that leave an attached container running, unless others are given: those of docker.
pub const DETACH_KEYS: &str = "ctrl-p,ctrl-q";

#[derive(Debug, Args)]
pub struct Attach {
    #[command(flatten)]
    pub place: ContainerArgs,
    #[command(flatten)]
    pub how: AttachArgs,
}

/// How a container is attached to.
#[derive(Debug, Clone, Args)]
pub struct AttachArgs {
    /// Pass standard input on to the container
    #[arg(short = 'i', long)]
    pub stdin: bool,
    /// Give the container this terminal, with -i
    #[arg(short = 't', long)]
    pub tty: bool,
    /// Say nothing but what the container says
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// Keys that leave the container running and end this command
    #[arg(long, value_name = "KEYS", default_value = DETACH_KEYS)]
    pub detach_keys: DetachKeys,
}

pub fn run(globals: &Globals, args: Attach) -> Result<u8, CliError> {
    let (pod, container) = args.place.find(globals)?;
    event_loop::block_on(async {
        let attachment = pod.attach(&container, args.how.stdin).await?;
        let end = session(&pod, &container, attachment, args.how).await?;
        Ok(exit_code(&end))
    })
}

/// Attaches to a container as soon as it runs, showing also what it has written before; for one that has ended already,
/// that is all. Returns the exit code. It has to run within so long, when that is said.
pub async fn attach_to_new(
    pod: &PodHandle,
    container: &str,
    how: AttachArgs,
    within: Option<Duration>,
) -> Result<u8, CliError> {
    let mut changes = pod.changes();
    let late = |within| CliError::TimedOut {
        path: format!("pod/{}", pod.name()),
        condition: format!("container {container} to run"),
        after: span::age(within),
    };
    let until = within.map(|within| (within, Instant::now() + within));
    loop {
        let next = match until {
            Some((within, at)) => timeout_at(at, changes.next()).await.map_err(|_| late(within))?,
            None => changes.next().await,
        };
        let Some(status) = next? else {
            return Err(CliError::LostPod { name: pod.name().to_owned() });
        };
        let Some(state) = state_of(&status, container) else { continue };
        if let Some(ended) = &state.terminated {
            show_log(pod, container).await?;
            return Ok(u8::try_from(ended.exit_code).unwrap_or(exit::FAILED));
        }
        if state.running.is_some() {
            match pod.attach(container, how.stdin).await {
                // It has just ended.
                Err(RuntimeError::NotRunning { .. }) => continue,
                attachment => {
                    let attachment = attachment?;
                    let earlier = attachment.earlier().map_err(CliError::io("read the log"))?;
                    earlier.iter().try_for_each(show)?;
                    return Ok(exit_code(&session(pod, container, attachment, how).await?));
                }
            }
        }
        refuse_obstacles(pod, container, &status, state)?;
    }
}

/// Refuses to wait for a container that will not start by itself.
fn refuse_obstacles(
    pod: &PodHandle,
    container: &str,
    status: &PodStatus,
    state: &ContainerState,
) -> Result<(), CliError> {
    if status.phase.is_terminal() {
        return Err(CliError::LostPod { name: pod.name().to_owned() });
    }
    let Some(waiting) = &state.waiting else { return Ok(()) };
    let reason = waiting.reason.as_deref().unwrap_or_default();
    if matches!(reason, "" | "ContainerCreating" | "PodInitializing") {
        return Ok(());
    }
    let why = waiting.message.as_deref().unwrap_or_default();
    let state = format!("{reason}: {why}");
    let (pod, container) = (pod.name().to_owned(), container.to_owned());
    Err(RuntimeError::NotRunning { pod, container, state }.into())
}

/// What a container of a pod is doing, of whatever kind it is.
fn state_of<'a>(status: &'a PodStatus, container: &str) -> Option<&'a ContainerState> {
    let all = status.init_container_statuses.iter().chain(&status.container_statuses);
    let mut all = all.chain(&status.ephemeral_container_statuses);
    all.find(|c| c.name == container).map(|c| &c.state)
}

async fn show_log(pod: &PodHandle, container: &str) -> Result<(), CliError> {
    let mut lines = pod.logs(container, LogOptions::default())?;
    while let Some(line) = lines.next().await? {
        show(&line)?;
    }
    Ok(())
}

/// Prints a line of a log to the output that it was written to.
fn show(line: &LogLine) -> Result<(), CliError> {
    let mut text = line.text.clone();
    if !line.partial {
        text.push(b'\n');
    }
    match line.stream {
        OutputStream::Stdout => output::data(text),
        OutputStream::Stderr => io::stderr().write_all(&text).map_err(CliError::Output),
    }
}

/// Leads an attached container's descriptors here, until one side ends it.
pub async fn session(
    pod: &PodHandle,
    name: &str,
    attachment: Attachment,
    how: AttachArgs,
) -> Result<End, CliError> {
    let mut streams = attachment.streams;
    if how.stdin && streams.stdin.is_none() && !how.quiet {
        output::message(&format!(
            "container {name} does not read standard input: its manifest needs `stdin: true`, and with `stdinOnce` it \
             ends with the first client"
        ));
    }
    let has_terminal = streams.terminal.is_some();
    if how.tty && !has_terminal && !how.quiet {
        output::message(&format!("Unable to use a TTY - container {name} did not allocate one"));
    }
    // A container that has a terminal is given this one as soon as its input is.
    let raw = terminal::wanted(has_terminal, streams.stdin.is_some(), how.quiet || !how.tty);
    if let (true, Some(terminal)) = (raw, &streams.terminal) {
        redraw(terminal);
    }
    if raw && !how.quiet {
        output::message("If you don't see a command prompt, try pressing enter.");
    }
    let ends_with_input = has_terminal || container(pod, name).is_none_or(|c| !ends_once(c));
    let detach = raw.then_some(how.detach_keys);
    streams.terminal.take_if(|_| !raw);
    let end = Session { streams, raw, detach, ends_with_input }.run().await?;
    if raw && !how.quiet && pod.pod().spec().restart_policy == Some(RestartPolicy::Always) {
        output::message(&format!(
            "Session ended, resume using 'pod attach {} -c {name} -i -t' command when the pod is running",
            located(pod.namespace(), pod.name())
        ));
    }
    Ok(end)
}

/// Has a program that shows a screen show it again: it is told of another size before that of this terminal.
fn redraw(terminal: &Terminal) {
    if let Ok(TerminalSize { rows, columns }) = TerminalSize::of(io::stdin()) {
        let other =
            TerminalSize { rows: rows.saturating_add(1), columns: columns.saturating_add(1) };
        // The program may have ended.
        let _ = terminal.resize(other);
    }
}

fn ends_once(container: &Container) -> bool {
    container.stdin_once == Some(true)
}

/// A container of the pod's, by its name.
fn container<'a>(pod: &'a PodHandle, name: &str) -> Option<&'a Container> {
    let spec = pod.pod().spec();
    let ephemeral = spec.ephemeral_containers.iter().map(|one| &one.container);
    let all = spec.init_containers.iter().chain(&spec.containers).chain(ephemeral);
    all.into_iter().find(|c| c.name == name)
}
