//! A pod that has been checked and filled up with defaults.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fault::Faults;
use crate::path::Path;
use crate::status::QosClass;
use crate::types::{ObjectMeta, Pod, PodSpec};
use crate::validate::{Check, name};
use crate::{Time, defaults, qos, validate};

/// A field that was accepted although it makes sense in a cluster only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The field: `spec.nodeSelector`.
    pub path: String,
    /// What becomes of it: a fragment that follows the path after a colon.
    pub text: String,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.text)
    }
}

/// A pod that can be run: nothing in it is wrong or unsupported, and every default is filled in.
///
/// Only [`Pod::validate`] makes one; reading one back validates it again. It is serialised as the Pod it holds,
/// without the notices, which reading it back gives anew.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidPod {
    pod: Pod,
    notices: Vec<Notice>,
}

impl Pod {
    /// Checks the pod as the API server would, refuses what is not supported, and fills in the defaults.
    ///
    /// `status` and the fields of `metadata` that only a server sets are dropped, with a notice.
    ///
    /// # Errors
    /// Every fault of the pod.
    pub fn validate(self) -> Result<ValidPod, Faults> {
        let mut pod = self;
        let mut notices = Vec::new();
        let faults = validate::check(&pod, &mut notices);
        Faults::or(faults, ())?;
        pod.other.remove("status");
        for name in ObjectMeta::SERVER_SET {
            pod.metadata.other.remove(name);
        }
        defaults::fill(&mut pod);
        Ok(ValidPod { pod, notices })
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

    /// The fields that were accepted although they make sense in a cluster only.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The pod's rank by its requests and limits.
    pub fn qos_class(&self) -> QosClass {
        qos::class(&self.pod.spec)
    }

    /// The pod as one that exists: with its id, the moment it was taken on, and another namespace if one is given.
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
        let mut check = Check::new(&self.pod.places);
        check.name(&metadata.field("uid"), uid, name::label);
        if let Some(namespace) = namespace {
            check.name(&metadata.field("namespace"), namespace, name::label);
        }
        Faults::or(check.faults, ())?;
        self.pod.metadata.uid = Some(uid.to_owned());
        self.pod.metadata.creation_timestamp = Some(created);
        if let Some(namespace) = namespace {
            self.pod.metadata.namespace = Some(namespace.to_owned());
        }
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
