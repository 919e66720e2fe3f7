//! Runs the `pod` command as a user does, each test in a root directory of its own, of which nothing may be left.
//!
//! They need root, and containers run on this machine's own root file system.

mod background;
mod bad_input;
mod changing;
mod check;
mod claims;
mod completion;
mod copies;
mod debugging;
mod exec;
mod foreground;
mod host;
mod images;
mod kubectl_lines;
mod logs;
mod machine;
mod objects;
mod port_forward;
mod private_images;
mod reading;
mod terminal;
mod workloads;
