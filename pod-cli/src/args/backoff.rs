//! How long a container that keeps ending waits.

use clap::Args;
use pod_spec::{BACKOFF_INITIAL, BACKOFF_MAX};

/// How long a container that keeps ending waits to be started again, when the manifest does not say.
#[derive(Debug, Default, Args)]
pub struct BackoffArgs {
    /// First pause before a container that keeps ending is started again [default: 10s]
    #[arg(long, env = "POD_BACKOFF_INITIAL", value_name = "SPAN")]
    pub backoff_initial: Option<String>,
    /// Longest such pause [default: 300s]
    #[arg(long, env = "POD_BACKOFF_MAX", value_name = "SPAN")]
    pub backoff_max: Option<String>,
}

impl BackoffArgs {
    /// The annotations that say so.
    pub fn annotations(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let initial = self.backoff_initial.iter().map(|span| (BACKOFF_INITIAL, span));
        initial.chain(self.backoff_max.iter().map(|span| (BACKOFF_MAX, span)))
    }
}
