//! Networks that the plugins of a CNI configuration make.
//!
//! What the runtime of <https://www.cni.dev/docs/spec/> does: it reads the first configuration of a directory,
//! executes its plugins one after the other, and undoes what they did when one of them fails. It keeps nothing on
//! disk: whoever calls it keeps the [`CniAttachment`].

mod attachment;
mod configuration;
mod error;
mod garbage;
mod plugin;
mod result;
#[cfg(test)]
mod tests;
mod version;

pub(crate) use attachment::{CniAttachment, check, complete, delete, prepare};
pub use error::{CniError, ConfigurationFault, PluginFault};
pub(crate) use garbage::collect_garbage;

/// The name of the pod's interface.
const INTERFACE: &str = "eth0";
