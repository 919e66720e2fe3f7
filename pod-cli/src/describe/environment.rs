//! The environment of a container.

use pod_spec::{Container, EnvFromSource, EnvVarSource, Pod, Quantity, ResourceFieldSelector};

use super::Page;

pub fn sources(page: &mut Page, sources: &[EnvFromSource]) {
    if sources.is_empty() {
        return;
    }
    page.line("Environment Variables from:");
    page.within(|page| {
        for source in sources {
            let (name, kind, optional) = match (&source.config_map_ref, &source.secret_ref) {
                (Some(map), _) => (&map.name, "ConfigMap", map.optional),
                (None, Some(secret)) => (&secret.name, "Secret", secret.optional),
                (None, None) => continue,
            };
            let prefix = source.prefix.as_deref().filter(|prefix| !prefix.is_empty());
            let prefix =
                prefix.map(|prefix| format!(" with prefix '{prefix}'")).unwrap_or_default();
            let optional = optional == Some(true);
            page.line(format!("{name}\t{kind}{prefix}\tOptional: {optional}"));
        }
    });
}

pub fn variables(page: &mut Page, pod: &Pod, container: &Container) {
    if container.env.is_empty() {
        return page.pair("Environment", "<none>");
    }
    page.line("Environment:");
    page.within(|page| {
        for variable in &container.env {
            let value = match &variable.value_from {
                Some(source) => source_words(source, pod, container),
                None => variable.value.clone().unwrap_or_default().replace('\n', "\\n"),
            };
            page.pair(&variable.name, value);
        }
    });
}

fn source_words(source: &EnvVarSource, pod: &Pod, container: &Container) -> String {
    if let Some(field) = &source.field_ref {
        let version = field.api_version.as_deref().unwrap_or("v1");
        format!("{} ({version}:{})", own_field(pod, &field.field_path), field.field_path)
    } else if let Some(resource) = &source.resource_field_ref {
        format!("{} ({})", own_resource(resource, container), resource.resource)
    } else if let Some(secret) = &source.secret_key_ref {
        let optional = secret.optional == Some(true);
        format!(
            "<set to the key '{}' in secret '{}'>\tOptional: {optional}",
            secret.key, secret.name
        )
    } else if let Some(map) = &source.config_map_key_ref {
        let optional = map.optional == Some(true);
        format!("<set to the key '{}' of config map '{}'>\tOptional: {optional}", map.key, map.name)
    } else if let Some(file) = &source.file_key_ref {
        let optional = file.optional == Some(true);
        format!(
            "<set to the key '{}' of file '{}' in '{}'>\tOptional: {optional}",
            file.key, file.path, file.volume_name
        )
    } else {
        String::new()
    }
}

/// What a field of a pod's metadata says; of others kubectl says nothing.
fn own_field(pod: &Pod, path: &str) -> String {
    let metadata = &pod.metadata;
    let key = |path: &str, field: &str| -> Option<String> {
        Some(path.strip_prefix(field)?.strip_prefix("['")?.strip_suffix("']")?.to_owned())
    };
    let own = match path {
        "metadata.name" => Some(metadata.name.clone()),
        "metadata.namespace" => metadata.namespace.clone(),
        "metadata.uid" => metadata.uid.clone(),
        _ => {
            let label =
                key(path, "metadata.labels").and_then(|key| metadata.labels.get(&key).cloned());
            let annotation =
                || metadata.annotations.get(&key(path, "metadata.annotations")?).cloned();
            label.or_else(annotation)
        }
    };
    own.unwrap_or_default()
}

/// A resource of the container itself in whole units of the divisor.
fn own_resource(selector: &ResourceFieldSelector, container: &Container) -> String {
    if selector
        .container_name
        .as_deref()
        .is_some_and(|name| !name.is_empty() && name != container.name)
    {
        return String::new();
    }
    let list = |kind: &str| match kind {
        "limits" => Some(&container.resources.limits),
        "requests" => Some(&container.resources.requests),
        _ => None,
    };
    let found = selector.resource.split_once('.').and_then(|(kind, name)| list(kind)?.get(name));
    let milli = |quantity: &Quantity| quantity.milli_value().max(0);
    // No divisor is the same as 0 and 1.
    let divisor =
        selector.divisor.as_ref().map(milli).filter(|divisor| *divisor > 0).unwrap_or(1000);
    let value = found.map(milli).unwrap_or_default();
    (value / divisor + i64::from(value % divisor > 0)).to_string()
}
