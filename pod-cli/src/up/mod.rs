//! What `pod up` shows and how it ends.

mod narrator;
mod outcome;
mod prefix;
mod printer;
mod report;
mod session;
mod signals;
mod watched;

pub use narrator::Narrator;
pub use outcome::{Outcome, Stop, exit_code};
pub use prefix::Prefixes;
pub use printer::{Printer, Voice};
pub use report::Report;
pub use session::{Counted, Session, Terms, begin_delete};
pub use signals::Signals;
