//! Reads, checks and writes Kubernetes Pod manifests.
