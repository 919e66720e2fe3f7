//! The environment of a container.

use super::check::{Check, Given as _};
use super::pod::{self, AnyContainer, Around};
use crate::Quantity;
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::spelling;
use crate::types::{
    EnvFromSource, EnvVar, EnvVarSource, FieldPath, FileKeySelector, ObjectFieldSelector,
    ResourceFieldSelector, VolumeSource,
};

/// Fields of a pod that the API knows, and no reference can be made to.
const OTHER_FIELDS: [&str; 5] = [
    "metadata.labels",
    "metadata.annotations",
    "spec.restartPolicy",
    "spec.schedulerName",
    "status.phase",
];
/// Fields that a file of a volume can be made of, beside single labels and annotations.
const FILE_FIELDS: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
];
const BYTES: [&str; 13] =
    ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/// What a field of the pod is made into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    Variable,
    File,
}

pub(super) fn env(check: &mut Check<'_>, vars: &[EnvVar], at: &Path<'_>) {
    for (i, var) in vars.iter().enumerate() {
        let at = at.index(i);
        check.name(&at.field("name"), &var.name, rule::variable);
        if let Some(source) = &var.value_from {
            value_from(check, var, source, &at.field("valueFrom"));
        }
    }
}

fn value_from(check: &mut Check<'_>, var: &EnvVar, source: &EnvVarSource, at: &Path<'_>) {
    let given = [
        source.field_ref.is_some(),
        source.resource_field_ref.is_some(),
        source.config_map_key_ref.is_some(),
        source.secret_key_ref.is_some(),
        source.file_key_ref.is_some(),
    ];
    match given.into_iter().filter(|given| *given).count() {
        0 => check.invalid(at, "it must say where the value comes from, such as `fieldRef`"),
        _ if var.value.given().is_some() => {
            check.invalid(at, "a variable has either `value` or `valueFrom`");
        }
        1 => {}
        _ => check.invalid(at, "a value comes from one place only"),
    }
    if let Some(field) = &source.field_ref {
        field_ref(check, field, Into::Variable, &at.field("fieldRef"));
    }
    if let Some(resource) = &source.resource_field_ref {
        resource_ref(check, resource, Into::Variable, &at.field("resourceFieldRef"));
    }
    if let Some(key) = &source.config_map_key_ref {
        key_ref(check, &key.name, &key.key, &at.field("configMapKeyRef"));
    }
    if let Some(key) = &source.secret_key_ref {
        key_ref(check, &key.name, &key.key, &at.field("secretKeyRef"));
    }
    if let Some(key) = &source.file_key_ref {
        file_ref(check, key, &at.field("fileKeyRef"));
    }
}

/// The place of a field, and the key in it: `metadata.labels['app']`.
fn subscript(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix("']")?.split_once("['").filter(|(field, _)| !field.is_empty())
}

pub(super) fn field_ref(
    check: &mut Check<'_>,
    field: &ObjectFieldSelector,
    into: Into,
    at: &Path<'_>,
) {
    let place = at.field("fieldPath");
    let path = field.field_path.as_str();
    let plain = FieldPath::PLAIN.map(|(plain, _)| plain);
    let allowed = match into {
        Into::Variable => plain.contains(&path) || path == "spec.host",
        Into::File => FILE_FIELDS.contains(&path),
    };
    if !check.given(&place, path) {
    } else if let Some(version) = field.api_version.given().filter(|version| *version != "v1") {
        check.invalid(&place, format!("the field is of version {}, not `v1`", quoted(version)));
    } else if let Some((field, key)) = subscript(path) {
        match field {
            "metadata.labels" => check.format(at, key, rule::qualified),
            "metadata.annotations" => check.format(at, key, rule::annotation_key),
            _ => check.invalid(&place, format!("{} has no keys", quoted(field))),
        }
    } else if !allowed {
        let known = plain.contains(&path) || path == "spec.host" || OTHER_FIELDS.contains(&path);
        no_such_field(check, path, known, into, &place);
    }
}

fn no_such_field(check: &mut Check<'_>, path: &str, known: bool, into: Into, at: &Path<'_>) {
    let plain = FieldPath::PLAIN.map(|(plain, _)| plain);
    let (what, fields): (_, &[_]) = match into {
        Into::Variable => ("variable", &plain),
        Into::File => ("file", &FILE_FIELDS),
    };
    let message = format!(
        "no {what} can be made of {}: there are {}, metadata.labels['<key>'] and metadata.annotations['<key>']",
        quoted(path),
        fields.join(", "),
    );
    let kind = if known { FaultKind::NotSupported } else { FaultKind::Invalid };
    let suggestion = spelling::suggest(path, fields.iter().copied());
    check.fault_with(at, kind, message, suggestion);
}

