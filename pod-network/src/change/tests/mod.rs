//! Attachments to a bridge. Each test's host is a namespace that its thread makes. Needs root.

mod attach;
mod faults;
mod lab;
