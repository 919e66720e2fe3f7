//! What is shared with the host, what the pod is called there, and kernel parameters.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::check::{Check, Given as _};
use super::pod::{self, AnyContainer};
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::types::PodSpec;

/// The longest name that a kernel can have.
const MAX_HOSTNAME: usize = 64;

pub(super) fn host(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    if spec.host_network == Some(true) {
        same_ports(check, spec, &at.field("containers"));
    }
    if spec.host_users == Some(false) {
        own_users(check, spec, at);
    }
    if spec.share_process_namespace == Some(true) && spec.host_pid == Some(true) {
        let message = "the containers share either their processes or the host's";
        check.invalid(&at.field("shareProcessNamespace"), message);
    }
    hostname(check, spec, at);
    aliases(check, spec, &at.field("hostAliases"));
    sysctls(check, spec, at);
}

/// On the host's network a port of a container is one of the host.
fn same_ports(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    for (i, container) in spec.containers.iter().enumerate() {
        let one = at.index(i);
        let ports = one.field("ports");
        for (i, port) in container.ports.iter().enumerate() {
            if port.host_port.unwrap_or(0) != port.container_port {
                let at = ports.index(i);
                let message = "on the network of the host it is the same as `containerPort`";
                check.invalid(&at.field("hostPort"), message);
            }
        }
    }
}

/// What does not go together with users of the pod's own.
fn own_users(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    let shared = [
        ("hostNetwork", spec.host_network),
        ("hostPID", spec.host_pid),
        ("hostIPC", spec.host_ipc),
    ];
    let message = "it does not go with `hostUsers: false`";
    for (field, _) in shared.into_iter().filter(|(_, shared)| *shared == Some(true)) {
        check.forbidden(&at.field(field), message);
    }
    for AnyContainer { container, list, index } in pod::containers(spec) {
        if !container.volume_devices.is_empty() {
            let list = at.field(list);
            let container = list.index(index);
            check.forbidden(&container.field("volumeDevices"), message);
        }
    }
}

fn hostname(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    for (field, name) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        if let Some(name) = name.given() {
            check.format(&at.field(field), name, rule::label);
        }
    }
    let Some(name) = &spec.hostname_override else { return };
    let at = at.field("hostnameOverride");
    if spec.set_hostname_as_fqdn == Some(true) {
        check.forbidden(&at, "it does not go with `setHostnameAsFQDN: true`");
    }
    if spec.host_network == Some(true) {
        check.forbidden(&at, "it does not go with `hostNetwork: true`");
    }
    if name.len() > MAX_HOSTNAME {
        let message = format!("it has more than {MAX_HOSTNAME} characters");
        check.fault(&at, FaultKind::TooLong, message);
    }
    check.format(&at, name, rule::subdomain);
}

fn aliases(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    for (i, alias) in spec.host_aliases.iter().enumerate() {
        let at = at.index(i);
        address(check, &alias.ip, &at.field("ip"));
        let hostnames = at.field("hostnames");
        for (i, hostname) in alias.hostnames.iter().enumerate() {
            check.format(&hostnames.index(i), hostname, rule::subdomain);
        }
    }
}

/// Checks an IP address: without zeros before a number, and IPv4 as such.
pub(super) fn address(check: &mut Check<'_>, text: &str, at: &Path<'_>) {
    match text.parse::<IpAddr>() {
        Err(_) => check.invalid(at, format!("{} is no IP address", quoted(text))),
        Ok(address) if address != address.to_canonical() => {
            let plain = Some(format!("write it as `{}`", address.to_canonical()));
            let message = format!("{} is an IPv4 address in IPv6 form", quoted(text));
            check.fault_with(at, FaultKind::Invalid, message, plain);
        }
        Ok(_) => {}
    }
}

fn sysctls(check: &mut Check<'_>, spec: &PodSpec, at: &Path<'_>) {
    let Some(context) = &spec.security_context else { return };
    let context_at = at.field("securityContext");
    let at = context_at.field("sysctls");
    let mut names = BTreeSet::new();
    for (i, sysctl) in context.sysctls.iter().enumerate() {
        let at = at.index(i);
        let at = at.field("name");
        let name = sysctl.name.as_str();
        check.name(&at, name, rule::sysctl);
        check.unique(&at, name, &mut names);
        let shared = match namespace(name) {
            Some(Namespace::Net) => spec.host_network.map(|shared| (shared, "hostNetwork")),
            Some(Namespace::Ipc) => spec.host_ipc.map(|shared| (shared, "hostIPC")),
            None => None,
        };
        if let Some((true, field)) = shared {
            check.invalid(&at, format!("with `{field}: true` it would be the host's"));
        }
    }
}

/// A namespace that kernel parameters belong to.
#[derive(Debug, PartialEq, Eq)]
enum Namespace {
    Net,
    Ipc,
}

fn namespace(sysctl: &str) -> Option<Namespace> {
    // With a slash first, slashes and dots have changed places.
    let slashes = sysctl.find(['.', '/']).is_some_and(|at| sysctl.as_bytes()[at] == b'/');
    let swapped = |c| match c {
        '/' => '.',
        '.' => '/',
        c => c,
    };
    let name = if slashes { sysctl.chars().map(swapped).collect() } else { sysctl.to_owned() };
    if name.starts_with("net.") {
        Some(Namespace::Net)
    } else if name == "kernel.sem"
        || ["kernel.shm", "kernel.msg", "fs.mqueue."].iter().any(|prefix| name.starts_with(prefix))
    {
        Some(Namespace::Ipc)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_belong_to_namespaces_however_they_are_written() {
        let cases = [
            ("net.ipv4.tcp_syncookies", Some(Namespace::Net)),
            ("net/ipv4/conf/eno2.100/rp_filter", Some(Namespace::Net)),
            ("kernel.shmmax", Some(Namespace::Ipc)),
            ("kernel/msgmax", Some(Namespace::Ipc)),
            ("fs.mqueue.msg_max", Some(Namespace::Ipc)),
            ("kernel.sem", Some(Namespace::Ipc)),
            ("kernel.semaphore", None),
            ("vm.swappiness", None),
        ];
        for (name, want) in cases {
            assert_eq!(namespace(name), want, "{name}");
        }
    }
}
