//! Image references and the root filesystems they stand for.
//!
//! Today one image is known: [`HOST_IMAGE`], the root filesystem of the machine
//! itself. Every other name is parsed and checked, and then answered with
//! [`ImageError::NotPresent`].
//!
//! What this crate does not do: it mounts nothing (the caller turns a
//! [`RootSource`] into a mount), it knows nothing of pods, and it does not pull.
//!
//! ```
//! use pod_images::{Images, Reference, RootSource};
//!
//! let images = Images::open();
//! let image = images.resolve(&"pod.local/host".parse::<Reference>()?)?;
//! assert_eq!(image.root, RootSource::Host);
//! assert_eq!(image.config.argv(&["sleep".into()], &["9".into()]), ["sleep", "9"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod digest;
mod reference;
#[expect(dead_code, unused_imports, reason = "the pull that calls it comes next")]
mod registry;
mod store;
mod user;

pub use config::ImageConfig;
pub use digest::{Algorithm, Digest, DigestError};
pub use reference::{HOST_IMAGE, Reference, ReferenceError};
pub use registry::{
    CertificateError, Configuration, ConfigurationError, Credentials, CredentialsError, Endpoint,
    EndpointError, HelperError, Limits, Login, Places, RegistryError, RegistryFault, Secret,
    Version,
};
pub use store::{Image, ImageError, Images, PullPolicy, RootSource};
pub use user::{ResolvedUser, UserError, resolve_user};
