//! A container of a pod.

use std::collections::BTreeMap;

use super::{EnvFromSource, EnvVar, Lifecycle, Probe, SecurityContext, VolumeDevice, VolumeMount};
use crate::Quantity;
use crate::schema::{object, words};

object! {
    /// A container, main or init.
    pub struct Container: "v1.Container" {
        /// The name: a DNS label, unlike that of any other container of the pod.
        "name" name: String => required,
        /// The image reference.
        "image" image: String,
        /// The program and its first arguments, in place of the image's entrypoint.
        "command" command: Vec<String>,
        /// The arguments, in place of the image's.
        "args" args: Vec<String>,
        /// The working directory, in place of the image's.
        "workingDir" working_dir: Option<String>,
        /// What it listens on, and which ports of the machine lead there.
        "ports" ports: Vec<ContainerPort>,
        /// Sources whose every key becomes a variable; what `env` says wins over them.
        "envFrom" env_from: Vec<EnvFromSource>,
        /// The environment; a later variable wins over an earlier one of the same name.
        "env" env: Vec<EnvVar>,
        /// What it may use and what it is sure to get.
        "resources" resources: ResourceRequirements,
        /// What a change of its resources means for it while it runs.
        "resizePolicy" resize_policy: Vec<ContainerResizePolicy>,
        /// Whether it is started again when it ends, in place of what the pod says. `Always` makes an init container a
        /// sidecar.
        "restartPolicy" restart_policy: Option<ContainerRestartPolicy>,
        /// By exit code, what is done before `restartPolicy` is asked; the first that fits counts.
        "restartPolicyRules" restart_policy_rules: Vec<ContainerRestartRule>,
        /// The pod's volumes that it sees, and where.
        "volumeMounts" volume_mounts: Vec<VolumeMount>,
        /// The pod's block volumes that it sees as devices, and where.
        "volumeDevices" volume_devices: Vec<VolumeDevice>,
        /// Tells whether it is alive; it is started again when it is not.
        "livenessProbe" liveness_probe: Option<Probe>,
        /// Tells whether it can serve.
        "readinessProbe" readiness_probe: Option<Probe>,
        /// Tells whether it has come up; until then the other probes wait.
        "startupProbe" startup_probe: Option<Probe>,
        /// What is run when it has started and before it is stopped.
        "lifecycle" lifecycle: Option<Lifecycle>,
        /// The file in the container that is read for the reason of its end. `/dev/termination-log` when none is given.
        "terminationMessagePath" termination_message_path: Option<String>,
        /// Where else that reason is looked for. `File` when not given: nowhere.
        "terminationMessagePolicy" termination_message_policy: Option<TerminationMessagePolicy>,
        /// When the image is pulled. When not given, `Always` for the tag latest, else `IfNotPresent`.
        "imagePullPolicy" image_pull_policy: Option<ImagePullPolicy>,
        /// User, capabilities and the like, before those of the pod.
        "securityContext" security_context: Option<SecurityContext>,
        /// Whether its standard input is kept open, instead of ending at once.
        "stdin" stdin: Option<bool>,
        /// Whether its standard input ends when the first who attached to it goes.
        "stdinOnce" stdin_once: Option<bool>,
        /// Whether it has a terminal.
        "tty" tty: Option<bool>,
    }
}

impl Container {
    /// Whether this init container is a sidecar: it is started in its turn, and stays while the pod runs.
    pub fn is_sidecar(&self) -> bool {
        self.restart_policy == Some(ContainerRestartPolicy::Always)
    }
}

object! {
    /// A container that is added to a running pod, to look at it.
    pub struct EphemeralContainer: "v1.EphemeralContainer" {
        inline container: Container,
        /// The container whose processes it sees.
        "targetContainerName" target_container_name: Option<String>,
    }
}

words! {
    /// Whether one container is started again when it ends.
    pub enum ContainerRestartPolicy {
        /// Always: an init container with it is a sidecar.
        #[default]
        Always = "Always",
        /// When it failed.
        OnFailure = "OnFailure",
        /// Never.
        Never = "Never",
    }
}

