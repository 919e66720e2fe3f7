//! The checks of the API server.

mod annotation;
mod check;
mod claim;
mod config;
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
mod update;
mod volume;
mod windows;
mod workload;

use crate::fault::Fault;
use crate::path::Places;
use crate::types::{ConfigMap, Deployment, Job, PersistentVolumeClaim, Pod, Secret};

pub(crate) use check::Check;

/// What can be checked.
pub(crate) trait Validate {
    /// Everything that is wrong with it, its defaults filled in.
    fn faults(&self, places: &dyn Places) -> Vec<Fault>;
}

/// What can be changed.
pub(crate) trait Update: Validate {
    /// Everything that is wrong with it in place of `old`, the defaults of both filled in.
    fn faults_in_place_of(&self, old: &Self, places: &dyn Places) -> Vec<Fault>;
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
    ConfigMap: config::config_map;
    Secret: config::secret;
    PersistentVolumeClaim: claim::claim;
    Deployment: workload::deployment;
    Job: workload::job;
}

/// Everything that is wrong with a pod that exists, its defaults filled in: it may have what a new one may not.
pub(crate) fn existing_pod(pod: &Pod, places: &dyn Places) -> Vec<Fault> {
    let mut check = Check::new(places);
    pod::pod_and_spec(&mut check, pod);
    check.faults
}

macro_rules! update {
    ($($name:ident: $update:path;)*) => {
        $(
            impl Update for $name {
                fn faults_in_place_of(&self, old: &Self, places: &dyn Places) -> Vec<Fault> {
                    let mut check = Check::new(places);
                    update::metadata(&mut check, &old.metadata, &self.metadata);
                    $update(&mut check, old, self);
                    check.faults.extend(self.faults(places));
                    check.faults
                }
            }
        )*
    };
}

update! {
    ConfigMap: config::update_config_map;
    Secret: config::update_secret;
    PersistentVolumeClaim: claim::update;
    Deployment: workload::update_deployment;
    Job: workload::update_job;
}

impl Update for Pod {
    fn faults_in_place_of(&self, old: &Self, places: &dyn Places) -> Vec<Fault> {
        let mut check = Check::new(places);
        update::pod(&mut check, old, self);
        check.faults
    }
}
