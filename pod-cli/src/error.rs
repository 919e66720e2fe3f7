//! What can go wrong with a command, and the exit code it ends with.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use pod_images::{CatalogError, LeaseError, LoadError, PullError, RemoveError, SaveError};
use pod_runtime::{Faults, ObjectError, RequestError, RuntimeError, SandboxError, chain};

use crate::jsonpath::PathError;
use pod_workloads::WorkloadError;

use crate::{exit, output};

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The runtime refused, or could not.
    #[error(transparent)]
    Runtime(Box<RuntimeError>),
    /// The manifest is wrong: every fault, rendered with its line.
    #[error("{rendered}")]
    Manifest { rendered: String },
    /// The manifest could not be read.
    #[error("cannot read the manifest {file}")]
    ReadManifest { file: String, source: io::Error },
    /// A file that something is made of could not be read.
    #[error("cannot read {}", file.display())]
    ReadFile { file: PathBuf, source: io::Error },
    /// The manifest names another namespace than the command line.
    #[error(
        "the manifest is for namespace `{manifest}`, which is not the `{given}` of --namespace: \
         leave --namespace out, or give `--namespace={manifest}`"
    )]
    Namespace { manifest: String, given: String },
    /// Something with ConfigMaps or Secrets.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// There is nothing to run in the foreground.
    #[error("`pod up` runs pods, and the manifest has none: use `pod apply`")]
    NoPod,
    /// What makes pods is looked after in the background.
    #[error("`pod up` runs pods, and the manifest has a Deployment or a Job: use `pod apply`")]
    NotForeground,
    /// The exit code of something that is not there would count.
    #[error("there is no container `{word}` in the manifest, only {known}")]
    NotCounted { word: String, known: String },
    /// What is given is no name of an image.
    #[error(transparent)]
    Reference(pod_images::ReferenceError),
    /// Something with the images of this machine.
    #[error(transparent)]
    Image(Box<ImageCommandError>),
    /// An object is not changed.
    #[error("{path}: {message}")]
    Kept { path: String, message: String },
    /// A pod consumes nothing.
    #[error("no container of pod `{name}` is running, so that there is nothing to measure")]
    NotMeasured { name: String },
    /// What is to be replaced is not there.
    #[error("there is no {path} to be replaced: create it")]
    Missing { path: String },
    /// What is to be created is there.
    #[error("{path} exists already: apply it to change it")]
    There { path: String },
    /// There is no such event.
    #[error("there is no event `{name}` in namespace `{namespace}`")]
    NoEvent { namespace: String, name: String },
    /// A template or path does not fit the objects it is asked of.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// A pod of this name runs another manifest, and cannot be changed to this one.
    #[error(
        "pod `{name}` cannot be changed in this way, it needs a new one: see `pod diff`, and replace it with --force \
         (pod replace --force{})",
        within(namespace)
    )]
    Differs { namespace: String, name: String, source: Box<Faults> },
    /// A pod of this name is on its way out.
    #[error(
        "pod `{name}` is being deleted: try again when it is gone (pod wait --for=delete {})",
        located(namespace, name)
    )]
    Terminating { namespace: String, name: String },
    /// The pod is there, but does not come up.
    #[error(
        "{source}; it is kept: see `pod describe pod {0}`, and `pod delete pod {0}`",
        located(namespace, name)
    )]
    KeptUnready { namespace: String, name: String, source: Box<RuntimeError> },
    /// Waiting took too long.
    #[error("timed out after {after} waiting for {condition} on {path}")]
    TimedOut { path: String, condition: String, after: String },
    /// Nothing is there that is waited for.
    #[error("no matching resources found")]
    NoneMatches,
    /// What is waited for cannot happen any more.
    #[error("pod `{name}` is over ({phase}), so {condition} cannot be reached any more")]
    NeverReached { name: String, condition: String, phase: String },
    /// The pod has nothing that could be reached.
    #[error("pod `{name}` is not running, it is {phase}")]
    NotRunning { name: String, phase: String },
    /// It ended while it was needed.
    #[error("lost connection to pod `{name}`: it is over")]
    LostPod { name: String },
    /// A port of this machine cannot be listened at.
    #[error("cannot listen at {at}")]
    Listen { at: SocketAddr, source: io::Error },
    /// Standard output could not be written.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// The event loop, signals or pipes of this process.
    #[error("cannot {action}")]
    Io { action: &'static str, source: io::Error },
    /// A file or process of a Deployment or Job.
    #[error(transparent)]
    Workload(Box<WorkloadError>),
    /// What was expected is not so.
    #[error("{0}")]
    Unexpected(String),
    /// Several targets failed and have been reported; this is the code of the first.
    #[error("")]
    Reported { code: u8 },
}

