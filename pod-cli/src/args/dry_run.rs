//! Saying what would be done.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub struct DryRun {
    /// Only say what would be done
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_value = "none",
          default_missing_value = "client", hide_default_value = true)]
    pub dry_run: DryRunKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DryRunKind {
    /// Do it
    #[value(alias = "false")]
    None,
    /// From what is given
    #[value(alias = "true")]
    Client,
    /// With a look at what is there
    Server,
}

impl DryRun {
    pub fn is_on(&self) -> bool {
        self.dry_run != DryRunKind::None
    }

    /// What stands behind what is said to be done.
    pub const fn note(&self) -> &'static str {
        match self.dry_run {
            DryRunKind::None => "",
            DryRunKind::Client => " (dry run)",
            DryRunKind::Server => " (server dry run)",
        }
    }
}
