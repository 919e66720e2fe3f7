//! Volumes, and where containers see them.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::Quantity;
use crate::decode::{AnyMap, Cx, Decode};
use crate::document::{Entry, Node, Value};
use crate::fault::{FaultKind, quoted};
use crate::schema::{OtherFields, Table, deserialize, object, other_field, typed_field, words};

/// A directory that the containers of a pod can share (`v1.Volume`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Volume {
    /// The name: a DNS label, unlike that of any other volume of the pod.
    pub name: String,
    /// What it is. A volume that does not say is an emptyDir, as in Kubernetes.
    pub source: VolumeSource,
}

/// What a volume is. In the API it stands beside the name, as `emptyDir: {}` does.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum VolumeSource {
    /// A directory that is made for the pod and goes with it.
    EmptyDir(EmptyDirVolumeSource),
    /// A file or directory of this machine.
    HostPath(HostPathVolumeSource),
    /// A kind that is known by name only, as written. Never in a [`ValidPod`](crate::ValidPod).
    Other(OtherFields),
}

impl Default for VolumeSource {
    fn default() -> Self {
        Self::EmptyDir(EmptyDirVolumeSource::default())
    }
}

/// A row for a kind that is not there yet.
macro_rules! later {
    ($key:literal, $why:literal) => {
        other_field!($key, AnyMap, refused($why))
    };
}

impl Decode for Volume {
    const TABLE: Option<&'static Table> = Some(&Table {
        fields: &[
            typed_field!("name", String, required),
            typed_field!("emptyDir", EmptyDirVolumeSource),
            typed_field!("hostPath", HostPathVolumeSource),
            later!("configMap", "there are no ConfigMaps yet"),
            later!("secret", "there are no Secrets yet"),
            later!("downwardAPI", "downward API volumes are not there yet"),
            later!("projected", "projected volumes are not there yet"),
            later!("image", "image volumes are not there yet"),
            later!(
                "persistentVolumeClaim",
                "there are no persistent volumes yet: a hostPath is the nearest thing"
            ),
            later!(
                "ephemeral",
                "there are no persistent volumes yet: an emptyDir is the nearest thing"
            ),
            later!(
                "nfs",
                "network volumes are not mounted: mount it on this machine and use hostPath"
            ),
            later!(
                "iscsi",
                "network volumes are not mounted: mount it on this machine and use hostPath"
            ),
            later!("csi", "there are no CSI drivers"),
            later!(
                "fc",
                "network volumes are not mounted: mount it on this machine and use hostPath"
            ),
            later!(
                "rbd",
                "network volumes are not mounted: mount it on this machine and use hostPath"
            ),
            later!(
                "cephfs",
                "network volumes are not mounted: mount it on this machine and use hostPath"
            ),
            later!(
                "glusterfs",
                "network volumes are not mounted: mount it on this machine and use hostPath"
            ),
            later!("cinder", "volumes of cloud providers need a cluster"),
            later!("awsElasticBlockStore", "volumes of cloud providers need a cluster"),
            later!("azureDisk", "volumes of cloud providers need a cluster"),
            later!("azureFile", "volumes of cloud providers need a cluster"),
            later!("gcePersistentDisk", "volumes of cloud providers need a cluster"),
            later!("vsphereVolume", "volumes of cloud providers need a cluster"),
            later!("photonPersistentDisk", "volumes of cloud providers need a cluster"),
            later!("portworxVolume", "volumes of storage vendors need a cluster"),
            later!("quobyte", "volumes of storage vendors need a cluster"),
            later!("scaleIO", "volumes of storage vendors need a cluster"),
            later!("storageos", "volumes of storage vendors need a cluster"),
            later!("flocker", "volumes of storage vendors need a cluster"),
            later!("flexVolume", "there are no flexVolume drivers"),
            later!(
                "gitRepo",
                "Kubernetes has removed it: clone in an init container into an emptyDir"
            ),
        ],
    });

    fn decode(node: &Node, cx: &mut Cx) -> Self {
        let mut out = Self::default();
        let Some(table) = Self::TABLE else { return out };
        let entries = cx.entries(node);
        let mut first: Option<&Entry> = None;
        for &entry in &entries {
            let mark = cx.enter(entry);
            match entry.key.as_str() {
                _ if entry.value.is_null() && table.fields.iter().any(|f| f.name == entry.key) => {}
                "name" => out.name = Decode::decode(&entry.value, cx),
                _ => {
                    let source = source(entry, table, cx);
                    if !table.fields.iter().any(|f| f.name == entry.key) {
                        // Unknown, and noted as such.
                    } else if let Some(first) = first {
                        let message =
                            format!("the volume is already of the kind {}", quoted(&first.key));
                        cx.fault(entry.at, FaultKind::Invalid, message);
                    } else {
                        (out.source, first) = (source, Some(entry));
                    }
                }
            }
            cx.leave(mark);
        }
        if matches!(node.value, Value::Map(_)) {
            cx.require(&entries, table);
        }
        out
    }
}

