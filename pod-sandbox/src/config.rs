//! What a caller asks for: sandboxes, containers and processes, in the shapes of the CRI.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::capability::Capabilities;
use crate::error::ConfigError;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes 1 to 128 ASCII letters, digits, `-`, `_` and `.`, the first of which is a letter or digit.
            ///
            /// # Errors
            /// When the text has another form: an id is a file name, so it must not be able to leave its directory.
            pub fn new(id: impl Into<String>) -> Result<Self, ConfigError> {
                let id = id.into();
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                let ok = id.len() <= 128
                    && id.starts_with(|c: char| c.is_ascii_alphanumeric())
                    && id.chars().all(plain);
                if ok { Ok(Self(id)) } else { Err(ConfigError::Id { what: $what, id }) }
            }

            /// The text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ConfigError;

            fn try_from(id: String) -> Result<Self, ConfigError> {
                Self::new(id)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

id_type!(
    /// The name of a sandbox, unique below one [`Runtime`](crate::Runtime) root.
    SandboxId,
    "sandbox"
);
id_type!(
    /// The name of one instance of a container, unique in its sandbox.
    ContainerId,
    "container"
);

/// A sandbox: the namespaces, the cgroup and the helper process that containers share (CRI `PodSandboxConfig`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SandboxConfig {
    /// Its name.
    pub id: SandboxId,
    /// The host name its containers see, at most 64 bytes.
    pub hostname: String,
    /// Its cgroup, absolute from the hierarchy's root, such as `/pod/burstable/pod1234`. It must not exist yet.
    pub cgroup: PathBuf,
    /// Limits of all its containers together.
    #[serde(default)]
    pub resources: Resources,
    /// Whether its containers share one pid namespace, in which the pause program is pid 1.
    #[serde(default)]
    pub share_pid: bool,
    /// Whether its containers use the host's network namespace instead of one of their own.
    #[serde(default)]
    pub host_network: bool,
    /// Users and groups of its own, in a user namespace that the others belong to; `None` shares the host's.
    #[serde(default)]
    pub users: Option<IdRange>,
    /// Kernel parameters of its own namespaces, by name, such as `net.ipv4.tcp_syncookies`; the parts of a name may also
    /// be separated by `/`. Set before any container is made.
    #[serde(default)]
    pub sysctls: BTreeMap<String, String>,
    /// Size of the shared `/dev/shm` in bytes.
    pub shm_size: u64,
    /// Memory file systems made before any container, for containers to mount by path.
    #[serde(default)]
    pub tmpfs: Vec<Tmpfs>,
    /// A program that is started with the sandbox and again when it dies, until it ends with code 0.
    #[serde(default)]
    pub companion: Option<Companion>,
}

impl SandboxConfig {
    /// A sandbox in the cgroup `/pod/<id>`, with its id as host name, 64 MiB of `/dev/shm` and no limits.
    pub fn new(id: SandboxId) -> Self {
        Self {
            hostname: id.as_str().chars().take(63).collect(),
            cgroup: PathBuf::from(crate::dirs::CGROUP_ROOT).join(id.as_str()),
            id,
            resources: Resources::default(),
            share_pid: false,
            host_network: false,
            users: None,
            sysctls: BTreeMap::new(),
            shm_size: 64 << 20,
            tmpfs: Vec::new(),
            companion: None,
        }
    }
}

/// Ids of the host that are the users and the groups of a sandbox (CRI `IDMapping`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// The host's id of the sandbox's root; never 0.
    pub first: u32,
    /// How many ids there are.
    pub count: u32,
}

impl IdRange {
    /// Refuses the host's root, and what are no ids.
    pub(crate) fn check(self) -> Result<(), ConfigError> {
        let Self { first, count } = self;
        let ok = first > 0 && count > 0 && first.checked_add(count).is_some();
        if ok { Ok(()) } else { Err(ConfigError::Users { first, count }) }
    }

    /// What an id of the sandbox is on the host; `None` when it has no such id.
    pub const fn on_host(self, id: u32) -> Option<u32> {
        if id < self.count { self.first.checked_add(id) } else { None }
    }

    /// What an id of the host is in the sandbox; `None` when it is none of the sandbox's.
    pub const fn inside(self, id: u32) -> Option<u32> {
        match id.checked_sub(self.first) {
            Some(own) if own < self.count => Some(own),
            _ => None,
        }
    }
}

/// A memory file system in the sandbox's own mount namespace; nobody outside sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// An existing, empty directory.
    pub path: PathBuf,
    /// Its size in bytes; `None` is the kernel's default, half of the memory.
    pub size: Option<u64>,
    /// Mode of its root, such as `0o777`.
    pub mode: u32,
    /// The group that its root belongs to; `None` is root's.
    #[serde(default)]
    pub group: Option<u32>,
    /// The size of its huge pages in bytes: it is a hugetlbfs then. `None` is a tmpfs, of ordinary pages.
    #[serde(default)]
    pub page_size: Option<u64>,
}

