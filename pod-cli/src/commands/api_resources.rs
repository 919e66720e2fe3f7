//! `pod api-resources`: the types of objects that there are here.

use clap::{Args, ValueEnum};

use crate::error::CliError;
use crate::resource::Kind;
use crate::{exit, output, table};

#[derive(Debug, Args)]
pub struct ApiResources {
    /// Leave the headings out
    #[arg(long)]
    pub no_headers: bool,
    /// `name` prints the names only
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<ApiResourcesFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ApiResourcesFormat {
    Name,
}

pub fn run(args: &ApiResources) -> Result<u8, CliError> {
    if args.output.is_some() {
        Kind::ALL.iter().try_for_each(|kind| output::line(kind.names().plural))?;
        return Ok(exit::OK);
    }
    let heading: &[&str] = match args.no_headers {
        true => &[],
        false => &["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"],
    };
    let row = |kind: Kind| {
        let names = kind.names();
        [names.plural, names.short.unwrap_or_default(), "v1", "true", names.kind]
            .map(str::to_owned)
            .to_vec()
    };
    output::data(table::render(heading, &Kind::ALL.map(row)))?;
    Ok(exit::OK)
}
