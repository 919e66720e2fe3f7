//! Why a pod did not come up.

use pod_runtime::RuntimeError;

/// The reasons that lie in the manifest: no container was ever able to begin, and trying again would not change that.
const HOPELESS: [&str; 7] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "StartError",
];

/// Whether the pod could not start for what its manifest says, rather than for what its containers did.
pub fn is_hopeless(error: &RuntimeError) -> bool {
    matches!(error, RuntimeError::NotReached { reason, .. } if HOPELESS.contains(&reason.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_no_fault_of_the_manifest() {
        let error = |reason: &str| RuntimeError::NotReached {
            pod: "web".to_owned(),
            reason: reason.to_owned(),
            what: String::new(),
        };
        assert!(is_hopeless(&error("StartError")));
        assert!(!is_hopeless(&error("CrashLoopBackOff")));
        assert!(!is_hopeless(&RuntimeError::NotRoot));
    }
}
