//! Which images there are on this machine, and what each one is.

use std::path::PathBuf;

use crate::store::{self, FileError, ImageRecord, LayerId, NameRecord, Store};
use crate::{Digest, HOST_IMAGE, ImageConfig, Reference};

/// The search path of a host process, as the image sets it.
const HOST_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The images on this machine: a store in a directory, which any number of processes use at the same time.
#[derive(Clone, Debug)]
pub struct Images {
    pub(crate) store: Store,
}

/// An image that is present: what to run, and what to run it on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image {
    /// The name it was asked for by.
    pub reference: Reference,
    /// What identifies its content: the digest of its configuration.
    pub id: String,
    /// The image as its registry has it, `repository@digest`; `None` when it comes from an archive.
    pub repo_digest: Option<String>,
    /// What the image says about its process.
    pub config: ImageConfig,
    /// Where its root filesystem comes from.
    pub root: RootSource,
}

/// Where the root filesystem of an image comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootSource {
    /// The machine's own `/`, to be used as the lower layer of an overlay.
    Host,
    /// Unpacked layers, the lowest first, to be used as the lower layers of an overlay. Absolute paths of directories that
    /// lie in one directory and have short names.
    Layers(Vec<PathBuf>),
}

/// When an image is fetched: `imagePullPolicy` of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// At every start.
    Always,
    /// When it is not on the machine.
    IfNotPresent,
    /// Not at all.
    Never,
}

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The image is not on this machine.
    #[error(
        "image \"{reference}\" is not present: pull it, load it from an archive, or use \
         {HOST_IMAGE}, the root filesystem of this machine"
    )]
    NotPresent {
        /// The image that was asked for.
        reference: Reference,
    },
    /// A file of the store cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl ImageError {
    /// Kubernetes' reason for a container that waits because of this error.
    #[must_use]
    pub fn reason(&self, policy: PullPolicy) -> &'static str {
        match (self, policy) {
            (Self::NotPresent { .. }, PullPolicy::Never) => "ErrImageNeverPull",
            (Self::NotPresent { .. }, PullPolicy::Always | PullPolicy::IfNotPresent) => {
                "ErrImagePull"
            }
            (Self::File(_), _) => "ImageInspectError",
        }
    }
}

impl Images {
    /// The images in the store `dir`, such as `/var/lib/pod/images`. Nothing is read or made.
    ///
    /// To unpack a layer, the own program is executed again: it has to call [`init`](crate::init) first in `main`.
    #[must_use]
    pub fn open(dir: impl Into<PathBuf>) -> Self {
        Self { store: Store::new(dir) }
    }

    /// The same for a program that cannot call [`init`](crate::init): `helper` is one that does, such as `pod-unpack`.
    #[must_use]
    pub fn with_helper(dir: impl Into<PathBuf>, helper: impl Into<PathBuf>) -> Self {
        let mut images = Self::open(dir);
        images.store.helper = Some(helper.into());
        images
    }

    /// The same with other limits for what a layer may come to.
    #[must_use]
    pub fn with_limits(mut self, limits: crate::Limits) -> Self {
        self.store.limits = limits;
        self
    }

    /// The image that `reference` names. It may be removed at any time, unless it is [leased](Self::lease).
    ///
    /// # Errors
    ///
    /// [`ImageError::NotPresent`] when there is none of this name, or when a part of it is missing; a pull adds it.
    pub fn resolve(&self, reference: &Reference) -> Result<Image, ImageError> {
        if reference.is_host() {
            return Ok(host(reference));
        }
        let absent = || ImageError::NotPresent { reference: reference.clone() };
        let layout = &self.store.layout;
        let name = reference.canonical();
        let name: NameRecord = store::read_json(&layout.name(&name))?.ok_or_else(absent)?;
        let record = self.record(&name.manifest)?.ok_or_else(absent)?;
        let dir = std::path::absolute(layout.dir()).unwrap_or_else(|_| layout.dir().to_owned());
        let layer = |id: &Digest| dir.join(format!("layers/{}", LayerId::of(id)));
        let layers: Vec<PathBuf> = record.layers.iter().map(|l| layer(&l.diff_id)).collect();
        if !layers.iter().all(|layer| layer.is_dir()) {
            return Err(absent());
        }
        Ok(Image {
            reference: reference.clone(),
            id: record.id.to_string(),
            repo_digest: name.repo_digest,
            config: record.config,
            root: RootSource::Layers(layers),
        })
    }

    /// What is written down of an image.
    pub(crate) fn record(&self, manifest: &Digest) -> Result<Option<ImageRecord>, FileError> {
        store::read_json(&self.store.layout.image(manifest))
    }
}

fn host(reference: &Reference) -> Image {
    Image {
        reference: reference.clone(),
        id: HOST_IMAGE.to_owned(),
        repo_digest: None,
        config: ImageConfig {
            env: vec![HOST_PATH.to_owned()],
            working_dir: "/".to_owned(),
            ..ImageConfig::default()
        },
        root: RootSource::Host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_an_image() {
        let image = Images::open("/nonexistent").resolve(&HOST_IMAGE.parse().unwrap()).unwrap();
        assert_eq!(image.id, "pod.local/host");
        assert_eq!(image.root, RootSource::Host);
        assert_eq!(image.config.working_dir, "/");
        assert_eq!(image.config.env, [HOST_PATH]);
        assert!(image.config.argv(&[], &[]).is_empty());
    }

    #[test]
    fn an_image_that_is_absent_says_what_can_be_done() {
        let images = Images::open("/nonexistent");
        let error = images.resolve(&"quay.io/a/b:c".parse().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "image \"quay.io/a/b:c\" is not present: pull it, load it from an archive, or use \
             pod.local/host, the root filesystem of this machine"
        );
        assert_eq!(error.reason(PullPolicy::Always), "ErrImagePull");
        assert_eq!(error.reason(PullPolicy::IfNotPresent), "ErrImagePull");
        assert_eq!(error.reason(PullPolicy::Never), "ErrImageNeverPull");
    }
}
