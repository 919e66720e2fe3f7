//! Measures the floor, the `pod` command and its peers in one run.

fn main() {}
