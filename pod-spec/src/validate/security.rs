//! Users, capabilities and profiles.

use super::Check;
use crate::fault::{FaultKind, quoted};
use crate::path::Path;
use crate::types::{PodSecurityContext, SeccompProfile, SeccompProfileType, SecurityContext};

/// The greatest user or group: that of an int32, as in Kubernetes.
const MAX_ID: i64 = i32::MAX as i64;

pub(super) fn pod(check: &mut Check<'_>, context: &PodSecurityContext, at: &Path<'_>) {
    id(check, context.run_as_user, &at.field("runAsUser"));
    id(check, context.run_as_group, &at.field("runAsGroup"));
    let groups = at.field("supplementalGroups");
    for (i, group) in context.supplemental_groups.iter().enumerate() {
        id(check, Some(*group), &groups.index(i));
    }
    seccomp(check, context.seccomp_profile.as_ref(), &at.field("seccompProfile"));
}

pub(super) fn container(check: &mut Check<'_>, context: &SecurityContext, at: &Path<'_>) {
    id(check, context.run_as_user, &at.field("runAsUser"));
    id(check, context.run_as_group, &at.field("runAsGroup"));
    seccomp(check, context.seccomp_profile.as_ref(), &at.field("seccompProfile"));
    let capabilities = context.capabilities.as_ref();
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

fn id(check: &mut Check<'_>, id: Option<i64>, at: &Path<'_>) {
    if let Some(id) = id.filter(|id| !(0..=MAX_ID).contains(id)) {
        check.invalid(at, format!("{id} is no id: ids are 0 to {MAX_ID}"));
    }
}

fn seccomp(check: &mut Check<'_>, profile: Option<&SeccompProfile>, at: &Path<'_>) {
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
