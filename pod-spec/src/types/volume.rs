//! Volumes, and where containers see them.

use std::collections::BTreeMap;

use super::{
    AwsElasticBlockStoreVolumeSource, AzureDiskVolumeSource, AzureFileVolumeSource,
    CephFsVolumeSource, CinderVolumeSource, FcVolumeSource, FlexVolumeSource, FlockerVolumeSource,
    GcePersistentDiskVolumeSource, GitRepoVolumeSource, GlusterfsVolumeSource, ImagePullPolicy,
    IscsiVolumeSource, LabelSelector, LocalObjectReference, NfsVolumeSource, ObjectFieldSelector,
    PersistentVolumeClaimTemplate, PhotonPersistentDiskVolumeSource, PortworxVolumeSource,
    QuobyteVolumeSource, RbdVolumeSource, ResourceFieldSelector, ScaleIoVolumeSource,
    StorageOsVolumeSource, VsphereVirtualDiskVolumeSource,
};
use crate::schema::{object, one_of, words};
use crate::{Quantity, Word};

object! {
    /// A directory that the containers of a pod can share.
    pub struct Volume: "v1.Volume" {
        inline source: Option<VolumeSource>,
        /// The name: a DNS label, unlike that of any other volume of the pod.
        "name" name: String => required,
    }
}

one_of! {
    /// What a volume is. One that does not say is an emptyDir.
    pub enum VolumeSource: "v1.VolumeSource" {
        /// A directory that is made for the pod and goes with it.
        "emptyDir" EmptyDir(EmptyDirVolumeSource),
        /// A file or directory of this machine.
        "hostPath" HostPath(HostPathVolumeSource),
        /// The keys of a ConfigMap, as files.
        "configMap" ConfigMap(ConfigMapVolumeSource),
        /// The keys of a Secret, as files.
        "secret" Secret(SecretVolumeSource),
        /// Fields of the pod, as files.
        "downwardAPI" DownwardApi(DownwardApiVolumeSource),
        /// Several sources in one directory.
        "projected" Projected(ProjectedVolumeSource),
        /// The root of an image.
        "image" Image(ImageVolumeSource),
        /// What a PersistentVolumeClaim of the namespace is bound to.
        "persistentVolumeClaim" PersistentVolumeClaim(PersistentVolumeClaimVolumeSource),
        /// A PersistentVolumeClaim that is made for the pod and goes with it.
        "ephemeral" Ephemeral(Box<EphemeralVolumeSource>),
        /// What a CSI driver makes for the pod.
        "csi" Csi(CsiVolumeSource),
        /// A directory of an NFS server.
        "nfs" Nfs(NfsVolumeSource),
        /// A disk of an iSCSI target.
        "iscsi" Iscsi(IscsiVolumeSource),
        /// A disk of a Fibre Channel network.
        "fc" Fc(FcVolumeSource),
        /// What an exec driver on the node mounts.
        "flexVolume" FlexVolume(FlexVolumeSource) => deprecated,
        /// A directory of a CephFS.
        "cephfs" CephFs(CephFsVolumeSource) => deprecated,
        /// A directory of a Glusterfs.
        "glusterfs" Glusterfs(GlusterfsVolumeSource) => deprecated,
        /// A Ceph block device.
        "rbd" Rbd(RbdVolumeSource) => deprecated,
        /// A disk of OpenStack.
        "cinder" Cinder(CinderVolumeSource) => deprecated,
        /// A disk of AWS.
        "awsElasticBlockStore" AwsElasticBlockStore(AwsElasticBlockStoreVolumeSource) => deprecated,
        /// A disk of Azure.
        "azureDisk" AzureDisk(AzureDiskVolumeSource) => deprecated,
        /// A file share of Azure.
        "azureFile" AzureFile(AzureFileVolumeSource) => deprecated,
        /// A disk of Google's cloud.
        "gcePersistentDisk" GcePersistentDisk(GcePersistentDiskVolumeSource) => deprecated,
        /// A disk of vSphere.
        "vsphereVolume" VsphereVolume(VsphereVirtualDiskVolumeSource) => deprecated,
        /// A disk of Photon.
        "photonPersistentDisk" PhotonPersistentDisk(PhotonPersistentDiskVolumeSource) => deprecated,
        /// A volume of Portworx.
        "portworxVolume" PortworxVolume(PortworxVolumeSource) => deprecated,
        /// A volume of Quobyte.
        "quobyte" Quobyte(QuobyteVolumeSource) => deprecated,
        /// A volume of ScaleIO.
        "scaleIO" ScaleIo(ScaleIoVolumeSource) => deprecated,
        /// A volume of StorageOS.
        "storageos" StorageOs(StorageOsVolumeSource) => deprecated,
        /// A dataset of Flocker.
        "flocker" Flocker(FlockerVolumeSource) => deprecated,
        /// A clone of a git repository. Kubernetes has removed it: clone in an init container into an emptyDir.
        "gitRepo" GitRepo(GitRepoVolumeSource) => deprecated,
    }
}

