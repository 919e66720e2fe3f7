//! Users, capabilities and profiles.

use super::Check;
use crate::fault::{FaultKind, quoted};
use crate::path::Path;
use crate::spelling;
use crate::types::{
    Capabilities, PodSecurityContext, SeccompProfile, SeccompProfileType, SecurityContext,
};

/// The greatest user or group: that of an int32, as in Kubernetes.
const MAX_ID: i64 = i32::MAX as i64;

/// The capabilities of Linux, without `CAP_` (capabilities(7)).
const CAPABILITIES: [&str; 42] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

pub(super) fn pod(check: &mut Check<'_>, context: &PodSecurityContext, at: &Path) {
    id(check, context.run_as_user, &at.field("runAsUser"));
    id(check, context.run_as_group, &at.field("runAsGroup"));
    for (i, group) in context.supplemental_groups.iter().enumerate() {
        id(check, Some(*group), &at.field("supplementalGroups").index(i));
    }
    seccomp(check, context.seccomp_profile.as_ref(), &at.field("seccompProfile"));
}

pub(super) fn container(check: &mut Check<'_>, context: &SecurityContext, at: &Path) {
    id(check, context.run_as_user, &at.field("runAsUser"));
    id(check, context.run_as_group, &at.field("runAsGroup"));
    seccomp(check, context.seccomp_profile.as_ref(), &at.field("seccompProfile"));
    let capabilities = context.capabilities.as_ref();
    if let Some(capabilities) = capabilities {
        names(check, capabilities, &at.field("capabilities"));
    }
    if context.allow_privilege_escalation == Some(false) {
        let at = at.field("allowPrivilegeEscalation");
        if context.privileged == Some(true) {
            check.invalid(&at, "it cannot be false in a privileged container");
        }
        // Only this spelling, as in Kubernetes: `SYS_ADMIN` passes there too.
        if capabilities.is_some_and(|c| c.add.iter().any(|name| name == "CAP_SYS_ADMIN")) {
            check.invalid(&at, "it cannot be false in a container to which CAP_SYS_ADMIN is added");
        }
    }
}

fn id(check: &mut Check<'_>, id: Option<i64>, at: &Path) {
    if let Some(id) = id.filter(|id| !(0..=MAX_ID).contains(id)) {
        check.invalid(at, format!("{id} is no id: ids are 0 to {MAX_ID}"));
    }
}

fn names(check: &mut Check<'_>, capabilities: &Capabilities, at: &Path) {
    for (field, list) in [("add", &capabilities.add), ("drop", &capabilities.drop)] {
        for (i, name) in list.iter().enumerate() {
            let upper = name.to_ascii_uppercase();
            let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
            if !CAPABILITIES.contains(&bare) {
                let suggestion = spelling::suggest(bare, CAPABILITIES);
                let message = format!("there is no capability {}", quoted(name));
                check.fault_with(
                    &at.field(field).index(i),
                    FaultKind::NotOneOf,
                    message,
                    suggestion,
                );
            }
        }
    }
}

fn seccomp(check: &mut Check<'_>, profile: Option<&SeccompProfile>, at: &Path) {
    let Some(profile) = profile else { return };
    let at = at.field("localhostProfile");
    let file = profile.localhost_profile.as_deref();
    match (profile.kind, file) {
        (SeccompProfileType::Localhost, None | Some("")) => {
            check.fault(&at, FaultKind::Required, "required when the type is `Localhost`");
        }
        (SeccompProfileType::Localhost, Some(file)) => {
            if file.starts_with('/') || file.split('/').any(|part| part == "..") {
                check.invalid(&at, format!("{} must be relative and without `..`", quoted(file)));
            }
        }
        (SeccompProfileType::RuntimeDefault | SeccompProfileType::Unconfined, Some(_)) => {
            check.invalid(&at, "it can only be given when the type is `Localhost`");
        }
        (SeccompProfileType::RuntimeDefault | SeccompProfileType::Unconfined, None) => {}
    }
}
