//! Why an image cannot be pulled.

use std::error::Error;
use std::io;

use crate::manifest::ManifestError;
use crate::registry::{
    CertificateError, ConfigurationError, CredentialsError, EndpointError, RegistryError,
};
use crate::store::{BlobError, CommitError, FileError, LayerError};
use crate::{ImageError, PullPolicy};

/// Why an image cannot be pulled. What was fetched is kept, and the next attempt goes on with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// `registries.conf` cannot be used.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// There is no place to pull from.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Logins cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Certificates cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The registry does not give it.
    #[error(transparent)]
    Registry(#[from] Box<RegistryError>),
    /// None of several places gives it.
    #[error("cannot pull image \"{image}\" from any of its registries: {}", list(.failures))]
    Nowhere {
        /// The image, as it was written.
        image: String,
        /// What happened at each, in the order they were tried.
        failures: Vec<PullError>,
    },
    /// What the registry gives cannot be used.
    #[error("cannot use image \"{image}\"")]
    Unusable {
        /// The image, as it was written.
        image: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// A blob does not get into the store.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A layer cannot be unpacked.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The image does not get into the store.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A file of the store cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The image is not there, and is not to be pulled or cannot be found after it was.
    #[error(transparent)]
    Image(#[from] Box<ImageError>),
    /// The machine has no thread for it.
    #[error("cannot start the thread that pulls")]
    Thread(#[source] io::Error),
    /// A part of the pull has panicked.
    #[error("the pull has ended without a result")]
    Lost,
}

impl From<RegistryError> for PullError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(Box::new(error))
    }
}

impl From<ImageError> for PullError {
    fn from(error: ImageError) -> Self {
        Self::Image(Box::new(error))
    }
}

impl PullError {
    /// Kubernetes' reason for a container that waits because of this error.
    #[must_use]
    pub fn reason(&self, policy: PullPolicy) -> &'static str {
        match self {
            Self::Image(error) => error.reason(policy),
            _ => "ErrImagePull",
        }
    }

    /// Whether it is the source that failed, so that another one may do.
    pub(super) fn is_of_the_source(&self) -> bool {
        matches!(
            self,
            Self::Registry(_)
                | Self::Unusable { .. }
                | Self::Certificate(_)
                | Self::Blob(BlobError::Mismatch { .. } | BlobError::TooLong { .. })
        )
    }
}

/// Each failure with its causes, since there can be only one `source`.
fn list(failures: &[PullError]) -> String {
    let told = |error: &PullError| {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    };
    failures.iter().map(told).collect::<Vec<_>>().join("; ")
}
