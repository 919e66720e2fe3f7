//! Prints the table of supported fields as Markdown.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    io::stdout().write_all(pod_spec::support::markdown().as_bytes())
}
