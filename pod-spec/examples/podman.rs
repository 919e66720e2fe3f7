//! Prints how the table of supported fields compares with that of `podman kube play`, as Markdown.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use pod_spec::support::{FieldSupport, Support};

/// What podman's own table (docs/kubernetes_support.md of podman 5) says of each field it lists: those of the Pod with
/// their path, those of containers below `container.`.
const PODMAN: &str = "\
containers yes
initContainers yes
imagePullSecrets no
enableServiceLinks no
os.name no
volumes yes
nodeSelector n/a
nodeName n/a
affinity.nodeAffinity n/a
affinity.podAffinity n/a
affinity.podAntiAffinity n/a
tolerations.key n/a
tolerations.operator n/a
tolerations.effect n/a
tolerations.tolerationSeconds n/a
schedulerName n/a
runtimeClassName no
priorityClassName no
priority no
topologySpreadConstraints.maxSkew n/a
topologySpreadConstraints.topologyKey n/a
topologySpreadConstraints.whenUnsatisfiable n/a
topologySpreadConstraints.labelSelector n/a
topologySpreadConstraints.minDomains n/a
restartPolicy yes
terminationGracePeriodSeconds yes
activeDeadlineSeconds no
readinessGates.conditionType no
hostname yes
setHostnameAsFQDN no
subdomain no
hostAliases.hostnames yes
hostAliases.ip yes
dnsConfig.nameservers yes
dnsConfig.options.name yes
dnsConfig.options.value yes
dnsConfig.searches yes
dnsPolicy no
hostNetwork yes
hostPID yes
hostIPC yes
shareProcessNamespace yes
serviceAccountName no
automountServiceAccountToken no
securityContext.runAsUser yes
securityContext.runAsNonRoot no
securityContext.runAsGroup yes
securityContext.supplementalGroups yes
securityContext.fsGroup no
securityContext.fsGroupChangePolicy no
securityContext.seccompProfile.type no
securityContext.seccompProfile.localhostProfile no
securityContext.seLinuxOptions.level yes
securityContext.seLinuxOptions.role yes
securityContext.seLinuxOptions.type yes
securityContext.seLinuxOptions.user yes
securityContext.sysctls.name yes
securityContext.sysctls.value yes
securityContext.windowsOptions.gmsaCredentialSpec no
securityContext.windowsOptions.hostProcess no
securityContext.windowsOptions.runAsUserName no
container.name yes
container.image yes
container.imagePullPolicy yes
container.command yes
container.args yes
container.workingDir yes
container.ports.containerPort yes
container.ports.hostIP yes
container.ports.hostPort yes
container.ports.name yes
container.ports.protocol yes
container.env.name yes
container.env.value yes
container.env.valueFrom.configMapKeyRef.key yes
container.env.valueFrom.configMapKeyRef.name yes
container.env.valueFrom.configMapKeyRef.optional yes
container.env.valueFrom.fieldRef yes
container.env.valueFrom.resourceFieldRef yes
container.env.valueFrom.secretKeyRef.key yes
container.env.valueFrom.secretKeyRef.name yes
container.env.valueFrom.secretKeyRef.optional yes
container.envFrom.configMapRef.name yes
container.envFrom.configMapRef.optional yes
container.envFrom.prefix no
container.envFrom.secretRef.name yes
container.envFrom.secretRef.optional yes
container.volumeMounts.mountPath yes
container.volumeMounts.name yes
container.volumeMounts.mountPropagation no
container.volumeMounts.readOnly yes
container.volumeMounts.subPath yes
container.volumeMounts.subPathExpr no
container.volumeDevices.devicePath no
container.volumeDevices.name no
container.resources.limits yes
container.resources.requests yes
container.lifecycle.postStart no
container.lifecycle.preStop no
container.lifecycle.stopSignal yes
container.terminationMessagePath no
container.terminationMessagePolicy no
container.livenessProbe yes
container.readinessProbe no
container.startupProbe no
container.securityContext.runAsUser yes
container.securityContext.runAsNonRoot no
container.securityContext.runAsGroup yes
container.securityContext.readOnlyRootFilesystem yes
container.securityContext.procMount yes
container.securityContext.privileged yes
container.securityContext.allowPrivilegeEscalation yes
container.securityContext.capabilities.add yes
container.securityContext.capabilities.drop yes
container.securityContext.seccompProfile.type no
container.securityContext.seccompProfile.localhostProfile no
container.securityContext.seLinuxOptions.level yes
container.securityContext.seLinuxOptions.role yes
container.securityContext.seLinuxOptions.type yes
container.securityContext.seLinuxOptions.user yes
container.securityContext.windowsOptions.gmsaCredentialSpec no
container.securityContext.windowsOptions.hostProcess no
container.securityContext.windowsOptions.runAsUserName no
container.stdin no
container.stdinOnce no
container.tty no
";

fn main() -> io::Result<()> {
    io::stdout().write_all(page().as_bytes())
}

/// The comparison as Markdown.
pub fn page() -> String {
    let rows: Vec<(&str, &str, FieldSupport)> = PODMAN
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(field, podman)| (field, podman, ours(field)))
        .collect();
    let count = |podman: &str, is: fn(&Support) -> bool| {
        rows.iter().filter(|(_, says, row)| *says == podman && is(&row.support)).count()
    };
    let mut out = String::from(
        "# Beside `podman kube play`\n\n\
         Each field that podman's own table (docs/kubernetes_support.md of podman 5) lists, with what happens to it there \
         and here. What podman does not support it ignores, most of it without a word; what is not supported here is \
         refused, or accepted with a notice where it needs a cluster ([fields.md](fields.md)). This page is written by \
         `make docs`.\n\n",
    );
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "Of the {} fields podman says yes to, {} are honoured here, {} are refused so far. Of the {} it says no to, {} are \
         honoured here.\n\n| field | podman | here |\n|---|---|---|",
        rows.iter().filter(|(_, says, _)| *says == "yes").count(),
        count("yes", |s| matches!(s, Support::Honoured { .. } | Support::ByField)),
        count("yes", |s| matches!(s, Support::Refused(_))),
        rows.iter().filter(|(_, says, _)| *says == "no").count(),
        count("no", |s| matches!(s, Support::Honoured { .. } | Support::ByField)),
    );
    for (field, podman, row) in &rows {
        let here = match row.support {
            Support::Honoured { .. } => "honoured".to_owned(),
            Support::ByField => "by field".to_owned(),
            Support::ClusterOnly(_) => "notice".to_owned(),
            Support::Refused(_) if row.accepted.is_empty() => "refused".to_owned(),
            Support::Refused(_) => {
                let accepted: Vec<_> =
                    row.accepted.iter().filter(|value| !value.is_empty()).copied().collect();
                match accepted.as_slice() {
                    [] => "refused".to_owned(),
                    values => format!("`{}` alone", values.join("`, `")),
                }
            }
        };
        let _ = writeln!(out, "| `{field}` | {podman} | {here} |");
    }
    out
}

/// What happens to a field of podman's table here.
fn ours(field: &str) -> FieldSupport {
    let path = match field.strip_prefix("container.") {
        Some(field) => format!("spec.containers.{field}"),
        None => format!("spec.{field}"),
    };
    pod_spec::explain(&path).unwrap_or_else(|error| panic!("{path}: {error}")).field
}
