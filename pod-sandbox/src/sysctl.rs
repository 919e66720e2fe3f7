//! The kernel parameters that belong to a sandbox's namespaces (sysctl(8)).

use crate::config::SandboxConfig;
use crate::error::ConfigError;

/// Those of an IPC namespace beside `fs.mqueue.*`.
const IPC: [&str; 8] = [
    "kernel/msgmax",
    "kernel/msgmnb",
    "kernel/msgmni",
    "kernel/sem",
    "kernel/shm_rmid_forced",
    "kernel/shmall",
    "kernel/shmmax",
    "kernel/shmmni",
];

/// Refuses what would change the host.
pub(crate) fn check(config: &SandboxConfig) -> Result<(), ConfigError> {
    let own = |name: &str| {
        let file = file(name);
        let network = file.starts_with("net/") && !config.host_network;
        let parts = file.split('/').all(|part| !matches!(part, "" | "." | ".."));
        parts && (network || file.starts_with("fs/mqueue/") || IPC.contains(&file.as_str()))
    };
    match config.sysctls.keys().find(|name| !own(name)) {
        Some(name) => Err(ConfigError::Sysctl { name: name.clone() }),
        None => Ok(()),
    }
}

/// The file below `/proc/sys`: in a name that is separated by dots a `/` stands for a dot, as in the names of interfaces.
pub(crate) fn file(name: &str) -> String {
    let dots_separate = name.find(['.', '/']).is_some_and(|at| name.as_bytes()[at] == b'.');
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    if dots_separate { name.chars().map(swap).collect() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SandboxId;

    #[test]
    fn a_name_is_a_file() {
        for (name, want) in [
            ("net.ipv4.tcp_syncookies", "net/ipv4/tcp_syncookies"),
            ("net/ipv4/tcp_syncookies", "net/ipv4/tcp_syncookies"),
            ("net.ipv4.conf.eth0/1.rp_filter", "net/ipv4/conf/eth0.1/rp_filter"),
            ("net/ipv4/conf/eth0.1/rp_filter", "net/ipv4/conf/eth0.1/rp_filter"),
        ] {
            assert_eq!(file(name), want);
        }
    }

    #[test]
    fn what_belongs_to_the_host_is_refused() {
        let mut config = SandboxConfig::new(SandboxId::new("a").expect("valid"));
        for (name, host_network, ok) in [
            ("net.ipv4.ip_forward", false, true),
            ("net.ipv4.ip_forward", true, false),
            ("kernel.shm_rmid_forced", true, true),
            ("fs.mqueue.msg_max", false, true),
            ("kernel.core_pattern", false, false),
            ("vm.swappiness", false, false),
            ("net/../kernel/core_pattern", false, false),
            ("net.ipv4.//.//.kernel", false, false),
            ("", false, false),
        ] {
            config.host_network = host_network;
            config.sysctls = [(name.to_owned(), "1".to_owned())].into();
            assert_eq!(check(&config).is_ok(), ok, "{name} {host_network}");
        }
    }
}
