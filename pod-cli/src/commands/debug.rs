//! `pod debug`: a further container in a pod, or a changed copy of the pod.

mod copy;
mod profile;

use std::hash::{BuildHasher, RandomState};

use clap::Args;
use pod_runtime::{EphemeralContainer, PodHandle, Runtime, RuntimeError};
use serde_json::{Map, Value, json};

use crate::args::{Globals, NetworkArgs};
use crate::commands::attach::{AttachArgs, DETACH_KEYS, attach_to_new};
use crate::error::CliError;
use crate::terminal::DetachKeys;
use crate::{event_loop, exit, output, resource};
use profile::Profile;

#[derive(Debug, Args)]
pub struct Debug {
    /// The pod
    pub pod: String,
    /// The image of the further container
    #[arg(long, required_unless_present = "set_image")]
    pub image: Option<String>,
    /// When its image is pulled: Always, IfNotPresent or Never
    #[arg(long, value_name = "POLICY")]
    pub image_pull_policy: Option<String>,
    /// The container whose processes it sees
    #[arg(long, value_name = "NAME", conflicts_with = "copy_to")]
    pub target: Option<String>,
    /// Its name; with --copy-to also that of a container of the pod, to be changed [default: debugger-…]
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,
    /// Variables of it
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// What it may do
    #[arg(long, value_enum, default_value_t = Profile::General)]
    pub profile: Profile,
    /// Keep its standard input open, and pass this one on
    #[arg(short = 'i', long)]
    pub stdin: bool,
    /// Give it this terminal
    #[arg(short = 't', long)]
    pub tty: bool,
    /// Attach to it, which -i does too; --attach=false returns when it has been added
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub attach: Option<bool>,
    /// Say nothing but what it says
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// Keys that leave it running and end this command
    #[arg(long, value_name = "KEYS", default_value = DETACH_KEYS)]
    pub detach_keys: DetachKeys,
    #[command(flatten)]
    pub copy: Copying,
    /// Its program and arguments [default: those of the image]
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// How a copy differs from its pod.
#[derive(Debug, Args)]
pub struct Copying {
    /// Make a copy of the pod, of this name
    #[arg(long, value_name = "NAME", value_parser = pod_name)]
    pub copy_to: Option<String>,
    /// Other images for the copy's containers: NAME=IMAGE, or *=IMAGE for all
    #[arg(long, value_name = "NAME=IMAGE", value_delimiter = ',', requires = "copy_to")]
    pub set_image: Vec<String>,
    /// Whether the containers of the copy see each other's processes
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value_t = true, action = clap::ArgAction::Set)]
    pub share_processes: bool,
    /// Delete the pod first
    #[arg(long, requires = "copy_to")]
    pub replace: bool,
    /// There is one node, which the copy is on
    #[arg(long, requires = "copy_to")]
    pub same_node: bool,
    #[command(flatten)]
    pub network: NetworkArgs,
}

fn pod_name(text: &str) -> Result<String, String> {
    resource::name(text).map_err(|e| e.to_string())
}

pub fn run(globals: &Globals, args: Debug) -> Result<u8, CliError> {
    let runtime = globals.runtime_with(&args.copy.network)?;
    let pod = runtime.pod(globals.namespace(), &resource::name(&args.pod)?)?;
    let attaches = args.attach.unwrap_or(args.stdin);
    let container = container_name(&pod, &args);
    if args.container.is_none() && args.image.is_some() && !args.quiet {
        output::message(&format!("Defaulting debug container name to {container}."));
    }
    event_loop::block_on(async {
        let made = match &args.copy.copy_to {
            Some(name) => copy_of(&runtime, &pod, name, &container, &args).await?,
            None => pod.add_ephemeral_container(ephemeral(&container, &args)?).await?,
        };
        if !attaches {
            return Ok(exit::OK);
        }
        let Debug { stdin, tty, quiet, detach_keys, .. } = args;
        let how = AttachArgs { stdin, tty, quiet, detach_keys };
        attach_to_new(&made, &container, how, None).await
    })
}

/// The name of the container that is added, or that the copy is looked into by.
fn container_name(pod: &PodHandle, args: &Debug) -> String {
    match &args.container {
        Some(name) => name.clone(),
        // Nothing is added to a copy whose images alone are others.
        None if args.image.is_none() => {
            pod.pod().spec().containers.first().map(|c| c.name.clone()).unwrap_or_default()
        }
        None => {
            let number = RandomState::new().hash_one(pod.uid());
            format!("debugger-{:05x}", number & 0xf_ffff)
        }
    }
}

/// The fields that a container has from the command line.
fn fields(name: &str, args: &Debug) -> Result<Map<String, Value>, CliError> {
    let mut fields = Map::new();
    fields.insert("name".to_owned(), name.into());
    let texts = [("image", &args.image), ("imagePullPolicy", &args.image_pull_policy)];
    for (key, value) in texts {
        if let Some(value) = value {
            fields.insert(key.to_owned(), value.as_str().into());
        }
    }
    if !args.command.is_empty() {
        fields.insert("command".to_owned(), args.command.clone().into());
    }
    let env: Result<Vec<Value>, CliError> = args.env.iter().map(|v| variable(v)).collect();
    if !args.env.is_empty() {
        fields.insert("env".to_owned(), env?.into());
    }
    // What is piped in ends, and with it the program; at a terminal nothing does.
    let once = args.stdin && !args.tty;
    for (key, value) in [("stdin", args.stdin), ("stdinOnce", once), ("tty", args.tty)] {
        if value {
            fields.insert(key.to_owned(), true.into());
        }
    }
    if let Some(context) = args.profile.security_context() {
        fields.insert("securityContext".to_owned(), context);
    }
    Ok(fields)
}

fn variable(text: &str) -> Result<Value, CliError> {
    let usage = || CliError::Usage(format!("`{text}` is no variable: NAME=VALUE"));
    let (name, value) = text.split_once('=').ok_or_else(usage)?;
    Ok(json!({"name": name, "value": value}))
}

fn ephemeral(name: &str, args: &Debug) -> Result<EphemeralContainer, CliError> {
    let mut fields = fields(name, args)?;
    if let Some(target) = &args.target {
        fields.insert("targetContainerName".to_owned(), target.as_str().into());
    }
    serde_json::from_value(fields.into()).map_err(|e| CliError::Usage(e.to_string()))
}

async fn copy_of(
    runtime: &Runtime,
    pod: &PodHandle,
    name: &str,
    container: &str,
    args: &Debug,
) -> Result<PodHandle, CliError> {
    if args.copy.same_node {
        output::message("note: --same-node is ignored, there is one node");
    }
    let changed = copy::changed(pod.object()?, name, container, fields(container, args)?, args)?;
    let copy = copy::checked(&changed).map_err(RuntimeError::from)?;
    if args.copy.replace {
        pod.stop().await?;
    }
    Ok(runtime.run(copy).await?)
}
