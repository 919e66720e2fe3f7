//! One execution of one plugin.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::configuration::{Configuration, Plugin};
use super::version::Version;
use super::{CniError, INTERFACE, PluginFault};
use crate::execution::{self, Ended};
use crate::{Attachment, ExecutionError, PortMapping};

/// What a plugin can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Check,
    Del,
    Gc,
    Version,
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Check => "CHECK",
            Self::Del => "DEL",
            Self::Gc => "GC",
            Self::Version => "VERSION",
        }
    }
}

/// A pod, and the path of its namespace, which is empty when that is gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub pod: &'a Attachment,
    pub netns: &'a str,
}

/// Executes plugins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plugins<'a> {
    pub bin_dirs: &'a [PathBuf],
    /// How long one execution may take.
    pub limit: Duration,
}

impl Plugins<'_> {
    /// Has `plugin` carry out `verb` with `input`; gives what it wrote.
    pub fn execute(
        &self,
        plugin: &Plugin,
        verb: Verb,
        target: Option<Target<'_>>,
        input: &Value,
    ) -> Result<Vec<u8>, CniError> {
        let mut command = Command::new(self.find(&plugin.kind)?);
        command.env_clear().envs(self.environment(verb, target));
        let Ended { outcome, stdout, stderr } =
            execution::run(command, input.to_string().as_bytes(), self.limit);
        match judge(outcome, &stdout) {
            Ok(()) => Ok(stdout),
            Err(source) => Err(failed(plugin, verb, stderr, source)),
        }
    }

    /// The versions that `plugin` says it knows; those among them that are not understood are left out.
    pub fn versions(&self, plugin: &Plugin) -> Result<Vec<Version>, CniError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            supported_versions: Vec<String>,
        }
        let input = json!({ "cniVersion": Version::V1_0_0.as_str() });
        let stdout = self.execute(plugin, Verb::Version, None, &input)?;
        let answer: Answer = serde_json::from_slice(&stdout).map_err(|error| {
            failed(plugin, Verb::Version, String::new(), PluginFault::Result(error))
        })?;
        Ok(answer.supported_versions.iter().filter_map(|text| Version::parse(text)).collect())
    }

    fn find(&self, kind: &str) -> Result<PathBuf, CniError> {
        execution::find(self.bin_dirs, kind).ok_or_else(|| {
            let directories: Vec<_> =
                self.bin_dirs.iter().map(|dir| dir.display().to_string()).collect();
            CniError::MissingPlugin { plugin: kind.to_owned(), directories: directories.join(", ") }
        })
    }

    fn environment(&self, verb: Verb, target: Option<Target<'_>>) -> Vec<(&'static str, OsString)> {
        // Plugins execute those that lend addresses, and these programs such as `iptables`.
        let programs =
            env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
        let directories: Vec<_> = self.bin_dirs.iter().map(|dir| dir.as_os_str()).collect();
        let mut environment = vec![
            ("PATH", programs),
            ("CNI_COMMAND", verb.as_str().into()),
            ("CNI_PATH", directories.join(":".as_ref())),
        ];
        if let Some(Target { pod, netns }) = target {
            environment.extend([
                ("CNI_CONTAINERID", pod.id.clone().into()),
                ("CNI_NETNS", netns.into()),
                ("CNI_IFNAME", INTERFACE.into()),
                ("CNI_ARGS", arguments(pod).into()),
            ]);
        }
        environment
    }
}

/// A failure of `plugin`.
pub(super) fn failed(plugin: &Plugin, verb: Verb, stderr: String, source: PluginFault) -> CniError {
    CniError::Plugin { plugin: plugin.kind.clone(), command: verb.as_str(), stderr, source }
}

/// What plugins made for Kubernetes know a pod by.
fn arguments(pod: &Attachment) -> String {
    let Attachment { id, namespace, name, .. } = pod;
    format!(
        "IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name};\
         K8S_POD_INFRA_CONTAINER_ID={id};K8S_POD_UID={id}"
    )
}

/// What stands in the configuration of one plugin of `network`, apart from what belongs to a single execution.
pub(super) fn input(
    network: &Configuration,
    version: Version,
    plugin: &Plugin,
    pod: Option<&Attachment>,
) -> Map<String, Value> {
    let mut input = plugin.rest.clone();
    input.insert("type".to_owned(), plugin.kind.clone().into());
    input.insert("name".to_owned(), network.name.clone().into());
    input.insert("cniVersion".to_owned(), version.as_str().into());
    let values = pod.map(|pod| values(plugin, pod)).unwrap_or_default();
    if !values.is_empty() {
        input.insert("runtimeConfig".to_owned(), values.into());
    }
    input
}

/// The values that `plugin` wants and that there are.
fn values(plugin: &Plugin, pod: &Attachment) -> Map<String, Value> {
    let mut values = Map::new();
    let wants = |capability: &str| plugin.capabilities.get(capability) == Some(&true);
    if wants("portMappings") && !pod.ports.is_empty() {
        let ports: Vec<_> = pod.ports.iter().map(port_mapping).collect();
        values.insert("portMappings".to_owned(), ports.into());
    }
    if wants("aliases") && !pod.names.is_empty() {
        values.insert("aliases".to_owned(), pod.names.clone().into());
    }
    values
}

fn port_mapping(port: &PortMapping) -> Value {
    let mut mapping = json!({
        "hostPort": port.host_port,
        "containerPort": port.container_port,
        "protocol": port.protocol,
    });
    if let Some(address) = port.host_ip {
        mapping["hostIP"] = address.to_string().into();
    }
    mapping
}

fn judge(outcome: Result<ExitStatus, ExecutionError>, stdout: &[u8]) -> Result<(), PluginFault> {
    #[derive(Deserialize)]
    struct Report {
        code: u64,
        msg: String,
        #[serde(default)]
        details: String,
    }
    let status = outcome?;
    if status.success() {
        return Ok(());
    }
    Err(match serde_json::from_slice(stdout) {
        Ok(Report { code, msg, details }) => PluginFault::Reported { code, message: msg, details },
        Err(_) => PluginFault::Ended(status),
    })
}
