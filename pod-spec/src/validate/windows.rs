//! What only Windows has, and what only Linux has.

use super::Check;
use super::pod::{self, AnyContainer};
use crate::fault::quoted;
use crate::names::rule;
use crate::path::Path;
use crate::types::{
    OsName, PodSecurityContext, PodSpec, SecurityContext, WindowsSecurityContextOptions,
};

/// The largest credential, in bytes.
const MAX_CREDENTIAL: usize = 64 << 10;
const MAX_DOMAIN: usize = 255;
const MAX_USER: usize = 104;

pub(super) fn pod(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    host_processes(check, spec, at);
    match spec.os.as_ref().map(|os| os.name) {
        None => {}
        Some(OsName::Linux) => not_on_linux(check, spec, at),
        Some(OsName::Windows) => not_on_windows(check, spec, at),
    }
}

pub(super) fn options(
    check: &mut Check<'_>,
    options: Option<&WindowsSecurityContextOptions>,
    at: &Path<'_>,
) {
    let Some(options) = options else { return };
    if let Some(name) = &options.gmsa_credential_spec_name {
        check.format(&at.field("gmsaCredentialSpecName"), name, rule::subdomain);
    }
    let size = options.gmsa_credential_spec.as_ref().map(String::len);
    if let Some(size) = size.filter(|size| !(1..=MAX_CREDENTIAL).contains(size)) {
        let message = format!("it has {size} bytes, and may have 1 to {MAX_CREDENTIAL}");
        check.invalid(&at.field("gmsaCredentialSpec"), message);
    }
    if let Some(name) = &options.run_as_user_name {
        run_as(check, name, &at.field("runAsUserName"));
    }
}

fn run_as(check: &mut Check<'_>, name: &str, at: &Path<'_>) {
    if let Err(why) = user(name) {
        check.invalid(at, format!("{} is no user of Windows: {why}", quoted(name)));
    }
}

/// `user` or `domain\user`; what is wrong when it is neither.
fn user(name: &str) -> Result<(), &'static str> {
    let (domain, user) =
        name.split_once('\\').map_or((None, name), |(domain, user)| (Some(domain), user));
    let is = |holds: bool, why| if holds { Ok(()) } else { Err(why) };
    is(!name.chars().any(|c| c.is_ascii_control()), "there is a control character in it")?;
    is(domain.is_none_or(is_domain), "what stands before `\\` is no domain")?;
    is((1..=MAX_USER).contains(&user.len()), "a user has 1 to 104 characters")?;
    is(!user.chars().all(|c| matches!(c, '.' | ' ')), "a user is not dots and spaces alone")?;
    is(
        !user.contains(|c: char| r#""/\:;|=,+*?<>@[]"#.contains(c)),
        "it has a character that no user has",
    )
}

