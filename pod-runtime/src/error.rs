//! What can go wrong, one enum for each family of operations.

use std::io;

use pod_sandbox::SandboxError;
use pod_spec::Faults;
use pod_volumes::VolumeError;

use crate::blocked::Obstacle;
use crate::environment::EnvFileError;
use crate::objects::ObjectError;

/// A container that cannot be configured (`CreateContainerConfigError`).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Neither the manifest nor the image names a program.
    #[error("container `{container}` has no command, and its image names none: set `command`")]
    NoCommand {
        /// The container.
        container: String,
    },
    /// It must not run as root, but does by its own setting.
    #[error("container's runAsUser breaks non-root policy (container `{container}`)")]
    RootByUser {
        /// The container.
        container: String,
    },
    /// It must not run as root, but its image does.
    #[error(
        "container has runAsNonRoot and image will run as root (container `{container}`): set `runAsUser`"
    )]
    RootByImage {
        /// The container.
        container: String,
    },
    /// It must not run as root, and whether its image does cannot be told.
    #[error(
        "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root \
         (container `{container}`): set `runAsUser`"
    )]
    RootByName {
        /// The container.
        container: String,
        /// The user that the image names.
        user: String,
    },
    /// The user cannot be looked up in the image.
    #[error("cannot run container `{container}` as user \"{user}\"")]
    User {
        /// The container.
        container: String,
        /// Whom the manifest or the image names.
        user: String,
        /// Why.
        source: pod_images::UserError,
    },
    /// The image names a stop signal that there is not.
    #[error("image `{image}` has the stop signal \"{signal}\", which there is not")]
    StopSignal {
        /// The image.
        image: String,
        /// What it names.
        signal: String,
    },
    /// A volume that is mounted has not been prepared.
    #[error("volume `{volume}` is not there")]
    Volume {
        /// The volume.
        volume: String,
    },
    /// A volume is an image that cannot be one.
    #[error("volume `{volume}` cannot be this machine's own root: use a hostPath")]
    VolumeRoot {
        /// The volume.
        volume: String,
    },
    /// A ConfigMap or Secret that variables come from is not there. It may come.
    #[error("{} \"{name}\" not found", kind.to_lowercase())]
    Missing {
        /// `ConfigMap` or `Secret`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A ConfigMap or Secret that a variable comes from lacks its key. It may come.
    #[error("couldn't find key {key} in {kind} {namespace}/{name}")]
    MissingKey {
        /// `ConfigMap` or `Secret`.
        kind: &'static str,
        /// The namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The key.
        key: String,
    },
    /// What a Secret holds cannot be the value of a variable.
    #[error(
        "key {key} in Secret {namespace}/{name} is no text in UTF-8 without NUL, which a variable needs: mount the \
         Secret as a volume"
    )]
    NoText {
        /// The namespace.
        namespace: String,
        /// The name of the Secret.
        name: String,
        /// The key.
        key: String,
    },
    /// A ConfigMap or Secret cannot be read.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// A volume that variables come from cannot be opened.
    #[error("cannot open volume `{volume}`")]
    OpenVolume {
        /// The volume.
        volume: String,
        /// Why.
        source: io::Error,
    },
    /// A variable does not come from a file of a volume. The file may be written later.
    #[error("couldn't get key {key} from file {path} of volume {volume}")]
    File {
        /// The volume.
        volume: String,
        /// The file in it.
        path: String,
        /// The key in the file.
        key: String,
        /// Why.
        source: EnvFileError,
    },
    /// A variable in a `subPathExpr` that the container does not have.
    #[error("missing value for \"{variable}\"")]
    NoVariable {
        /// The variable.
        variable: String,
    },
    /// A `subPathExpr` that comes to an absolute path.
    #[error("error SubPath `{path}` must not be an absolute path")]
    AbsoluteSubPath {
        /// What it comes to.
        path: String,
    },
    /// A `subPathExpr` that comes to a path with `..`.
    #[error("unable to provision SubPath `{path}`: must not contain '..'")]
    ClimbingSubPath {
        /// What it comes to.
        path: String,
    },
    /// An image whose root this version cannot use.
    #[error("the root of image `{image}` is of an unknown kind")]
    Root {
        /// The image.
        image: String,
    },
    /// The sandbox cannot take it.
    #[error(transparent)]
    Sandbox(#[from] pod_sandbox::ConfigError),
}

/// An operation on pods that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The process lacks a right.
    #[error("running a pod needs root: run this as root (for example with sudo)")]
    NotRoot,
    /// A pod of this name is there.
    #[error("pod `{name}` exists already in namespace `{namespace}`: delete it first")]
    Exists {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The images that pods hold cannot be told or changed.
    #[error(transparent)]
    Lease(#[from] pod_images::LeaseError),
    /// There is no such pod.
    #[error("there is no pod `{name}` in namespace `{namespace}`")]
    NotFound {
        /// The namespace.
        namespace: String,
        /// The name.
        name: String,
    },
    /// The pod is over, or on its way to it.
    #[error(
        "pod `{name}` in namespace `{namespace}` is over or coming to its end, and is not changed any more: delete it first"
    )]
    Over {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The pod has no such container.
    #[error("pod `{pod}` has no container `{container}`: it has {}", known.join(", "))]
    NoContainer {
        /// The pod.
        pod: String,
        /// The name asked for.
        container: String,
        /// Its containers.
        known: Vec<String>,
    },
    /// The container does not run now.
    #[error("container `{container}` of pod `{pod}` does not run: {state}")]
    NotRunning {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// What it does instead.
        state: String,
    },
    /// The pod ended, or cannot start, while something else was waited for.
    #[error("pod `{pod}` {what}")]
    NotReached {
        /// The pod.
        pod: String,
        /// The reason in Kubernetes' word, such as `StartError` or `CrashLoopBackOff`.
        reason: String,
        /// What keeps one of its containers from starting, when it is that.
        obstacle: Option<Obstacle>,
        /// What happened instead, for people.
        what: String,
    },
    /// The manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] Faults),
    /// A volume cannot be prepared or taken down.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A container cannot be configured.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The sandbox cannot do what it is asked.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Nothing answers at a port of the pod.
    #[error("cannot connect to port {port} of pod `{pod}`")]
    Unreachable {
        /// The pod.
        pod: String,
        /// The port.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// The pod's network cannot be made.
    #[error(transparent)]
    Network(#[from] pod_network::NetworkError),
    /// A change of the pod is refused.
    #[error("pod `{pod}` cannot be changed so: {message}")]
    Refused {
        /// The pod.
        pod: String,
        /// What is wrong with it.
        message: String,
    },
    /// The engine gave an answer that is not understood.
    #[error("the engine of pod `{pod}` answered {status}: {message}")]
    Engine {
        /// The pod.
        pod: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// A file or socket operation failed.
    #[error("cannot {action}")]
    Io {
        /// What was tried, with the path.
        action: String,
        /// Why.
        source: io::Error,
    },
    /// Something could not be removed; the rest was.
    #[error("pod `{pod}` could not be removed whole: {}", errors.join("; "))]
    Teardown {
        /// The pod.
        pod: String,
        /// Every step that failed.
        errors: Vec<String>,
    },
}

impl RuntimeError {
    pub(crate) fn io<E: Into<io::Error>>(action: impl Into<String>) -> impl FnOnce(E) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source: source.into() }
    }
}

/// An error and its causes in one line, outermost first; what a message says already is not said twice.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
