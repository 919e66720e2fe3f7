//! One container.

use std::collections::BTreeSet;

use super::{Check, resources, security, volume};
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::spelling;
use crate::types::{Container, ContainerPort, EnvVar, FieldPath, ObjectFieldSelector};

pub(super) fn container(
    check: &mut Check<'_>,
    container: &Container,
    at: &Path<'_>,
    volumes: &BTreeSet<&str>,
) {
    check.name(&at.field("name"), &container.name, rule::label);
    let image = at.field("image");
    if container.image.is_empty() {
        check.required(&image);
    } else if container.image.trim() != container.image {
        check.invalid(&image, "it must not begin or end with a space");
    }
    ports(check, &container.ports, &at.field("ports"));
    let env = at.field("env");
    for (i, var) in container.env.iter().enumerate() {
        variable(check, var, &env.index(i));
    }
    resources::resources(check, &container.resources, &at.field("resources"));
    volume::mounts(check, &container.volume_mounts, &at.field("volumeMounts"), volumes);
    if let Some(context) = &container.security_context {
        security::container(check, context, &at.field("securityContext"));
    }
}

fn ports(check: &mut Check<'_>, ports: &[ContainerPort], at: &Path<'_>) {
    let mut names = BTreeSet::new();
    for (i, port) in ports.iter().enumerate() {
        let at = at.index(i);
        if !(1..=65535).contains(&port.container_port) {
            let message = format!("{} is no port: ports are 1 to 65535", port.container_port);
            check.invalid(&at.field("containerPort"), message);
        }
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            check.name(&at.field("name"), name, rule::port);
            check.unique(&at.field("name"), name, &mut names);
        }
    }
}

fn variable(check: &mut Check<'_>, var: &EnvVar, at: &Path<'_>) {
    check.name(&at.field("name"), &var.name, rule::variable);
    let Some(source) = &var.value_from else { return };
    let at = at.field("valueFrom");
    if var.value.as_deref().is_some_and(|value| !value.is_empty()) {
        check.invalid(&at, "a variable has either `value` or `valueFrom`");
    }
    match [
        source.field_ref.is_some(),
        source.resource_field_ref.is_some(),
        source.config_map_key_ref.is_some(),
        source.secret_key_ref.is_some(),
        source.file_key_ref.is_some(),
    ]
    .into_iter()
    .filter(|given| *given)
    .count()
    {
        0 => check.fault(
            &at,
            FaultKind::Required,
            "it must say where the value comes from, such as `fieldRef`",
        ),
        1 => {}
        _ => check.invalid(&at, "a value comes from one place only"),
    }
    if let Some(field) = &source.field_ref {
        field_ref(check, field, &at.field("fieldRef"));
    }
}

fn field_ref(check: &mut Check<'_>, field: &ObjectFieldSelector, at: &Path<'_>) {
    if let Some(version) = field.api_version.as_deref().filter(|v| !matches!(*v, "" | "v1")) {
        check.invalid(&at.field("apiVersion"), format!("{} is not `v1`", quoted(version)));
    }
    let path = at.field("fieldPath");
    match field.field() {
        _ if field.field_path.is_empty() => check.required(&path),
        None => {
            let plain = FieldPath::PLAIN.map(|(plain, _)| plain);
            let message = format!(
                "no variable can be made of {}: there are {}, metadata.labels['<key>'] and \
                 metadata.annotations['<key>']",
                quoted(&field.field_path),
                plain.join(", "),
            );
            let suggestion = spelling::suggest(&field.field_path, plain);
            check.fault_with(&path, FaultKind::NotSupported, message, suggestion);
        }
        Some(FieldPath::Label(key) | FieldPath::Annotation(key)) => {
            check.name(&path, key, |key| rule::qualified(&key.to_ascii_lowercase()));
        }
        Some(
            FieldPath::Name
            | FieldPath::Namespace
            | FieldPath::Uid
            | FieldPath::NodeName
            | FieldPath::ServiceAccountName
            | FieldPath::HostIp
            | FieldPath::HostIps
            | FieldPath::PodIp
            | FieldPath::PodIps,
        ) => {}
    }
}
