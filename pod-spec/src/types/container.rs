//! A container of a pod.

use std::collections::BTreeMap;

use super::{EnvVar, SecurityContext, VolumeMount};
use crate::Quantity;
use crate::decode::AnyMap;
use crate::schema::{object, words};

object! {
    /// A container, main or init (`v1.Container`).
    pub struct Container {
        /// The name: a DNS label, unlike that of any other container of the pod.
        "name" name: String => required,
        /// The image reference.
        "image" image: String => required,
        /// The program and its first arguments, in place of the image's entrypoint.
        "command" command: Vec<String>,
        /// The arguments, in place of the image's.
        "args" args: Vec<String>,
        /// The working directory, in place of the image's.
        "workingDir" working_dir: Option<String>,
        /// What it listens on. For information only.
        "ports" ports: Vec<ContainerPort>,
        /// The environment; a later variable wins over an earlier one of the same name.
        "env" env: Vec<EnvVar>,
        /// What it may use and what it is sure to get.
        "resources" resources: ResourceRequirements,
        /// `Always` makes an init container a sidecar; a main container has none.
        "restartPolicy" restart_policy: Option<ContainerRestartPolicy>,
        /// The pod's volumes that it sees, and where.
        "volumeMounts" volume_mounts: Vec<VolumeMount>,
        /// The file that is read for the reason of its end. Validation fills in `/dev/termination-log`.
        "terminationMessagePath" termination_message_path: Option<String>
            => refused("only the default, /dev/termination-log, is honoured yet", except "/dev/termination-log"),
        /// Where else that reason is looked for. Validation fills in `File`.
        "terminationMessagePolicy" termination_message_policy: Option<TerminationMessagePolicy>
            => refused("only the default, `File`, is honoured yet", except "File"),
        /// When the image is pulled. Validation fills in `Always` for the tag latest, else `IfNotPresent`.
        "imagePullPolicy" image_pull_policy: Option<ImagePullPolicy>,
        /// Whether its standard input is kept open, instead of ending at once.
        "stdin" stdin: Option<bool>,
        /// User, capabilities and the like, before those of the pod.
        "securityContext" security_context: Option<SecurityContext>,
    }
    others {
        "envFrom": Vec<AnyMap> => refused("there are no ConfigMaps and Secrets yet"),
        "lifecycle": AnyMap => refused("hooks are not honoured yet"),
        "livenessProbe": AnyMap => refused("probes are not honoured yet"),
        "readinessProbe": AnyMap => refused("probes are not honoured yet"),
        "startupProbe": AnyMap => refused("probes are not honoured yet"),
        "resizePolicy": Vec<AnyMap> => refused("a running pod cannot be resized yet"),
        "restartPolicyRules": Vec<AnyMap> => refused("restart rules are not honoured yet"),
        "stdinOnce": bool => refused("nothing can be attached to a container yet", except "false"),
        "tty": bool => refused("terminals are not there yet", except "false"),
        "volumeDevices": Vec<AnyMap> => refused("there are no block volumes"),
    }
}

impl Container {
    /// Whether this init container is a sidecar: it is started in its turn, and stays while the pod runs.
    pub fn is_sidecar(&self) -> bool {
        self.restart_policy == Some(ContainerRestartPolicy::Always)
    }
}

words! {
    /// Whether one container is started again when it ends.
    pub enum ContainerRestartPolicy {
        /// Always: it is a sidecar.
        #[default]
        Always = "Always",
        /// When it failed; refused.
        OnFailure = "OnFailure",
        /// Never; refused.
        Never = "Never",
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
        /// In the file, else in the last lines of the log; refused.
        FallbackToLogsOnError = "FallbackToLogsOnError",
    }
}

object! {
    /// A port that a container listens on (`v1.ContainerPort`).
    pub struct ContainerPort {
        /// A name for the port, unlike that of any other port of the container.
        "name" name: Option<String>,
        /// The port, 1 to 65535.
        "containerPort" container_port: i32 => required,
        /// The protocol. Validation fills in `TCP`.
        "protocol" protocol: Option<Protocol>,
    }
    others {
        "hostPort": i32 => refused("needs the pod network, which is not there yet", except "0"),
        "hostIP": String => refused("needs the pod network, which is not there yet", except ""),
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
    /// What a container may use and is sure to get (`v1.ResourceRequirements`): `cpu` in cores, `memory` in bytes.
    pub struct ResourceRequirements {
        /// The most it may use.
        "limits" limits: BTreeMap<String, Quantity>,
        /// What it is sure to get. Validation fills in the limits.
        "requests" requests: BTreeMap<String, Quantity>,
    }
    others {
        "claims": Vec<AnyMap> => refused("there is no dynamic resource allocation"),
    }
}
