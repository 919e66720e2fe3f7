//! From a checked pod to what the other crates are asked for. Only the users of an image are looked up in it.

mod lifecycle;
mod mounts;
mod names;
mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pod_images::{Image, RootSource};
use pod_lifecycle::Addresses;
use pod_sandbox::{
    CGROUP_ROOT, Companion, ContainerConfig, ContainerId, IdRange, Mount, RootFs, SandboxConfig,
    SandboxId, Tmpfs,
};
use pod_spec::{
    Container, EmptyDirVolumeSource, FsGroupChangePolicy, HostPathType, ImageVolumeSource, PodSpec,
    ProcMountType, QosClass, ValidPod, Volume, VolumeSource,
};
use pod_volumes::{
    FilesKind, GroupChange, HostPathKind, Medium, MountSource, Ownership, Prepared, Source,
    VolumeSpec,
};

use crate::claims::is_claimed;
use crate::dirs::{Dirs, PodDirs};
use crate::environment::Referenced;
use crate::error::{ConfigError, RuntimeError};
use crate::network::{HOSTNAME, HOSTS, RESOLV_CONF};
use crate::resources::{self, HugePages};
use crate::users::IDS_PER_POD;

/// Size of the `/dev/shm` that a pod's containers share, the same as with containerd.
const SHM_SIZE: u64 = 64 << 20;

/// What a machine adds to a plan.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// Its name.
    pub node: String,
    /// Its processors.
    pub cpus: u64,
    /// Its memory in bytes.
    pub memory: u64,
    /// Its huge pages.
    pub huge_pages: HugePages,
}

/// Everything that is decided about a pod before it runs.
#[derive(Debug)]
pub(crate) struct PodPlan {
    pub pod: ValidPod,
    pub dirs: PodDirs,
    machine: Machine,
    masked: Vec<PathBuf>,
}

/// Where each volume lies, by name, in the mount namespace of the pod.
pub(crate) type VolumePaths = BTreeMap<String, PathBuf>;

/// The images of volumes, by the volume's name.
pub(crate) type VolumeImages = BTreeMap<String, Image>;

/// What a container can mount.
#[derive(Debug)]
pub(crate) struct PodVolumes<'a> {
    pub paths: &'a VolumePaths,
    pub images: &'a VolumeImages,
}

/// The paths of prepared volumes.
pub(crate) fn volume_paths(volumes: &[Prepared]) -> VolumePaths {
    let path = |v: &Prepared| match &v.source {
        MountSource::Path(path)
        | MountSource::Tmpfs { path, .. }
        | MountSource::Files { path, .. } => Some((v.name.clone(), path.clone())),
        _ => None,
    };
    volumes.iter().filter_map(path).collect()
}

/// The memory file systems of prepared volumes.
fn memory(volumes: &[Prepared]) -> Vec<Tmpfs> {
    let mut of_files = BTreeSet::new();
    let tmpfs = volumes.iter().filter_map(|v| match &v.source {
        MountSource::Tmpfs { path, size, mode, group, page_size } => Some(Tmpfs {
            path: path.clone(),
            size: *size,
            mode: *mode,
            group: *group,
            page_size: *page_size,
        }),
        MountSource::Files { tmpfs, .. } => of_files.insert(tmpfs).then(|| Tmpfs {
            path: tmpfs.clone(),
            size: None,
            mode: 0o700,
            group: None,
            page_size: None,
        }),
        _ => None,
    });
    tmpfs.collect()
}

/// The containers of a pod: init, main and ephemeral, each in the order of the spec.
pub(crate) fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    let ephemeral = spec.ephemeral_containers.iter().map(|one| &one.container);
    spec.init_containers.iter().chain(&spec.containers).chain(ephemeral)
}

/// The id of a pod's sandbox: its uid.
pub(crate) fn sandbox_id(pod: &ValidPod) -> Result<SandboxId, ConfigError> {
    Ok(SandboxId::new(uid(pod))?)
}

