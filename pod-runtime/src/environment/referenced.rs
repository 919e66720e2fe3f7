//! The ConfigMaps, Secrets and volumes that variables come from.

use std::collections::BTreeMap;

use pod_spec::{
    ConfigMap, ConfigMapKeySelector, Container, EnvFromSource, FileKeySelector, PodSpec, Secret,
    SecretKeySelector, VolumeSource,
};

use super::file::EnvVolumes;
use crate::error::ConfigError;
use crate::objects::{Configuration, ObjectError, Objects};

/// Those that one container refers to, as they are at its start; what is missing is not in it.
#[derive(Debug, Default)]
pub(crate) struct Referenced {
    namespace: String,
    config_maps: BTreeMap<String, ConfigMap>,
    secrets: BTreeMap<String, Secret>,
    volumes: EnvVolumes,
}

/// Whether the pod has variables or volumes from ConfigMaps or Secrets, or uses claims.
pub(crate) fn are_referenced(spec: &PodSpec) -> bool {
    let looking = spec.ephemeral_containers.iter().map(|one| &one.container);
    let mut all = spec.init_containers.iter().chain(&spec.containers).chain(looking);
    all.any(|c| config_maps(c).next().is_some() || secrets(c).next().is_some())
        || spec.volumes.iter().filter_map(|volume| volume.source.as_ref()).any(is_of_objects)
}

fn is_of_objects(source: &VolumeSource) -> bool {
    match source {
        VolumeSource::ConfigMap(_)
        | VolumeSource::Secret(_)
        | VolumeSource::PersistentVolumeClaim(_)
        | VolumeSource::Ephemeral(_) => true,
        VolumeSource::Projected(projected) => {
            projected.sources.iter().any(|s| s.config_map.is_some() || s.secret.is_some())
        }
        _ => false,
    }
}

/// The names of the ConfigMaps that a container refers to.
fn config_maps(container: &Container) -> impl Iterator<Item = &String> {
    let whole = container.env_from.iter().filter_map(|from| from.config_map_ref.as_ref());
    let keys = container.env.iter().filter_map(|v| v.value_from.as_ref());
    let keys = keys.filter_map(|source| source.config_map_key_ref.as_ref());
    whole.map(|map| &map.name).chain(keys.map(|key| &key.name))
}

/// The names of the Secrets that a container refers to.
fn secrets(container: &Container) -> impl Iterator<Item = &String> {
    let whole = container.env_from.iter().filter_map(|from| from.secret_ref.as_ref());
    let keys = container.env.iter().filter_map(|v| v.value_from.as_ref());
    let keys = keys.filter_map(|source| source.secret_key_ref.as_ref());
    whole.map(|secret| &secret.name).chain(keys.map(|key| &key.name))
}

impl Referenced {
    /// Reads what a container of a namespace refers to. What it takes from files is read when it is asked for.
    pub fn read(
        container: &Container,
        namespace: &str,
        of: (&Objects<ConfigMap>, &Objects<Secret>),
        volumes: EnvVolumes,
    ) -> Result<Self, ObjectError> {
        Ok(Self {
            namespace: namespace.to_owned(),
            config_maps: read(of.0, namespace, config_maps(container))?,
            secrets: read(of.1, namespace, secrets(container))?,
            volumes,
        })
    }

    /// The variables that a whole ConfigMap or Secret becomes. Any key is the name of a variable.
    pub fn all(&self, from: &EnvFromSource) -> Result<Vec<(String, String)>, ConfigError> {
        let prefix = from.prefix.as_deref().unwrap_or_default();
        let named = |key: &str| format!("{prefix}{key}");
        if let Some(reference) = &from.config_map_ref {
            let map = self.config_map(&reference.name, reference.optional)?;
            let texts = map.into_iter().flat_map(|map| &map.data);
            return Ok(texts.map(|(key, text)| (named(key), text.clone())).collect());
        }
        let Some(reference) = &from.secret_ref else { return Ok(Vec::new()) };
        let secret = self.secret(&reference.name, reference.optional)?;
        let bytes = secret.into_iter().flat_map(|secret| &secret.data);
        let variable = |(key, bytes): (&String, &pod_spec::ByteString)| {
            Ok((named(key), self.text(&reference.name, key, &bytes.0)?))
        };
        bytes.map(variable).collect()
    }

    /// The text under a key of a ConfigMap; `None` when it is missing and may be.
    pub fn config_map_key(
        &self,
        key: &ConfigMapKeySelector,
    ) -> Result<Option<String>, ConfigError> {
        let Some(map) = self.config_map(&key.name, key.optional)? else { return Ok(None) };
        match map.data.get(&key.key) {
            None if key.optional != Some(true) => Err(ConfigError::MissingKey {
                kind: ConfigMap::KIND,
                namespace: self.namespace.clone(),
                name: key.name.clone(),
                key: key.key.clone(),
            }),
            text => Ok(text.cloned()),
        }
    }

    /// The text under a key of a Secret; `None` when it is missing and may be.
    pub fn secret_key(&self, key: &SecretKeySelector) -> Result<Option<String>, ConfigError> {
        let Some(secret) = self.secret(&key.name, key.optional)? else { return Ok(None) };
        match secret.data.get(&key.key) {
            Some(bytes) => self.text(&key.name, &key.key, &bytes.0).map(Some),
            None if key.optional == Some(true) => Ok(None),
            None => Err(ConfigError::MissingKey {
                kind: Secret::KIND,
                namespace: self.namespace.clone(),
                name: key.name.clone(),
                key: key.key.clone(),
            }),
        }
    }

    /// The value of a key of a file; `None` when it is missing and may be.
    pub fn file_key(&self, key: &FileKeySelector) -> Result<Option<String>, ConfigError> {
        self.volumes.value(key)
    }

    fn config_map(
        &self,
        name: &str,
        optional: Option<bool>,
    ) -> Result<Option<&ConfigMap>, ConfigError> {
        found(&self.config_maps, name, optional)
    }

    fn secret(&self, name: &str, optional: Option<bool>) -> Result<Option<&Secret>, ConfigError> {
        found(&self.secrets, name, optional)
    }

    /// The bytes of a Secret as the value of a variable, which is a text without a NUL.
    fn text(&self, name: &str, key: &str, bytes: &[u8]) -> Result<String, ConfigError> {
        let text = str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        text.map(str::to_owned).ok_or_else(|| ConfigError::NoText {
            namespace: self.namespace.clone(),
            name: name.to_owned(),
            key: key.to_owned(),
        })
    }
}

fn read<'c, T: Configuration>(
    objects: &Objects<T>,
    namespace: &str,
    names: impl Iterator<Item = &'c String>,
) -> Result<BTreeMap<String, T>, ObjectError> {
    let mut found = BTreeMap::new();
    for name in names {
        if !found.contains_key(name)
            && let Some(object) = objects.find(namespace, name)?
        {
            found.insert(name.clone(), object);
        }
    }
    Ok(found)
}

fn found<'o, T: Configuration>(
    objects: &'o BTreeMap<String, T>,
    name: &str,
    optional: Option<bool>,
) -> Result<Option<&'o T>, ConfigError> {
    match objects.get(name) {
        None if optional != Some(true) => {
            Err(ConfigError::Missing { kind: T::KIND, name: name.to_owned() })
        }
        object => Ok(object),
    }
}

#[cfg(test)]
mod tests;