object! {
    /// A directory that is made for the pod and goes with it.
    pub struct EmptyDirVolumeSource: "v1.EmptyDirVolumeSource" {
        /// What it lies on. The disk when not given.
        "medium" medium: Option<Word<EmptyDirMedium>>,
        /// How much it may hold, in bytes. Without one a tmpfs may hold as much as the pod may use memory.
        "sizeLimit" size_limit: Option<Quantity>,
    }
}

impl EmptyDirVolumeSource {
    /// Whether it lies on the disk.
    pub fn is_on_disk(&self) -> bool {
        matches!(self.medium, None | Some(Word::Known(EmptyDirMedium::Default)))
    }

    /// Whether it lies in memory, as a tmpfs.
    pub fn is_memory(&self) -> bool {
        self.medium == Some(Word::Known(EmptyDirMedium::Memory))
    }
}

words! {
    /// What an emptyDir lies on.
    pub enum EmptyDirMedium {
        /// The disk with the pod's data.
        #[default]
        Default = "",
        /// Memory, as a tmpfs.
        Memory = "Memory",
        /// Huge pages, of the one size that the pod asks for.
        HugePages = "HugePages",
        /// Huge pages of 2 MiB.
        HugePages2Mi = "HugePages-2Mi",
        /// Huge pages of 1 GiB.
        HugePages1Gi = "HugePages-1Gi",
    }
}

object! {
    /// A file or directory of this machine.
    pub struct HostPathVolumeSource: "v1.HostPathVolumeSource" {
        /// Its absolute path.
        "path" path: String => required,
        /// What must be there, or is made. Nothing is checked when not given.
        "type" kind: Option<HostPathType>,
    }
}

words! {
    /// What must be at a hostPath before it is mounted.
    pub enum HostPathType {
        /// Nothing is checked.
        #[default]
        Unset = "",
        /// A directory, which is made when nothing is there.
        DirectoryOrCreate = "DirectoryOrCreate",
        /// A directory.
        Directory = "Directory",
        /// A file, which is made when nothing is there.
        FileOrCreate = "FileOrCreate",
        /// A file.
        File = "File",
        /// A unix socket.
        Socket = "Socket",
        /// A character device.
        CharDevice = "CharDevice",
        /// A block device.
        BlockDevice = "BlockDevice",
    }
}

object! {
    /// The keys of a ConfigMap, as files.
    pub struct ConfigMapVolumeSource: "v1.ConfigMapVolumeSource" {
        /// The ConfigMap.
        "name" name: String,
        /// The keys that are taken, and where to; every key under its own name when empty.
        "items" items: Vec<KeyToPath>,
        /// The mode of the files. 0644 when not given.
        "defaultMode" default_mode: Option<i32>,
        /// Whether the ConfigMap or its keys may be missing.
        "optional" optional: Option<bool>,
    }
}

object! {
    /// The keys of a Secret, as files.
    pub struct SecretVolumeSource: "v1.SecretVolumeSource" {
        /// The Secret.
        "secretName" secret_name: Option<String>,
        /// The keys that are taken, and where to; every key under its own name when empty.
        "items" items: Vec<KeyToPath>,
        /// The mode of the files. 0644 when not given.
        "defaultMode" default_mode: Option<i32>,
        /// Whether the Secret or its keys may be missing.
        "optional" optional: Option<bool>,
    }
}

