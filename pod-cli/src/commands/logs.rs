//! `pod logs`: prints the output of containers.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{self, BufWriter, StdoutLock, Write};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use clap::Args;
use pod_runtime::{LogLine, LogOptions, LogStream, PodHandle, now};
use pod_spec::{Selector, Time};
use tokio::task::JoinSet;

use crate::args::Globals;
use crate::chosen::{self, default_container};
use crate::error::CliError;
use crate::{event_loop, exit, output, span};

#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// The pod
    #[arg(required_unless_present = "selector", conflicts_with = "selector")]
    pub pod: Option<String>,
    /// Which container, as a word
    #[arg(hide = true, conflicts_with_all = ["container", "all_containers"])]
    pub container_word: Option<String>,
    /// Pods whose labels are so: `app=web,tier!=cache`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<Selector>,
    /// Which container [default: the one that the pod's annotation names, else the first main one]
    #[arg(short, long, value_name = "NAME", conflicts_with = "all_containers")]
    pub container: Option<String>,
    /// All containers of the pod, in the order in which they start
    #[arg(long)]
    pub all_containers: bool,
    /// Go on until the container has ended for good
    #[arg(short, long)]
    pub follow: bool,
    /// The run before the current one
    #[arg(short, long, conflicts_with = "follow")]
    pub previous: bool,
    /// Only this many of the last lines; -1 means all [default: -1, or 10 with a selector]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub tail: Option<i64>,
    /// Only what was written in the last 5s, 2m or 3h
    #[arg(long, value_name = "SPAN", value_parser = span::parse, conflicts_with = "since_time")]
    pub since: Option<Duration>,
    /// Only what was written at this moment or later: 2026-01-02T03:04:05Z
    #[arg(long, value_name = "TIME", value_parser = Time::parse)]
    pub since_time: Option<Time>,
    /// Stop after so many bytes
    #[arg(long, value_name = "N")]
    pub limit_bytes: Option<usize>,
    /// Begin each line with the moment it was written
    #[arg(long)]
    pub timestamps: bool,
    /// Begin each line with its pod and container
    #[arg(long)]
    pub prefix: bool,
    /// So many logs may be followed at once
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub max_log_requests: usize,
}

/// So many of the last lines are shown of each pod that a selector finds.
const TAIL_OF_MANY: usize = 10;

/// A container whose output is wanted.
struct Source {
    pod: PodHandle,
    container: String,
}

impl Source {
    /// What stands before its lines.
    fn prefix(&self) -> String {
        format!("[pod/{}/{}] ", self.pod.name(), self.container)
    }
}

pub fn run(globals: &Globals, args: &Logs) -> Result<u8, CliError> {
    let sources = sources(globals, args)?;
    if args.follow && sources.len() > args.max_log_requests {
        let message = format!(
            "{} logs would be followed at once, and {} are the limit: raise --max-log-requests",
            sources.len(),
            args.max_log_requests
        );
        return Err(CliError::Usage(message));
    }
    let options = options(args);
    event_loop::block_on(async {
        let out = Rc::new(RefCell::new(Output::new(args.limit_bytes)));
        if args.follow {
            return follow(sources, options, args, out).await;
        }
        for source in sources {
            copy(&source, options, args, &out).await?;
        }
        Ok(())
    })?;
    Ok(exit::OK)
}

fn options(args: &Logs) -> LogOptions {
    let since = args.since.map(|span| {
        let span = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        Time::from_nanos(now().as_nanos().saturating_sub(span))
    });
    let tail = match (args.tail, &args.selector) {
        (None, Some(_)) => Some(TAIL_OF_MANY),
        (lines, _) => lines.and_then(|lines| usize::try_from(lines).ok()),
    };
    LogOptions {
        follow: args.follow,
        previous: args.previous,
        tail,
        since: since.or(args.since_time),
    }
}