/// Who holds the images of a pod.
pub(crate) fn holder(pod: &ValidPod) -> String {
    format!("{}/{}", pod.namespace(), pod.name())
}

fn uid(pod: &ValidPod) -> &str {
    pod.metadata().uid.as_deref().unwrap_or_default()
}

/// The id of one instance of a container in its sandbox.
pub(crate) fn container_id(
    container: &str,
    attempt: u32,
) -> Result<ContainerId, pod_sandbox::ConfigError> {
    ContainerId::new(format!("{container}.{attempt}"))
}

/// The container and attempt of an id made by [`container_id`].
pub(crate) fn instance(id: &ContainerId) -> Option<(&str, u32)> {
    let (container, attempt) = id.as_str().rsplit_once('.')?;
    Some((container, attempt.parse().ok()?))
}

impl PodPlan {
    pub fn new(pod: ValidPod, dirs: &Dirs, machine: Machine) -> Self {
        let pod_dirs = dirs.pod(pod.namespace(), pod.name(), uid(&pod));
        Self { dirs: pod_dirs, masked: dirs.masked(), machine, pod }
    }

    /// Whether the machine has the huge pages that the pod asks for.
    pub fn fits(&self) -> Result<(), RuntimeError> {
        match resources::missing_pages(self.spec(), &self.machine.huge_pages) {
            Some((resource, there)) => Err(RuntimeError::HugePages { resource, there }),
            None => Ok(()),
        }
    }

    fn spec(&self) -> &PodSpec {
        self.pod.spec()
    }

    /// What tells the pod from another one of its name.
    pub fn uid(&self) -> &str {
        uid(&self.pod)
    }

    /// Whether it has the machine's network instead of one of its own.
    pub fn uses_host_network(&self) -> bool {
        self.spec().host_network == Some(true)
    }

    /// The group that its volumes belong to.
    pub fn volume_group(&self) -> Option<u32> {
        let group = self.spec().security_context.as_ref().and_then(|c| c.fs_group);
        group.and_then(|group| u32::try_from(group).ok())
    }

    /// Whom a volume that is kept is given to; none when it is only read.
    pub fn ownership(&self, volume: &str) -> Option<Ownership> {
        let group = self.volume_group().filter(|_| !self.is_only_read(volume))?;
        let context = self.spec().security_context.as_ref();
        let change = match context.and_then(|c| c.fs_group_change_policy) {
            Some(FsGroupChangePolicy::OnRootMismatch) => GroupChange::OnRootMismatch,
            Some(FsGroupChangePolicy::Always) | None => GroupChange::Always,
        };
        Some(Ownership { group, change })
    }

    /// The volumes to prepare. The images among them are not: they are mounted as they lie in the store. Nor are claims and
    /// those of drivers, which may come later.
    pub fn volumes(&self) -> Vec<VolumeSpec> {
        let volumes = self.spec().volumes.iter();
        let later = |v: &Volume| {
            matches!(v.source, Some(VolumeSource::Image(_) | VolumeSource::Csi(_))) || is_claimed(v)
        };
        volumes
            .filter(|v| !later(v))
            .map(|v| VolumeSpec {
                name: v.name.clone(),
                source: source(v.source.as_ref(), self.spec()),
            })
            .collect()
    }

    /// The volumes that drivers of other programs prepare. They are told who the pod is, by the keys of Kubernetes.
    pub fn driven_volumes(&self) -> Vec<VolumeSpec> {
        let account = self.spec().service_account_name.as_deref().unwrap_or("default");
        let facts = [
            ("csi.storage.k8s.io/pod.name", self.pod.name()),
            ("csi.storage.k8s.io/pod.namespace", self.pod.namespace()),
            ("csi.storage.k8s.io/pod.uid", self.uid()),
            ("csi.storage.k8s.io/serviceAccount.name", account),
            ("csi.storage.k8s.io/ephemeral", "true"),
        ];
        let volumes = self.spec().volumes.iter().filter_map(|volume| {
            let Some(VolumeSource::Csi(csi)) = &volume.source else { return None };
            let mut parameters = csi.volume_attributes.clone();
            parameters.extend(facts.map(|(key, value)| (key.to_owned(), value.to_owned())));
            let source = Source::Custom { kind: csi.driver.clone(), parameters };
            Some(VolumeSpec { name: volume.name.clone(), source })
        });
        volumes.collect()
    }

