//! Where a container sees the volumes.

use std::path::{Component, Path, PathBuf};

use pod_images::{Image, RootSource};
use pod_sandbox::{Mount, Propagation};
use pod_spec::{MountPropagation, RecursiveReadOnly, VolumeMount, VolumeSource};
use pod_volumes::Source;

use super::{PodPlan, PodVolumes};
use crate::environment;
use crate::error::ConfigError;

impl PodPlan {
    /// A mount of a volume that is prepared, for a container with these variables.
    pub(super) fn mount(
        &self,
        mount: &VolumeMount,
        volumes: &PodVolumes<'_>,
        variables: &[String],
    ) -> Result<Mount, ConfigError> {
        let (source, layers) =
            match (volumes.paths.get(&mount.name), volumes.images.get(&mount.name)) {
                (_, Some(image)) => (PathBuf::new(), layers(&mount.name, image)?),
                (Some(path), None) => (path.clone(), Vec::new()),
                (None, None) => return Err(ConfigError::Volume { volume: mount.name.clone() }),
            };
        Ok(Mount {
            source,
            layers,
            sub_path: sub_path(mount, variables)?,
            destination: Path::new("/").join(&mount.mount_path),
            readonly: mount.read_only == Some(true)
                || self.holds_files(&mount.name)
                || self.is_only_read(&mount.name),
            recursive_readonly: is_recursive(mount),
            propagation: match mount.mount_propagation {
                Some(MountPropagation::HostToContainer) => Propagation::HostToContainer,
                Some(MountPropagation::Bidirectional) => Propagation::Bidirectional,
                Some(MountPropagation::None) | None => Propagation::Private,
            },
        })
    }

    /// Whether a volume holds files that are written for it, which no container may change.
    fn holds_files(&self, volume: &str) -> bool {
        let found = self.spec().volumes.iter().find(|v| v.name == volume);
        found.is_some_and(|v| {
            matches!(super::source(v.source.as_ref(), self.spec()), Source::Files(_))
        })
    }

    /// Whether a volume says itself that it is not to be written.
    pub(super) fn is_only_read(&self, volume: &str) -> bool {
        let found = self.spec().volumes.iter().find(|v| v.name == volume);
        match found.and_then(|v| v.source.as_ref()) {
            Some(VolumeSource::PersistentVolumeClaim(claim)) => claim.read_only == Some(true),
            Some(VolumeSource::Csi(csi)) => csi.read_only == Some(true),
            _ => false,
        }
    }
}

/// Whether what is mounted within a read-only mount is read-only too.
pub(super) fn is_recursive(mount: &VolumeMount) -> bool {
    match mount.recursive_read_only {
        // Every kernel that this runs on can.
        Some(RecursiveReadOnly::Enabled | RecursiveReadOnly::IfPossible) => true,
        Some(RecursiveReadOnly::Disabled) | None => false,
    }
}

/// The layers of an image that is a volume, the topmost first.
fn layers(volume: &str, image: &Image) -> Result<Vec<PathBuf>, ConfigError> {
    match &image.root {
        RootSource::Layers(layers) => Ok(layers.iter().rev().cloned().collect()),
        _ => Err(ConfigError::VolumeRoot { volume: volume.to_owned() }),
    }
}

/// The part of the volume that is mounted; empty for all of it.
fn sub_path(mount: &VolumeMount, variables: &[String]) -> Result<PathBuf, ConfigError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let Some(expression) = given(&mount.sub_path_expr) else {
        return Ok(given(&mount.sub_path).unwrap_or_default().into());
    };
    let expanded = environment::expand_from(&expression, variables)
        .map_err(|variable| ConfigError::NoVariable { variable })?;
    let path = PathBuf::from(&expanded);
    if path.is_absolute() {
        return Err(ConfigError::AbsoluteSubPath { path: expanded });
    }
    if path.components().any(|c| c == Component::ParentDir) {
        return Err(ConfigError::ClimbingSubPath { path: expanded });
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(expression: &str) -> Result<PathBuf, String> {
        let mount =
            VolumeMount { sub_path_expr: Some(expression.into()), ..VolumeMount::default() };
        let variables = ["POD=web".to_owned(), "DIR=/abs".to_owned(), "UP=..".to_owned()];
        sub_path(&mount, &variables).map_err(|e| e.to_string())
    }

    #[test]
    fn b150_an_expression_is_expanded_and_stays_within() {
        assert_eq!(expanded("$(POD)/logs"), Ok("web/logs".into()));
        for (expression, message) in [
            ("$(NONE)", "missing value for \"NONE\""),
            ("$(DIR)/x", "error SubPath `/abs/x` must not be an absolute path"),
            ("a/$(UP)/$(UP)", "unable to provision SubPath `a/../..`: must not contain '..'"),
        ] {
            assert_eq!(expanded(expression).expect_err(expression), message);
        }
    }
}
