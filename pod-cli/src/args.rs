//! The command line.

mod forward;
mod image;
mod network;
mod show;
mod wait;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pod_runtime::{Runtime, SYSTEM};
use pod_spec::{BACKOFF_INITIAL, BACKOFF_MAX, Selector};

use crate::error::CliError;
use crate::{exit, resource};
pub use forward::{ForwardedPort, PortForward};
pub use image::{
    Image, ImageFormat, ImageLoad, ImageLs, ImageNames, ImagePrune, ImagePull, ImageSave, ImageTag,
};
pub use network::NetworkArgs;
pub use show::{Check, EventType, Events, Explain, Format, Get, Logs};
pub use wait::{Wait, WaitFor};

/// Runs Kubernetes Pods on one Linux machine, without Kubernetes
#[derive(Debug, Parser)]
#[command(name = "pod", version, after_help = exit::HELP, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
pub struct Globals {
    /// Namespace of the pod [default: the manifest's own, else "default"]
    #[arg(short, long, global = true, value_name = "NAME", value_parser = resource::namespace)]
    pub namespace: Option<String>,
    /// Directory that holds everything: state, volumes and logs
    #[arg(long, global = true, env = "POD_ROOT", value_name = "DIR", default_value = SYSTEM)]
    pub root: PathBuf,
}

impl Globals {
    /// The namespace to look in.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    pub fn runtime(&self) -> Result<Runtime, CliError> {
        Ok(Runtime::open(&self.root)?)
    }

    /// The runtime, for pods that are to be made.
    pub fn runtime_with(&self, network: &NetworkArgs) -> Result<Runtime, CliError> {
        let runtime = self.runtime()?;
        Ok(match network.choice()? {
            Some(network) => runtime.with_network(network),
            None => runtime,
        })
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a pod in the foreground, with the output of its containers
    ///
    /// ConfigMaps and Secrets that stand beside it in the manifest are applied first, and stay.
    ///
    /// Prints what the containers write, each line with its container's name, until the pod ends. Ends with code 0, or with
    /// that of the first container that failed. Ctrl-C or SIGTERM stops the pod within its grace period, a second one at
    /// once; a container that such a stop ended by SIGTERM has not failed.
    Up(Up),
    /// Run pods in the background and keep ConfigMaps and Secrets; returns when the pods run
    ///
    /// A manifest may hold any number of objects; nothing is made when one of them is wrong. A pod that cannot start because
    /// of what its manifest says is removed again. One that waits for an image, a ConfigMap or a Secret, or whose containers
    /// start but fail, is kept. A ConfigMap or Secret that is there is changed.
    Apply(Apply),
    /// As `apply`, but nothing may be there already
    Create(Apply),
    /// Show pods, ConfigMaps and Secrets
    Get(Get),
    /// Show what happened to pods in the last hour
    Events(Events),
    /// Print the output of a container
    Logs(Logs),
    /// Execute a program in a container
    ///
    /// Standard input is passed on with -i, and also without it when it is not a terminal: inside a shell loop that reads a
    /// file, give `</dev/null`. Ends with the program's exit code; 127 when it is not there, 126 when it cannot be executed.
    /// Ctrl-C ends this command (code 130), not the program.
    Exec(Exec),
    /// Lead ports of this machine to ports of a pod
    ///
    /// Reaches anything that listens in the pod, also at its localhost only, whatever its image holds. Goes on until Ctrl-C,
    /// or until the pod is over.
    PortForward(PortForward),
    /// Stop pods and remove them, or ConfigMaps and Secrets
    Delete(Delete),
    /// Wait for a condition of pods
    Wait(Wait),
    /// Set conditions of a pod that are not its own, such as those that its readiness gates wait for
    ///
    /// The patch is `{"status": {"conditions": [{"type": "example.com/up", "status": "True"}]}}`: a strategic merge patch,
    /// so one condition of each type is kept. `reason`, `message` and `lastTransitionTime` may be given.
    Patch(Patch),
    /// Say what is wrong with manifests, and what of them is not supported, without running them
    Check(Check),
    /// Say what a field of a Pod is for, and what happens to it here
    Explain(Explain),
    /// Pull, load, show and remove images
    #[command(subcommand, visible_alias = "images")]
    Image(Image),
    /// Look after what the pods of this machine share
    #[command(subcommand)]
    System(System),
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
pub struct Up {
    /// The manifest; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    pub filename: String,
    /// Keep the pod's status and logs when it has ended by itself
    #[arg(long)]
    pub keep: bool,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub backoff: BackoffArgs,
}

#[derive(Debug, Args)]
pub struct Apply {
    /// The manifest; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    pub filename: String,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub backoff: BackoffArgs,
}

/// How long a container that keeps ending waits to be started again, when the manifest does not say.
#[derive(Debug, Default, Args)]
pub struct BackoffArgs {
    /// First pause before a container that keeps ending is started again [default: 10s]
    #[arg(long, env = "POD_BACKOFF_INITIAL", value_name = "SPAN")]
    pub backoff_initial: Option<String>,
    /// Longest such pause [default: 300s]
    #[arg(long, env = "POD_BACKOFF_MAX", value_name = "SPAN")]
    pub backoff_max: Option<String>,
}

impl BackoffArgs {
    /// The annotations that say so.
    pub fn annotations(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let initial = self.backoff_initial.iter().map(|span| (BACKOFF_INITIAL, span));
        initial.chain(self.backoff_max.iter().map(|span| (BACKOFF_MAX, span)))
    }
}

#[derive(Debug, Args)]
pub struct Exec {
    /// The pod
    pub pod: String,
    /// Which container [default: the first main one]
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,
    /// Pass standard input on, also from a terminal
    #[arg(short = 'i', long)]
    pub stdin: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Delete {
    /// `NAME…`, `pods NAME…` or `pod/NAME…`; the same with `configmaps` (`cm`), `secrets` and
    /// `persistentvolumeclaims` (`pvc`)
    #[arg(required_unless_present = "filename", value_name = "NAME")]
    pub targets: Vec<String>,
    /// All that this manifest names; `-` reads standard input
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["targets", "selector", "all"])]
    pub filename: Option<String>,
    /// Those whose labels are so: `app=web,tier!=cache`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<Selector>,
    /// All of the namespace
    #[arg(long, conflicts_with = "selector")]
    pub all: bool,
    /// Seconds between SIGTERM and SIGKILL [default: the pod's own]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(0..))]
    pub grace_period: Option<i64>,
    /// The same as --grace-period=1
    #[arg(long, conflicts_with_all = ["grace_period", "force"])]
    pub now: bool,
    /// Kill at once: --grace-period=0 unless another is given
    #[arg(long)]
    pub force: bool,
    /// Return only when the pods are gone; --wait=false returns at once
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pub wait: bool,
    /// What is not there counts as deleted
    #[arg(long)]
    pub ignore_not_found: bool,
}

