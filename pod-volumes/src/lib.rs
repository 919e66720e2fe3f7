//! Prepares the volumes of a Kubernetes Pod on one machine.
