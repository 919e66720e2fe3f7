//! Makes a pod's network namespace ready for use.
