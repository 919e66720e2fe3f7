//! Image references and the root filesystems they stand for.
//!
//! [`Images`] is a store in a directory. It says what an image is and where its layers lie, unpacked, each of them in a
//! directory that can be a lower layer of an overlay. The reserved name [`HOST_IMAGE`] is the root filesystem of the
//! machine itself.
//!
//! What this crate does not do: it mounts nothing that its callers would see (they turn a [`RootSource`] into a mount), it
//! knows nothing of pods, and it builds and pushes no images.
//!
//! [`Images::pull`] brings one from a registry, as podman, buildah and docker have been told to reach it; see [`Places`].
//! A pull that breaks off, even by being killed, is gone on with by the next.
//!
//! Images come from strangers. Layers are unpacked by a process that has nothing but the directory it writes to. It is the
//! own program, executed again: call [`init`] first in `main`, or name a program that does with [`Images::with_helper`].
//!
//! ```
//! use pod_images::{Images, Reference, RootSource};
//!
//! let images = Images::open("/var/lib/pod/images");
//! let image = images.resolve(&"pod.local/host".parse::<Reference>()?)?;
//! assert_eq!(image.root, RootSource::Host);
//! assert_eq!(image.config.argv(&["sleep".into()], &["9".into()]), ["sleep", "9"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```no_run
//! use pod_images::{Images, PullOptions, PullPolicy};
//!
//! # async fn pull() -> Result<(), Box<dyn std::error::Error>> {
//! pod_images::init();
//! let images = Images::open("/var/lib/pod/images");
//! let name = "docker.io/library/busybox:1".parse()?;
//! let image = images.ensure(&name, PullPolicy::IfNotPresent, &PullOptions::default()).await?;
//! # let _ = image; Ok(())
//! # }
//! ```

mod access;
mod catalog;
mod config;
mod digest;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod images;
mod lease;
mod manifest;
mod platform;
mod pull;
mod reference;
mod registry;
mod removal;
mod store;
mod transfer;
mod unpack;
mod user;

pub use access::SecretId;
pub use catalog::{CatalogError, ImageSummary, Inspection};
pub use config::ImageConfig;
pub use digest::{Algorithm, Digest, DigestError};
pub use images::{Image, ImageError, Images, PullPolicy, RootSource};
pub use lease::LeaseError;
pub use manifest::ManifestError;
pub use platform::Platform;
pub use pull::{PullError, PullOptions};
pub use reference::{HOST_IMAGE, Reference, ReferenceError};
pub use registry::{
    CertificateError, Configuration, ConfigurationError, Credentials, CredentialsError, Endpoint,
    EndpointError, HelperError, Login, Places, RegistryError, RegistryFault, Secret, Timing,
    Version,
};
pub use removal::{Prune, RemoveError, Removed};
pub use store::{
    BlobError, CommitError, FileError, LayerError, LayerProgress, LayerState, Progress,
};
pub use transfer::{LoadError, Loaded, SaveError};
pub use unpack::{Limits, UnpackError};
pub use user::{ResolvedUser, UserError, resolve_user};

/// Does the work of a process that was started to unpack a layer, and ends it; returns at once in any other.
///
/// To be called first in `main`, while there is one thread and nothing has been opened.
pub fn init() {
    let mut arguments = std::env::args_os();
    if arguments.next().is_some_and(|name| name == unpack::ROLE) {
        unpack::run(arguments.next().as_deref());
    }
}
