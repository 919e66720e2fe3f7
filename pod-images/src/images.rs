//! Which images there are on this machine, and what each one is.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;

use crate::access::Access;
use crate::store::{self, FileError, ImageRecord, LayerId, NameRecord, Store};
use crate::user::{ResolvedUser, UserError, resolve_user};
use crate::{Credentials, Digest, HOST_IMAGE, ImageConfig, Reference};

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
    /// The image was pulled with Secrets, and whoever asks has none of them nor of their logins.
    #[error(
        "image \"{reference}\" is present for those alone who have a login that it was pulled with"
    )]
    NotAllowed {
        /// The image that was asked for.
        reference: Reference,
    },
    /// A file of the store cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl ImageError {
    /// Whether the image is just not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::NotPresent { .. })
    }

    /// Kubernetes' reason for a container that waits because of this error.
    #[must_use]
    pub fn reason(&self, policy: PullPolicy) -> &'static str {
        match (self, policy) {
            (Self::NotPresent { .. } | Self::NotAllowed { .. }, PullPolicy::Never) => {
                "ErrImageNeverPull"
            }
            (Self::NotPresent { .. } | Self::NotAllowed { .. }, _) => "ErrImagePull",
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

    /// The image that `reference` names, whoever may use it. It may be removed at any time, unless it is
    /// [leased](Self::lease).
    ///
    /// # Errors
    ///
    /// [`ImageError::NotPresent`] when there is none of this name, or when a part of it is missing; a pull adds it.
    pub fn resolve(&self, reference: &Reference) -> Result<Image, ImageError> {
        Ok(self.look_up(reference)?.0)
    }

    /// The same for somebody with these credentials.
    pub(crate) fn resolve_for(
        &self,
        reference: &Reference,
        credentials: &[Credentials],
    ) -> Result<Image, ImageError> {
        let (image, access) = self.look_up(reference)?;
        if access.is_for(credentials) {
            return Ok(image);
        }
        Err(ImageError::NotAllowed { reference: reference.clone() })
    }

    fn look_up(&self, reference: &Reference) -> Result<(Image, Access), ImageError> {
        if reference.is_host() {
            return Ok((host(reference), Access::Everybody));
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
        let image = Image {
            reference: reference.clone(),
            id: record.id.to_string(),
            repo_digest: name.repo_digest,
            config: record.config,
            root: RootSource::Layers(layers),
        };
        Ok((image, name.access))
    }

    /// What is written down of an image.
    pub(crate) fn record(&self, manifest: &Digest) -> Result<Option<ImageRecord>, FileError> {
        store::read_json(&self.store.layout.image(manifest))
    }
}

impl Image {
    /// Looks a user up in the account files of the image, see [`resolve_user`].
    ///
    /// # Errors
    ///
    /// [`UserError`] when a name has no entry, or a layer or a file cannot be read.
    pub fn user(&self, user: &str) -> Result<ResolvedUser, UserError> {
        let opened = match &self.root {
            RootSource::Host => vec![File::open("/")],
            RootSource::Layers(layers) => layers.iter().rev().map(File::open).collect(),
        };
        let opened: Vec<File> =
            opened.into_iter().collect::<Result<_, _>>().map_err(UserError::Layer)?;
        let layers: Vec<_> = opened.iter().map(AsFd::as_fd).collect();
        resolve_user(&layers, user)
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