    /// The images that a container mounts as volumes, by the volume's name.
    pub fn image_sources(&self, container: &Container) -> BTreeMap<&str, &ImageVolumeSource> {
        let mounted = |v: &&Volume| container.volume_mounts.iter().any(|m| m.name == v.name);
        let volumes = self.spec().volumes.iter().filter(mounted);
        let images = volumes.filter_map(|v| match &v.source {
            Some(VolumeSource::Image(image)) => Some((v.name.as_str(), image)),
            _ => None,
        });
        images.collect()
    }

    /// Whether it has users of its own instead of the machine's.
    pub fn has_own_users(&self) -> bool {
        self.spec().host_users == Some(false)
    }

    /// The sandbox to make, with `engine` beside it and with these users of its own, if any.
    pub fn sandbox(
        &self,
        volumes: &[Prepared],
        users: Option<IdRange>,
        engine: Companion,
    ) -> Result<SandboxConfig, ConfigError> {
        let mut config = SandboxConfig::new(sandbox_id(&self.pod)?);
        config.hostname = self.hostname();
        config.cgroup = self.cgroup();
        config.resources = resources::of_pod(self.spec(), &self.machine.huge_pages);
        config.share_pid = self.spec().share_process_namespace == Some(true);
        config.host_network = self.uses_host_network();
        config.users = users;
        config.sysctls = self.sysctls();
        config.shm_size = SHM_SIZE;
        config.tmpfs = memory(volumes);
        config.companion = Some(engine);
        Ok(config)
    }

    /// The pod's cgroup, laid out as the kubelet does below its own root.
    pub fn cgroup(&self) -> PathBuf {
        let root = Path::new(CGROUP_ROOT);
        let pod = format!("pod{}", uid(&self.pod));
        match self.pod.qos_class() {
            QosClass::Guaranteed => root.join(pod),
            QosClass::Burstable => root.join("burstable").join(pod),
            QosClass::BestEffort => root.join("besteffort").join(pod),
        }
    }

    /// The kernel parameters of the pod: those that container runtimes set for every pod with a network of its own, so
    /// that any user may listen at any port and ping, then its own.
    fn sysctls(&self) -> BTreeMap<String, String> {
        // Groups that its users do not have are refused by the kernel.
        let groups = if self.has_own_users() { IDS_PER_POD - 1 } else { i32::MAX.unsigned_abs() };
        let groups = format!("0 {groups}");
        let of_runtimes = [
            ("net.ipv4.ip_unprivileged_port_start", "0"),
            ("net.ipv4.ping_group_range", groups.as_str()),
        ];
        let of_runtimes = of_runtimes.into_iter().filter(|_| !self.uses_host_network());
        let own = self.spec().security_context.iter().flat_map(|context| &context.sysctls);
        let mut all: BTreeMap<String, String> =
            of_runtimes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        all.extend(own.map(|own| (own.name.clone(), own.value.clone())));
        all
    }

    /// The same plan for the pod as it has become.
    pub fn with_pod(&self, pod: ValidPod) -> Self {
        Self {
            pod,
            dirs: self.dirs.clone(),
            machine: self.machine.clone(),
            masked: self.masked.clone(),
        }
    }

    /// A container of this name.
    pub fn container(&self, name: &str) -> Option<&Container> {
        containers(self.spec()).find(|c| c.name == name)
    }

    /// The names of all containers, in the order of the spec.
    pub fn container_names(&self) -> impl Iterator<Item = &str> {
        containers(self.spec()).map(|c| c.name.as_str())
    }

