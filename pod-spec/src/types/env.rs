//! The environment of a container.

use crate::Quantity;
use crate::schema::object;

object! {
    /// A variable of the environment.
    pub struct EnvVar: "v1.EnvVar" {
        /// The name: printable ASCII without `=`.
        "name" name: String => required,
        /// The value, in which `$(NAME)` stands for an earlier variable.
        "value" value: Option<String>,
        /// Where the value comes from instead.
        "valueFrom" value_from: Option<EnvVarSource>,
    }
}

object! {
    /// Where the value of a variable comes from. Exactly one field is set.
    pub struct EnvVarSource: "v1.EnvVarSource" {
        /// A field of the pod.
        "fieldRef" field_ref: Option<ObjectFieldSelector>,
        /// A resource of a container.
        "resourceFieldRef" resource_field_ref: Option<ResourceFieldSelector>,
        /// A key of a ConfigMap.
        "configMapKeyRef" config_map_key_ref: Option<ConfigMapKeySelector>,
        /// A key of a Secret.
        "secretKeyRef" secret_key_ref: Option<SecretKeySelector>,
        /// A key of a file in a volume.
        "fileKeyRef" file_key_ref: Option<FileKeySelector>,
    }
}

object! {
    /// A field of the pod.
    pub struct ObjectFieldSelector: "v1.ObjectFieldSelector" {
        /// The version of the API that the path is of. `v1` when not given.
        "apiVersion" api_version: Option<String>,
        /// The path of the field.
        "fieldPath" field_path: String => required,
    }
}

object! {
    /// A resource of a container.
    pub struct ResourceFieldSelector: "v1.ResourceFieldSelector" {
        /// The container: in a variable its own when absent, in a volume it must be given.
        "containerName" container_name: Option<String>,
        /// The resource: `limits.cpu`, `requests.memory` and the like.
        "resource" resource: String => required,
        /// What the amount is divided by. 1 when not given.
        "divisor" divisor: Option<Quantity>,
    }
}

object! {
    /// A key of a ConfigMap.
    pub struct ConfigMapKeySelector: "v1.ConfigMapKeySelector" {
        /// The ConfigMap.
        "name" name: String,
        /// The key.
        "key" key: String => required,
        /// Whether it may be missing: then there is no such variable.
        "optional" optional: Option<bool>,
    }
}

object! {
    /// A key of a Secret.
    pub struct SecretKeySelector: "v1.SecretKeySelector" {
        /// The Secret.
        "name" name: String,
        /// The key.
        "key" key: String => required,
        /// Whether it may be missing: then there is no such variable.
        "optional" optional: Option<bool>,
    }
}

object! {
    /// A key of a file of variables in a volume of the pod.
    pub struct FileKeySelector: "v1.FileKeySelector" {
        /// The volume.
        "volumeName" volume_name: String => required,
        /// The file, relative to the volume.
        "path" path: String => required,
        /// The key in the file.
        "key" key: String => required,
        /// Whether it may be missing: then there is no such variable.
        "optional" optional: Option<bool>,
    }
}

object! {
    /// A ConfigMap or Secret whose every key becomes a variable. Exactly one of the two is set.
    pub struct EnvFromSource: "v1.EnvFromSource" {
        /// What stands before each key in the name of its variable.
        "prefix" prefix: Option<String>,
        /// A ConfigMap.
        "configMapRef" config_map_ref: Option<ConfigMapEnvSource>,
        /// A Secret.
        "secretRef" secret_ref: Option<SecretEnvSource>,
    }
}

object! {
    /// A ConfigMap whose every key becomes a variable.
    pub struct ConfigMapEnvSource: "v1.ConfigMapEnvSource" {
        /// The ConfigMap.
        "name" name: String,
        /// Whether it may be missing.
        "optional" optional: Option<bool>,
    }
}

object! {
    /// A Secret whose every key becomes a variable.
    pub struct SecretEnvSource: "v1.SecretEnvSource" {
        /// The Secret.
        "name" name: String,
        /// Whether it may be missing.
        "optional" optional: Option<bool>,
    }
}

impl ObjectFieldSelector {
    /// The field that is meant; None when a variable cannot be made of it.
    pub fn field(&self) -> Option<FieldPath<'_>> {
        FieldPath::parse(&self.field_path)
    }
}

/// The fields of a pod that a variable can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldPath<'a> {
    /// `metadata.name`
    Name,
    /// `metadata.namespace`
    Namespace,
    /// `metadata.uid`
    Uid,
    /// `metadata.labels['key']`
    Label(&'a str),
    /// `metadata.annotations['key']`
    Annotation(&'a str),
    /// `spec.nodeName`
    NodeName,
    /// `spec.serviceAccountName`
    ServiceAccountName,
    /// `status.hostIP`.
    HostIp,
    /// `status.hostIPs`.
    HostIps,
    /// `status.podIP`.
    PodIp,
    /// `status.podIPs`.
    PodIps,
}

impl<'a> FieldPath<'a> {
    /// The paths without a key.
    pub(crate) const PLAIN: [(&'static str, FieldPath<'static>); 9] = [
        ("metadata.name", FieldPath::Name),
        ("metadata.namespace", FieldPath::Namespace),
        ("metadata.uid", FieldPath::Uid),
        ("spec.nodeName", FieldPath::NodeName),
        ("spec.serviceAccountName", FieldPath::ServiceAccountName),
        ("status.hostIP", FieldPath::HostIp),
        ("status.hostIPs", FieldPath::HostIps),
        ("status.podIP", FieldPath::PodIp),
        ("status.podIPs", FieldPath::PodIps),
    ];

    /// Reads the path of a field; None when a variable cannot be made of it.
    pub fn parse(path: &'a str) -> Option<Self> {
        let key = |prefix: &str| path.strip_prefix(prefix)?.strip_prefix("['")?.strip_suffix("']");
        if let Some(key) = key("metadata.labels") {
            return Some(Self::Label(key));
        }
        if let Some(key) = key("metadata.annotations") {
            return Some(Self::Annotation(key));
        }
        Self::PLAIN.into_iter().find(|(plain, _)| *plain == path).map(|(_, field)| field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        let cases = [
            ("metadata.name", Some(FieldPath::Name)),
            (
                "metadata.labels['app.kubernetes.io/name']",
                Some(FieldPath::Label("app.kubernetes.io/name")),
            ),
            ("metadata.annotations['a']", Some(FieldPath::Annotation("a"))),
            ("status.podIP", Some(FieldPath::PodIp)),
            ("metadata.labels", None),
            ("metadata.labels[a]", None),
            ("metadata.labels['", None),
            ("spec.hostname", None),
        ];
        for (path, want) in cases {
            assert_eq!(FieldPath::parse(path), want, "{path}");
        }
    }
}