/// What can go wrong with images.
#[derive(Debug, thiserror::Error)]
pub enum ImageCommandError {
    #[error(transparent)]
    Pull(#[from] PullError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Remove(#[from] RemoveError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

impl ImageCommandError {
    /// Whether there is no such image.
    fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::Catalog(CatalogError::NotFound { .. })
                | Self::Remove(RemoveError::Catalog(CatalogError::NotFound { .. }))
                | Self::Save(SaveError::Catalog(CatalogError::NotFound { .. }))
        )
    }
}

impl From<RuntimeError> for CliError {
    fn from(error: RuntimeError) -> Self {
        Self::Runtime(Box::new(error))
    }
}

impl From<WorkloadError> for CliError {
    fn from(error: WorkloadError) -> Self {
        match error {
            WorkloadError::Object(error) => error.into(),
            WorkloadError::Pod(error) => error.into(),
            error => Self::Workload(Box::new(error)),
        }
    }
}

impl CliError {
    /// A failed operation on images.
    pub fn image(error: impl Into<ImageCommandError>) -> Self {
        Self::Image(Box::new(error.into()))
    }

    /// A name that is none.
    pub fn reference(error: pod_images::ReferenceError) -> Self {
        Self::Reference(error)
    }

    /// A failed operation of this process itself.
    pub fn io<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Io { action, source: source.into() }
    }

    /// Whether it only says that what is named is not there.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Runtime(error) => matches!(**error, RuntimeError::NotFound { .. }),
            Self::Object(error) => matches!(error, ObjectError::NotFound { .. }),
            Self::NoEvent { .. } | Self::Missing { .. } => true,
            _ => false,
        }
    }

    /// The code that the command ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Runtime(error) => runtime_code(error),
            Self::KeptUnready { source, .. } => runtime_code(source),
            Self::Object(error) => object_code(error),
            Self::Manifest { .. } | Self::NoPod | Self::NotForeground => exit::MANIFEST,
            Self::Usage(_) | Self::Namespace { .. } | Self::Reference(_) => exit::USAGE,
            Self::Image(error) if error.is_not_found() => exit::NOT_FOUND,
            Self::Image(error) if is_denied(error) => exit::PRIVILEGE,
            Self::Differs { .. } | Self::Terminating { .. } | Self::There { .. } => exit::EXISTS,
            Self::NoEvent { .. } | Self::Missing { .. } | Self::NotCounted { .. } => {
                exit::NOT_FOUND
            }
            Self::Reported { code } => *code,
            Self::Image(_)
            | Self::Path(_)
            | Self::Workload(_)
            | Self::Unexpected(_)
            | Self::Kept { .. }
            | Self::NotMeasured { .. }
            | Self::ReadManifest { .. }
            | Self::ReadFile { .. }
            | Self::TimedOut { .. }
            | Self::NoneMatches
            | Self::NeverReached { .. }
            | Self::NotRunning { .. }
            | Self::LostPod { .. }
            | Self::Listen { .. }
            | Self::Output(_)
            | Self::Io { .. } => exit::FAILED,
        }
    }

    /// Says it once on standard error.
    pub fn report(&self) {
        match self {
            Self::Reported { .. } => {}
            // The reader went away, as `head` does: nobody is left to care.
            Self::Output(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
            Self::Manifest { rendered } => output::message(rendered.trim_end()),
            error => {
                let hint = if needs_root(error) {
                    ": run this as root (for example with sudo)"
                } else {
                    ""
                };
                output::message(&format!("error: {}{hint}", chain(error)));
            }
        }
    }
}

