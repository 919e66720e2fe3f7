//! A pod that has been checked and filled up with defaults.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::defaults::{self, Defaults as _};
use crate::fault::Faults;
use crate::names::rule;
use crate::path::{InText, Path};
use crate::status::QosClass;
use crate::types::{ObjectMeta, Pod, PodSpec};
use crate::validate::{Check, Validate as _};
use crate::{Time, qos};

/// A pod that Kubernetes would take: nothing in it is wrong, and every default is filled in.
///
/// Only [`Pod::validate`] makes one; reading one back validates it again. It is serialised as the Pod it holds. Whether
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

    /// The pod as one that exists: with its id, the moment it was taken on, and another namespace if one is given.
    ///
    /// What only a server sets is dropped: the status, and in the metadata versions and deletion.
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
            generation: None,
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
        Pod::deserialize(d)?.validate().map_err(D::Error::custom)
    }
}