    /// The container whose processes an ephemeral one sees.
    pub fn target(&self, name: &str) -> Option<&str> {
        let ephemeral = &self.spec().ephemeral_containers;
        let one = ephemeral.iter().find(|one| one.container.name == name)?;
        one.target_container_name.as_deref().filter(|target| !target.is_empty())
    }

    /// One instance of a container, for an image that is there, volumes that are prepared and objects that have been read.
    pub fn instance(
        &self,
        container: &Container,
        attempt: u32,
        image: &Image,
        volumes: &PodVolumes<'_>,
        addresses: &Addresses,
        referenced: &Referenced,
    ) -> Result<ContainerConfig, ConfigError> {
        let context = container.security_context.as_ref();
        let privileged = context.is_some_and(|c| c.privileged == Some(true));
        let layer = self.dirs.layer(&container.name, attempt);
        let rootfs = match &image.root {
            RootSource::Host => RootFs::Host { layer, mask: self.masked.clone() },
            RootSource::Layers(layers) => {
                RootFs::Layers { layer, lower: layers.iter().rev().cloned().collect() }
            }
            _ => return Err(ConfigError::Root { image: image.reference.to_string() }),
        };
        let mut config = ContainerConfig::new(
            container_id(&container.name, attempt)?,
            rootfs,
            self.process(container, image, privileged, addresses, referenced)?,
        );
        config.readonly_rootfs = context.is_some_and(|c| c.read_only_root_filesystem == Some(true));
        config.mounts = self.mounts(container, attempt, volumes, &config.process.env)?;
        config.writable = self.image_volumes(image, &config.mounts);
        config.stop_signal = process::stop_signal(container, image)?;
        config.stdin = container.stdin == Some(true);
        config.stdin_once = container.stdin_once == Some(true);
        config.tty = container.tty == Some(true);
        config.resources =
            resources::of_container(self.spec(), container, &self.machine.huge_pages);
        config.privileged = privileged;
        config.unmasked = context.is_some_and(|c| c.proc_mount == Some(ProcMountType::Unmasked));
        config.log = Some(self.dirs.log(&container.name, attempt));
        Ok(config)
    }

    /// The volumes that the image declares and nothing is mounted at: they hold what the image has there, and can be
    /// written to in any case.
    fn image_volumes(&self, image: &Image, mounts: &[Mount]) -> Vec<PathBuf> {
        let declared = image.config.volumes.iter().map(|path| Path::new("/").join(path));
        declared
            .filter(|path| path.components().all(|c| c != std::path::Component::ParentDir))
            .filter(|path| path != Path::new("/"))
            .filter(|path| !mounts.iter().any(|m| m.destination == *path))
            .collect()
    }

    fn mounts(
        &self,
        container: &Container,
        attempt: u32,
        volumes: &PodVolumes<'_>,
        variables: &[String],
    ) -> Result<Vec<Mount>, ConfigError> {
        let mounts = container.volume_mounts.iter().map(|m| self.mount(m, volumes, variables));
        let mut mounts = mounts.collect::<Result<Vec<_>, _>>()?;
        let given = [
            (self.dirs.file(HOSTS), "/etc/hosts"),
            (self.dirs.file(HOSTNAME), "/etc/hostname"),
            (self.dirs.file(RESOLV_CONF), "/etc/resolv.conf"),
            (self.dirs.termination_log(&container.name, attempt), termination_path(container)),
        ];
        for (source, at) in given {
            let destination = Path::new("/").join(at);
            // A container that mounts something there itself keeps it (b179).
            if !mounts.iter().any(|m| m.destination == destination) {
                mounts.push(Mount { source, destination, ..Mount::default() });
            }
        }
        // What lies deeper is mounted later, or it would be hidden.
        mounts.sort_by_key(|m| m.destination.components().count());
        Ok(mounts)
    }
}