object! {
    /// A key, and the file that it becomes.
    pub struct KeyToPath: "v1.KeyToPath" {
        /// The key.
        "key" key: String => required,
        /// The file, relative to the volume.
        "path" path: String => required,
        /// The file's mode, 0 to 0777; the volume's when absent.
        "mode" mode: Option<i32>,
    }
}

object! {
    /// Fields of the pod, as files.
    pub struct DownwardApiVolumeSource: "v1.DownwardAPIVolumeSource" {
        /// The files.
        "items" items: Vec<DownwardApiVolumeFile>,
        /// The mode of the files. 0644 when not given.
        "defaultMode" default_mode: Option<i32>,
    }
}

object! {
    /// A field of the pod, as a file. Exactly one of the two references is set.
    pub struct DownwardApiVolumeFile: "v1.DownwardAPIVolumeFile" {
        /// The file, relative to the volume.
        "path" path: String => required,
        /// A field of the pod.
        "fieldRef" field_ref: Option<ObjectFieldSelector>,
        /// A resource of a container.
        "resourceFieldRef" resource_field_ref: Option<ResourceFieldSelector>,
        /// The file's mode, 0 to 0777; the volume's when absent.
        "mode" mode: Option<i32>,
    }
}

object! {
    /// Several sources in one directory.
    pub struct ProjectedVolumeSource: "v1.ProjectedVolumeSource" {
        /// The sources.
        "sources" sources: Vec<VolumeProjection>,
        /// The mode of the files. 0644 when not given.
        "defaultMode" default_mode: Option<i32>,
    }
}

object! {
    /// One source of a projected volume. Exactly one field is set.
    pub struct VolumeProjection: "v1.VolumeProjection" {
        /// The keys of a Secret.
        "secret" secret: Option<SecretProjection>,
        /// Fields of the pod.
        "downwardAPI" downward_api: Option<DownwardApiProjection>,
        /// The keys of a ConfigMap.
        "configMap" config_map: Option<ConfigMapProjection>,
        /// A token of the pod's service account.
        "serviceAccountToken" service_account_token: Option<ServiceAccountTokenProjection>,
        /// Certificates that the cluster trusts.
        "clusterTrustBundle" cluster_trust_bundle: Option<ClusterTrustBundleProjection>,
        /// A key and certificate of the pod's own.
        "podCertificate" pod_certificate: Option<PodCertificateProjection>,
    }
}

object! {
    /// The keys of a Secret, in a projected volume.
    pub struct SecretProjection: "v1.SecretProjection" {
        /// The Secret.
        "name" name: String,
        /// The keys that are taken, and where to; every key under its own name when empty.
        "items" items: Vec<KeyToPath>,
        /// Whether the Secret or its keys may be missing.
        "optional" optional: Option<bool>,
    }
}

object! {
    /// The keys of a ConfigMap, in a projected volume.
    pub struct ConfigMapProjection: "v1.ConfigMapProjection" {
        /// The ConfigMap.
        "name" name: String,
        /// The keys that are taken, and where to; every key under its own name when empty.
        "items" items: Vec<KeyToPath>,
        /// Whether the ConfigMap or its keys may be missing.
        "optional" optional: Option<bool>,
    }
}

object! {
    /// Fields of the pod, in a projected volume.
    pub struct DownwardApiProjection: "v1.DownwardAPIProjection" {
        /// The files.
        "items" items: Vec<DownwardApiVolumeFile>,
    }
}

object! {
    /// A token of the pod's service account.
    pub struct ServiceAccountTokenProjection: "v1.ServiceAccountTokenProjection" {
        /// Who the token is for; the API server when absent.
        "audience" audience: Option<String>,
        /// Seconds that it lasts; at least 600. 3600 when not given.
        "expirationSeconds" expiration_seconds: Option<i64>,
        /// The file, relative to the volume.
        "path" path: String => required,
    }
}

object! {
    /// Certificates that the cluster trusts.
    pub struct ClusterTrustBundleProjection: "v1.ClusterTrustBundleProjection" {
        /// The one bundle.
        "name" name: Option<String>,
        /// The signer of the bundles.
        "signerName" signer_name: Option<String>,
        /// The bundles of the signer, by their labels.
        "labelSelector" label_selector: Option<LabelSelector>,
        /// Whether there may be none.
        "optional" optional: Option<bool>,
        /// The file, relative to the volume.
        "path" path: String => required,
    }
}