#[derive(Debug, Args)]
pub struct Patch {
    /// `pod NAME` or `pod/NAME`
    #[arg(required = true, value_name = "pod NAME")]
    pub target: Vec<String>,
    /// What of the pod is patched
    #[arg(long, value_name = "NAME", required = true)]
    pub subresource: Subresource,
    /// How the patch is read
    #[arg(long = "type", value_name = "TYPE", default_value = "strategic")]
    pub kind: PatchKind,
    /// The patch, as JSON
    #[arg(short, long, value_name = "JSON")]
    pub patch: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subresource {
    Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PatchKind {
    Strategic,
}

#[derive(Debug, Subcommand)]
pub enum System {
    /// Mend the network of pods and remove what is left of those that are no more
    ///
    /// Puts back the bridge, forwarding and the rules of the firewall when another program has removed them, and takes back
    /// what pods had that were killed on their way. Says what it has done; nothing when all is well.
    Repair,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn good_lines_are_read() {
        for line in [
            "pod up -f web.yaml --keep",
            "pod apply -f -",
            "pod -n team get pods",
            "pod get pods -n team -A -o wide --no-headers",
            "pod logs web -c app -f --tail 5 --timestamps",
            "pod logs web --tail=-1 -p",
            "pod logs web app --since=2m --limit-bytes 100",
            "pod logs -l app=web,!old --all-containers --prefix --since-time=2020-02-01T09:50:00Z",
            "pod exec web -c app -i -- sh -c ls",
            "pod port-forward web 8080 8443:443 :http 0:9 --address 127.0.0.1,::1",
            "pod port-forward pod/web 80",
            "pod delete pods web other --grace-period 0 --wait=false",
            "pod delete -f web.yaml --now",
            "pod delete pods -l app=web,!old",
            "pod delete po --all",
            "pod get pods -l app=web --show-labels",
            "pod wait --for=condition=Ready pod/web --timeout=30s",
            "pod wait --for=delete web",
            "pod check a.yaml b.yaml -o json",
            "pod check -f -",
            "pod explain pod.spec.containers --recursive",
            "pod system repair",
            "pod version",
        ] {
            parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
    }

    #[test]
    fn wrong_lines_are_usage_errors() {
        for line in [
            "pod",
            "pod get",
            "pod up",
            "pod exec web",
            "pod exec web ls",
            "pod port-forward web",
            "pod port-forward web 0",
            "pod port-forward web 1:65536",
            "pod port-forward web x:80",
            "pod port-forward web 80:a/b",
            "pod delete",
            "pod delete -f a.yaml web",
            "pod delete -f a.yaml -l app",
            "pod delete pods -l app --all",
            "pod delete web --grace-period -1",
            "pod delete web --now --grace-period 5",
            "pod get pods -n ../x",
            "pod get pods -o xml",
            "pod logs web -p -f",
            "pod logs",
            "pod logs web -l app=web",
            "pod logs web app -c app",
            "pod logs web -c app --all-containers",
            "pod logs web --since=2m --since-time=2020-02-01T09:50:00Z",
            "pod logs -l app=web,,",
            "pod wait web",
            "pod wait web --for=ready",
            "pod wait web --for=condition=",
            "pod wait web --for=delete --timeout=soon",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), i32::from(exit::USAGE), "{line}");
        }
    }
}
