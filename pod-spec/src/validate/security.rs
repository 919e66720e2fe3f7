//! Users, groups and profiles.

use super::check::{Check, Given as _};
use super::windows;
use crate::fault::{FaultKind, quoted};
use crate::path::Path;
use crate::types::{
    AppArmorProfile, AppArmorProfileType, PodSpec, ProcMountType, SeccompProfile,
    SeccompProfileType, SecurityContext,
};

/// The greatest user or group: that of an int32, as in Kubernetes.
const MAX_ID: i64 = i32::MAX as i64;
/// The longest name of an AppArmor profile: that of a path.
const MAX_PROFILE: usize = 4095;

pub(super) fn pod(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    let Some(context) = &spec.security_context else { return };
    let at = at.field("securityContext");
    id(check, context.run_as_user, &at.field("runAsUser"));
    id(check, context.run_as_group, &at.field("runAsGroup"));
    id(check, context.fs_group, &at.field("fsGroup"));
    let groups = at.field("supplementalGroups");
    for (i, group) in context.supplemental_groups.iter().enumerate() {
        id(check, Some(*group), &groups.index(i));
    }
    seccomp(check, context.seccomp_profile.as_ref(), &at.field("seccompProfile"));
    app_armor(check, context.app_armor_profile.as_ref(), &at.field("appArmorProfile"));
    windows::options(check, context.windows_options.as_ref(), &at.field("windowsOptions"));
}

pub(super) fn container(
    check: &mut Check<'_>,
    context: &SecurityContext,
    own_users: bool,
    at: &Path<'_>,
) {
    id(check, context.run_as_user, &at.field("runAsUser"));
    id(check, context.run_as_group, &at.field("runAsGroup"));
    if context.proc_mount == Some(ProcMountType::Unmasked) && !own_users {
        check.invalid(&at.field("procMount"), "`Unmasked` needs `hostUsers: false`");
    }
    if context.allow_privilege_escalation == Some(false) {
        no_escalation(check, context, at);
    }
    seccomp(check, context.seccomp_profile.as_ref(), &at.field("seccompProfile"));
    app_armor(check, context.app_armor_profile.as_ref(), &at.field("appArmorProfile"));
    windows::options(check, context.windows_options.as_ref(), &at.field("windowsOptions"));
}

fn no_escalation(check: &mut Check<'_>, context: &SecurityContext, at: &Path<'_>) {
    if context.privileged == Some(true) {
        let message = "`allowPrivilegeEscalation` cannot be false in a privileged container";
        check.invalid(at, message);
    }
    // Only this spelling, as in Kubernetes: `SYS_ADMIN` passes there too.
    let added = context.capabilities.iter().flat_map(|capabilities| &capabilities.add);
    if added.into_iter().any(|name| name == "CAP_SYS_ADMIN") {
        let message = "`allowPrivilegeEscalation` cannot be false in a container to which CAP_SYS_ADMIN is added";
        check.invalid(at, message);
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
    match (profile.kind, profile.localhost_profile.as_deref()) {
        (SeccompProfileType::Localhost, None) => missing_profile(check, &at),
        (SeccompProfileType::Localhost, Some(file)) => check.below(&at, file),
        (_, Some(_)) => needless_profile(check, &at),
        (_, None) => {}
    }
}

fn app_armor(check: &mut Check<'_>, profile: Option<&AppArmorProfile>, at: &Path<'_>) {
    let Some(profile) = profile else { return };
    let at = at.field("localhostProfile");
    match (profile.kind, profile.localhost_profile.as_deref()) {
        (AppArmorProfileType::Localhost, Some(name)) => {
            if name.trim() != name {
                let message = format!("{} must not begin or end with a space", quoted(name));
                check.invalid(&at, message);
            } else if profile.localhost_profile.given().is_none() {
                missing_profile(check, &at);
            }
            if name.len() > MAX_PROFILE {
                let message = format!("it has more than {MAX_PROFILE} bytes");
                check.fault(&at, FaultKind::TooLong, message);
            }
        }
        (AppArmorProfileType::Localhost, None) => missing_profile(check, &at),
        (_, Some(_)) => needless_profile(check, &at),
        (_, None) => {}
    }
}

fn missing_profile(check: &mut Check<'_>, at: &Path<'_>) {
    check.fault(at, FaultKind::Required, "required when the type is `Localhost`");
}

fn needless_profile(check: &mut Check<'_>, at: &Path<'_>) {
    check.invalid(at, "it can only be given when the type is `Localhost`");
}
