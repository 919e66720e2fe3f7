//! `pod logs`: prints the output of a container.

use std::future::{Future, poll_fn};
use std::io::{self, BufWriter, Write};
use std::pin::pin;
use std::task::Poll;

use pod_runtime::{LogLine, LogOptions, LogStream, PodHandle};

use crate::args::{Globals, Logs};
use crate::error::CliError;
use crate::{event_loop, exit, output, resource};

pub fn run(globals: &Globals, args: &Logs) -> Result<u8, CliError> {
    let pod = globals.runtime()?.pod(globals.namespace(), &resource::name(&args.pod)?)?;
    let container = args.container.clone().unwrap_or_else(|| default_container(&pod));
    let options = LogOptions {
        follow: args.follow,
        previous: args.previous,
        tail: usize::try_from(args.tail).ok(),
    };
    event_loop::block_on(async {
        let mut stream = pod.logs(&container, options)?;
        copy(&mut stream, args.timestamps).await
    })?;
    Ok(exit::OK)
}

/// The first main container. Says so where there are others to choose from.
pub fn default_container(pod: &PodHandle) -> String {
    let spec = pod.pod().spec();
    let all = spec.containers.iter().chain(&spec.init_containers);
    let mut names = all.map(|c| c.name.as_str());
    let chosen = names.next().unwrap_or_default().to_owned();
    let others: Vec<&str> = names.collect();
    if !others.is_empty() {
        output::message(&format!(
            "Defaulted container \"{chosen}\" out of: {chosen}, {}",
            others.join(", ")
        ));
    }
    chosen
}

async fn copy(stream: &mut LogStream, timestamps: bool) -> Result<(), CliError> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut at_start = true;
    loop {
        let line = {
            let mut next = pin!(stream.next());
            // What has been read is shown before more is waited for.
            poll_fn(|cx| match next.as_mut().poll(cx) {
                Poll::Pending => match out.flush() {
                    Ok(()) => Poll::Pending,
                    Err(error) => Poll::Ready(Err(CliError::Output(error))),
                },
                Poll::Ready(line) => Poll::Ready(line.map_err(CliError::from)),
            })
            .await?
        };
        let Some(line) = line else { return out.flush().map_err(CliError::Output) };
        write(&mut out, &line, timestamps && at_start).map_err(CliError::Output)?;
        at_start = !line.partial;
    }
}

fn write(out: &mut impl Write, line: &LogLine, timestamp: bool) -> io::Result<()> {
    if timestamp {
        write!(out, "{} ", line.time)?;
    }
    out.write_all(&line.text)?;
    if line.partial { Ok(()) } else { out.write_all(b"\n") }
}