object! {
    /// What is done when a container ends with certain exit codes.
    pub struct ContainerRestartRule: "v1.ContainerRestartRule" {
        /// What is done.
        "action" action: ContainerRestartRuleAction => required,
        /// With which exit codes.
        "exitCodes" exit_codes: Option<ContainerRestartRuleOnExitCodes>,
    }
}

words! {
    /// What is done by a rule for restarts.
    pub enum ContainerRestartRuleAction {
        /// The container is started again.
        #[default]
        Restart = "Restart",
        /// All containers of the pod are started again, init containers first.
        RestartAllContainers = "RestartAllContainers",
    }
}

object! {
    /// The exit codes that a rule for restarts is about.
    pub struct ContainerRestartRuleOnExitCodes: "v1.ContainerRestartRuleOnExitCodes" {
        /// Whether these codes are meant, or all others.
        "operator" operator: ExitCodesOperator => required,
        /// The codes.
        "values" values: Vec<i32>,
    }
}

words! {
    /// Whether a list of exit codes is meant, or all others.
    pub enum ExitCodesOperator {
        /// These.
        #[default]
        In = "In",
        /// All others.
        NotIn = "NotIn",
    }
}

words! {
    /// When an image is pulled.
    pub enum ImagePullPolicy {
        /// Each time a container starts.
        Always = "Always",
        /// When it is not there.
        #[default]
        IfNotPresent = "IfNotPresent",
        /// Never.
        Never = "Never",
    }
}

words! {
    /// Where the reason of a container's end is looked for.
    pub enum TerminationMessagePolicy {
        /// In the file.
        #[default]
        File = "File",
        /// In the file, else, when the container failed, in the last lines of the log.
        FallbackToLogsOnError = "FallbackToLogsOnError",
    }
}

object! {
    /// A port that a container listens on.
    pub struct ContainerPort: "v1.ContainerPort" {
        /// A name for the port, unlike that of any other port of the container.
        "name" name: Option<String>,
        /// The port, 1 to 65535.
        "containerPort" container_port: i32 => required,
        /// The port of the machine that leads there, 1 to 65535.
        "hostPort" host_port: Option<i32>,
        /// The address of the machine that `hostPort` is opened on; every one when absent.
        "hostIP" host_ip: Option<String>,
        /// The protocol. `TCP` when not given.
        "protocol" protocol: Option<Protocol>,
    }
}

words! {
    /// A transport protocol.
    pub enum Protocol {
        /// TCP.
        #[default]
        Tcp = "TCP",
        /// UDP.
        Udp = "UDP",
        /// SCTP.
        Sctp = "SCTP",
    }
}

object! {
    /// What a container, or a pod as a whole, may use and is sure to get: `cpu` in cores, `memory` in bytes.
    pub struct ResourceRequirements: "v1.ResourceRequirements" {
        /// The most it may use.
        "limits" limits: BTreeMap<String, Quantity>,
        /// What it is sure to get. The limits when not given.
        "requests" requests: BTreeMap<String, Quantity>,
        /// The pod's resource claims that it uses.
        "claims" claims: Vec<ResourceClaim>,
    }
}

object! {
    /// A resource claim of the pod that a container uses.
    pub struct ResourceClaim: "v1.ResourceClaim" {
        /// The name of the entry in the pod's `resourceClaims`.
        "name" name: String => required,
        /// The one request of the claim that is meant; all of them when absent.
        "request" request: Option<String>,
    }
}

object! {
    /// What the change of one resource means for a running container.
    pub struct ContainerResizePolicy: "v1.ContainerResizePolicy" {
        /// The resource: `cpu` or `memory`.
        "resourceName" resource_name: String => required,
        /// Whether the container is started again for it.
        "restartPolicy" restart_policy: ResourceResizeRestartPolicy => required,
    }
}

words! {
    /// Whether a container is started again when a resource of it changes.
    pub enum ResourceResizeRestartPolicy {
        /// It goes on.
        #[default]
        NotRequired = "NotRequired",
        /// It is started again.
        RestartContainer = "RestartContainer",
    }
}
