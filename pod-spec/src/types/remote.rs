//! Volumes that come from elsewhere: network filesystems, clouds, and vendors.

use std::collections::BTreeMap;

use super::LocalObjectReference;
use crate::schema::{object, words};

object! {
    /// A directory of an NFS server.
    pub struct NfsVolumeSource: "v1.NFSVolumeSource" {
        /// The server.
        "server" server: String => required,
        /// The directory.
        "path" path: String => required,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
    }
}

object! {
    /// A disk of an iSCSI target.
    pub struct IscsiVolumeSource: "v1.ISCSIVolumeSource" {
        /// The address of the target.
        "targetPortal" target_portal: String => required,
        /// The name of the target.
        "iqn" iqn: String => required,
        /// The number of the disk.
        "lun" lun: i32 => required,
        /// The interface. `default` when not given.
        "iscsiInterface" iscsi_interface: Option<String>,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
        /// Further addresses of the target.
        "portals" portals: Vec<String>,
        /// Whether discovery is authenticated.
        "chapAuthDiscovery" chap_auth_discovery: Option<bool>,
        /// Whether sessions are authenticated.
        "chapAuthSession" chap_auth_session: Option<bool>,
        /// The Secret for that.
        "secretRef" secret_ref: Option<LocalObjectReference>,
        /// The name of this side.
        "initiatorName" initiator_name: Option<String>,
    }
}

object! {
    /// A disk of a Fibre Channel network.
    pub struct FcVolumeSource: "v1.FCVolumeSource" {
        /// The names of the targets.
        "targetWWNs" target_wwns: Vec<String>,
        /// The number of the disk.
        "lun" lun: Option<i32>,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
        /// The names of the disk, instead of targets and number.
        "wwids" wwids: Vec<String>,
    }
}

object! {
    /// What an exec driver on the node mounts.
    pub struct FlexVolumeSource: "v1.FlexVolumeSource" {
        /// The driver.
        "driver" driver: String => required,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
        /// A Secret for the driver.
        "secretRef" secret_ref: Option<LocalObjectReference>,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
        /// What is told to the driver.
        "options" options: BTreeMap<String, String>,
    }
}

object! {
    /// A directory of a CephFS.
    pub struct CephFsVolumeSource: "v1.CephFSVolumeSource" {
        /// The addresses of the monitors.
        "monitors" monitors: Vec<String> => required,
        /// The directory. `/` when not given.
        "path" path: Option<String>,
        /// The user. `admin` when not given.
        "user" user: Option<String>,
        /// The file with the user's key.
        "secretFile" secret_file: Option<String>,
        /// The Secret with the user's key.
        "secretRef" secret_ref: Option<LocalObjectReference>,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
    }
}

object! {
    /// A directory of a Glusterfs.
    pub struct GlusterfsVolumeSource: "v1.GlusterfsVolumeSource" {
        /// The Endpoints of the servers.
        "endpoints" endpoints: String => required,
        /// The volume.
        "path" path: String => required,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
    }
}

object! {
    /// A Ceph block device.
    pub struct RbdVolumeSource: "v1.RBDVolumeSource" {
        /// The addresses of the monitors.
        "monitors" monitors: Vec<String> => required,
        /// The name of the device's image.
        "image" image: String => required,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
        /// The pool. `rbd` when not given.
        "pool" pool: Option<String>,
        /// The user. `admin` when not given.
        "user" user: Option<String>,
        /// The file with the user's key. `/etc/ceph/keyring` when not given.
        "keyring" keyring: Option<String>,
        /// The Secret with the user's key.
        "secretRef" secret_ref: Option<LocalObjectReference>,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
    }
}

object! {
    /// A disk of OpenStack.
    pub struct CinderVolumeSource: "v1.CinderVolumeSource" {
        /// The disk.
        "volumeID" volume_id: String => required,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
        /// The Secret for OpenStack.
        "secretRef" secret_ref: Option<LocalObjectReference>,
    }
}

object! {
    /// A disk of AWS.
    pub struct AwsElasticBlockStoreVolumeSource: "v1.AWSElasticBlockStoreVolumeSource" {
        /// The disk.
        "volumeID" volume_id: String => required,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
        /// The partition; the whole disk when absent.
        "partition" partition: Option<i32>,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
    }
}

object! {
    /// A disk of Azure.
    pub struct AzureDiskVolumeSource: "v1.AzureDiskVolumeSource" {
        /// The disk's name.
        "diskName" disk_name: String => required,
        /// The disk's address.
        "diskURI" disk_uri: String => required,
        /// How the machine caches it. `ReadWrite` when not given.
        "cachingMode" caching_mode: Option<AzureDataDiskCachingMode>,
        /// The filesystem. `ext4` when not given.
        "fsType" fs_type: Option<String>,
        /// Whether it cannot be written. `false` when not given.
        "readOnly" read_only: Option<bool>,
        /// Where the disk is kept. `Shared` when not given.
        "kind" kind: Option<AzureDataDiskKind>,
    }
}

