//! Profiles: the default one, and those read from files in the form of the OCI runtime specification.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use crate::capability::{Capabilities, Capability};
use crate::error::SeccompError;

/// Largest profile that is read, in bytes.
const MAX_PROFILE: u64 = 1 << 20;

/// What the kernel does with a call (`SCMP_ACT_…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Allow,
    Errno(u16),
    KillThread,
    KillProcess,
    Trap,
    Log,
}

/// A condition on one argument of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Condition {
    pub index: u8,
    pub op: Op,
    pub value: u64,
    /// The mask of [`Op::MaskedEqual`].
    pub mask: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    NotEqual,
    Less,
    LessEqual,
    Equal,
    GreaterEqual,
    Greater,
    MaskedEqual,
}

/// One rule: the action for these calls when all conditions hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub names: Vec<String>,
    pub action: Action,
    pub conditions: Vec<Condition>,
}

/// A whole profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    pub default: Action,
    pub rules: Vec<Rule>,
}

const EPERM: u16 = nix::libc::EPERM as u16;
const ENOSYS: u16 = nix::libc::ENOSYS as u16;

/// Calls that every container may use.
const ALLOWED: &str = include_str!("runtime-default.txt");

/// Calls that a capability opens.
const BY_CAPABILITY: &[(&str, &str)] = &[
    ("DAC_READ_SEARCH", "open_by_handle_at"),
    (
        "SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount \
         open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare",
    ),
    ("SYS_BOOT", "reboot"),
    ("SYS_CHROOT", "chroot"),
    ("SYS_MODULE", "delete_module init_module finit_module"),
    ("SYS_PACCT", "acct"),
    ("SYS_PTRACE", "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace"),
    ("SYS_RAWIO", "iopl ioperm"),
    ("SYS_TIME", "settimeofday stime clock_settime clock_settime64"),
    ("SYS_TTY_CONFIG", "vhangup"),
    ("SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    ("SYSLOG", "syslog"),
    ("BPF", "bpf"),
    ("PERFMON", "perf_event_open"),
];

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The profile of a container that asks for `RuntimeDefault`, for the capabilities it has.
pub(crate) fn runtime_default(capabilities: Capabilities) -> Profile {
    let allow = |names: &str, conditions: Vec<Condition>| Rule {
        names: words(names),
        action: Action::Allow,
        conditions,
    };
    let on = |op, value, mask| Condition { index: 0, op, value, mask };
    let mut rules = vec![allow(ALLOWED, Vec::new())];
    // personality(2): plain Linux, 32-bit addresses, with and without UNAME26, and the query.
    for persona in [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff] {
        rules.push(allow("personality", vec![on(Op::Equal, persona, 0)]));
    }
    const AF_VSOCK: u64 = 40;
    rules.push(allow("socket", vec![on(Op::NotEqual, AF_VSOCK, 0)]));
    for (capability, names) in BY_CAPABILITY {
        if capability.parse().is_ok_and(|c: Capability| capabilities.has(c)) {
            rules.push(allow(names, Vec::new()));
        }
    }
    if !capabilities.has(Capability::SYS_ADMIN) {
        // No new namespaces: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
        rules.push(allow("clone", vec![on(Op::MaskedEqual, 0, 0x7e02_0000)]));
        // Its flags lie in memory, where a filter cannot look; libraries fall back to clone on ENOSYS.
        rules.push(Rule {
            names: words("clone3"),
            action: Action::Errno(ENOSYS),
            conditions: Vec::new(),
        });
    }
    Profile { default: Action::Errno(EPERM), rules }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileProfile {
    default_action: String,
    default_errno_ret: Option<u16>,
    #[serde(default)]
    syscalls: Vec<FileRule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileRule {
    #[serde(default)]
    names: Vec<String>,
    action: String,
    errno_ret: Option<u16>,
    #[serde(default)]
    args: Vec<FileCondition>,
    #[serde(default)]
    includes: FileFilter,
    #[serde(default)]
    excludes: FileFilter,
}

#[derive(Debug, Default, Deserialize)]
struct FileFilter {
    #[serde(default)]
    caps: Vec<String>,
    #[serde(default)]
    arches: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileCondition {
    index: u8,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

/// Reads a profile file.
pub(crate) fn read(path: &Path, capabilities: Capabilities) -> Result<Profile, SeccompError> {
    let context = |source| SeccompError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    File::open(path)
        .map_err(context)?
        .take(MAX_PROFILE)
        .read_to_string(&mut text)
        .map_err(context)?;
    let file: FileProfile = serde_json::from_str(&text)
        .map_err(|source| SeccompError::Parse { path: path.to_owned(), source })?;
    let invalid = |what: String| SeccompError::Invalid { path: path.to_owned(), what };
    let mut rules = Vec::new();
    for rule in &file.syscalls {
        if !rule.applies(capabilities) {
            continue;
        }
        let conditions =
            rule.args.iter().map(FileCondition::read).collect::<Result<_, _>>().map_err(invalid)?;
        let action = action(&rule.action, rule.errno_ret).map_err(invalid)?;
        rules.push(Rule { names: rule.names.clone(), action, conditions });
    }
    let default = action(&file.default_action, file.default_errno_ret).map_err(invalid)?;
    Ok(Profile { default, rules })
}

impl FileRule {
    fn applies(&self, capabilities: Capabilities) -> bool {
        let has = |name: &String| name.parse().is_ok_and(|c: Capability| capabilities.has(c));
        let here = |arch: &String| {
            arch == std::env::consts::ARCH || (arch == "amd64" && cfg!(target_arch = "x86_64"))
        };
        self.includes.caps.iter().all(has)
            && !self.excludes.caps.iter().any(has)
            && (self.includes.arches.is_empty() || self.includes.arches.iter().any(here))
            && !self.excludes.arches.iter().any(here)
    }
}

impl FileCondition {
    fn read(&self) -> Result<Condition, String> {
        let op = match self.op.as_str() {
            "SCMP_CMP_NE" => Op::NotEqual,
            "SCMP_CMP_LT" => Op::Less,
            "SCMP_CMP_LE" => Op::LessEqual,
            "SCMP_CMP_EQ" => Op::Equal,
            "SCMP_CMP_GE" => Op::GreaterEqual,
            "SCMP_CMP_GT" => Op::Greater,
            "SCMP_CMP_MASKED_EQ" => Op::MaskedEqual,
            other => return Err(format!("comparison `{other}` is not known")),
        };
        if self.index > 5 {
            return Err(format!("argument {} does not exist, a system call has 6", self.index));
        }
        // In a masked comparison the first value is the mask and the second is what must come out.
        let (value, mask) =
            if op == Op::MaskedEqual { (self.value_two, self.value) } else { (self.value, 0) };
        Ok(Condition { index: self.index, op, value, mask })
    }
}

fn action(name: &str, errno: Option<u16>) -> Result<Action, String> {
    Ok(match name {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_ERRNO" => Action::Errno(errno.unwrap_or(EPERM)),
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_LOG" => Action::Log,
        other => return Err(format!("action `{other}` is not supported")),
    })
}
