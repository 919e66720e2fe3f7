//! Objects that are kept beside pods: what those are configured with, and what makes them.

use pod_runtime::{Applied, Configuration, Objects, Runtime};
use pod_spec::{ConfigMap, PersistentVolumeClaim, Secret};
use pod_workloads::{Workload, Workloads};

use crate::error::CliError;
use crate::output;
use crate::resource::Kind;

/// Whether what is there already may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    Apply,
    Create,
}

/// Keeps a ConfigMap and says so.
pub fn keep_config_map(runtime: &Runtime, map: ConfigMap, making: Making) -> Result<(), CliError> {
    let name = map.metadata.name.clone();
    say(Kind::ConfigMap, &name, keep(&runtime.config_maps(), map, making)?)
}

/// Keeps a Secret and says so.
pub fn keep_secret(runtime: &Runtime, secret: Secret, making: Making) -> Result<(), CliError> {
    let name = secret.metadata.name.clone();
    say(Kind::Secret, &name, keep(&runtime.secrets(), secret, making)?)
}

/// Keeps a claim and says so.
pub fn keep_claim(
    runtime: &Runtime,
    claim: PersistentVolumeClaim,
    making: Making,
) -> Result<(), CliError> {
    let (name, claims) = (claim.metadata.name.clone(), runtime.claims());
    let done = match making {
        Making::Apply => claims.apply(claim)?,
        Making::Create => claims.create(claim).map(|()| Applied::Created)?,
    };
    say(Kind::PersistentVolumeClaim, &name, done)
}

/// Keeps a Deployment or a Job, has it looked after, and says so.
pub fn keep_workload<T: Workload>(
    runtime: &Runtime,
    kind: Kind,
    object: T,
    making: Making,
) -> Result<(), CliError> {
    let workloads = Workloads::of(runtime);
    let name = object.metadata().name.clone();
    let done = match making {
        Making::Apply => workloads.apply(object)?,
        Making::Create => workloads.create(object).map(|()| Applied::Created)?,
    };
    say(kind, &name, done)
}

fn keep<T: Configuration>(
    objects: &Objects<T>,
    object: T,
    making: Making,
) -> Result<Applied, CliError> {
    Ok(match making {
        Making::Apply => objects.apply(object)?,
        Making::Create => objects.create(object).map(|()| Applied::Created)?,
    })
}

fn say(kind: Kind, name: &str, done: Applied) -> Result<(), CliError> {
    let done = match done {
        Applied::Created => "created",
        Applied::Configured => "configured",
        Applied::Unchanged => "unchanged",
    };
    output::line(&format!("{}/{name} {done}", kind.word()))
}
