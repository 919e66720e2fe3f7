//! The images of a pod's containers: found on the machine or pulled, as each container's policy says, and held for the pod.

use std::path::PathBuf;
use std::time::Instant;

use pod_images::{Image, Images, LeaseError, PullError, PullOptions, PullPolicy, Reference};
use pod_spec::{ImagePullPolicy, SecretText};

use crate::error::chain;
use crate::puller::{self, PullFailure};

/// Where a pod gets its images from.
#[derive(Debug)]
pub(super) struct Supply {
    dir: PathBuf,
    images: Images,
    holder: String,
}

/// Something that is told of an image: the kubelet's reason of the event, and its words.
pub(super) type News = (&'static str, String);

impl Supply {
    /// From the store in `dir`, for the pod that `holder` names.
    pub fn new(dir: PathBuf, holder: String) -> Self {
        Self { images: Images::open(&dir), dir, holder }
    }

    /// The image of a container or volume, pulled with these logins before those of the machine. `tell` hears what happens
    /// on the way.
    pub async fn get(
        &self,
        name: &str,
        policy: Option<ImagePullPolicy>,
        logins: &[SecretText],
        tell: impl Fn(News),
    ) -> Result<Image, PullFailure> {
        let reference: Reference = name.parse().map_err(|e: pod_images::ReferenceError| {
            PullFailure { reason: e.reason().to_owned(), message: chain(&e) }
        })?;
        let mut policy = match policy {
            Some(ImagePullPolicy::Never) => PullPolicy::Never,
            Some(ImagePullPolicy::IfNotPresent) => PullPolicy::IfNotPresent,
            _ => PullPolicy::Always,
        };
        loop {
            if policy == PullPolicy::Always && !reference.is_host() {
                tell(("Pulling", format!("Pulling image \"{name}\"")));
                let began = Instant::now();
                puller::pull(&self.dir, &reference, logins).await?;
                let took = began.elapsed().as_secs_f64();
                tell(("Pulled", format!("Successfully pulled image \"{name}\" in {took:.3}s")));
            }
            match self.present(&reference).await? {
                Some(image) => {
                    if policy != PullPolicy::Always {
                        let words =
                            format!("Container image \"{name}\" already present on machine");
                        tell(("Pulled", words));
                    }
                    return Ok(image);
                }
                None if policy == PullPolicy::Never => {
                    let words = "is not present with pull policy of Never";
                    return Err(PullFailure {
                        reason: "ErrImageNeverPull".to_owned(),
                        message: format!("Container image \"{name}\" {words}"),
                    });
                }
                // It was not there, or somebody has removed it in this very moment.
                None => policy = PullPolicy::Always,
            }
        }
    }

    /// An image that is on the machine, held for the pod from now on.
    async fn present(&self, reference: &Reference) -> Result<Option<Image>, PullFailure> {
        let options = PullOptions::default();
        let image = match self.images.ensure(reference, PullPolicy::Never, &options).await {
            Ok(image) => image,
            Err(PullError::Image(error)) if error.is_absent() => return Ok(None),
            Err(error) => {
                let reason = error.reason(PullPolicy::Always).to_owned();
                return Err(PullFailure { reason, message: chain(&error) });
            }
        };
        match self.images.lease(&image.id, &self.holder) {
            Ok(()) => Ok(Some(image)),
            Err(LeaseError::NotPresent { .. }) => Ok(None),
            Err(error) => {
                Err(PullFailure { reason: "ImageInspectError".to_owned(), message: chain(&error) })
            }
        }
    }
}
