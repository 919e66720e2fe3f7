//! Everything that speaks to registries, and the files that say how to.

mod blob;
mod body;
mod certificates;
mod challenge;
mod client;
mod configuration;
mod credentials;
mod endpoints;
mod failure;
mod login_helper;
mod places;
mod secret;
mod token;
mod transport;

pub use certificates::CertificateError;
pub(crate) use client::Registry;
pub use configuration::{Configuration, ConfigurationError};
pub(crate) use credentials::OwnedLogin;
pub use credentials::{Credentials, CredentialsError, Login};
pub use endpoints::{Endpoint, EndpointError, Version};
pub use failure::{RegistryError, RegistryFault};
pub use login_helper::HelperError;
pub use places::Places;
pub use secret::Secret;
pub use transport::Timing;
