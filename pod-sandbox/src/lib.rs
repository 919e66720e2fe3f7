//! Runs containers in a shared sandbox: namespaces, cgroup, processes, logs and exit codes.
