//! A pod that has been checked and filled up with defaults.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::defaults::{self, Defaults as _};
use crate::fault::Faults;
use crate::names::rule;
use crate::path::{InText, Path};
use crate::status::QosClass;
use crate::types::{
    ConfigMap, Container, Deployment, EphemeralContainer, Job, ObjectMeta, PersistentVolumeClaim,
    Pod, PodSpec, PodTemplateSpec, Secret,
};
use crate::validate::{Check, Update as _, Validate as _, existing_pod};
use crate::{Time, qos};

/// A pod that Kubernetes would take: nothing in it is wrong, and every default is filled in.
///
/// Only [`Pod::validate`] makes one; reading one back validates it again, as one that exists. It is serialised as the Pod it holds. Whether
/// this project can run it is another question: see [`supported`](Self::supported).
#[derive(Debug, Clone, PartialEq)]
pub struct ValidPod {
    pod: Pod,
}

impl Pod {
    /// Fills in the defaults and checks the pod, both as the API server does.
    ///
    /// # Errors
    /// Every fault of the pod.
    pub fn validate(mut self) -> Result<ValidPod, Faults> {
        self.fill();
        let faults = self.faults(&InText::of(&self.source));
        Faults::or(faults, ValidPod { pod: self })
    }

    /// As [`validate`](Self::validate), for a pod that exists.
    fn validate_existing(mut self) -> Result<ValidPod, Faults> {
        self.fill();
        let faults = existing_pod(&self, &InText::of(&self.source));
        Faults::or(faults, ValidPod { pod: self })
    }
}

impl ValidPod {
    /// The pod, with every default filled in.
    pub fn pod(&self) -> &Pod {
        &self.pod
    }

    /// The pod's name.
    pub fn name(&self) -> &str {
        &self.pod.metadata.name
    }

    /// The pod's namespace.
    pub fn namespace(&self) -> &str {
        self.pod.metadata.namespace.as_deref().unwrap_or(defaults::NAMESPACE)
    }

    /// Name, labels and the like.
    pub fn metadata(&self) -> &ObjectMeta {
        &self.pod.metadata
    }

    /// What to run.
    pub fn spec(&self) -> &PodSpec {
        &self.pod.spec
    }

    /// The pod's rank by its requests and limits.
    pub fn qos_class(&self) -> QosClass {
        qos::class(&self.pod.spec)
    }

    /// Checks whether `new` can take the place of this pod, as the API server does when a pod is changed.
    ///
    /// Most of a pod stays as it is: only images, the deadline (earlier), tolerations (more of them) and scheduling gates
    /// (fewer) can be changed, and while there are gates the nodes that it can run on. Where `new` names no namespace,
    /// that of this pod is meant.
    ///
    /// # Errors
    /// Everything that is wrong with `new`, in itself or in place of this pod.
    pub fn check_update(&self, new: &Pod) -> Result<(), Faults> {
        self.pod.check_update(new)
    }

    /// The pod with one more ephemeral container, and the next generation: what the API server makes of a change of its
    /// subresource `ephemeralcontainers`.
    ///
    /// # Errors
    /// Everything that is wrong with the container, in itself or in this pod.
    pub fn with_ephemeral_container(&self, container: EphemeralContainer) -> Result<Self, Faults> {
        let mut pod = self.pod.clone();
        pod.spec.ephemeral_containers.push(container);
        pod.metadata.generation = pod.metadata.generation.map(|before| before + 1);
        pod.validate_existing()
    }

    /// The pod that takes the place of this one, with its identity and its ephemeral containers, when somebody changes it
    /// to `new`. A change of what to run makes it one of the next generation.
    ///
    /// The default of `imagePullPolicy` goes by the image, and stays when the image is changed.
    ///
    /// # Errors
    /// As [`check_update`](Self::check_update).
    pub fn updated(&self, new: Self) -> Result<Self, Faults> {
        let mut new = new.pod;
        keep_pull_policies(&mut new.spec.init_containers, &self.pod.spec.init_containers);
        keep_pull_policies(&mut new.spec.containers, &self.pod.spec.containers);
        new.spec.ephemeral_containers.clone_from(&self.pod.spec.ephemeral_containers);
        self.pod.check_update(&new)?;
        let known = &self.pod.metadata;
        let grown = i64::from(new.spec != self.pod.spec);
        new.status = None;
        new.metadata = ObjectMeta {
            labels: new.metadata.labels,
            annotations: new.metadata.annotations,
            generation: known.generation.map(|generation| generation + grown),
            ..known.clone()
        };
        Ok(Self { pod: new })
    }

