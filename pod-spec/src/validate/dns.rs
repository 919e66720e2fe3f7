//! How names are resolved.

use super::check::{Check, Given as _};
use super::host;
use crate::fault::FaultKind;
use crate::names::rule;
use crate::path::Path;
use crate::types::{DnsPolicy, PodDnsConfig, PodSpec};

const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;
/// The most characters of all searches together, with spaces between them.
const MAX_SEARCH_LIST: usize = 2048;

pub(super) fn dns(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    let at = at.field("dnsConfig");
    let none = spec.dns_policy == Some(DnsPolicy::None);
    let message = "the DNS policy `None` needs a name server";
    match &spec.dns_config {
        None if none => check.fault(&at, FaultKind::Required, message),
        None => {}
        Some(config) if none && config.nameservers.is_empty() => {
            check.fault(&at.field("nameservers"), FaultKind::Required, message);
        }
        Some(config) => self::config(check, config, &at),
    }
}

fn config(check: &mut Check<'_>, config: &PodDnsConfig, at: &Path<'_>) {
    let servers = at.field("nameservers");
    if config.nameservers.len() > MAX_NAMESERVERS {
        let message = format!("{} are more than {MAX_NAMESERVERS}", config.nameservers.len());
        check.invalid(&servers, message);
    }
    for (i, server) in config.nameservers.iter().enumerate() {
        host::address(check, server, &servers.index(i));
    }
    searches(check, &config.searches, &at.field("searches"));
    let options = at.field("options");
    for (i, option) in config.options.iter().enumerate() {
        check.given(&options.index(i), option.name.given().unwrap_or(""));
    }
}

fn searches(check: &mut Check<'_>, searches: &[String], at: &Path<'_>) {
    if searches.len() > MAX_SEARCHES {
        check.invalid(at, format!("{} are more than {MAX_SEARCHES}", searches.len()));
    }
    let length: usize = searches.iter().map(|search| search.len() + 1).sum();
    if length > MAX_SEARCH_LIST + 1 {
        let message = format!("together they have more than {MAX_SEARCH_LIST} characters");
        check.invalid(at, message);
    }
    for (i, search) in searches.iter().enumerate() {
        check.format(&at.index(i), search, rule::search_domain);
    }
}
