//! When a container is started again.

use std::collections::BTreeSet;

use super::Check;
use crate::fault::{FaultKind, quoted};
use crate::path::Path;
use crate::types::{Container, PodSpec, ResourceResizeRestartPolicy, RestartPolicy};

/// The most rules that a container can have.
const MAX_RULES: usize = 20;
/// The most exit codes of one rule.
const MAX_EXIT_CODES: usize = 255;

/// The container's own policy, and its rules.
pub(super) fn restart(check: &mut Check<'_>, container: &Container, at: &Path<'_>) {
    let rules = &container.restart_policy_rules;
    if container.restart_policy.is_none() && !rules.is_empty() {
        let message = "rules for restarts need a policy for when none of them fits";
        check.fault(&at.field("restartPolicy"), FaultKind::Required, message);
    }
    let at = at.field("restartPolicyRules");
    too_many(check, rules.len(), MAX_RULES, &at);
    for (i, rule) in rules.iter().enumerate() {
        let at = at.index(i);
        let at = at.field("exitCodes");
        match &rule.exit_codes {
            None => check.required(&at),
            Some(codes) => too_many(check, codes.values.len(), MAX_EXIT_CODES, &at.field("values")),
        }
    }
}

fn too_many(check: &mut Check<'_>, count: usize, most: usize, at: &Path<'_>) {
    if count > most {
        check.fault(at, FaultKind::TooMany, format!("{count} are more than {most}"));
    }
}

/// What a change of resources means.
pub(super) fn resize(check: &mut Check<'_>, container: &Container, spec: &PodSpec, at: &Path<'_>) {
    let mut taken = BTreeSet::new();
    for (i, policy) in container.resize_policy.iter().enumerate() {
        let name = policy.resource_name.as_str();
        check.unique(&at.index(i), name, &mut taken);
        if check.given(at, name) && !matches!(name, "cpu" | "memory") {
            let message = format!("{} is neither `cpu` nor `memory`", quoted(name));
            check.fault(at, FaultKind::NotSupported, message);
        }
        let restarts = policy.restart_policy == ResourceResizeRestartPolicy::RestartContainer;
        if restarts && spec.restart_policy == Some(RestartPolicy::Never) {
            let message = "in a pod that never restarts containers it is `NotRequired`";
            check.invalid(at, message);
        }
    }
}

/// An init container that is no sidecar is never resized.
pub(super) fn no_restart_on_resize(check: &mut Check<'_>, container: &Container, at: &Path<'_>) {
    for (i, policy) in container.resize_policy.iter().enumerate() {
        if policy.restart_policy == ResourceResizeRestartPolicy::RestartContainer {
            let at = at.index(i);
            let message = "an init container that is no sidecar is not restarted for it";
            check.invalid(&at.field("restartPolicy"), message);
        }
    }
}
