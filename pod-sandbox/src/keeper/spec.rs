//! The OCI runtime specification of a container, as a pure function of its configuration.
//!
//! It leaves to our own code what libcontainer does less well or not at all: cgroups and devices (`cgroup`), users,
//! capabilities and seccomp (`entry`), and all mounts (`mounts`).

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use libcontainer::oci_spec::OciSpecError;
use libcontainer::oci_spec::runtime::{
    LinuxBuilder, LinuxNamespace, LinuxNamespaceBuilder, LinuxNamespaceType, Mount, ProcessBuilder,
    RootBuilder, Spec, SpecBuilder,
};
use nix::unistd::Pid;

use super::users::Users;
use crate::config::ContainerConfig;

/// Where a container finds what the sandbox holds.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    /// The pause process.
    pub pause: Pid,
    /// The users of the sandbox, when they are not the host's.
    pub users: Option<&'a Users>,
    /// A process whose pid namespace it enters; without one it has its own.
    pub pid: Option<Pid>,
    /// The mount namespace of the host.
    pub host: BorrowedFd<'a>,
    /// The directory of the shared `/dev/shm`.
    pub shm: &'a Path,
    /// `/sys/devices/system/cpu/cpuN/thermal_throttle` of every processor that has one.
    pub thermal: &'a [String],
}

/// The specification for a container whose root lies at `root`.
pub(super) fn spec(
    config: &ContainerConfig,
    root: &Path,
    shared: &Shared<'_>,
) -> Result<Spec, OciSpecError> {
    let process = ProcessBuilder::default()
        .args(config.process.args.clone())
        .env(vec!["PATH=/".to_owned(), "HOME=/".to_owned()])
        .cwd("/")
        .build()?;
    let mut process = process;
    process.set_capabilities(None).set_no_new_privileges(None).set_rlimits(None);
    let mut linux = LinuxBuilder::default()
        .namespaces(namespaces(shared)?)
        .masked_paths(Vec::<String>::new())
        .readonly_paths(Vec::<String>::new())
        .build()?;
    linux.set_resources(None).set_devices(None);
    let root = RootBuilder::default().path(root).readonly(false).build()?;
    SpecBuilder::default()
        .version("1.0.2")
        .root(root)
        .process(process)
        .mounts(Vec::<Mount>::new())
        .linux(linux)
        .build()
}

/// What a first process enters; it is born in its pid namespace.
fn namespaces(shared: &Shared<'_>) -> Result<Vec<LinuxNamespace>, OciSpecError> {
    let of = |kind, path: String| {
        LinuxNamespaceBuilder::default().typ(kind).path(PathBuf::from(path)).build()
    };
    let of_pause = |kind, name: &str| of(kind, format!("/proc/{}/ns/{name}", shared.pause));
    Ok(vec![
        of_pause(LinuxNamespaceType::Network, "net")?,
        of_pause(LinuxNamespaceType::Ipc, "ipc")?,
        of_pause(LinuxNamespaceType::Uts, "uts")?,
        LinuxNamespaceBuilder::default().typ(LinuxNamespaceType::Cgroup).build()?,
        // The one that it has made for itself already.
        of(LinuxNamespaceType::Mount, "/proc/self/ns/mnt".to_owned())?,
    ])
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::sync::LazyLock;

    use super::*;
    use crate::config::{ContainerId, Process, RootFs};

    fn config(privileged: bool) -> ContainerConfig {
        let id = ContainerId::new("web.0").expect("valid");
        let rootfs = RootFs::Directory("/r".into());
        let mut config = ContainerConfig::new(id, rootfs, Process::new(["true"]));
        config.readonly_rootfs = true;
        config.privileged = privileged;
        config
    }

    static NOWHERE: LazyLock<File> = LazyLock::new(|| File::open("/dev/null").expect("opens"));

    fn shared() -> Shared<'static> {
        Shared {
            pause: Pid::from_raw(7),
            users: None,
            pid: None,
            host: NOWHERE.as_fd(),
            shm: Path::new("/shm"),
            thermal: &[],
        }
    }

    #[test]
    fn a_container_joins_what_pause_holds() {
        let spec = spec(&config(false), Path::new("/r"), &shared()).expect("builds");
        let linux = spec.linux().as_ref().expect("linux");
        let of = |kind| {
            let list = linux.namespaces().as_ref().expect("namespaces");
            let found = list.iter().find(|n| n.typ() == kind).expect("listed");
            found.path().as_ref().map(|p| p.display().to_string())
        };
        assert_eq!(of(LinuxNamespaceType::Network).as_deref(), Some("/proc/7/ns/net"));
        assert_eq!(of(LinuxNamespaceType::Cgroup), None);
        assert!(linux.resources().is_none() && linux.seccomp().is_none());
    }
}
