//! Containers: main, init and ephemeral.

use std::collections::BTreeSet;

use super::check::Given as _;
use super::pod::{self, Around};
use super::{Check, env, mount, port, probe, resources, restart, security};
use crate::names::rule;
use crate::path::Path;
use crate::types::{Container, EphemeralContainer};

/// Checks every container of the pod. The main ones have the first right to a name, the init containers the next.
pub(super) fn containers(check: &mut Check<'_>, around: &Around<'_>, spec: &Path<'_>) {
    let mut names = BTreeSet::new();
    let at = spec.field("containers");
    if around.spec.containers.is_empty() {
        check.required(&at);
    }
    for (i, container) in around.spec.containers.iter().enumerate() {
        let at = at.index(i);
        common(check, container, around, &at);
        check.unique(&at.field("name"), &container.name, &mut names);
        hooks_and_probes(check, container, around, &at);
        restart::restart(check, container, &at);
    }
    port::host_ports(check, &around.spec.containers, &at);
    let at = spec.field("initContainers");
    for (i, container) in around.spec.init_containers.iter().enumerate() {
        init(check, container, around, &at.index(i), &mut names);
    }
    let ephemerals = &around.spec.ephemeral_containers;
    let at = spec.field("ephemeralContainers");
    let targets = if ephemerals.is_empty() { BTreeSet::new() } else { names.clone() };
    for (i, one) in ephemerals.iter().enumerate() {
        ephemeral(check, one, around, &at.index(i), &targets);
        check.unique(&at.index(i).field("name"), &one.container.name, &mut names);
    }
}

/// What holds for every kind of container.
fn common(check: &mut Check<'_>, container: &Container, around: &Around<'_>, at: &Path<'_>) {
    check.name(&at.field("name"), &container.name, rule::label);
    let image = at.field("image");
    if check.given(&image, &container.image) && container.image.trim() != container.image {
        check.invalid(&image, "it must not begin or end with a space");
    }
    port::ports(check, &container.ports, &at.field("ports"));
    env::env(check, &container.env, &at.field("env"));
    env::env_from(check, &container.env_from, &at.field("envFrom"));
    mount::mounts(check, container, around, at);
    mount::devices(check, container, around, at);
    resources::container(check, &container.resources, &around.claims, &at.field("resources"));
    restart::resize(check, container, around.spec, &at.field("resizePolicy"));
    if let Some(context) = &container.security_context {
        let own_users = around.spec.host_users == Some(false);
        security::container(check, context, own_users, &at.field("securityContext"));
    }
}

fn hooks_and_probes(
    check: &mut Check<'_>,
    container: &Container,
    around: &Around<'_>,
    at: &Path<'_>,
) {
    if let Some(lifecycle) = &container.lifecycle {
        probe::lifecycle(check, lifecycle, around, &at.field("lifecycle"));
    }
    probe::probes(check, container, at);
}

fn init<'p>(
    check: &mut Check<'_>,
    container: &'p Container,
    around: &Around<'_>,
    at: &Path<'_>,
    names: &mut BTreeSet<&'p str>,
) {
    common(check, container, around, at);
    check.unique(&at.field("name"), &container.name, names);
    restart::restart(check, container, at);
    // One init container runs after the other, and their ports do not meet.
    port::unique_host_ports(check, container, at, &mut BTreeSet::new());
    if container.is_sidecar() {
        hooks_and_probes(check, container, around, at);
        return;
    }
    for field in given_hooks_and_probes(container) {
        check.forbidden(
            &at.field(field),
            "only a sidecar has it: `restartPolicy: Always` makes one",
        );
    }
    restart::no_restart_on_resize(check, container, &at.field("resizePolicy"));
}

fn given_hooks_and_probes(container: &Container) -> impl Iterator<Item = &'static str> {
    [
        ("lifecycle", container.lifecycle.is_some()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
    ]
    .into_iter()
    .filter_map(|(field, given)| given.then_some(field))
}

fn ephemeral(
    check: &mut Check<'_>,
    one: &EphemeralContainer,
    around: &Around<'_>,
    at: &Path<'_>,
    targets: &BTreeSet<&str>,
) {
    let container = &one.container;
    common(check, container, around, at);
    let target = one.target_container_name.given();
    if let Some(target) = target.filter(|target| !targets.contains(target)) {
        let names = targets.iter().copied();
        pod::not_found(check, &at.field("targetContainerName"), "container", target, names);
    }
    let resources = &container.resources;
    let others = [
        ("ports", !container.ports.is_empty()),
        ("resources", *resources != Default::default()),
        ("resizePolicy", !container.resize_policy.is_empty()),
        ("restartPolicy", container.restart_policy.is_some()),
        ("restartPolicyRules", !container.restart_policy_rules.is_empty()),
    ];
    let others = others.into_iter().filter_map(|(field, given)| given.then_some(field));
    for field in given_hooks_and_probes(container).chain(others) {
        check.forbidden(&at.field(field), "an ephemeral container cannot have it");
    }
    mount::whole_volumes(check, &container.volume_mounts, &at.field("volumeMounts"));
}