/// A program that the keeper starts and keeps alive, such as the engine that carries a policy.
///
/// It runs as the caller does, in the host's namespaces. Its environment is exactly `env` and
/// [`GENERATION`](crate::GENERATION), which grows by one with each start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companion {
    /// The file to execute.
    pub program: PathBuf,
    /// Its arguments, `argv[0]` first.
    pub argv: Vec<String>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Where its stdout and stderr go; created with mode 0600.
    pub log: PathBuf,
}

/// One container (CRI `ContainerConfig`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ContainerConfig {
    /// The name of this instance.
    pub id: ContainerId,
    /// What its root file system is made of.
    pub rootfs: RootFs,
    /// What the caller knows its image by, for its status; nothing else depends on it. Default: empty.
    #[serde(default)]
    pub image_ref: String,
    /// Whether `/` is mounted read-only.
    #[serde(default)]
    pub readonly_rootfs: bool,
    /// Mounted in this order, after the standard ones.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// Absolute paths of directories that stay writable when `/` is mounted read-only; missing ones are made. What is
    /// written there lies in the writable layer.
    #[serde(default)]
    pub writable: Vec<PathBuf>,
    /// Its first process.
    pub process: Process,
    /// A running container whose pid namespace it enters, in place of one of its own or the sandbox's. It is killed when
    /// that container ends.
    #[serde(default)]
    pub pid_of: Option<ContainerId>,
    /// Whether its standard input is a pipe that stays open as long as it runs. Else it is empty.
    #[serde(default)]
    pub stdin: bool,
    /// Whether that pipe ends with the first client that [attaches](crate::Sandbox::attach) to it. Of no meaning with a
    /// terminal, which does not end.
    #[serde(default)]
    pub stdin_once: bool,
    /// Whether its standard descriptors are a terminal, which controls its first process and is its `/dev/console`.
    #[serde(default)]
    pub tty: bool,
    /// The number of the signal that asks it to end. Default: SIGTERM.
    #[serde(default = "sigterm")]
    pub stop_signal: i32,
    /// Its own limits.
    #[serde(default)]
    pub resources: Resources,
    /// Whether it may use every device and sees `/proc` and `/sys` unmasked and writable.
    #[serde(default)]
    pub privileged: bool,
    /// Whether nothing within `/proc` and `/sys` is hidden or protected. Meant for users of the sandbox's own, since
    /// nothing else keeps the container's root from the host's kernel then.
    #[serde(default)]
    pub unmasked: bool,
    /// Where its output goes in the CRI log format; `None` drops it.
    #[serde(default)]
    pub log: Option<PathBuf>,
}

impl ContainerConfig {
    /// A container with nothing mounted, no limits and no log.
    pub fn new(id: ContainerId, rootfs: RootFs, process: Process) -> Self {
        Self {
            id,
            rootfs,
            image_ref: String::new(),
            readonly_rootfs: false,
            mounts: Vec::new(),
            writable: Vec::new(),
            process,
            pid_of: None,
            stdin: false,
            stdin_once: false,
            tty: false,
            stop_signal: sigterm(),
            resources: Resources::default(),
            privileged: false,
            unmasked: false,
            log: None,
        }
    }
}

const fn sigterm() -> i32 {
    nix::libc::SIGTERM
}

/// What a container's root file system is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RootFs {
    /// This machine's own root, read-only, under a private writable layer. `/tmp`, `/run`, `/root`, `/home`, `/dev`
    /// and `/proc` start empty, and so does everything in `mask`. What is mounted below the root is there, read-only.
    Host {
        /// A directory for the writable layer, created and removed with the container.
        layer: PathBuf,
        /// Absolute paths that the container sees as empty directories.
        mask: Vec<PathBuf>,
    },
    /// Unpacked image layers, the topmost first, under a private writable layer.
    Layers {
        /// A directory for the writable layer, created and removed with the container.
        layer: PathBuf,
        /// The read-only directories below it.
        lower: Vec<PathBuf>,
    },
    /// A directory used as it is, writable.
    Directory(PathBuf),
}

impl RootFs {
    /// The directory that is removed with the container.
    pub(crate) fn layer(&self) -> Option<&PathBuf> {
        match self {
            Self::Host { layer, .. } | Self::Layers { layer, .. } => Some(layer),
            Self::Directory(_) => None,
        }
    }
}

