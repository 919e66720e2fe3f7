//! What the kinds of objects that are kept have in common.

use pod_spec::{ConfigMap, Deployment, Faults, Job, ObjectMeta, Secret};

/// A kind of object that is kept: a ConfigMap, a Secret, a Deployment or a Job.
pub trait Configuration: Kept {}

/// What [`Objects`](super::Objects) has to know of a kind.
pub trait Kept: Clone + PartialEq + serde::Serialize + serde::de::DeserializeOwned {
    /// What it is.
    const KIND: &'static str;
    /// The directory, in that of a namespace.
    const DIR: &'static str;

    /// Checks the object, as the API server does and as far as this project supports it.
    fn checked(self) -> Result<Self, Faults>;

    /// Whether `new` can take the place of this object.
    fn check_change(&self, new: &Self) -> Result<(), Faults>;

    /// Whether the object differs in nothing that its author says.
    fn says_the_same_as(&self, other: &Self) -> bool;

    fn metadata(&self) -> &ObjectMeta;

    fn metadata_mut(&mut self) -> &mut ObjectMeta;

    /// Takes over from the version before it, if there is one, what its author does not say.
    fn follow(&mut self, _old: Option<&Self>) {}
}

macro_rules! kept {
    ($($name:ident in $dir:literal: $($field:ident)* $(, following $follow:expr)?;)*) => {
        $(
            impl Configuration for $name {}

            impl Kept for $name {
                const KIND: &'static str = $name::KIND;
                const DIR: &'static str = $dir;

                fn checked(self) -> Result<Self, Faults> {
                    self.supported()?;
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

                $(
                    fn follow(&mut self, old: Option<&Self>) {
                        let follow: fn(&mut Self, Option<&Self>) = $follow;
                        follow(self, old);
                    }
                )?
            }
        )*
    };
}

kept! {
    ConfigMap in "configmaps": data binary_data immutable;
    Secret in "secrets": kind data immutable;
    Deployment in "deployments": spec, following |new, old| {
        new.status = old.and_then(|old| old.status.clone());
        new.metadata.generation = generation(old.map(|o| (&o.metadata, o.spec == new.spec)));
    };
    Job in "jobs": spec, following |new, old| {
        new.status = old.and_then(|old| old.status.clone());
        new.metadata.generation = generation(old.map(|o| (&o.metadata, o.spec == new.spec)));
    };
}

/// Which version of what is asked for this is: it grows with each change of the spec.
fn generation(old: Option<(&ObjectMeta, bool)>) -> Option<i64> {
    let Some((old, is_same)) = old else { return Some(1) };
    old.generation.map(|before| if is_same { before } else { before + 1 })
}
