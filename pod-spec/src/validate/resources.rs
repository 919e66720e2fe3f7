//! Requests and limits.

use std::collections::BTreeMap;

use super::Check;
use crate::Quantity;
use crate::fault::{FaultKind, quoted};
use crate::path::Path;
use crate::spelling;
use crate::types::ResourceRequirements;

const HONOURED: [&str; 2] = ["cpu", "memory"];

pub(super) fn resources(check: &mut Check<'_>, resources: &ResourceRequirements, at: &Path) {
    amounts(check, &resources.limits, &at.field("limits"));
    amounts(check, &resources.requests, &at.field("requests"));
    for (name, request) in &resources.requests {
        let Some(limit) = resources.limits.get(name) else { continue };
        if request > limit {
            let message = format!("the request of {request} is more than the limit of {limit}");
            check.invalid(&at.field("requests").key(name), message);
        }
    }
}

fn amounts(check: &mut Check<'_>, amounts: &BTreeMap<String, Quantity>, at: &Path) {
    for (name, amount) in amounts {
        let at = at.key(name);
        if !HONOURED.contains(&name.as_str()) {
            unknown(check, name, &at);
        } else if amount.is_negative() {
            check.invalid(&at, format!("{amount} is less than nothing"));
        }
    }
}

fn unknown(check: &mut Check<'_>, name: &str, at: &Path) {
    if name == "ephemeral-storage" || name.starts_with("hugepages-") || name.contains('/') {
        let message = format!(
            "not supported yet: only `cpu` and `memory` are honoured, {} is not",
            quoted(name)
        );
        check.fault(at, FaultKind::NotSupported, message);
    } else {
        let suggestion = spelling::suggest(name, HONOURED);
        check.fault_with(
            at,
            FaultKind::NotOneOf,
            format!("there is no resource {}", quoted(name)),
            suggestion,
        );
    }
}
