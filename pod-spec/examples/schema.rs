//! Prints the JSON Schema of a kind, the Pod when none is named, for an editor.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    let kind = std::env::args().nth(1).unwrap_or_else(|| "Pod".to_owned());
    let Some(schema) = pod_spec::json_schema(&kind) else {
        return Err(io::Error::other(format!("no schema for the kind {kind}")));
    };
    writeln!(io::stdout(), "{schema:#}")
}