    /// The pod as one that exists: with its id, the moment it was taken on, generation 1, and another namespace if one is
    /// given.
    ///
    /// What only a server sets is dropped: the status, and in the metadata versions and deletion. It is of the first
    /// generation.
    ///
    /// # Errors
    /// When the id or the namespace is no DNS label: both become parts of paths.
    pub fn with_identity(
        mut self,
        uid: &str,
        created: Time,
        namespace: Option<&str>,
    ) -> Result<Self, Faults> {
        let metadata = Path::new("metadata");
        let places = InText::of(&self.pod.source);
        let mut check = Check::new(&places);
        check.name(&metadata.field("uid"), uid, rule::label);
        if let Some(namespace) = namespace {
            check.name(&metadata.field("namespace"), namespace, rule::label);
        }
        Faults::or(std::mem::take(&mut check.faults), ())?;
        self.pod.status = None;
        self.pod.metadata = ObjectMeta {
            uid: Some(uid.to_owned()),
            creation_timestamp: Some(created),
            namespace: namespace.map(str::to_owned).or(self.pod.metadata.namespace),
            generation: Some(1),
            resource_version: None,
            self_link: None,
            deletion_timestamp: None,
            deletion_grace_period_seconds: None,
            managed_fields: Vec::new(),
            ..self.pod.metadata
        };
        Ok(self)
    }
}

impl PodTemplateSpec {
    /// The pod of this name that the template makes in a namespace.
    pub fn pod(&self, namespace: &str, name: &str) -> Pod {
        let metadata = ObjectMeta {
            name: name.to_owned(),
            namespace: Some(namespace.to_owned()),
            labels: self.metadata.labels.clone(),
            annotations: self.metadata.annotations.clone(),
            ..ObjectMeta::default()
        };
        Pod { metadata, spec: self.spec.clone(), ..Pod::default() }
    }
}

/// Keeps what was filled in for the images before.
fn keep_pull_policies(new: &mut [Container], old: &[Container]) {
    for (new, old) in new.iter_mut().zip(old) {
        let is_default = new.image_pull_policy == Some(defaults::pull_policy(&new.image));
        if is_default && new.image != old.image {
            new.image_pull_policy = old.image_pull_policy;
        }
    }
}

/// Fills in what a change of an object does not have to say again, and checks it.
macro_rules! check_update {
    ($($vis:vis fn of $name:ident;)*) => {
        $(
            impl $name {
                /// Checks whether `new` can take the place of this object, which is valid and has its defaults filled
                /// in. Where `new` names no namespace, that of this object is meant.
                ///
                /// # Errors
                /// Everything that is wrong with `new`, in itself or in place of this object.
                $vis fn check_update(&self, new: &Self) -> Result<(), Faults> {
                    let mut new = new.clone();
                    if new.metadata.namespace.as_deref().is_none_or(str::is_empty) {
                        new.metadata.namespace.clone_from(&self.metadata.namespace);
                    }
                    new.fill();
                    let faults = new.faults_in_place_of(self, &InText::of(&new.source));
                    Faults::or(faults, ())
                }
            }
        )*
    };
}

check_update! {
    fn of Pod;
    pub fn of ConfigMap;
    pub fn of Secret;
    pub fn of PersistentVolumeClaim;
    pub fn of Deployment;
    pub fn of Job;
}

/// Objects that are checked as they are.
macro_rules! validate {
    ($($name:ident)*) => {
        $(
            impl $name {
                /// Fills in the defaults and checks the object, both as the API server does.
                ///
                /// # Errors
                /// Every fault of it.
                pub fn validate(mut self) -> Result<Self, Faults> {
                    self.fill();
                    let faults = self.faults(&InText::of(&self.source));
                    Faults::or(faults, self)
                }
            }
        )*
    };
}

validate! { ConfigMap Secret PersistentVolumeClaim Deployment Job }

impl AsRef<Pod> for ValidPod {
    fn as_ref(&self) -> &Pod {
        &self.pod
    }
}

impl From<ValidPod> for Pod {
    fn from(valid: ValidPod) -> Self {
        valid.pod
    }
}

impl Serialize for ValidPod {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.pod.serialize(s)
    }
}

impl<'de> Deserialize<'de> for ValidPod {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Pod::deserialize(d)?.validate_existing().map_err(D::Error::custom)
    }
}
