//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pod_runtime::{Bridge, Cni, IpNet, Network, Runtime, SYSTEM};
use pod_spec::{BACKOFF_INITIAL, BACKOFF_MAX, Selector, Time};

use crate::error::CliError;
use crate::{exit, resource, span};

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

/// Which network a new pod gets.
#[derive(Debug, Args)]
pub struct NetworkArgs {
    /// What the pod is connected to [default: `cni` when the machine has a configuration for it, else `bridge`]
    #[arg(long, env = "POD_NETWORK", value_name = "KIND")]
    pub network: Option<NetworkKind>,
    /// Ranges of the bridge's addresses, one for each family [default: one that nothing else uses]
    #[arg(long, env = "POD_CIDR", value_name = "CIDR", value_delimiter = ',')]
    pub pod_cidr: Vec<IpNet>,
    /// Where CNI configurations lie [default: /etc/cni/net.d]
    #[arg(long, env = "POD_CNI_CONF_DIR", value_name = "DIR", conflicts_with = "pod_cidr")]
    pub cni_conf_dir: Option<PathBuf>,
    /// Where CNI plugins lie [default: /opt/cni/bin, /usr/lib/cni, /usr/libexec/cni]
    #[arg(long, env = "POD_CNI_BIN_DIR", value_name = "DIR", value_delimiter = ':')]
    pub cni_bin_dir: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NetworkKind {
    /// A bridge of this machine's own, with an address for each pod
    Bridge,
    /// What the plugins of a CNI configuration make
    Cni,
    /// Localhost only
    Loopback,
}

impl NetworkArgs {
    /// The network, when the command line says anything about it.
    pub fn choice(&self) -> Result<Option<Network>, CliError> {
        let kind = match self.network {
            Some(kind) => kind,
            None if self.cni_conf_dir.is_some() => NetworkKind::Cni,
            None if !self.pod_cidr.is_empty() => NetworkKind::Bridge,
            None => return Ok(None),
        };
        Ok(Some(match kind {
            NetworkKind::Bridge => Network::Bridge(self.bridge()?),
            NetworkKind::Cni => Network::Cni(self.cni()),
            NetworkKind::Loopback => Network::Loopback,
        }))
    }

    fn bridge(&self) -> Result<Bridge, CliError> {
        let mut bridge = Bridge::default();
        for range in &self.pod_cidr {
            let before = match range {
                IpNet::V4(range) => bridge.ipv4.replace(*range).map(IpNet::V4),
                IpNet::V6(range) => bridge.ipv6.replace(*range).map(IpNet::V6),
            };
            if let Some(before) = before {
                let message = format!(
                    "--pod-cidr: {before} and {range} are of the same family: give one of each"
                );
                return Err(CliError::Usage(message));
            }
        }
        Ok(bridge)
    }

