//! A pod that is made to be sat at.

use std::time::Duration;

use clap::Args;
use pod_runtime::{PodHandle, Runtime, RuntimeError};
use pod_spec::AdmittedObject;
use serde_json::Value;

use crate::commands::attach::{AttachArgs, attach_to_new};
use crate::error::CliError;
use crate::up::Signals;
use crate::{event_loop, manifest, output, span, terminal};

/// The exit code of a command that a signal ended.
const INTERRUPTED: u8 = 130;

#[derive(Debug, Args)]
pub struct AttachedRun {
    /// Attach to the container when it runs, which -i does too
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub attach: Option<bool>,
    #[command(flatten)]
    pub how: AttachArgs,
    /// Delete the pod when its container has ended, or is left
    #[arg(long)]
    pub rm: bool,
    /// Keep the container's standard input open when this one ends
    #[arg(long)]
    pub leave_stdin_open: bool,
    /// How long to wait until the container runs
    #[arg(long, value_name = "SPAN", default_value = "1m", value_parser = span::parse)]
    pub pod_running_timeout: Duration,
}

impl AttachedRun {
    /// Whether the container is attached to.
    pub fn attaches(&self) -> bool {
        self.attach.unwrap_or(self.how.stdin)
    }

    pub fn check(&self) -> Result<(), CliError> {
        let wrong = if self.rm && !self.attaches() {
            "--rm should only be used for attached containers: give --attach or -i"
        } else if self.how.tty && !self.how.stdin {
            "-i is required for containers with -t"
        } else {
            return Ok(());
        };
        Err(CliError::Usage(wrong.to_owned()))
    }

    /// Writes what of it the manifest says.
    pub fn set_fields(&self, container: &mut Value) {
        if self.how.stdin {
            container["stdin"] = true.into();
        }
        if self.how.stdin && !self.leave_stdin_open {
            container["stdinOnce"] = true.into();
        }
        if self.how.tty {
            container["tty"] = true.into();
        }
    }
}

/// Makes the pod, and leads its container's descriptors here.
pub fn run(
    runtime: &Runtime,
    objects: Vec<AdmittedObject>,
    args: &AttachedRun,
) -> Result<u8, CliError> {
    if !args.how.quiet {
        objects.iter().for_each(|object| manifest::notice(object.notices()));
    }
    let pods = objects.into_iter().filter_map(|object| match object {
        AdmittedObject::Pod(pod) => Some(pod.pod),
        _ => None,
    });
    let Some(pod) = pods.into_iter().next() else { return Err(CliError::NoPod) };
    event_loop::block_on(async {
        let pod = runtime.run(pod).await?;
        let code = sit_at(&pod, args).await;
        if args.rm {
            remove(&pod, args.how.quiet).await?;
        }
        code
    })
}

async fn sit_at(pod: &PodHandle, args: &AttachedRun) -> Result<u8, CliError> {
    let name = pod.pod().spec().containers.first().map(|c| c.name.clone()).unwrap_or_default();
    let attached = attach_to_new(pod, &name, args.how.clone(), Some(args.pod_running_timeout));
    // At a terminal the session hears the signals, and puts the terminal back.
    if !args.rm || terminal::wanted(args.how.tty, args.how.stdin, true) {
        return attached.await;
    }
    let mut signals = Signals::listen()?;
    tokio::select! {
        code = attached => code,
        () = signals.next() => Ok(INTERRUPTED),
    }
}

async fn remove(pod: &PodHandle, quiet: bool) -> Result<(), CliError> {
    match pod.stop().await {
        // Somebody else was faster.
        Ok(_) | Err(RuntimeError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    if !quiet {
        output::message(&format!("pod \"{}\" deleted", pod.name()));
    }
    Ok(())
}
