//! Benchmarks of the pod command against the bare floor and its peers.
