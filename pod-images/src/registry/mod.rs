//! Everything that speaks to registries, and the files that say how to.

mod configuration;
mod endpoints;
mod places;

pub use configuration::{Configuration, ConfigurationError};
pub use endpoints::{Endpoint, EndpointError, Version};
pub use places::Places;
