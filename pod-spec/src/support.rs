//! What of the Pod API is honoured: one row for each field.

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::decode::Decode;
use crate::fault::{FaultKind, quoted};
use crate::path::Path;
use crate::schema::{Field, Table};
use crate::types::Pod;
use crate::valid::Notice;
use crate::validate::Check;

/// What happens to a field that is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It has the effect that it has in Kubernetes.
    Honoured,
    /// It makes sense in a cluster only: accepted, with this notice.
    ClusterOnly(&'static str),
    /// It is a fault, for this reason.
    Refused(&'static str),
}

/// A field of the API and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSupport {
    /// The path, with `[]` for the items of a list: `spec.containers[].livenessProbe`.
    pub path: String,
    /// What happens to it when it is given.
    pub support: Support,
    /// The values that are honoured all the same, as texts.
    pub accepted: &'static [&'static str],
}

/// Where a field shared by several objects is supported differently in one of them.
const EXCEPTIONS: [(&str, Support, &[&str]); 2] = [
    (
        "spec.containers[].restartPolicy",
        Support::Refused("it is honoured for init containers only, where `Always` makes a sidecar"),
        &[],
    ),
    (
        "spec.initContainers[].restartPolicy",
        Support::Refused("only `Always`, which makes a sidecar, is honoured yet"),
        &["Always"],
    ),
];

/// The support of the field at this path, with `[]` for the items of lists.
fn support_of(field: &'static Field, path: &str) -> (Support, &'static [&'static str]) {
    EXCEPTIONS
        .into_iter()
        .find(|(exception, ..)| *exception == path)
        .map_or((field.support, field.accepted), |(_, support, accepted)| (support, accepted))
}

/// Every field that is known, in the order of the API's objects.
///
/// Fields below one that is refused or cluster-only have no rows of their own.
pub fn table() -> Vec<FieldSupport> {
    let mut rows = Vec::new();
    if let Some(table) = Pod::TABLE {
        collect(table, "", &mut rows);
    }
    rows
}

fn collect(table: &'static Table, parent: &str, rows: &mut Vec<FieldSupport>) {
    for field in table.fields {
        let dot = if parent.is_empty() { "" } else { "." };
        let path = format!("{parent}{dot}{}", field.name);
        let (support, accepted) = support_of(field, &path);
        let below = format!("{path}{}", if field.list { "[]" } else { "" });
        rows.push(FieldSupport { path, support, accepted });
        if let (Support::Honoured, Some(nested)) = (support, field.nested) {
            collect(nested, &below, rows);
        }
    }
}

/// The table as Markdown.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Fields\n\nEvery field of the Kubernetes v1 Pod that is known, and what happens to it. Any other is an unknown \
         field, and a fault; what lies within a refused or cluster-only field is not listed.\n\n\
         - **honoured**: it has the effect that it has in Kubernetes.\n\
         - **cluster only**: it makes sense in a cluster only; it is accepted, and a notice says so.\n\
         - **refused**: it is a fault, never ignored.\n\n\
         Some values of honoured fields are refused too: resources other than `cpu` and `memory`; a `sizeLimit` of an \
         emptyDir that does not lie in memory; a `fieldPath` below `status`.\n\n\
         | field | | |\n|---|---|---|\n",
    );
    for row in table() {
        let (word, text) = match row.support {
            Support::Honoured => ("honoured", ""),
            Support::ClusterOnly(text) => ("cluster only", text),
            Support::Refused(text) => ("refused", text),
        };
        let accepted: Vec<_> = row
            .accepted
            .iter()
            .map(|a| if a.is_empty() { "empty".to_owned() } else { format!("`{a}`") })
            .collect();
        let but = match (accepted.is_empty(), row.support) {
            (true, _) => String::new(),
            (false, Support::ClusterOnly(_)) => {
                format!(" (no notice when {})", accepted.join(" or "))
            }
            (false, _) => format!(" (except {})", accepted.join(", ")),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| `{}` | {word}{but} | {text} |", row.path);
    }
    out
}

/// Looks at every field that is given: a fault for each refused one, a notice for each that needs a cluster.
pub(crate) fn survey(pod: &Pod, check: &mut Check<'_>, notices: &mut Vec<Notice>) {
    // A Pod is made of texts, numbers, lists and maps with text keys, which JSON can hold.
    let (Ok(Json::Object(object)), Some(table)) = (serde_json::to_value(pod), Pod::TABLE) else {
        return;
    };
    Survey { check, notices }.object(&object, table, &Path::default(), "");
}

struct Survey<'s, 'c> {
    check: &'s mut Check<'c>,
    notices: &'s mut Vec<Notice>,
}

impl Survey<'_, '_> {
    fn object(
        &mut self,
        object: &serde_json::Map<String, Json>,
        table: &'static Table,
        at: &Path,
        pattern: &str,
    ) {
        for (name, value) in object {
            let path = at.field(name);
            let dot = if pattern.is_empty() { "" } else { "." };
            let pattern = format!("{pattern}{dot}{name}");
            let Some(field) = table.fields.iter().find(|f| f.name == name) else {
                // Only a field kept as written could be here, and those are in the table.
                continue;
            };
            self.field(field, value, &path, &pattern);
        }
    }

