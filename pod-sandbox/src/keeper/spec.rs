//! The OCI runtime specification of a container, as a pure function of its configuration.
//!
//! It leaves to our own code what libcontainer does less well or not at all: cgroups and devices (`cgroup`), users,
//! capabilities and seccomp (`entry`).

use std::path::{Path, PathBuf};

use libcontainer::oci_spec::OciSpecError;
use libcontainer::oci_spec::runtime::{
    LinuxBuilder, LinuxNamespace, LinuxNamespaceBuilder, LinuxNamespaceType, Mount, MountBuilder,
    ProcessBuilder, RootBuilder, Spec, SpecBuilder,
};
use nix::unistd::Pid;

use crate::config::ContainerConfig;

/// The cgroup that libcontainer is told of, a directory that only its process sees.
pub(super) const DECOY: &str = "/pod/engine";

/// What of `/proc` and `/sys` an unprivileged container does not see (the kubelet's default list).
const MASKED: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// What of `/proc` an unprivileged container can only read.
const READONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Where a container finds what the sandbox holds.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    /// The pause process.
    pub pause: Pid,
    /// Whether its pid namespace is shared.
    pub pid: bool,
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
        .cgroups_path(DECOY)
        .build()?;
    linux.set_resources(None).set_devices(None);
    if !config.privileged {
        let masked =
            MASKED.iter().map(|p| (*p).to_owned()).chain(shared.thermal.iter().cloned()).collect();
        linux.set_masked_paths(Some(masked));
        linux.set_readonly_paths(Some(READONLY.map(str::to_owned).to_vec()));
    }
    let root = RootBuilder::default().path(root).readonly(config.readonly_rootfs).build()?;
    SpecBuilder::default()
        .version("1.0.2")
        .root(root)
        .process(process)
        .mounts(mounts(config, shared)?)
        .linux(linux)
        .build()
}

fn namespaces(shared: &Shared<'_>) -> Result<Vec<LinuxNamespace>, OciSpecError> {
    let own = |kind| LinuxNamespaceBuilder::default().typ(kind).build();
    let of_pause = |kind, name: &str| {
        let path = PathBuf::from(format!("/proc/{}/ns/{name}", shared.pause));
        LinuxNamespaceBuilder::default().typ(kind).path(path).build()
    };
    let pid = if shared.pid {
        of_pause(LinuxNamespaceType::Pid, "pid")?
    } else {
        own(LinuxNamespaceType::Pid)?
    };
    Ok(vec![
        pid,
        of_pause(LinuxNamespaceType::Network, "net")?,
        of_pause(LinuxNamespaceType::Ipc, "ipc")?,
        of_pause(LinuxNamespaceType::Uts, "uts")?,
        own(LinuxNamespaceType::Mount)?,
        own(LinuxNamespaceType::Cgroup)?,
    ])
}

fn mounts(config: &ContainerConfig, shared: &Shared<'_>) -> Result<Vec<Mount>, OciSpecError> {
    let special = |kind: &str, at: &str, options: &[&str]| {
        MountBuilder::default()
            .typ(kind)
            .source(kind)
            .destination(at)
            .options(options.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>())
            .build()
    };
    let bind = |source: &Path, at: &Path, readonly: bool| {
        let options = ["rbind", "rprivate", if readonly { "ro" } else { "rw" }];
        MountBuilder::default()
            .typ("bind")
            .source(source)
            .destination(at)
            .options(options.map(str::to_owned).to_vec())
            .build()
    };
    let sys = if config.privileged { "rw" } else { "ro" };
    let pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
    let mut mounts = vec![
        special("proc", "/proc", &["nosuid", "noexec", "nodev"])?,
        special("tmpfs", "/dev", &["nosuid", "strictatime", "mode=755", "size=65536k"])?,
        special("devpts", "/dev/pts", &pts)?,
        special("mqueue", "/dev/mqueue", &["nosuid", "noexec", "nodev"])?,
        special("sysfs", "/sys", &["nosuid", "noexec", "nodev", sys])?,
        bind(shared.shm, Path::new("/dev/shm"), false)?,
    ];
    for mount in &config.mounts {
        mounts.push(bind(&mount.source, &mount.destination, mount.readonly)?);
    }
    Ok(mounts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ContainerId, Mount, Process, RootFs};

    fn config(privileged: bool) -> ContainerConfig {
        ContainerConfig {
            id: ContainerId::new("web.0").expect("valid"),
            rootfs: RootFs::Directory("/r".into()),
            readonly_rootfs: true,
            mounts: vec![Mount { source: "/a".into(), destination: "/b".into(), readonly: true }],
            process: Process::new(["true"]),
            resources: Default::default(),
            privileged,
            log: None,
        }
    }

    fn shared() -> Shared<'static> {
        Shared { pause: Pid::from_raw(7), pid: false, shm: Path::new("/shm"), thermal: &[] }
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
        assert_eq!(of(LinuxNamespaceType::Pid), None);
        assert_eq!(of(LinuxNamespaceType::Mount), None);
        assert!(linux.resources().is_none() && linux.seccomp().is_none());
        assert!(
            linux.cgroups_path().as_ref().is_some_and(|p| p.is_absolute()),
            "an empty one is the caller's own"
        );
    }

    #[test]
    fn only_the_privileged_see_proc_and_sys_whole() {
        let paths = |privileged| {
            let spec = spec(&config(privileged), Path::new("/r"), &shared()).expect("builds");
            let linux = spec.linux().clone().expect("linux");
            let count = |list: &Option<Vec<String>>| list.as_ref().map_or(0, Vec::len);
            (count(linux.masked_paths()), count(linux.readonly_paths()))
        };
        assert_eq!(paths(false), (12, 5));
        assert_eq!(paths(true), (0, 0));
    }
}
