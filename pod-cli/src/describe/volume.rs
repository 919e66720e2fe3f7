//! The volumes of a pod.

use pod_spec::{
    DownwardApiVolumeFile, EmptyDirVolumeSource, ProjectedVolumeSource, Volume, VolumeSource,
};
use serde_json::Value;

use super::Page;

pub fn all(page: &mut Page, volumes: &[Volume]) {
    if volumes.is_empty() {
        return page.pair("Volumes", "<none>");
    }
    page.line("Volumes:");
    page.within(|page| {
        for volume in volumes {
            page.line(format!("{}:", volume.name));
            page.within(|page| volume.source.iter().for_each(|one| source(page, one)));
        }
    });
}

fn source(page: &mut Page, source: &VolumeSource) {
    let optional = |value: Option<bool>| (value == Some(true)).to_string();
    match source {
        VolumeSource::EmptyDir(dir) => empty_dir(page, dir),
        VolumeSource::HostPath(path) => {
            page.pair("Type", "HostPath (bare host directory volume)");
            page.pair("Path", &path.path);
            page.pair("HostPathType", path.kind.as_ref().map(word).unwrap_or_default());
        }
        VolumeSource::ConfigMap(map) => {
            page.pair("Type", "ConfigMap (a volume populated by a ConfigMap)");
            page.pair("Name", &map.name);
            page.pair("Optional", optional(map.optional));
        }
        VolumeSource::Secret(secret) => {
            page.pair("Type", "Secret (a volume populated by a Secret)");
            page.pair("SecretName", secret.secret_name.as_deref().unwrap_or_default());
            page.pair("Optional", optional(secret.optional));
        }
        VolumeSource::DownwardApi(api) => {
            page.pair("Type", "DownwardAPI (a volume populated by information about the pod)");
            downward_items(page, &api.items);
        }
        VolumeSource::Projected(projected) => self::projected(page, projected),
        VolumeSource::PersistentVolumeClaim(claim) => {
            page.pair("Type", "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)");
            page.pair("ClaimName", &claim.claim_name);
            page.pair("ReadOnly", optional(claim.read_only));
        }
        VolumeSource::Image(image) => {
            page.pair("Type", "Image (a container image or OCI artifact)");
            page.pair("Reference", image.reference.as_deref().unwrap_or_default());
            page.pair("PullPolicy", image.pull_policy.as_ref().map(word).unwrap_or_default());
        }
        other => page.pair("Type", kind(other)),
    }
}

fn empty_dir(page: &mut Page, dir: &EmptyDirVolumeSource) {
    page.pair("Type", "EmptyDir (a temporary directory that shares a pod's lifetime)");
    page.pair("Medium", dir.medium.as_ref().map(word).unwrap_or_default());
    let limit = dir.size_limit.as_ref().map(ToString::to_string);
    page.pair("SizeLimit", limit.as_deref().unwrap_or("<unset>"));
}

fn downward_items(page: &mut Page, items: &[DownwardApiVolumeFile]) {
    page.line("Items:");
    page.within(|page| {
        for item in items {
            if let Some(field) = &item.field_ref {
                page.line(format!("{} -> {}", field.field_path, item.path));
            }
            if let Some(resource) = &item.resource_field_ref {
                page.line(format!("{} -> {}", resource.resource, item.path));
            }
        }
    });
}

fn projected(page: &mut Page, projected: &ProjectedVolumeSource) {
    page.pair("Type", "Projected (a volume that contains injected data from multiple sources)");
    let optional = |value: Option<bool>| (value == Some(true)).to_string();
    for source in &projected.sources {
        if let Some(secret) = &source.secret {
            page.pair("SecretName", &secret.name);
            page.pair("Optional", optional(secret.optional));
        } else if source.downward_api.is_some() {
            page.pair("DownwardAPI", "true");
        } else if let Some(map) = &source.config_map {
            page.pair("ConfigMapName", &map.name);
            page.pair("Optional", optional(map.optional));
        } else if let Some(token) = &source.service_account_token {
            let seconds = token.expiration_seconds.unwrap_or(3600);
            page.pair("TokenExpirationSeconds", seconds.to_string());
        }
    }
}

/// A value of the API in its own word.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The name of the field of a source.
fn kind(source: &VolumeSource) -> String {
    match serde_json::to_value(source) {
        Ok(Value::Object(fields)) => {
            fields.into_iter().next().map(|(name, _)| name).unwrap_or_default()
        }
        _ => String::new(),
    }
}