object! {
    /// A key and certificate of the pod's own.
    pub struct PodCertificateProjection: "v1.PodCertificateProjection" {
        /// Who signs it.
        "signerName" signer_name: String => required,
        /// The type of the key.
        "keyType" key_type: String => required,
        /// Seconds that it may last.
        "maxExpirationSeconds" max_expiration_seconds: Option<i32>,
        /// The file with key and certificates.
        "credentialBundlePath" credential_bundle_path: Option<String>,
        /// The file with the key alone.
        "keyPath" key_path: Option<String>,
        /// The file with the certificates alone.
        "certificateChainPath" certificate_chain_path: Option<String>,
        /// What is told to the signer besides.
        "userAnnotations" user_annotations: BTreeMap<String, String>,
    }
}

object! {
    /// The root of an image, read-only.
    pub struct ImageVolumeSource: "v1.ImageVolumeSource" {
        /// The image reference.
        "reference" reference: Option<String>,
        /// When it is pulled. When not given, `Always` for the tag latest, else `IfNotPresent`.
        "pullPolicy" pull_policy: Option<ImagePullPolicy>,
    }
}

object! {
    /// What a PersistentVolumeClaim of the namespace is bound to.
    pub struct PersistentVolumeClaimVolumeSource: "v1.PersistentVolumeClaimVolumeSource" {
        /// The claim.
        "claimName" claim_name: String => required,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
    }
}

object! {
    /// A PersistentVolumeClaim that is made for the pod and goes with it.
    pub struct EphemeralVolumeSource: "v1.EphemeralVolumeSource" {
        /// The claim.
        "volumeClaimTemplate" volume_claim_template: Option<PersistentVolumeClaimTemplate>,
    }
}

object! {
    /// What a CSI driver makes for the pod.
    pub struct CsiVolumeSource: "v1.CSIVolumeSource" {
        /// The driver.
        "driver" driver: String => required,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
        /// What is told to the driver.
        "volumeAttributes" volume_attributes: BTreeMap<String, String>,
        /// A Secret for the driver.
        "nodePublishSecretRef" node_publish_secret_ref: Option<LocalObjectReference>,
    }
}

object! {
    /// Where a container sees a volume.
    pub struct VolumeMount: "v1.VolumeMount" {
        /// The volume's name.
        "name" name: String => required,
        /// Whether it cannot be written there.
        "readOnly" read_only: Option<bool>,
        /// Whether what is mounted within it cannot be written either. `Disabled` when not given.
        "recursiveReadOnly" recursive_read_only: Option<RecursiveReadOnly>,
        /// The path in the container, unlike that of its other mounts.
        "mountPath" mount_path: String => required,
        /// The part of the volume that is mounted, relative to it; all of it when absent.
        "subPath" sub_path: Option<String>,
        /// Whether mounts made later, there or here, are seen on the other side. `None` when not given.
        "mountPropagation" mount_propagation: Option<MountPropagation>,
        /// As `subPath`, with `$(NAME)` for variables of the container.
        "subPathExpr" sub_path_expr: Option<String>,
    }
}

words! {
    /// Whether what is mounted within a read-only mount is read-only too.
    pub enum RecursiveReadOnly {
        /// No.
        #[default]
        Disabled = "Disabled",
        /// When the kernel can.
        IfPossible = "IfPossible",
        /// Yes.
        Enabled = "Enabled",
    }
}

words! {
    /// Whether mounts made later are seen on the other side.
    pub enum MountPropagation {
        /// No.
        #[default]
        None = "None",
        /// Those of the machine are seen in the container.
        HostToContainer = "HostToContainer",
        /// Both ways.
        Bidirectional = "Bidirectional",
    }
}

object! {
    /// Where a container sees a block volume as a device.
    pub struct VolumeDevice: "v1.VolumeDevice" {
        /// The volume's name: that of a persistentVolumeClaim.
        "name" name: String => required,
        /// The path of the device in the container.
        "devicePath" device_path: String => required,
    }
}
