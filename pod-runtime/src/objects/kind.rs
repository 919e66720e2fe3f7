//! What the kinds of objects that are kept have in common.

use pod_spec::{ConfigMap, Deployment, Faults, Job, ObjectMeta, PersistentVolumeClaim, Secret};

use crate::claims;

/// A kind of object that is kept: a ConfigMap, a Secret, a claim, a Deployment or a Job.
pub trait Configuration: Kept {}

/// What [`Objects`](super::Objects) has to know of a kind.
pub trait Kept: Clone + PartialEq + serde::Serialize + serde::de::DeserializeOwned {
    /// What it is.
    const KIND: &'static str;
    /// The directory, in that of a namespace.
    const DIR: &'static str;
    /// Whether it outlives a reboot.
    const LASTING: bool;

    /// Says, when the object has its identity, what its author does not, after the version before it if there is one.
    fn follow(&mut self, _old: Option<&Self>) {}

    /// Checks the object, as the API server does and as far as this project supports it.
    fn checked(self) -> Result<Self, Faults>;

    /// Whether `new` can take the place of this object.
    fn check_change(&self, new: &Self) -> Result<(), Faults>;

    /// Whether the object differs in nothing that its author says.
    fn says_the_same_as(&self, other: &Self) -> bool;

    fn metadata(&self) -> &ObjectMeta;

    fn metadata_mut(&mut self) -> &mut ObjectMeta;
}

macro_rules! kept {
    ($($name:ident in $dir:literal: $($field:ident)*, lasting $lasting:literal $(, following $follow:expr)?;)*) => {
        $(
            impl Configuration for $name {}

            impl Kept for $name {
                const KIND: &'static str = $name::KIND;
                const DIR: &'static str = $dir;
                const LASTING: bool = $lasting;

                $(
                    fn follow(&mut self, old: Option<&Self>) {
                        let follow: fn(&mut Self, Option<&Self>) = $follow;
                        follow(self, old);
                    }
                )?

                fn checked(mut self) -> Result<Self, Faults> {
                    self.supported()?;
                    // Nobody makes objects for others but this program itself.
                    self.metadata.owner_references.clear();
                    self.validate()
                }

                fn check_change(&self, new: &Self) -> Result<(), Faults> {
                    let mut new = new.clone();
                    new.metadata.uid.clone_from(&self.metadata.uid);
                    new.metadata.creation_timestamp = self.metadata.creation_timestamp;
                    new.metadata.resource_version.clone_from(&self.metadata.resource_version);
                    self.check_update(&new)
                }

                fn says_the_same_as(&self, other: &Self) -> bool {
                    let (own, its) = (&self.metadata, &other.metadata);
                    own.labels == its.labels
                        && own.annotations == its.annotations
                        $(&& self.$field == other.$field)*
                }

                fn metadata(&self) -> &ObjectMeta {
                    &self.metadata
                }

                fn metadata_mut(&mut self) -> &mut ObjectMeta {
                    &mut self.metadata
                }
            }
        )*
    };
}

kept! {
    ConfigMap in "configmaps": data binary_data immutable, lasting false;
    Secret in "secrets": kind data immutable, lasting false;
    PersistentVolumeClaim in "persistentvolumeclaims": spec, lasting true, following |claim, _| claims::bind(claim);
    Deployment in "deployments": spec, lasting false, following |new, old| {
        new.status = old.and_then(|old| old.status.clone());
        new.metadata.generation = generation(old.map(|o| (&o.metadata, o.spec == new.spec)));
    };
    Job in "jobs": spec, lasting false, following |new, old| {
        new.status = old.and_then(|old| old.status.clone());
        new.metadata.generation = generation(old.map(|o| (&o.metadata, o.spec == new.spec)));
    };
}

/// Which version of what is asked for this is: it grows with each change of the spec.
fn generation(old: Option<(&ObjectMeta, bool)>) -> Option<i64> {
    let Some((old, is_same)) = old else { return Some(1) };
    old.generation.map(|before| if is_same { before } else { before + 1 })
}
