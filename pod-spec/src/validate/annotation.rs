//! Annotations of a pod that Kubernetes gives a meaning to.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use super::pod::{self, AnyContainer};
use crate::fault::quoted;
use crate::path::Path;
use crate::types::{
    AppArmorProfile, AppArmorProfileType, ObjectMeta, OsName, Pod, PodSpec, SeccompProfile,
    SeccompProfileType,
};

/// Says that a pod shows one that does not come from the API.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";
/// The AppArmor profile of the container whose name follows.
pub(super) const APP_ARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const TOLERATIONS: &str = "scheduler.alpha.kubernetes.io/tolerations";
const SECCOMP: &str = "seccomp.security.alpha.kubernetes.io/pod";
const CONTAINER_SECCOMP: &str = "container.seccomp.security.alpha.kubernetes.io/";

pub(super) fn annotations(
    check: &mut Check<'_>,
    metadata: &ObjectMeta,
    spec: &PodSpec,
    at: &Path<'_>,
) {
    let annotations = &metadata.annotations;
    let names: BTreeSet<&str> = match annotations.keys().any(|key| key.starts_with(APP_ARMOR)) {
        true => pod::containers(spec).map(|one| one.container.name.as_str()).collect(),
        false => BTreeSet::new(),
    };
    for (key, value) in annotations {
        let place = at.key(key);
        match key.as_str() {
            MIRROR if spec.node_name.as_deref().is_none_or(str::is_empty) => {
                check.invalid(&place, "a mirror pod says its node in `spec.nodeName`");
            }
            DELETION_COST => deletion_cost(check, value, &place),
            TOLERATIONS if !value.is_empty() => tolerations(check, value, at),
            SECCOMP => seccomp(check, value, &place),
            _ if key.starts_with(CONTAINER_SECCOMP) => seccomp(check, value, &place),
            _ => {
                if let Some(container) = key.strip_prefix(APP_ARMOR) {
                    app_armor(check, &names, container, value, &place);
                }
            }
        }
    }
}

fn deletion_cost(check: &mut Check<'_>, cost: &str, at: &Path<'_>) {
    let plain = cost == "0" || cost.starts_with(|c: char| c == '-' || ('1'..='9').contains(&c));
    if !plain || cost.parse::<i32>().is_err() {
        check.invalid(at, format!("{} is no whole number of 32 bits", quoted(cost)));
    }
}

fn tolerations(check: &mut Check<'_>, tolerations: &str, at: &Path<'_>) {
    type List = Vec<BTreeMap<String, serde_json::Value>>;
    if serde_json::from_str::<List>(tolerations).is_err() {
        check.invalid(at, format!("`{TOLERATIONS}` is no list of tolerations in JSON"));
    }
}

fn seccomp(check: &mut Check<'_>, profile: &str, at: &Path<'_>) {
    match (profile, profile.strip_prefix("localhost/")) {
        ("runtime/default" | "docker/default" | "unconfined", _) => {}
        (_, Some(file)) => check.below(at, file),
        _ => check.invalid(
            at,
            format!(
                "{} is none of `runtime/default`, `unconfined` and `localhost/` with a file",
                quoted(profile)
            ),
        ),
    }
}

fn app_armor(
    check: &mut Check<'_>,
    containers: &BTreeSet<&str>,
    name: &str,
    profile: &str,
    at: &Path<'_>,
) {
    if !containers.contains(name) {
        check.invalid(at, format!("the pod has no container {}", quoted(name)));
    }
    let known = matches!(profile, "" | "runtime/default" | "unconfined");
    if !known && !profile.starts_with("localhost/") {
        let message = format!(
            "{} is none of `runtime/default`, `unconfined` and `localhost/` with a profile",
            quoted(profile)
        );
        check.invalid(at, message);
    }
}

/// Checks that a new pod does not say one thing in its annotations and another in its fields.
pub(super) fn agree_with_fields(check: &mut Check<'_>, pod: &Pod, at: &Path<'_>) {
    if pod.metadata.annotations.is_empty() {
        return;
    }
    let annotation = |key: &str| pod.metadata.annotations.get(key).map(String::as_str);
    let context = pod.spec.security_context.as_ref();
    if let (Some(said), Some(profile)) =
        (annotation(SECCOMP), context.and_then(|c| c.seccomp_profile.as_ref()))
    {
        seccomp_agrees(check, said, profile, &at.field("securityContext"));
    }
    let on_windows = pod.spec.os.as_ref().is_some_and(|os| os.name == OsName::Windows);
    for AnyContainer { container, list, index } in pod::containers(&pod.spec) {
        let list = at.field(list);
        let one = list.index(index);
        let at = one.field("securityContext");
        let own = container.security_context.as_ref();
        let said = annotation(&format!("{CONTAINER_SECCOMP}{}", container.name));
        if let (Some(said), Some(profile)) = (said, own.and_then(|c| c.seccomp_profile.as_ref())) {
            seccomp_agrees(check, said, profile, &at);
        }
        let profile = own
            .and_then(|c| c.app_armor_profile.as_ref())
            .or_else(|| context?.app_armor_profile.as_ref());
        let said = annotation(&format!("{APP_ARMOR}{}", container.name));
        if let (Some(said), Some(profile), false) = (said, profile, on_windows) {
            app_armor_agrees(check, said, profile, &at);
        }
    }
}

fn seccomp_agrees(check: &mut Check<'_>, said: &str, profile: &SeccompProfile, context: &Path<'_>) {
    let file = said.strip_prefix("localhost/");
    let agrees = match profile.kind {
        SeccompProfileType::Unconfined => said == "unconfined",
        SeccompProfileType::RuntimeDefault => {
            matches!(said, "runtime/default" | "docker/default")
        }
        SeccompProfileType::Localhost => file.is_some(),
    };
    let at = context.field("seccompProfile");
    let local = profile.kind == SeccompProfileType::Localhost;
    profile_agrees(
        check,
        said,
        agrees,
        !local || profile.localhost_profile.as_deref() == file,
        &at,
    );
}

fn app_armor_agrees(
    check: &mut Check<'_>,
    said: &str,
    profile: &AppArmorProfile,
    context: &Path<'_>,
) {
    let name = said.strip_prefix("localhost/");
    let agrees = match profile.kind {
        AppArmorProfileType::Unconfined => said == "unconfined",
        AppArmorProfileType::RuntimeDefault => said == "runtime/default",
        AppArmorProfileType::Localhost => name.is_some(),
    };
    let at = context.field("appArmorProfile");
    let local = profile.kind == AppArmorProfileType::Localhost;
    profile_agrees(
        check,
        said,
        agrees,
        !local || profile.localhost_profile.as_deref() == name,
        &at,
    );
}

fn profile_agrees(
    check: &mut Check<'_>,
    said: &str,
    type_agrees: bool,
    profile_agrees: bool,
    at: &Path<'_>,
) {
    let message = || format!("an annotation says otherwise: {}", quoted(said));
    if !type_agrees {
        check.forbidden(&at.field("type"), message());
    } else if !profile_agrees {
        check.forbidden(&at.field("localhostProfile"), message());
    }
}
