//! Images as archives: read from other tools, and written for them.

mod docker;
mod incoming;
mod layout;
mod load;
mod save;

pub use load::{LoadError, Loaded};
pub use save::SaveError;