words! {
    /// How a machine caches a disk of Azure.
    pub enum AzureDataDiskCachingMode {
        /// Not at all.
        None = "None",
        /// What is read.
        ReadOnly = "ReadOnly",
        /// What is read and written.
        #[default]
        ReadWrite = "ReadWrite",
    }
}

words! {
    /// Where a disk of Azure is kept.
    pub enum AzureDataDiskKind {
        /// In an account for many disks.
        #[default]
        Shared = "Shared",
        /// In an account of its own.
        Dedicated = "Dedicated",
        /// Azure decides.
        Managed = "Managed",
    }
}

object! {
    /// A file share of Azure.
    pub struct AzureFileVolumeSource: "v1.AzureFileVolumeSource" {
        /// The Secret with the account's name and key.
        "secretName" secret_name: String => required,
        /// The share.
        "shareName" share_name: String => required,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
    }
}

object! {
    /// A disk of Google's cloud.
    pub struct GcePersistentDiskVolumeSource: "v1.GCEPersistentDiskVolumeSource" {
        /// The disk.
        "pdName" pd_name: String => required,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
        /// The partition; the whole disk when absent.
        "partition" partition: Option<i32>,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
    }
}

object! {
    /// A disk of vSphere.
    pub struct VsphereVirtualDiskVolumeSource: "v1.VsphereVirtualDiskVolumeSource" {
        /// The disk's path.
        "volumePath" volume_path: String => required,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
        /// The name of the storage policy.
        "storagePolicyName" storage_policy_name: Option<String>,
        /// The id of the storage policy.
        "storagePolicyID" storage_policy_id: Option<String>,
    }
}

object! {
    /// A disk of Photon.
    pub struct PhotonPersistentDiskVolumeSource: "v1.PhotonPersistentDiskVolumeSource" {
        /// The disk.
        "pdID" pd_id: String => required,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
    }
}

object! {
    /// A volume of Portworx.
    pub struct PortworxVolumeSource: "v1.PortworxVolumeSource" {
        /// The volume.
        "volumeID" volume_id: String => required,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
    }
}

object! {
    /// A volume of Quobyte.
    pub struct QuobyteVolumeSource: "v1.QuobyteVolumeSource" {
        /// The addresses of the registry.
        "registry" registry: String => required,
        /// The volume.
        "volume" volume: String => required,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
        /// The user.
        "user" user: Option<String>,
        /// The group.
        "group" group: Option<String>,
        /// The tenant.
        "tenant" tenant: Option<String>,
    }
}

object! {
    /// A volume of ScaleIO.
    pub struct ScaleIoVolumeSource: "v1.ScaleIOVolumeSource" {
        /// The address of the gateway.
        "gateway" gateway: String => required,
        /// The storage system.
        "system" system: String => required,
        /// The Secret for it.
        "secretRef" secret_ref: Option<LocalObjectReference> => required,
        /// Whether the gateway speaks TLS.
        "sslEnabled" ssl_enabled: Option<bool>,
        /// The protection domain.
        "protectionDomain" protection_domain: Option<String>,
        /// The pool.
        "storagePool" storage_pool: Option<String>,
        /// How it is provisioned. `ThinProvisioned` when not given.
        "storageMode" storage_mode: Option<String>,
        /// The volume.
        "volumeName" volume_name: Option<String>,
        /// The filesystem. `xfs` when not given.
        "fsType" fs_type: Option<String>,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
    }
}

object! {
    /// A volume of StorageOS.
    pub struct StorageOsVolumeSource: "v1.StorageOSVolumeSource" {
        /// The volume.
        "volumeName" volume_name: Option<String>,
        /// The volume's namespace.
        "volumeNamespace" volume_namespace: Option<String>,
        /// The filesystem.
        "fsType" fs_type: Option<String>,
        /// Whether it cannot be written.
        "readOnly" read_only: Option<bool>,
        /// The Secret for it.
        "secretRef" secret_ref: Option<LocalObjectReference>,
    }
}

object! {
    /// A dataset of Flocker. Exactly one of the two is set.
    pub struct FlockerVolumeSource: "v1.FlockerVolumeSource" {
        /// The dataset's name.
        "datasetName" dataset_name: Option<String>,
        /// The dataset's id.
        "datasetUUID" dataset_uuid: Option<String>,
    }
}

object! {
    /// A clone of a git repository.
    pub struct GitRepoVolumeSource: "v1.GitRepoVolumeSource" {
        /// The repository's address.
        "repository" repository: String => required,
        /// The commit.
        "revision" revision: Option<String>,
        /// The directory, relative to the volume.
        "directory" directory: Option<String>,
    }
}
