//! The checks of the API server.

mod check;
mod container;
mod pod;
mod resources;
mod security;
mod volume;

use crate::fault::Fault;
use crate::path::Places;
use crate::types::{ConfigMap, Deployment, Job, PersistentVolumeClaim, Pod, Secret};

pub(crate) use check::Check;

/// What can be checked.
pub(crate) trait Validate {
    /// Everything that is wrong with it, its defaults filled in.
    fn faults(&self, places: &dyn Places) -> Vec<Fault>;
}

impl Validate for Pod {
    fn faults(&self, places: &dyn Places) -> Vec<Fault> {
        pod::check(self, places)
    }
}

/// Objects of which only the metadata is checked yet.
macro_rules! metadata_only {
    ($($name:ident)*) => {
        $(
            impl Validate for $name {
                fn faults(&self, places: &dyn Places) -> Vec<Fault> {
                    let mut check = Check::new(places);
                    pod::metadata(&mut check, &self.metadata, &crate::path::Path::new("metadata"));
                    check.faults
                }
            }
        )*
    };
}

metadata_only! { ConfigMap Secret PersistentVolumeClaim Deployment Job }
