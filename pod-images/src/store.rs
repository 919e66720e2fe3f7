//! Which images there are on this machine, and what each one is.

use crate::{HOST_IMAGE, ImageConfig, Reference};

/// The search path of a host process, as the image sets it.
const HOST_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The images on this machine.
#[derive(Debug)]
#[non_exhaustive]
pub struct Images {}

/// An image that is present: what to run, and what to run it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The name it was asked for by.
    pub reference: Reference,
    /// What identifies its content, for a container's `imageID`.
    pub id: String,
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The image is not on this machine.
    #[error(
        "image \"{reference}\" is not present, and images cannot be pulled yet; \
         {HOST_IMAGE}, the root filesystem of this machine, can be used"
    )]
    NotPresent {
        /// The image that was asked for.
        reference: Reference,
    },
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
        }
    }
}

impl Images {
    /// The images of this machine; nothing is read or made.
    #[must_use]
    pub fn open() -> Self {
        Self {}
    }

    /// The image that `reference` names.
    ///
    /// # Errors
    ///
    /// [`ImageError::NotPresent`] for every image except [`HOST_IMAGE`].
    pub fn resolve(&self, reference: &Reference) -> Result<Image, ImageError> {
        if !reference.is_host() {
            return Err(ImageError::NotPresent { reference: reference.clone() });
        }
        Ok(Image {
            reference: reference.clone(),
            id: HOST_IMAGE.to_owned(),
            config: ImageConfig {
                env: vec![HOST_PATH.to_owned()],
                working_dir: "/".to_owned(),
                ..ImageConfig::default()
            },
            root: RootSource::Host,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_an_image() {
        let image = Images::open().resolve(&HOST_IMAGE.parse().unwrap()).unwrap();
        assert_eq!(image.id, "pod.local/host");
        assert_eq!(image.root, RootSource::Host);
        assert_eq!(image.config.working_dir, "/");
        assert_eq!(image.config.env, [HOST_PATH]);
        assert!(image.config.argv(&[], &[]).is_empty());
    }

    #[test]
    fn any_other_image_says_what_works() {
        let error = Images::open().resolve(&"quay.io/a/b:c".parse().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "image \"quay.io/a/b:c\" is not present, and images cannot be pulled yet; \
             pod.local/host, the root filesystem of this machine, can be used"
        );
        assert_eq!(error.reason(PullPolicy::Always), "ErrImagePull");
        assert_eq!(error.reason(PullPolicy::IfNotPresent), "ErrImagePull");
        assert_eq!(error.reason(PullPolicy::Never), "ErrImageNeverPull");
    }
}
