//! End-to-end tests of the pod crates.
