//! What can go wrong with CNI.

use std::error::Error;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::ExecutionError;

/// Why CNI could not do its part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CniError {
    /// There is no configuration.
    #[error("no CNI configuration is in {}", dir.display())]
    NoConfiguration {
        /// Where it was looked for.
        dir: PathBuf,
    },
    /// The configuration cannot be used.
    #[error("cannot use the CNI configuration {}", path.display())]
    Configuration {
        /// The file, or the directory when that cannot be read.
        path: PathBuf,
        /// What is wrong with it.
        source: ConfigurationFault,
    },
    /// A plugin is not installed.
    #[error(
        "cannot find the CNI plugin `{plugin}` in {directories}; \
         the usual ones are in Debian's package containernetworking-plugins"
    )]
    MissingPlugin {
        /// Its type.
        plugin: String,
        /// Where it was looked for, separated by commas.
        directories: String,
    },
    /// No version of the configuration is known to all of its plugins.
    #[error("the CNI plugin `{plugin}` knows none of the configuration's versions {wanted}")]
    NoCommonVersion {
        /// Its type.
        plugin: String,
        /// The versions that it could have known, separated by commas.
        wanted: String,
    },
    /// A plugin did not do what it was asked for.
    #[error("the CNI plugin `{plugin}` failed at {command}{}", written(stderr))]
    Plugin {
        /// Its type.
        plugin: String,
        /// The command, such as `ADD`.
        command: &'static str,
        /// The beginning of what it wrote to its standard error.
        stderr: String,
        /// What it said.
        source: PluginFault,
    },
    /// More than one plugin did not undo its part.
    #[error("{}", in_a_row(.0))]
    Several(Vec<CniError>),
    /// A plugin failed, and what had been done before could not all be undone.
    #[error("{}; and undoing it failed: {}", with_causes(cause), with_causes(undo))]
    NotUndone {
        /// What failed first.
        cause: Box<CniError>,
        /// What failed then.
        undo: Box<CniError>,
    },
}

/// What is wrong with a CNI configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationFault {
    /// It cannot be read.
    #[error("cannot read it")]
    Read(#[source] io::Error),
    /// It is not the JSON that is wanted.
    #[error("{0}")]
    Syntax(serde_json::Error),
    /// Its name does not fit.
    #[error("the name {0:?} is not letters, digits, `_`, `.` and `-` after a letter or digit")]
    Name(String),
    /// None of its versions is known.
    #[error("{versions} is not a version of CNI from 0.3.0 to 1.1.0")]
    Version {
        /// The versions that it names, separated by commas.
        versions: String,
    },
    /// It names no plugin.
    #[error("its list of plugins is empty")]
    NoPlugins,
    /// The type of a plugin is not the name of a file.
    #[error("the plugin type {0:?} is not the name of a program")]
    Type(String),
}

/// Why a CNI plugin failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginFault {
    /// It did not come to its own end.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// It said what went wrong.
    #[error("{message}{} (code {code})", after_semicolon(details))]
    Reported {
        /// The number of the error, of which those below 100 are the specification's.
        code: u64,
        /// What went wrong.
        message: String,
        /// More about it; may be empty.
        details: String,
    },
    /// It ended without saying what went wrong.
    #[error("{0}")]
    Ended(ExitStatus),
    /// It wrote something that is not a result.
    #[error("its result cannot be read: {0}")]
    Result(serde_json::Error),
    /// Its result gives an address to an interface that it does not name.
    #[error("its result gives an address to interface {index} of {interfaces}")]
    Interface {
        /// The index, from 0.
        index: usize,
        /// How many there are.
        interfaces: usize,
    },
}

/// What a plugin wrote, as the end of a message.
fn written(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(" (it wrote: {stderr})") }
}

fn after_semicolon(details: &str) -> String {
    if details.is_empty() { String::new() } else { format!("; {details}") }
}

fn in_a_row(errors: &[CniError]) -> String {
    errors.iter().map(|error| with_causes(error)).collect::<Vec<_>>().join("; ")
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
