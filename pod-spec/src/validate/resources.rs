//! Requests, limits and claims.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Check, Given as _};
use super::pod;
use crate::Quantity;
use crate::fault::{FaultKind, quoted};
use crate::huge_pages::RESOURCE as HUGE_PAGES;
use crate::names::rule;
use crate::path::Path;
use crate::spelling;
use crate::types::{ResourceClaim, ResourceRequirements};

/// What containers can have of Kubernetes' own, besides huge pages.
const CONTAINER: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Whether the name may stand among the resources, and what is said when not.
type NameRule = fn(&mut Check<'_>, &str, &Path<'_>);

pub(super) fn container(
    check: &mut Check<'_>,
    resources: &ResourceRequirements,
    claims: &BTreeSet<&str>,
    at: &Path<'_>,
) {
    requirements(check, resources, of_container, at);
    self::claims(check, &resources.claims, claims, &at.field("claims"));
}

/// What a pod needs besides its containers.
pub(super) fn overhead(
    check: &mut Check<'_>,
    overhead: &BTreeMap<String, Quantity>,
    at: &Path<'_>,
) {
    amounts(check, overhead.iter(), of_container, at);
    huge_pages_alone(check, overhead.keys(), at);
}

/// Checks amounts, and what requests and limits are to each other.
pub(super) fn requirements(
    check: &mut Check<'_>,
    resources: &ResourceRequirements,
    name_rule: NameRule,
    at: &Path<'_>,
) {
    let ResourceRequirements { limits, requests, .. } = resources;
    amounts(check, limits.iter(), name_rule, &at.field("limits"));
    // A request that was filled in from its limit shares the limit's faults.
    let own = requests.iter().filter(|(name, amount)| limits.get(*name) != Some(*amount));
    amounts(check, own, name_rule, &at.field("requests"));
    for (name, request) in &resources.requests {
        match resources.limits.get(name) {
            Some(limit) if request > limit => {
                let message = format!("the request of {request} is more than the limit of {limit}");
                check.invalid(&at.field("requests"), message);
            }
            Some(limit) if request < limit && !can_be_lent(name) => {
                let message = format!(
                    "the request of {request} is not the limit of {limit}, as it must be for {name}"
                );
                check.invalid(&at.field("requests"), message);
            }
            None if !can_be_lent(name) => {
                let message = format!("{} needs a limit", quoted(name));
                check.fault(&at.field("limits"), FaultKind::Required, message);
            }
            _ => {}
        }
    }
    huge_pages_alone(check, resources.limits.keys().chain(resources.requests.keys()), at);
}

fn huge_pages_alone<'r>(
    check: &mut Check<'_>,
    names: impl Iterator<Item = &'r String> + Clone,
    at: &Path<'_>,
) {
    let huge = names.clone().any(|name| name.starts_with(HUGE_PAGES));
    if huge && !names.into_iter().any(|name| matches!(name.as_str(), "cpu" | "memory")) {
        check.forbidden(at, "huge pages need cpu or memory beside them");
    }
}

fn amounts<'r>(
    check: &mut Check<'_>,
    amounts: impl Iterator<Item = (&'r String, &'r Quantity)>,
    name_rule: NameRule,
    at: &Path<'_>,
) {
    for (name, amount) in amounts {
        let at = at.key(name);
        name_rule(check, name, &at);
        if amount.is_negative() {
            check.invalid(&at, format!("{amount} is less than nothing"));
        }
        if is_extended(name) && amount.milli_value() % 1000 != 0 {
            check.invalid(&at, format!("{amount} is no whole number"));
        }
        if let Some(size) = name.strip_prefix(HUGE_PAGES) {
            pages(check, size, amount, &at);
        }
    }
}

fn pages(check: &mut Check<'_>, size: &str, amount: &Quantity, at: &Path<'_>) {
    let page = size.parse::<Quantity>().ok();
    match page.and_then(|page| page.as_i64()).filter(|page| *page > 0) {
        None => check.invalid(at, format!("{} is no size of a page", quoted(size))),
        Some(page) if amount.value() % page != 0 => {
            check.invalid(at, format!("{amount} is no whole number of pages of {size}"));
        }
        Some(_) => {}
    }
}

/// Whether it is Kubernetes' own: with no domain, or with that of Kubernetes.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Whether it is one that somebody else has added.
fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && rule::qualified(&format!("requests.{name}")).is_ok()
}

/// Whether more of it can be promised than there is.
pub(super) fn can_be_lent(name: &str) -> bool {
    is_native(name) && !name.starts_with(HUGE_PAGES)
}

fn of_container(check: &mut Check<'_>, name: &str, at: &Path<'_>) {
    let huge = name.starts_with(HUGE_PAGES);
    if !name.contains('/') && !CONTAINER.contains(&name) && !huge {
        let message = format!("there is no resource {}", quoted(name));
        check.fault_with(at, FaultKind::Invalid, message, spelling::suggest(name, CONTAINER));
    } else if rule::qualified(name).is_err() || !is_native(name) && !is_extended(name) {
        let message = format!("{} is not a resource: `example.com/name`", quoted(name));
        check.invalid(at, message);
    }
}

/// Checks that each claim is one of the pod's, and that none is used twice.
pub(super) fn claims(
    check: &mut Check<'_>,
    claims: &[ResourceClaim],
    known: &BTreeSet<&str>,
    at: &Path<'_>,
) {
    let mut used: BTreeMap<&str, Option<BTreeSet<&str>>> = BTreeMap::new();
    for (i, claim) in claims.iter().enumerate() {
        let at = at.index(i);
        let name = claim.name.as_str();
        if !check.given(&at, name) {
            continue;
        }
        if let Some(request) = claim.request.given() {
            check.format(&at.field("request"), request, rule::label);
        }
        if !is_first_use(&mut used, name, claim.request.given()) {
            check.duplicate(&at, name);
        }
        if !known.contains(name) {
            pod::not_found(check, &at, "claim", name, known.iter().copied());
        }
    }
}

/// Notes the use of a claim, or of one request of it; whether nothing of that was used before.
fn is_first_use<'c>(
    used: &mut BTreeMap<&'c str, Option<BTreeSet<&'c str>>>,
    claim: &'c str,
    request: Option<&'c str>,
) -> bool {
    match (used.get_mut(claim), request) {
        (None, None) => used.insert(claim, None).is_none(),
        (None, Some(request)) => used.insert(claim, Some(BTreeSet::from([request]))).is_none(),
        (Some(Some(requests)), Some(request)) => requests.insert(request),
        (Some(before), _) => {
            *before = None;
            false
        }
    }
}
