//! Requests and limits.

use std::collections::BTreeMap;

use super::Check;
use crate::Quantity;
use crate::fault::{FaultKind, quoted};
use crate::path::Path;
use crate::spelling;
use crate::types::ResourceRequirements;

const KNOWN: [&str; 2] = ["cpu", "memory"];

pub(super) fn resources(check: &mut Check<'_>, resources: &ResourceRequirements, at: &Path<'_>) {
    amounts(check, &resources.limits, &at.field("limits"), None);
    amounts(check, &resources.requests, &at.field("requests"), Some(&resources.limits));
    for (name, request) in &resources.requests {
        let Some(limit) = resources.limits.get(name) else { continue };
        if request > limit {
            let message = format!("the request of {request} is more than the limit of {limit}");
            check.invalid(&at.field("requests").key(name), message);
        }
    }
}

/// A request that was filled in from its limit shares the limit's faults.
fn amounts(
    check: &mut Check<'_>,
    amounts: &BTreeMap<String, Quantity>,
    at: &Path<'_>,
    told: Option<&BTreeMap<String, Quantity>>,
) {
    let is_told = |name: &str, amount| told.is_some_and(|told| told.get(name) == Some(amount));
    for (name, amount) in amounts.iter().filter(|(name, amount)| !is_told(name, *amount)) {
        let at = at.key(name);
        if !KNOWN.contains(&name.as_str()) {
            unknown(check, name, &at);
        } else if amount.is_negative() {
            check.invalid(&at, format!("{amount} is less than nothing"));
        }
    }
}

/// What is neither a resource of Kubernetes nor one that somebody else has added.
fn unknown(check: &mut Check<'_>, name: &str, at: &Path<'_>) {
    if name == "ephemeral-storage" || name.starts_with("hugepages-") || name.contains('/') {
        return;
    }
    let suggestion = spelling::suggest(name, KNOWN);
    check.fault_with(
        at,
        FaultKind::Invalid,
        format!("there is no resource {}", quoted(name)),
        suggestion,
    );
}
