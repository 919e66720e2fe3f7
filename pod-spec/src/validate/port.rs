//! Ports of containers and of the host.

use std::collections::BTreeSet;

use super::Check;
use super::check::Given as _;
use crate::IntOrString;
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::types::{Container, ContainerPort, Protocol};

/// What no two containers can open on the host at once: protocol, address and port.
pub(super) type HostPort<'p> = (&'static str, &'p str, i32);

pub(super) fn ports(check: &mut Check<'_>, ports: &[ContainerPort], at: &Path<'_>) {
    let mut names = BTreeSet::new();
    for (i, port) in ports.iter().enumerate() {
        let at = at.index(i);
        if let Some(name) = port.name.given() {
            check.format(&at.field("name"), name, rule::port);
            if rule::port(name).is_ok() {
                check.unique(&at.field("name"), name, &mut names);
            }
        }
        let number = at.field("containerPort");
        if port.container_port == 0 {
            check.fault(&number, FaultKind::Required, "0 is no port: ports are 1 to 65535");
        } else {
            number_of_port(check, port.container_port, &number);
        }
        if let Some(host_port) = port.host_port.filter(|port| *port != 0) {
            number_of_port(check, host_port, &at.field("hostPort"));
        }
    }
}

fn number_of_port(check: &mut Check<'_>, port: i32, at: &Path<'_>) {
    if !(1..=65535).contains(&port) {
        check.invalid(at, format!("{port} is no port: ports are 1 to 65535"));
    }
}

/// Checks a port that is given by its number or by its name.
pub(super) fn number_or_name(check: &mut Check<'_>, port: &IntOrString, at: &Path<'_>) {
    match port {
        IntOrString::Int(port) => number_of_port(check, *port, at),
        IntOrString::String(name) if name.parse::<u16>().is_ok() => {
            let message = format!("{} is a text, and no port has such a name", quoted(name));
            let suggestion = Some(format!("write it without quotes: {name}"));
            check.fault_with(at, FaultKind::Invalid, message, suggestion);
        }
        IntOrString::String(name) => check.format(at, name, rule::port),
    }
}

/// Notes ports of the host that two main containers want.
pub(super) fn host_ports(check: &mut Check<'_>, containers: &[Container], at: &Path<'_>) {
    let mut taken = BTreeSet::new();
    for (i, container) in containers.iter().enumerate() {
        unique_host_ports(check, container, &at.index(i), &mut taken);
    }
}

/// Notes ports of the host that are taken already.
pub(super) fn unique_host_ports<'p>(
    check: &mut Check<'_>,
    container: &'p Container,
    at: &Path<'_>,
    taken: &mut BTreeSet<HostPort<'p>>,
) {
    let at = at.field("ports");
    for (i, port) in container.ports.iter().enumerate() {
        let Some(number) = port.host_port.filter(|port| *port != 0) else { continue };
        let protocol = port.protocol.unwrap_or(Protocol::Tcp).as_str();
        if !taken.insert((protocol, port.host_ip.given().unwrap_or(""), number)) {
            let message = format!("port {number} of the host is taken already, for {protocol}");
            check.fault(&at.index(i).field("hostPort"), FaultKind::Duplicate, message);
        }
    }
}