    fn field(&mut self, field: &'static Field, value: &Json, path: &Path, pattern: &str) {
        let (support, accepted) = support_of(field, pattern);
        match support {
            _ if scalar(value).is_some_and(|text| accepted.contains(&text.as_str())) => {}
            Support::Refused(why) => {
                let what = match scalar(value) {
                    Some(text) if !accepted.is_empty() => {
                        format!("{} is not supported yet: {why}", quoted(&text))
                    }
                    _ => format!("not supported yet: {why}"),
                };
                self.check.fault(path, FaultKind::NotSupported, what);
            }
            Support::ClusterOnly(text) => {
                self.notices.push(Notice { path: path.as_str().to_owned(), text: text.to_owned() });
            }
            Support::Honoured => {
                let Some(table) = field.nested else { return };
                match value {
                    Json::Object(object) => self.object(object, table, path, pattern),
                    Json::Array(items) => {
                        for (i, item) in items.iter().enumerate() {
                            if let Json::Object(object) = item {
                                self.object(object, table, &path.index(i), &format!("{pattern}[]"));
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::Null => Some(String::new()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Number(value) => Some(value.to_string()),
        Json::String(value) => Some(value.clone()),
        Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(path: &str) -> Option<Support> {
        table().into_iter().find(|r| r.path == path).map(|r| r.support)
    }

    #[test]
    fn every_field_has_one_row() {
        let mut paths: Vec<_> = table().into_iter().map(|r| r.path).collect();
        let all = paths.len();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), all);
        assert!(all > 250, "{all}");
    }

    #[test]
    fn rows_say_what_happens() {
        assert_eq!(row("spec.containers[].image"), Some(Support::Honoured));
        assert_eq!(
            row("spec.volumes[].emptyDir.medium").map(|s| s == Support::Honoured),
            Some(false)
        );
        assert!(matches!(row("spec.containers[].livenessProbe"), Some(Support::Refused(_))));
        assert!(matches!(row("spec.containers[].ports[].hostPort"), Some(Support::Refused(_))));
        assert!(matches!(row("spec.nodeSelector"), Some(Support::ClusterOnly(_))));
        assert!(matches!(row("status"), Some(Support::ClusterOnly(_))));
        assert_eq!(row("spec.nodeSelektor"), None);
    }

    #[test]
    fn the_api_of_kubernetes_1_36_is_known_by_name() {
        let known = |table: Option<&'static Table>, names: &str| {
            let table = table.unwrap();
            for name in names.split_whitespace() {
                assert!(table.fields.iter().any(|f| f.name == name), "{name}");
            }
            assert_eq!(table.fields.len(), names.split_whitespace().count());
        };
        use crate::types::*;
        known(
            PodSpec::TABLE,
            "activeDeadlineSeconds affinity automountServiceAccountToken containers dnsConfig dnsPolicy \
             enableServiceLinks ephemeralContainers hostAliases hostIPC hostNetwork hostPID hostUsers hostname \
             hostnameOverride imagePullSecrets initContainers nodeName nodeSelector os overhead preemptionPolicy \
             priority priorityClassName readinessGates resourceClaims resources restartPolicy runtimeClassName \
             schedulerName schedulingGates schedulingGroup securityContext serviceAccount serviceAccountName \
             setHostnameAsFQDN shareProcessNamespace subdomain terminationGracePeriodSeconds tolerations \
             topologySpreadConstraints volumes",
        );
        known(
            Container::TABLE,
            "args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports readinessProbe \
             resizePolicy resources restartPolicy restartPolicyRules securityContext startupProbe stdin stdinOnce \
             terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir",
        );
        known(
            Volume::TABLE,
            "awsElasticBlockStore azureDisk azureFile cephfs cinder configMap csi downwardAPI emptyDir ephemeral fc \
             flexVolume flocker gcePersistentDisk gitRepo glusterfs hostPath image iscsi name nfs \
             persistentVolumeClaim photonPersistentDisk portworxVolume projected quobyte rbd scaleIO secret storageos \
             vsphereVolume",
        );
        known(
            VolumeMount::TABLE,
            "mountPath mountPropagation name readOnly recursiveReadOnly subPath subPathExpr",
        );
        known(
            SecurityContext::TABLE,
            "allowPrivilegeEscalation appArmorProfile capabilities privileged procMount readOnlyRootFilesystem \
             runAsGroup runAsNonRoot runAsUser seLinuxOptions seccompProfile windowsOptions",
        );
        known(
            PodSecurityContext::TABLE,
            "appArmorProfile fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser seLinuxChangePolicy \
             seLinuxOptions seccompProfile supplementalGroups supplementalGroupsPolicy sysctls windowsOptions",
        );
        known(
            ObjectMeta::TABLE,
            "annotations creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers generateName \
             generation labels managedFields name namespace ownerReferences resourceVersion selfLink uid",
        );
        known(
            EnvVarSource::TABLE,
            "configMapKeyRef fieldRef fileKeyRef resourceFieldRef secretKeyRef",
        );
        known(ContainerPort::TABLE, "containerPort hostIP hostPort name protocol");
        known(ResourceRequirements::TABLE, "claims limits requests");
    }

    #[test]
    fn the_markdown_has_a_line_for_each_row() {
        let text = markdown();
        assert_eq!(text.lines().filter(|l| l.starts_with("| `")).count(), table().len());
        assert!(text.contains("| `spec.containers[].tty` | refused (except `false`) |"));
    }
}