    fn cni(&self) -> Cni {
        let mut cni = Cni::system();
        if let Some(dir) = &self.cni_conf_dir {
            cni.conf_dir.clone_from(dir);
        }
        if !self.cni_bin_dir.is_empty() {
            cni.bin_dirs.clone_from(&self.cni_bin_dir);
        }
        cni
    }
}

#[derive(Debug, Args)]
pub struct Check {
    /// The manifests; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
    /// A manifest
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<String>,
    /// `json`: everything as data
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<CheckFormat>,
}

impl Check {
    pub fn json(&self) -> bool {
        self.output == Some(CheckFormat::Json)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    Json,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// The field: `pod.spec.containers.ports`
    #[arg(value_name = "FIELD")]
    pub field: String,
    /// The names of all fields within
    #[arg(long)]
    pub recursive: bool,
}

#[derive(Debug, Args)]
pub struct Get {
    /// `pods`, `pods NAME…` or `pod/NAME…`; the same with `configmaps` (`cm`) and `secrets`
    #[arg(required = true, value_name = "pods [NAME]…")]
    pub targets: Vec<String>,
    /// Those of all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Those whose labels are so: `app=web,tier!=cache`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<Selector>,
    /// How to print them
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Format>,
    /// Leave the headings out
    #[arg(long)]
    pub no_headers: bool,
    /// With their labels in a column
    #[arg(long)]
    pub show_labels: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table with more columns
    Wide,
    /// The whole objects
    Yaml,
    /// The whole objects
    Json,
    /// `pod/NAME` and the like only
    Name,
}

#[derive(Debug, Args)]
pub struct Events {
    /// Only those of this pod: `pod/NAME`
    #[arg(long = "for", value_name = "pod/NAME")]
    pub pod: Option<String>,
    /// Events of pods of all namespaces
    #[arg(short = 'A', long, conflicts_with = "pod")]
    pub all_namespaces: bool,
    /// Only those of these types
    #[arg(long, value_name = "TYPE", value_delimiter = ',', ignore_case = true)]
    pub types: Vec<EventType>,
    /// Leave the headings out
    #[arg(long)]
    pub no_headers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EventType {
    /// Something went as it should
    #[value(name = "Normal")]
    Normal,
    /// Something did not
    #[value(name = "Warning")]
    Warning,
}

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
    /// Which container [default: the first main one]
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
pub struct PortForward {
    /// The pod
    pub pod: String,
    /// Ports: of both sides alike, one for each, or any one of this machine with `:REMOTE`
    #[arg(required = true, value_name = "[LOCAL:]REMOTE", value_parser = ForwardedPort::parse)]
    pub ports: Vec<ForwardedPort>,
    /// Addresses of this machine to listen at
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', default_value = "localhost")]
    pub address: Vec<String>,
}

/// A port of this machine and the pod's that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardedPort {
    /// 0 is any that is free; without one it is the same as the pod's.
    pub local: Option<u16>,
    /// A number, or the name of a port in the manifest.
    pub remote: String,
}

impl ForwardedPort {
    fn parse(text: &str) -> Result<Self, String> {
        let (local, remote) = match text.split_once(':') {
            None => (None, text),
            Some(("", remote)) => (Some(0), remote),
            Some((local, remote)) => {
                let number =
                    local.parse().map_err(|_| format!("`{local}` is no port: 0 to 65535"))?;
                (Some(number), remote)
            }
        };
        let wrong = || format!("`{remote}` is no port of a pod: 1 to 65535, or its name");
        let named = remote.bytes().any(|b| b.is_ascii_alphabetic())
            && remote.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !named && !remote.parse::<u16>().is_ok_and(|port| port != 0) {
            return Err(wrong());
        }
        Ok(Self { local, remote: remote.to_owned() })
    }
}

#[derive(Debug, Args)]
pub struct Delete {
    /// `NAME…`, `pods NAME…` or `pod/NAME…`; the same with `configmaps` (`cm`) and `secrets`
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

#[derive(Debug, Args)]
pub struct Wait {
    /// `NAME…`, `pods NAME…` or `pod/NAME…`
    #[arg(required = true, value_name = "pod/NAME")]
    pub targets: Vec<String>,
    /// `condition=NAME[=VALUE]` or `delete`
    #[arg(long = "for", value_name = "WHAT", value_parser = WaitFor::parse)]
    pub what: WaitFor,
    /// How long to wait for each pod
    #[arg(long, value_name = "SPAN", default_value = "30s", value_parser = span::parse)]
    pub timeout: Duration,
}

/// What `pod wait` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitFor {
    /// That the pod is gone.
    Delete,
    /// That one of its conditions has this value.
    Condition { name: String, value: String },
}

impl WaitFor {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            "this is neither `condition=NAME`, such as `condition=Ready`, nor `delete`".to_owned()
        };
        match text.split_once('=') {
            None if text == "delete" => Ok(Self::Delete),
            Some(("condition", condition)) => {
                let (name, value) = condition.split_once('=').unwrap_or((condition, "True"));
                if name.is_empty() || value.is_empty() {
                    return Err(wrong());
                }
                Ok(Self::Condition { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err(wrong()),
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum System {
    /// Mend the network of pods and remove what is left of those that are no more
    ///
    /// Puts back the bridge, forwarding and the rules of the firewall when another program has removed them, and takes back
    /// what pods had that were killed on their way. Says what it has done; nothing when all is well.
    Repair,
}

#[derive(Debug, Subcommand)]
pub enum Image {
    /// Pull images from their registries
    ///
    /// Prints the id of each. Registries are reached as `registries.conf`, `auth.json`, Docker's `config.json` and `certs.d`
    /// say, and through the proxies of the environment.
    Pull(ImagePull),
    /// Load images from an archive or directory
    ///
    /// Takes an OCI image layout, as a directory or a tar, and what `docker save` and `podman save` write.
    Load(ImageLoad),
    /// Save images as an archive that podman, skopeo and `docker load` read
    Save(ImageSave),
    /// Show the images of this machine, their size on disk and the pods that use them
    #[command(visible_alias = "list")]
    Ls(ImageLs),
    /// Print everything about images, as JSON
    Inspect(ImageNames),
    /// Remove images
    ///
    /// An image with several names loses the one that is given. One that a pod uses is not removed.
    #[command(visible_alias = "remove")]
    Rm(ImageNames),
    /// Remove what nothing uses
    Prune(ImagePrune),
    /// Give an image one more name
    Tag(ImageTag),
}

#[derive(Debug, Args)]
pub struct ImageNames {
    /// Names or ids; an id may be cut short
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<String>,
}

#[derive(Debug, Args)]
pub struct ImagePull {
    /// Such as `nginx`, `nginx:1.25`, `quay.io/a/b:c` or `localhost:5000/x@sha256:…`
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Args)]
pub struct ImageLoad {
    /// The archive or directory [default: standard input]
    #[arg(short, long, value_name = "PATH", default_value = "-", hide_default_value = true)]
    pub input: String,
}

#[derive(Debug, Args)]
pub struct ImageSave {
    /// Names or ids
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<String>,
    /// The archive [default: standard output]
    #[arg(short, long, value_name = "FILE", default_value = "-", hide_default_value = true)]
    pub output: String,
}

#[derive(Debug, Args)]
pub struct ImageLs {
    /// How to print them
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<ImageFormat>,
    /// Leave the headings out
    #[arg(long)]
    pub no_headers: bool,
    /// Print ids only
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageFormat {
    /// Everything
    Json,
    /// A table with whole ids and digests
    Wide,
}

#[derive(Debug, Args)]
pub struct ImagePrune {
    /// Also images that have a name, when no pod uses them
    #[arg(short, long)]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct ImageTag {
    /// A name or id
    pub image: String,
    /// The further name
    pub name: String,
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

    #[test]
    fn a_condition_may_have_a_value() {
        let is = |name: &str, value: &str| {
            Ok(WaitFor::Condition { name: name.to_owned(), value: value.to_owned() })
        };
        assert_eq!(WaitFor::parse("condition=Ready"), is("Ready", "True"));
        assert_eq!(WaitFor::parse("condition=Ready=false"), is("Ready", "false"));
    }
}