fn source(entry: &Entry, table: &Table, cx: &mut Cx) -> VolumeSource {
    match entry.key.as_str() {
        "emptyDir" => VolumeSource::EmptyDir(Decode::decode(&entry.value, cx)),
        "hostPath" => VolumeSource::HostPath(Decode::decode(&entry.value, cx)),
        _ => {
            let mut other = OtherFields::default();
            table.other(entry, &mut other, cx);
            VolumeSource::Other(other)
        }
    }
}

impl Serialize for Volume {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        match &self.source {
            VolumeSource::EmptyDir(source) => map.serialize_entry("emptyDir", source)?,
            VolumeSource::HostPath(source) => map.serialize_entry("hostPath", source)?,
            VolumeSource::Other(fields) => {
                for (name, value) in fields.iter() {
                    map.serialize_entry(name, value)?;
                }
            }
        }
        map.end()
    }
}

deserialize!(Volume);

object! {
    /// A directory that is made for the pod and goes with it (`v1.EmptyDirVolumeSource`).
    pub struct EmptyDirVolumeSource {
        /// What it lies on.
        "medium" medium: Option<EmptyDirMedium> => refused("huge pages are not there yet", except "" "Memory"),
        /// How much it may hold; with the medium `Memory` only.
        "sizeLimit" size_limit: Option<Quantity>,
    }
    others {}
}

impl EmptyDirVolumeSource {
    /// Whether it lies in memory, as a tmpfs.
    pub fn is_memory(&self) -> bool {
        self.medium == Some(EmptyDirMedium::Memory)
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
        /// Huge pages; refused.
        HugePages = "HugePages",
        /// Huge pages of 2 MiB; refused.
        HugePages2Mi = "HugePages-2Mi",
        /// Huge pages of 1 GiB; refused.
        HugePages1Gi = "HugePages-1Gi",
    }
}

object! {
    /// A file or directory of this machine (`v1.HostPathVolumeSource`).
    pub struct HostPathVolumeSource {
        /// Its absolute path.
        "path" path: String => required,
        /// What must be there, or is made. Validation fills in the empty one: nothing is checked.
        "type" kind: Option<HostPathType>,
    }
    others {}
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
    /// Where a container sees a volume (`v1.VolumeMount`).
    pub struct VolumeMount {
        /// The volume's name.
        "name" name: String => required,
        /// The path in the container, unlike that of its other mounts.
        "mountPath" mount_path: String => required,
        /// Whether it cannot be written there.
        "readOnly" read_only: Option<bool>,
        /// Whether what is mounted within it cannot be written either.
        "recursiveReadOnly" recursive_read_only: Option<RecursiveReadOnly>
            => refused("only `Disabled` is honoured yet", except "Disabled"),
        /// Whether mounts made later, there or here, are seen on the other side.
        "mountPropagation" mount_propagation: Option<MountPropagation>
            => refused("only `None` is honoured yet", except "None"),
    }
    others {
        "subPath": String => refused("parts of volumes cannot be mounted yet", except ""),
        "subPathExpr": String => refused("parts of volumes cannot be mounted yet", except ""),
    }
}

words! {
    /// Whether what is mounted within a read-only mount is read-only too.
    pub enum RecursiveReadOnly {
        /// No.
        #[default]
        Disabled = "Disabled",
        /// When the kernel can; refused.
        IfPossible = "IfPossible",
        /// Yes; refused.
        Enabled = "Enabled",
    }
}

words! {
    /// Whether mounts made later are seen on the other side.
    pub enum MountPropagation {
        /// No.
        #[default]
        None = "None",
        /// Those of the machine are seen in the container; refused.
        HostToContainer = "HostToContainer",
        /// Both ways; refused.
        Bidirectional = "Bidirectional",
    }
}