/// The containers that are meant.
fn sources(globals: &Globals, args: &Logs) -> Result<Vec<Source>, CliError> {
    let runtime = globals.runtime()?;
    let pods = match (&args.pod, &args.selector) {
        (Some(name), _) => vec![chosen::pod(&runtime, globals.namespace(), name)?],
        (None, Some(selector)) => {
            let mut pods = runtime.list(Some(globals.namespace()))?;
            pods.retain(|pod| selector.matches(&pod.pod().metadata().labels));
            if pods.is_empty() {
                output::none_found(Some(globals.namespace()));
            }
            pods
        }
        (None, None) => return Err(CliError::Usage("which pod? Give a name or -l".to_owned())),
    };
    let container = args.container.as_ref().or(args.container_word.as_ref());
    let of = |pod: PodHandle| -> Vec<Source> {
        let containers = match container {
            _ if args.all_containers => all_containers(&pod),
            Some(name) => vec![name.clone()],
            None => vec![default_container(&pod)],
        };
        let source = |container| Source { pod: pod.clone(), container };
        containers.into_iter().map(source).collect()
    };
    Ok(pods.into_iter().flat_map(of).collect())
}

/// The names of all containers, in the order in which they start.
fn all_containers(pod: &PodHandle) -> Vec<String> {
    let spec = pod.pod().spec();
    spec.init_containers.iter().chain(&spec.containers).map(|c| c.name.clone()).collect()
}

/// Copies the outputs as they come, until all of the containers have ended.
async fn follow(
    sources: Vec<Source>,
    options: LogOptions,
    args: &Logs,
    out: Rc<RefCell<Output>>,
) -> Result<(), CliError> {
    let mut copies = JoinSet::new();
    for source in sources {
        let (args, out) = (args.clone(), Rc::clone(&out));
        copies.spawn_local(async move { copy(&source, options, &args, &out).await });
    }
    while let Some(copied) = copies.join_next().await {
        copied.map_err(io::Error::from).map_err(CliError::io("follow the logs"))??;
    }
    Ok(())
}

async fn copy(
    source: &Source,
    options: LogOptions,
    args: &Logs,
    out: &RefCell<Output>,
) -> Result<(), CliError> {
    let mut stream = source.pod.logs(&source.container, options)?;
    let prefix = if args.prefix { source.prefix() } else { String::new() };
    let mut at_start = true;
    while let Some(line) = next(&mut stream, out).await? {
        let mut head = String::new();
        if at_start {
            head.push_str(&prefix);
            if args.timestamps {
                head.push_str(&line.time);
                head.push(' ');
            }
        }
        let is_full = out.borrow_mut().write(&head, &line).map_err(CliError::Output)?;
        if is_full {
            break;
        }
        at_start = !line.partial;
    }
    out.borrow_mut().flush().map_err(CliError::Output)?;
    // A pod that is gone meanwhile has nothing more to say.
    if let Ok(Some(why)) = source.pod.lost_output(&source.container) {
        output::message(&format!("warning: container {}: {why}", source.container));
    }
    Ok(())
}

/// The next line. What has been read is shown before more is waited for.
async fn next(stream: &mut LogStream, out: &RefCell<Output>) -> Result<Option<LogLine>, CliError> {
    let mut next = pin!(stream.next());
    poll_fn(|cx| match next.as_mut().poll(cx) {
        Poll::Pending => match out.borrow_mut().flush() {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(CliError::Output(error))),
        },
        Poll::Ready(line) => Poll::Ready(line.map_err(CliError::from)),
    })
    .await
}

/// Standard output, up to a number of bytes.
struct Output {
    out: BufWriter<StdoutLock<'static>>,
    left: Option<usize>,
}

impl Output {
    fn new(limit: Option<usize>) -> Self {
        Self { out: BufWriter::new(io::stdout().lock()), left: limit }
    }

    /// Writes a line with what stands before it; returns whether there is no room for more.
    fn write(&mut self, head: &str, line: &LogLine) -> io::Result<bool> {
        let end: &[u8] = if line.partial { b"" } else { b"\n" };
        for part in [head.as_bytes(), &line.text, end] {
            let length = self.left.map_or(part.len(), |left| left.min(part.len()));
            self.out.write_all(&part[..length])?;
            self.left = self.left.map(|left| left - length);
        }
        Ok(self.left == Some(0))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
