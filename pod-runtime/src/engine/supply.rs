//! The images of a pod's containers: found on the machine or pulled, as each container's policy says, and held for the pod.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pod_images::{
    Image, ImageError, Images, LeaseError, PullError, PullOptions, PullPolicy, Reference,
};
use pod_spec::ImagePullPolicy;

use crate::error::chain;
use crate::pull_secrets::{self, PullSecret};
use crate::puller::{self, PullFailure};

/// What is told of an image that did not have to be pulled.
const PRESENT: &str = "already present on machine and can be accessed by the pod";

/// Where a pod gets its images from.
#[derive(Debug)]
pub(super) struct Supply {
    dir: PathBuf,
    images: Images,
    holder: String,
}

/// What there is on the machine of an image.
enum Presence {
    /// The image, held for the pod from now on.
    Held(Box<Image>),
    /// An image that was pulled with logins that the pod does not have.
    Withheld,
    Absent,
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
        logins: &[PullSecret],
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
        // Logins that cannot be understood give access to nothing; a pull says what is wrong with them.
        let options = pull_secrets::options(logins).unwrap_or_default();
        let mut pulled = None;
        loop {
            if policy == PullPolicy::Always && !reference.is_host() {
                tell(("Pulling", format!("Pulling image \"{name}\"")));
                let began = Instant::now();
                puller::pull(&self.dir, &reference, logins).await?;
                pulled = Some(began.elapsed());
            }
            match self.present(&reference, &options).await? {
                Presence::Held(image) => {
                    match pulled {
                        Some(took) => tell(("Pulled", self.pulled_words(name, &image, took))),
                        None if policy == PullPolicy::Always => {}
                        None => tell(("Pulled", format!("Container image \"{name}\" {PRESENT}"))),
                    }
                    return Ok(*image);
                }
                Presence::Absent if policy == PullPolicy::Never => {
                    return Err(never_pulled(name, "is not present"));
                }
                Presence::Withheld if policy == PullPolicy::Never => {
                    return Err(never_pulled(name, "is present but cannot be accessed by the pod"));
                }
                // It was not there for the pod, or somebody has removed it in this very moment.
                Presence::Absent | Presence::Withheld => policy = PullPolicy::Always,
            }
        }
    }

    /// What is told of a pull. Nobody waits for another pull here, so both times are the same.
    fn pulled_words(&self, name: &str, image: &Image, took: Duration) -> String {
        let took = duration(took);
        let size = self.images.inspect(&image.id).map(|found| found.summary.packed);
        let size =
            size.map_or_else(|_| String::new(), |size| format!(" Image size: {size} bytes."));
        format!("Successfully pulled image \"{name}\" in {took} ({took} including waiting).{size}")
    }

    /// What there is on the machine for a pod with these logins.
    async fn present(
        &self,
        reference: &Reference,
        options: &PullOptions,
    ) -> Result<Presence, PullFailure> {
        let image = match self.images.ensure(reference, PullPolicy::Never, options).await {
            Ok(image) => image,
            Err(PullError::Image(error)) if error.is_absent() => return Ok(Presence::Absent),
            Err(PullError::Image(error)) if matches!(*error, ImageError::NotAllowed { .. }) => {
                return Ok(Presence::Withheld);
            }
            Err(error) => {
                let reason = error.reason(PullPolicy::Always).to_owned();
                return Err(PullFailure { reason, message: chain(&error) });
            }
        };
        match self.images.lease(&image.id, &self.holder) {
            Ok(()) => Ok(Presence::Held(Box::new(image))),
            Err(LeaseError::NotPresent { .. }) => Ok(Presence::Absent),
            Err(error) => {
                Err(PullFailure { reason: "ImageInspectError".to_owned(), message: chain(&error) })
            }
        }
    }
}

fn never_pulled(name: &str, why: &str) -> PullFailure {
    PullFailure {
        reason: "ErrImageNeverPull".to_owned(),
        message: format!("Container image \"{name}\" {why} with pull policy of Never"),
    }
}

/// A duration in milliseconds as Go writes it, such as `1m2.5s` or `812ms`.
fn duration(span: Duration) -> String {
    let (seconds, millis) = (span.as_secs(), span.subsec_millis());
    if seconds == 0 {
        return if millis == 0 { "0s".to_owned() } else { format!("{millis}ms") };
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let mut text = match (hours, minutes) {
        (0, 0) => String::new(),
        (0, _) => format!("{minutes}m"),
        _ => format!("{hours}h{minutes}m"),
    };
    text.push_str(&(seconds % 60).to_string());
    if millis > 0 {
        text.push_str(format!(".{millis:03}").trim_end_matches('0'));
    }
    text.push('s');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_does() {
        for (millis, text) in [
            (0, "0s"),
            (7, "7ms"),
            (812, "812ms"),
            (1_000, "1s"),
            (1_050, "1.05s"),
            (62_500, "1m2.5s"),
            (3_600_001, "1h0m0.001s"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }
}
