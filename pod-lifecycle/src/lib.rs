//! The life of a Kubernetes Pod as a pure state machine.
