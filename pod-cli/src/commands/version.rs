//! `pod version`.

use clap::{Args, ValueEnum};
use pod_spec::to_yaml;
use serde_json::json;

use crate::error::CliError;
use crate::{exit, object, output};

#[derive(Debug, Args)]
pub struct Version {
    /// That of this program; there is no other
    #[arg(long)]
    pub client: bool,
    /// How to print it
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<VersionFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VersionFormat {
    Json,
    Yaml,
}

pub fn run(args: &Version) -> Result<u8, CliError> {
    let version = env!("CARGO_PKG_VERSION");
    let mut numbers = version.split('.');
    let whole = json!({"clientVersion": {
        "gitVersion": format!("v{version}"),
        "major": numbers.next(),
        "minor": numbers.next(),
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    }});
    match args.output {
        None => output::line(&format!("pod {version}"))?,
        Some(VersionFormat::Json) => output::data(object::json(&whole))?,
        Some(VersionFormat::Yaml) => output::data(to_yaml(&whole).map_err(object::unwritable)?)?,
    }
    Ok(exit::OK)
}
