//! ConfigMaps and Secrets, to be kept for pods.

use pod_runtime::{Applied, Configuration, Objects, Runtime};
use pod_spec::{ConfigMap, Secret};

use crate::error::CliError;

/// What may be there already, and has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// What is there is changed.
    Apply,
    /// Nothing may be there.
    Create,
    /// Something has to be there; with `force` a pod that cannot be changed makes room for a new one.
    Replace { force: bool },
}

/// Keeps a ConfigMap. Returns what has been done, in kubectl's word.
pub fn keep_config_map(
    runtime: &Runtime,
    map: ConfigMap,
    making: Making,
) -> Result<&'static str, CliError> {
    let place = (map.metadata.namespace.clone().unwrap_or_default(), map.metadata.name.clone());
    keep(&runtime.config_maps(), map, &place, making)
}

/// Keeps a Secret. Returns what has been done, in kubectl's word.
pub fn keep_secret(
    runtime: &Runtime,
    secret: Secret,
    making: Making,
) -> Result<&'static str, CliError> {
    let place =
        (secret.metadata.namespace.clone().unwrap_or_default(), secret.metadata.name.clone());
    keep(&runtime.secrets(), secret, &place, making)
}

fn keep<T: Configuration>(
    objects: &Objects<T>,
    object: T,
    (namespace, name): &(String, String),
    making: Making,
) -> Result<&'static str, CliError> {
    Ok(match making {
        Making::Apply => match objects.apply(object)? {
            Applied::Created => "created",
            Applied::Configured => "configured",
            Applied::Unchanged => "unchanged",
        },
        Making::Create => objects.create(object).map(|()| "created")?,
        Making::Replace { .. } => {
            objects.get(namespace, name)?;
            objects.apply(object).map(|_| "replaced")?
        }
    })
}
