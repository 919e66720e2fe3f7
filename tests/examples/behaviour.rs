//! Prints the table of behaviours as Markdown.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    io::stdout().write_all(pod_tests::coverage::page().as_bytes())
}