/// A bind mount into a container (CRI `Mount`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mount {
    /// A file or directory of the host.
    pub source: PathBuf,
    /// Unpacked image layers, the topmost first, which are mounted in place of `source`, read-only. Nothing is made in
    /// them: a missing part is an error.
    #[serde(default)]
    pub layers: Vec<PathBuf>,
    /// The part of `source` that is mounted, relative to it; all of it when empty. Nothing that lies in `source` leads
    /// out of it. What is missing is made: directories with the mode of `source`.
    #[serde(default)]
    pub sub_path: PathBuf,
    /// Where the container sees it; missing directories and files are made.
    pub destination: PathBuf,
    /// Whether writing to it gives EROFS.
    #[serde(default)]
    pub readonly: bool,
    /// Whether `readonly` holds for what is mounted within it too.
    #[serde(default)]
    pub recursive_readonly: bool,
    /// Whether mounts made later are seen on the other side.
    #[serde(default)]
    pub propagation: Propagation,
}

/// Whether mounts that are made within a [`Mount`] later are seen on the other side (CRI `MountPropagation`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Propagation {
    /// They are not.
    #[default]
    Private,
    /// Those of the host are seen in the container.
    HostToContainer,
    /// Both ways. The source has to lie on a shared mount of the host.
    Bidirectional,
}

/// A process in a container: its first one, or one that is executed later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The program and its arguments; a program without `/` is looked up in the `PATH` of `env`.
    pub args: Vec<String>,
    /// `NAME=value`, exactly what the program sees (`HOME` is added when it is missing).
    pub env: Vec<String>,
    /// The working directory, created when it is missing.
    pub cwd: PathBuf,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
    /// The capabilities it may ever have.
    pub capabilities: Capabilities,
    /// Whether setuid programs and file capabilities are without effect.
    pub no_new_privileges: bool,
    /// Which system calls it may use.
    pub seccomp: Seccomp,
    /// Its rank for the out-of-memory killer, -1000 to 1000. Lowered only as far as the caller may.
    pub oom_score_adj: i32,
}

impl Process {
    /// Root, with the default capabilities and seccomp filter, in `/`, with a `PATH`.
    pub fn new<S: Into<String>>(args: impl IntoIterator<Item = S>) -> Self {
        Self {
            args: args.into_iter().map(Into::into).collect(),
            env: vec![format!("PATH={DEFAULT_PATH}")],
            cwd: PathBuf::from("/"),
            uid: 0,
            gid: 0,
            groups: Vec::new(),
            capabilities: Capabilities::default(),
            no_new_privileges: false,
            seccomp: Seccomp::RuntimeDefault,
            oom_score_adj: 0,
        }
    }
}

/// Where programs are looked up when the environment does not say.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Which system calls a process may use (`v1.SeccompProfile`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Seccomp {
    /// The list that container runtimes use unless told otherwise; what else it allows follows from the capabilities.
    #[default]
    RuntimeDefault,
    /// No filter.
    Unconfined,
    /// A profile in the JSON form of the OCI runtime specification.
    Profile(PathBuf),
}

/// Limits on memory, processor time, processes and huge pages (CRI `LinuxContainerResources`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// Relative weight, 2 to 262144; `None` leaves the kernel's default of 1024.
    pub cpu_shares: Option<u64>,
    /// Microseconds of processor time in each period.
    pub cpu_quota: Option<u64>,
    /// The period in microseconds; `None` is 100 ms.
    pub cpu_period: Option<u64>,
    /// Most memory, in bytes.
    pub memory: Option<u64>,
    /// Most processes and threads.
    pub pids: Option<u64>,
    /// Most memory in huge pages, in bytes, by the size of the pages in bytes. A size that is not here has no limit, and
    /// none has one on a machine without the controller.
    #[serde(default)]
    pub huge_pages: BTreeMap<u64, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_its_directory() {
        for bad in ["", ".", "..", "a/b", "/a", "-a", "ä", "a\0", &"x".repeat(129)] {
            assert!(ContainerId::new(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "0", "app.0", "3f2a-b_c"] {
            assert_eq!(ContainerId::new(good).expect(good).as_str(), good);
        }
    }

    #[test]
    fn an_id_is_another_one_on_the_host() {
        let users = IdRange { first: 131_072, count: 65_536 };
        for (id, on_host) in [(0, 131_072), (1000, 132_072), (65_535, 196_607)] {
            assert_eq!(users.on_host(id), Some(on_host));
            assert_eq!(users.inside(on_host), Some(id));
        }
        assert_eq!(users.on_host(65_536), None);
        for id in [0, 131_071, 196_608] {
            assert_eq!(users.inside(id), None, "{id}");
        }
    }

    #[test]
    fn a_config_reads_back_what_it_wrote() {
        let config = SandboxConfig::new(SandboxId::new("web").expect("valid"));
        let text = serde_json::to_string(&config).expect("serializes");
        let back: SandboxConfig = serde_json::from_str(&text).expect("reads");
        assert_eq!(back.cgroup, PathBuf::from("/pod/web"));
        assert!(serde_json::from_str::<SandboxId>("\"../x\"").is_err());
    }
}