/// Where a container may say why it ended.
fn termination_path(container: &Container) -> &str {
    container.termination_message_path.as_deref().unwrap_or("/dev/termination-log")
}

fn source(source: Option<&VolumeSource>, spec: &PodSpec) -> Source {
    match source {
        None => empty_dir(&EmptyDirVolumeSource::default(), spec),
        Some(VolumeSource::EmptyDir(dir)) => empty_dir(dir, spec),
        Some(VolumeSource::HostPath(host)) => Source::HostPath {
            path: PathBuf::from(&host.path),
            kind: match host.kind.unwrap_or_default() {
                HostPathType::DirectoryOrCreate => HostPathKind::DirectoryOrCreate,
                HostPathType::Directory => HostPathKind::Directory,
                HostPathType::FileOrCreate => HostPathKind::FileOrCreate,
                HostPathType::File => HostPathKind::File,
                HostPathType::Socket => HostPathKind::Socket,
                HostPathType::CharDevice => HostPathKind::CharDevice,
                HostPathType::BlockDevice => HostPathKind::BlockDevice,
                HostPathType::Unset => HostPathKind::Unset,
            },
        },
        Some(VolumeSource::ConfigMap(_)) => Source::Files(FilesKind::ConfigMap),
        Some(VolumeSource::Secret(_)) => Source::Files(FilesKind::Secret),
        Some(VolumeSource::DownwardApi(_)) => Source::Files(FilesKind::DownwardApi),
        Some(VolumeSource::Projected(_)) => Source::Files(FilesKind::Projected),
        Some(other) => {
            Source::Custom { kind: other.key().to_owned(), parameters: Default::default() }
        }
    }
}

