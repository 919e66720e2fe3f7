//! The checks of the API server.

mod annotation;
mod check;
mod claim;
mod container;
mod dns;
mod env;
mod host;
mod meta;
mod mount;
mod pod;
mod pod_resources;
mod port;
mod probe;
mod projected;
mod remote;
mod resources;
mod restart;
mod scheduling;
mod security;
mod selector;
mod volume;
mod windows;

use crate::fault::Fault;
use crate::path::{Path, Places};
use crate::types::{ConfigMap, Deployment, Job, PersistentVolumeClaim, Pod, Secret};

pub(crate) use check::Check;

/// What can be checked.
pub(crate) trait Validate {
    /// Everything that is wrong with it, its defaults filled in.
    fn faults(&self, places: &dyn Places) -> Vec<Fault>;
}

macro_rules! validate {
    ($($name:ident: $check:path;)*) => {
        $(
            impl Validate for $name {
                fn faults(&self, places: &dyn Places) -> Vec<Fault> {
                    let mut check = Check::new(places);
                    $check(&mut check, self);
                    check.faults
                }
            }
        )*
    };
}

validate! {
    Pod: pod::create;
    ConfigMap: config_map;
    Secret: secret;
    PersistentVolumeClaim: claim::claim;
    Deployment: deployment;
    Job: job;
}

/// Only the metadata is checked yet.
fn config_map(check: &mut Check<'_>, config: &ConfigMap) {
    meta::metadata(check, &config.metadata, &Path::new("metadata"));
}

/// Only the metadata is checked yet.
fn secret(check: &mut Check<'_>, secret: &Secret) {
    meta::metadata(check, &secret.metadata, &Path::new("metadata"));
}

/// Only the metadata is checked yet.
fn deployment(check: &mut Check<'_>, deployment: &Deployment) {
    meta::metadata(check, &deployment.metadata, &Path::new("metadata"));
}

/// Only the metadata is checked yet.
fn job(check: &mut Check<'_>, job: &Job) {
    meta::metadata(check, &job.metadata, &Path::new("metadata"));
}
