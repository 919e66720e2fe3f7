//! The rules in a host of the test's own: see [`lab::Lab`]. Needs root.

mod lab;
mod table;
mod traffic;
