//! Sets of Linux capabilities.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ConfigError;

/// The names of the capabilities in the order of their numbers, without `CAP_` (`capabilities(7)`).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What a container gets when nothing is said: the fourteen that containerd and Docker give.
const DEFAULT: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// One capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capability(u8);

impl Capability {
    /// `CAP_SYS_ADMIN`.
    pub const SYS_ADMIN: Self = Self(21);

    /// Its number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl FromStr for Capability {
    type Err = ConfigError;

    /// Takes `NET_ADMIN` as well as `CAP_NET_ADMIN`, in any case.
    fn from_str(name: &str) -> Result<Self, ConfigError> {
        let upper = name.to_ascii_uppercase();
        let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
        let number = NAMES.iter().position(|n| *n == bare);
        number
            .and_then(|n| u8::try_from(n).ok())
            .map(Self)
            .ok_or_else(|| ConfigError::Capability { name: name.to_owned() })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CAP_{}", NAMES[usize::from(self.0)])
    }
}

/// A set of capabilities. The default is the fourteen that a container gets when nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities(u64);

impl Default for Capabilities {
    fn default() -> Self {
        let mut set = Self::empty();
        for name in DEFAULT {
            if let Ok(capability) = name.parse() {
                set.add(capability);
            }
        }
        set
    }
}

impl Capabilities {
    /// None at all.
    pub const fn empty() -> Self {
        Self(0)
    }

    /// Every one that is known.
    pub const fn all() -> Self {
        Self((1 << NAMES.len()) - 1)
    }

    /// Adds one.
    pub const fn add(&mut self, capability: Capability) {
        self.0 |= 1 << capability.0;
    }

    /// Takes one away.
    pub const fn drop(&mut self, capability: Capability) {
        self.0 &= !(1 << capability.0);
    }

    /// Whether it is in the set.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability.0) != 0
    }

    /// As the kernel's bit mask.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// From the kernel's bit mask; unknown bits are kept.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_both_forms() {
        assert_eq!("NET_ADMIN".parse::<Capability>().expect("known").number(), 12);
        assert_eq!("cap_bpf".parse::<Capability>().expect("known").to_string(), "CAP_BPF");
        assert!("NET_ADMINS".parse::<Capability>().is_err());
    }

    #[test]
    fn the_default_is_the_usual_fourteen() {
        assert_eq!(Capabilities::default().bits(), 0xa804_25fb);
        assert_eq!(Capabilities::all().bits(), 0x1ff_ffff_ffff);
    }
}
