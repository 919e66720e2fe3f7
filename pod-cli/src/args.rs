//! Arguments that commands share.

mod backoff;
mod dry_run;
mod later;
mod network;
mod selection;

use std::path::PathBuf;

use clap::Args;
use pod_runtime::{Runtime, SYSTEM};

use crate::error::CliError;
use crate::resource;
pub use backoff::BackoffArgs;
pub use dry_run::{DryRun, DryRunKind};
pub use later::Later;
pub use network::NetworkArgs;
pub use selection::{Meant, Selection};

#[derive(Debug, Args)]
pub struct Globals {
    /// Namespace of the pod [default: the manifest's own, else "default"]
    #[arg(short, long, global = true, value_name = "NAME", value_parser = resource::namespace)]
    pub namespace: Option<String>,
    /// Directory that holds everything: state, volumes and logs
    #[arg(long, global = true, env = "POD_ROOT", value_name = "DIR", default_value = SYSTEM)]
    pub root: PathBuf,
}

impl Globals {
    /// The namespace to look in.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    pub fn runtime(&self) -> Result<Runtime, CliError> {
        Ok(Runtime::open(&self.root)?)
    }

    /// The runtime, for pods that are to be made.
    pub fn runtime_with(&self, network: &NetworkArgs) -> Result<Runtime, CliError> {
        let runtime = self.runtime()?;
        Ok(match network.choice()? {
            Some(network) => runtime.with_network(network),
            None => runtime,
        })
    }
}