pub(super) fn resource_ref(
    check: &mut Check<'_>,
    selector: &ResourceFieldSelector,
    into: Into,
    at: &Path<'_>,
) {
    let resource = selector.resource.as_str();
    let huge =
        resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
    if into == Into::File && selector.container_name.given().is_none() {
        check.required(&at.field("containerName"));
    } else if check.given(&at.field("resource"), resource)
        && !RESOURCES.contains(&resource)
        && !huge
    {
        let message = format!("{} is none of {}", quoted(resource), RESOURCES.join(", "));
        let suggestion = spelling::suggest(resource, RESOURCES);
        check.fault_with(&at.field("resource"), FaultKind::NotSupported, message, suggestion);
    }
    if let Some(divisor) = selector.divisor.as_ref().filter(|divisor| !divisor.is_zero()) {
        self::divisor(check, resource, huge, divisor, &at.field("divisor"));
    }
}

fn divisor(check: &mut Check<'_>, resource: &str, huge: bool, divisor: &Quantity, at: &Path<'_>) {
    let allowed: &[&str] = match resource {
        "limits.cpu" | "requests.cpu" => &["1m", "1"],
        _ if huge || RESOURCES.contains(&resource) => &BYTES,
        _ => return,
    };
    let text = divisor.to_string();
    if !allowed.contains(&text.as_str()) {
        let message = format!("{} is none of {}", quoted(&text), allowed.join(", "));
        check.invalid(at, message);
    }
}

fn key_ref(check: &mut Check<'_>, name: &str, key: &str, at: &Path<'_>) {
    check.format(&at.field("name"), name, rule::subdomain);
    check.name(&at.field("key"), key, rule::config_key);
}

fn file_ref(check: &mut Check<'_>, file: &FileKeySelector, at: &Path<'_>) {
    check.name(&at.field("key"), &file.key, rule::variable);
    check.name(&at.field("volumeName"), &file.volume_name, rule::label);
    if check.given(&at.field("path"), &file.path) {
        check.no_way_up(&at.field("path"), &file.path);
    }
}

pub(super) fn env_from(check: &mut Check<'_>, sources: &[EnvFromSource], at: &Path<'_>) {
    for (i, source) in sources.iter().enumerate() {
        let one = at.index(i);
        if let Some(prefix) = source.prefix.given() {
            check.format(&one.field("prefix"), prefix, rule::variable);
        }
        let config = source.config_map_ref.as_ref().map(|config| ("configMapRef", &config.name));
        let secret = source.secret_ref.as_ref().map(|secret| ("secretRef", &secret.name));
        for (field, name) in [config, secret].into_iter().flatten() {
            let source = one.field(field);
            check.name(&source.field("name"), name, rule::subdomain_prefix);
        }
        if config.is_some() == secret.is_some() {
            check.invalid(at, "each item has exactly one of `configMapRef` and `secretRef`");
        }
    }
}

/// Variables of files come from volumes of the pod that it writes itself.
pub(super) fn files_in_volumes(check: &mut Check<'_>, around: &Around<'_>, spec: &Path<'_>) {
    for AnyContainer { container, list, index } in pod::containers(around.spec) {
        let list = spec.field(list);
        let one = list.index(index);
        let env = one.field("env");
        for (i, var) in container.env.iter().enumerate() {
            let source = var.value_from.as_ref();
            if let Some(file) = source.and_then(|source| source.file_key_ref.as_ref()) {
                let var = env.index(i);
                let source = var.field("valueFrom");
                let file_ref = source.field("fileKeyRef");
                written_volume(check, &file.volume_name, around, &file_ref.field("volumeName"));
            }
        }
    }
}

fn written_volume(check: &mut Check<'_>, name: &str, around: &Around<'_>, at: &Path<'_>) {
    match around.volumes.get(name) {
        None => pod::not_found(check, at, "volume", name, around.volumes.keys().copied()),
        Some(None | Some(VolumeSource::EmptyDir(_))) => {}
        Some(Some(_)) => check.invalid(at, format!("{} is no emptyDir", quoted(name))),
    }
}