/// The name of a domain, in the way of NetBIOS or in that of DNS.
fn is_domain(domain: &str) -> bool {
    let net_bios = (1..=15).contains(&domain.chars().count())
        && !domain.starts_with('.')
        && !domain.contains(|c: char| r#"\/:*?"<>|"#.contains(c));
    let label = |label: &str| rule::label(&label.to_ascii_lowercase()).is_ok();
    domain.len() <= MAX_DOMAIN && (net_bios || domain.split('.').all(label))
}

/// Processes of the host: all containers are such, or none is.
fn host_processes(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    let of = |options: Option<&WindowsSecurityContextOptions>| options.and_then(|o| o.host_process);
    let context = spec.security_context.as_ref();
    let pod = of(context.and_then(|context| context.windows_options.as_ref()));
    let (mut all, mut any) = (true, false);
    for AnyContainer { container, list, index } in pod::containers(spec) {
        let context = container.security_context.as_ref();
        let own = of(context.and_then(|context| context.windows_options.as_ref()));
        if pod.is_some() && own.is_some() && pod != own {
            let list = at.field(list);
            let container = list.index(index);
            let context = container.field("securityContext");
            let options = context.field("windowsOptions");
            check.invalid(&options.field("hostProcess"), "the pod says otherwise");
        }
        let is_one = own.or(pod) == Some(true);
        (all, any) = (all && is_one, any || is_one);
    }
    if any && !all {
        check.invalid(at, "either all containers are processes of the host, or none is");
    }
    if any && spec.host_network != Some(true) {
        check.invalid(&at.field("hostNetwork"), "processes of the host need `hostNetwork: true`");
    }
}

fn not_on_linux(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    let message = "the pod is for Linux";
    let context = spec.security_context.as_ref();
    if context.is_some_and(|context| context.windows_options.is_some()) {
        check.forbidden(&at.field("securityContext").field("windowsOptions"), message);
    }
    for AnyContainer { container, list, index } in pod::containers(spec) {
        let context = container.security_context.as_ref();
        if context.is_some_and(|context| context.windows_options.is_some()) {
            let list = at.field(list);
            let container = list.index(index);
            check.forbidden(&container.field("securityContext").field("windowsOptions"), message);
        }
    }
}

fn not_on_windows(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    let message = "the pod is for Windows";
    let own = [
        ("hostUsers", spec.host_users.is_some()),
        ("hostPID", spec.host_pid == Some(true)),
        ("hostIPC", spec.host_ipc == Some(true)),
        ("shareProcessNamespace", spec.share_process_namespace.is_some()),
    ];
    for (field, _) in own.into_iter().filter(|(_, given)| *given) {
        check.forbidden(&at.field(field), message);
    }
    if let Some(context) = &spec.security_context {
        let at = at.field("securityContext");
        for field in linux_of_pod(context) {
            check.forbidden(&at.field(field), message);
        }
    }
    for AnyContainer { container, list, index } in pod::containers(spec) {
        let Some(context) = &container.security_context else { continue };
        let list = at.field(list);
        let container = list.index(index);
        let at = container.field("securityContext");
        for field in linux_of_container(context) {
            check.forbidden(&at.field(field), message);
        }
    }
}

fn linux_of_pod(context: &PodSecurityContext) -> impl Iterator<Item = &'static str> {
    [
        ("appArmorProfile", context.app_armor_profile.is_some()),
        ("seLinuxOptions", context.se_linux_options.is_some()),
        ("seccompProfile", context.seccomp_profile.is_some()),
        ("fsGroup", context.fs_group.is_some()),
        ("fsGroupChangePolicy", context.fs_group_change_policy.is_some()),
        ("sysctls", !context.sysctls.is_empty()),
        ("runAsUser", context.run_as_user.is_some()),
        ("runAsGroup", context.run_as_group.is_some()),
        ("supplementalGroups", !context.supplemental_groups.is_empty()),
        ("supplementalGroupsPolicy", context.supplemental_groups_policy.is_some()),
        ("seLinuxChangePolicy", context.se_linux_change_policy.is_some()),
    ]
    .into_iter()
    .filter_map(|(field, given)| given.then_some(field))
}

fn linux_of_container(context: &SecurityContext) -> impl Iterator<Item = &'static str> {
    [
        ("appArmorProfile", context.app_armor_profile.is_some()),
        ("seLinuxOptions", context.se_linux_options.is_some()),
        ("seccompProfile", context.seccomp_profile.is_some()),
        ("capabilities", context.capabilities.is_some()),
        ("readOnlyRootFilesystem", context.read_only_root_filesystem.is_some()),
        ("privileged", context.privileged.is_some()),
        ("allowPrivilegeEscalation", context.allow_privilege_escalation.is_some()),
        ("procMount", context.proc_mount.is_some()),
        ("runAsUser", context.run_as_user.is_some()),
        ("runAsGroup", context.run_as_group.is_some()),
    ]
    .into_iter()
    .filter_map(|(field, given)| given.then_some(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_windows_are_known_by_their_names() {
        let long = "a".repeat(MAX_USER + 1);
        let good = ["a", "ContainerUser", r"DOMAIN\user", r"NT AUTHORITY\SYSTEM", r"a.example\b c"];
        for name in good {
            assert_eq!(user(name), Ok(()), "{name}");
        }
        let bad = ["", "a\tb", ". .", "a*", r"\a", r"a b\c\d", r"domain\", &long];
        for name in bad {
            assert!(user(name).is_err(), "{name}");
        }
    }
}
