//! What `pod up` shows and how it ends.

mod narrator;
mod outcome;
mod prefix;
mod printer;
mod report;
mod signals;

pub use narrator::Narrator;
pub use outcome::{Stop, exit_code};
pub use prefix::Prefixes;
pub use printer::{Printer, Voice};
pub use report::Report;
pub use signals::Signals;
