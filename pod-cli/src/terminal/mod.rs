//! A program's standard descriptors, led to those of this process, and this process's terminal given to it.

mod keys;
mod raw;
mod session;

pub use keys::DetachKeys;
pub use session::{End, Session};

use std::io::{self, IsTerminal};

use crate::output;

/// Whether a terminal that was asked for can be had: this process must sit at one, and pass its input on.
pub fn wanted(tty: bool, stdin: bool, quiet: bool) -> bool {
    if !tty || !stdin {
        return false;
    }
    let is_there = io::stdin().is_terminal();
    if !is_there && !quiet {
        output::message("Unable to use a TTY - input is not a terminal or the right kind of file");
    }
    is_there
}
