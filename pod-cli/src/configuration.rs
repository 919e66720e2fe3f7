//! Objects that are kept beside pods: what those are configured with and store things in, and what makes them.

use pod_runtime::{Applied, Claims, Configuration, ObjectError, Objects, Runtime};
use pod_spec::{ConfigMap, PersistentVolumeClaim, Secret};
use pod_workloads::{Workload, WorkloadError, Workloads};

use crate::error::CliError;

/// What may be there already, and has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// What is there is changed.
    Apply,
    /// Nothing may be there.
    Create,
    /// Something has to be there; with `force` a pod that cannot be changed makes room for a new one, within so many
    /// seconds (`None`: its own).
    Replace { force: bool, grace: Option<i64> },
}

impl Making {
    /// How long a pod has that makes room; `None`: its own.
    pub const fn grace(self) -> Option<i64> {
        match self {
            Self::Replace { grace, .. } => grace,
            Self::Apply | Self::Create => None,
        }
    }
}

/// Keeps a ConfigMap. Returns what has been done, in kubectl's word.
pub fn keep_config_map(
    runtime: &Runtime,
    map: ConfigMap,
    making: Making,
) -> Result<&'static str, CliError> {
    keep(&runtime.config_maps(), map, making)
}

/// Keeps a Secret. Returns what has been done, in kubectl's word.
pub fn keep_secret(
    runtime: &Runtime,
    secret: Secret,
    making: Making,
) -> Result<&'static str, CliError> {
    keep(&runtime.secrets(), secret, making)
}

/// Keeps a claim. Returns what has been done, in kubectl's word.
pub fn keep_claim(
    runtime: &Runtime,
    claim: PersistentVolumeClaim,
    making: Making,
) -> Result<&'static str, CliError> {
    keep(&runtime.claims(), claim, making)
}

/// Keeps a Deployment or a Job, and has it looked after. Returns what has been done, in kubectl's word.
pub fn keep_workload<T: Workload>(
    runtime: &Runtime,
    object: T,
    making: Making,
) -> Result<&'static str, CliError> {
    keep(&Workloads::of(runtime), object, making)
}

/// Where objects of a kind are kept.
trait Keeper<T> {
    type Error: Into<CliError>;

    fn apply(&self, object: T) -> Result<Applied, Self::Error>;

    fn create(&self, object: T) -> Result<(), Self::Error>;

    fn get(&self, namespace: &str, name: &str) -> Result<T, Self::Error>;
}

macro_rules! keeper {
    ($($type:ty, of $object:ty $(where $kind:ident: $bound:path)?, or $error:ty;)*) => {
        $(
            impl$(<$kind: $bound>)? Keeper<$object> for $type {
                type Error = $error;

                fn apply(&self, object: $object) -> Result<Applied, $error> {
                    self.apply(object)
                }

                fn create(&self, object: $object) -> Result<(), $error> {
                    self.create(object)
                }

                fn get(&self, namespace: &str, name: &str) -> Result<$object, $error> {
                    self.get(namespace, name)
                }
            }
        )*
    };
}

keeper! {
    Objects<T>, of T where T: Configuration, or ObjectError;
    Claims, of PersistentVolumeClaim, or ObjectError;
    Workloads<T>, of T where T: Workload, or WorkloadError;
}

fn keep<T: Configuration, K: Keeper<T>>(
    keeper: &K,
    object: T,
    making: Making,
) -> Result<&'static str, CliError> {
    let applied = match making {
        Making::Create => return keeper.create(object).map(|()| "created").map_err(Into::into),
        Making::Replace { .. } => {
            let metadata = object.metadata();
            let namespace = metadata.namespace.as_deref().unwrap_or_default();
            keeper.get(namespace, &metadata.name).map_err(Into::into)?;
            return keeper.apply(object).map(|_| "replaced").map_err(Into::into);
        }
        Making::Apply => keeper.apply(object).map_err(Into::into)?,
    };
    Ok(match applied {
        Applied::Created => "created",
        Applied::Configured => "configured",
        Applied::Unchanged => "unchanged",
    })
}