/// How the command line names a pod.
pub fn located(namespace: &str, name: &str) -> String {
    if namespace == "default" { name.to_owned() } else { format!("-n {namespace} {name}") }
}

/// How the command line says which namespace is meant.
fn within(namespace: &str) -> String {
    if namespace == "default" { String::new() } else { format!(" -n {namespace}") }
}

fn runtime_code(error: &RuntimeError) -> u8 {
    match error {
        RuntimeError::NotRoot | RuntimeError::Sandbox(SandboxError::Privilege { .. }) => {
            exit::PRIVILEGE
        }
        RuntimeError::Exists { .. } | RuntimeError::Over { .. } => exit::EXISTS,
        RuntimeError::NotFound { .. } | RuntimeError::NoContainer { .. } => exit::NOT_FOUND,
        RuntimeError::Manifest(_) => exit::MANIFEST,
        RuntimeError::Sandbox(SandboxError::Request(RequestError::Exec { code, .. })) => {
            u8::try_from(*code).unwrap_or(exit::FAILED)
        }
        error if is_denied(error) => exit::PRIVILEGE,
        _ => exit::FAILED,
    }
}

fn object_code(error: &ObjectError) -> u8 {
    match error {
        ObjectError::NotFound { .. } => exit::NOT_FOUND,
        ObjectError::Exists { .. } | ObjectError::Terminating { .. } => exit::EXISTS,
        ObjectError::Manifest(_) => exit::MANIFEST,
        error if is_denied(error) => exit::PRIVILEGE,
        _ => exit::FAILED,
    }
}

/// Whether a file was refused to a user that is not root.
fn is_denied(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied) {
            return !nix::unistd::geteuid().is_root();
        }
        cause = error.source();
    }
    false
}

fn needs_root(error: &CliError) -> bool {
    match error {
        CliError::Runtime(error) => is_denied(error.as_ref()),
        CliError::Image(error) => is_denied(error.as_ref()),
        CliError::Object(error) => is_denied(error),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_codes() {
        let name = || "web".to_owned();
        let namespace = || "default".to_owned();
        let cases: Vec<(CliError, u8)> = vec![
            (RuntimeError::NotRoot.into(), exit::PRIVILEGE),
            (
                RuntimeError::NotFound { namespace: namespace(), name: name() }.into(),
                exit::NOT_FOUND,
            ),
            (RuntimeError::Exists { namespace: namespace(), name: name() }.into(), exit::EXISTS),
            (RuntimeError::Over { namespace: namespace(), name: name() }.into(), exit::EXISTS),
            (CliError::Usage("x".to_owned()), exit::USAGE),
            (CliError::Manifest { rendered: String::new() }, exit::MANIFEST),
            (CliError::Output(io::ErrorKind::StorageFull.into()), exit::FAILED),
            (exec_error(127).into(), 127),
            (exec_error(-1).into(), exit::FAILED),
        ];
        for (error, code) in cases {
            assert_eq!(error.exit_code(), code, "{error:?}");
        }
    }

    fn exec_error(code: i32) -> RuntimeError {
        let error =
            RequestError::Exec { id: "a".to_owned(), message: "no such file".to_owned(), code };
        SandboxError::Request(error).into()
    }

    #[test]
    fn a_chain_says_each_cause_once() {
        let source = io::Error::from(io::ErrorKind::NotFound);
        let error = CliError::ReadManifest { file: "web.yaml".to_owned(), source };
        assert_eq!(chain(&error), "cannot read the manifest web.yaml: entity not found");
    }
}
