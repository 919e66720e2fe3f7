//! The environment of a container.

use crate::decode::AnyMap;
use crate::schema::object;

object! {
    /// A variable of the environment (`v1.EnvVar`).
    pub struct EnvVar {
        /// The name: printable ASCII without `=`.
        "name" name: String => required,
        /// The value, in which `$(NAME)` stands for an earlier variable.
        "value" value: Option<String>,
        /// Where the value comes from instead.
        "valueFrom" value_from: Option<EnvVarSource>,
    }
    others {}
}

object! {
    /// Where the value of a variable comes from (`v1.EnvVarSource`). Exactly one field is set.
    pub struct EnvVarSource {
        /// A field of the pod.
        "fieldRef" field_ref: Option<ObjectFieldSelector>,
    }
    others {
        "configMapKeyRef": AnyMap => refused("there are no ConfigMaps yet"),
        "fileKeyRef": AnyMap => refused("variables from files are not honoured yet"),
        "resourceFieldRef": AnyMap => refused("variables from resources are not honoured yet"),
        "secretKeyRef": AnyMap => refused("there are no Secrets yet"),
    }
}

object! {
    /// A field of the pod (`v1.ObjectFieldSelector`).
    pub struct ObjectFieldSelector {
        /// `v1`, when given at all.
        "apiVersion" api_version: Option<String>,
        /// The path of the field.
        "fieldPath" field_path: String => required,
    }
    others {}
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
    /// `status.hostIP`; refused until there is a pod network.
    HostIp,
    /// `status.hostIPs`; refused until there is a pod network.
    HostIps,
    /// `status.podIP`; refused until there is a pod network.
    PodIp,
    /// `status.podIPs`; refused until there is a pod network.
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
