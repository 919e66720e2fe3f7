//! What a container for debugging may do.

use clap::ValueEnum;
use serde_json::{Value, json};

/// kubectl's profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// As any container.
    Legacy,
    /// As any container, and trace processes.
    General,
    /// What the Pod Security Standard `baseline` allows.
    Baseline,
    /// What the Pod Security Standard `restricted` allows.
    Restricted,
    /// Change the network.
    Netadmin,
    /// Everything.
    Sysadmin,
}

impl Profile {
    /// The security context of the container; none is the pod's.
    pub fn security_context(self) -> Option<Value> {
        match self {
            Self::Legacy | Self::Baseline => None,
            Self::General => Some(json!({"capabilities": {"add": ["SYS_PTRACE"]}})),
            Self::Restricted => Some(json!({
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "runAsNonRoot": true,
                "seccompProfile": {"type": "RuntimeDefault"},
            })),
            Self::Netadmin => Some(json!({"capabilities": {"add": ["NET_ADMIN", "NET_RAW"]}})),
            Self::Sysadmin => Some(json!({"privileged": true})),
        }
    }

    /// Whether a copy of a pod keeps its probes, which would end what is looked into.
    pub fn keeps_probes(self) -> bool {
        self == Self::Legacy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `kubectl debug` of 1.32 sends to an API server.
    #[test]
    fn the_security_contexts_are_kubectls() {
        let restricted = json!({
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"},
        });
        let adding = |capabilities: &[&str]| Some(json!({"capabilities": {"add": capabilities}}));
        for (name, want) in [
            ("legacy", None),
            ("general", adding(&["SYS_PTRACE"])),
            ("baseline", None),
            ("restricted", Some(restricted)),
            ("netadmin", adding(&["NET_ADMIN", "NET_RAW"])),
            ("sysadmin", Some(json!({"privileged": true}))),
        ] {
            let profile = Profile::from_str(name, false).expect("there is one");
            assert_eq!(profile.security_context(), want, "{name}");
        }
    }
}