fn empty_dir(dir: &EmptyDirVolumeSource, spec: &PodSpec) -> Source {
    Source::EmptyDir {
        medium: match dir.huge_page_size(spec) {
            Ok(Some(page_size)) => Medium::HugePages { page_size },
            _ if dir.is_memory() => Medium::Memory,
            _ => Medium::Disk,
        },
        size_limit: dir
            .size_limit
            .as_ref()
            .map(|q| u64::try_from(q.value()).unwrap_or(0))
            .filter(|n| *n > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pod_spec::{Pod, Time};

    fn plan(spec: &str) -> PodPlan {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n{spec}");
        let pod = Pod::from_yaml(&text).expect("parses").validate().expect("valid");
        let pod = pod.with_identity("u1", Time::from_nanos(0), None).expect("valid");
        let machine = Machine {
            node: "node".into(),
            cpus: 4,
            memory: 1 << 30,
            huge_pages: HugePages::from([(2 << 20, 4 << 20)]),
        };
        PodPlan::new(pod, &Dirs::new(Path::new("/run/pod")), machine)
    }

    fn image() -> Image {
        let reference = pod_images::HOST_IMAGE.parse().expect("valid");
        pod_images::Images::open("/nonexistent").resolve(&reference).expect("the host is there")
    }

    fn instance_of(spec: &str) -> Result<ContainerConfig, ConfigError> {
        let plan = plan(spec);
        let volumes: VolumePaths = plan
            .volumes()
            .iter()
            .map(|v| (v.name.clone(), format!("/v/{}", v.name).into()))
            .collect();
        let container = &plan.pod.spec().containers[0];
        plan.instance(
            container,
            3,
            &image(),
            &PodVolumes { paths: &volumes, images: &VolumeImages::new() },
            &Addresses::default(),
            &Referenced::default(),
        )
    }

    #[test]
    fn b223_an_empty_dir_of_huge_pages_has_their_size_and_its_own() {
        let plan = plan(
            "  volumes: [{name: v, emptyDir: {medium: HugePages, sizeLimit: 2Mi}}]\n  containers:\n  \
             - {name: a, image: x, resources: {limits: {cpu: 1, hugepages-2Mi: 4Mi}}}",
        );
        let [volume] = plan.volumes().try_into().expect("one");
        let medium = Medium::HugePages { page_size: 2 << 20 };
        assert_eq!(volume.source, Source::EmptyDir { medium, size_limit: Some(2 << 20) });
    }

    #[test]
    fn an_instance_is_what_the_manifest_says() {
        let config = instance_of(
            "  volumes: [{name: d, emptyDir: {}}]\n  securityContext: {runAsUser: 5, supplementalGroups: [7]}\n  containers:\n  \
             - {name: a, image: pod.local/host, command: [cat, /d/x], volumeMounts: [{name: d, mountPath: /d/e, readOnly: true}], \
             securityContext: {runAsGroup: 6, capabilities: {drop: [ALL], add: [NET_RAW]}, allowPrivilegeEscalation: false}}",
        )
        .expect("can be made");
        assert_eq!(config.id.as_str(), "a.3");
        let p = &config.process;
        assert_eq!((p.uid, p.gid, p.groups.as_slice()), (5, 6, &[7][..]));
        assert_eq!(p.args, ["cat", "/d/x"]);
        assert_eq!(p.capabilities.bits(), 1 << 13);
        assert!(p.no_new_privileges);
        let mount =
            config.mounts.iter().find(|m| m.destination == Path::new("/d/e")).expect("mounted");
        assert!(mount.readonly);
        assert_eq!(instance(&config.id), Some(("a", 3)));
    }

    #[test]
    fn b183_a_root_user_breaks_run_as_non_root() {
        let with = |user: &str| {
            instance_of(&format!(
                "  securityContext: {{runAsNonRoot: true{user}}}\n  containers: [{{name: a, image: pod.local/host, command: [x]}}]"
            ))
        };
        assert!(matches!(with(""), Err(ConfigError::RootByImage { .. })));
        assert!(matches!(with(", runAsUser: 0"), Err(ConfigError::RootByUser { .. })));
        assert!(with(", runAsUser: 1000").is_ok());
    }

    #[test]
    fn b179_a_container_keeps_its_own_etc_hosts() {
        let config = instance_of(
            "  volumes: [{name: h, hostPath: {path: /h}}]\n  containers:\n  - {name: a, image: pod.local/host, \
             command: [x], volumeMounts: [{name: h, mountPath: /etc/hosts}]}",
        )
        .expect("can be made");
        let hosts: Vec<_> =
            config.mounts.iter().filter(|m| m.destination == Path::new("/etc/hosts")).collect();
        assert_eq!(hosts.len(), 1);
        assert_eq!(hosts[0].source, Path::new("/v/h"));
    }

    #[test]
    fn b178_host_aliases_follow_the_managed_lines() {
        let plan = plan(
            "  hostAliases: [{ip: 1.2.3.4, hostnames: [a, b]}]\n  containers: [{name: a, image: x}]",
        );
        assert!(
            plan.hosts().0.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
        );
        assert!(plan.hosts().1.ends_with("\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"));
    }

    #[test]
    fn b218_the_pods_cgroup_follows_its_rank() {
        let best = plan("  containers: [{name: a, image: x}]");
        assert_eq!(best.cgroup(), Path::new("/pod/besteffort/podu1"));
        let sure =
            plan("  containers: [{name: a, image: x, resources: {limits: {cpu: 1, memory: 1Mi}}}]");
        assert_eq!(sure.cgroup(), Path::new("/pod/podu1"));
    }

    #[test]
    fn b195_groups_may_ping_as_far_as_the_pod_has_them() {
        for (users, range) in [("true", "0 2147483647"), ("false", "0 65535")] {
            let plan =
                plan(&format!("  hostUsers: {users}\n  containers: [{{name: a, image: x}}]"));
            assert_eq!(plan.sysctls()["net.ipv4.ping_group_range"], range, "{users}");
        }
    }

    #[test]
    fn a_container_without_a_command_is_refused() {
        let result = instance_of("  containers: [{name: a, image: pod.local/host}]");
        assert!(matches!(result, Err(ConfigError::NoCommand { .. })));
    }
}
