//! Volumes of networks, clouds and vendors.

use super::check::{Check, Given as _};
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::types::{
    AzureDataDiskKind, AzureDiskVolumeSource, CsiVolumeSource, FcVolumeSource, FlexVolumeSource,
    FlockerVolumeSource, GitRepoVolumeSource, IscsiVolumeSource, LocalObjectReference,
    NfsVolumeSource, QuobyteVolumeSource, StorageOsVolumeSource, VolumeSource,
};

/// The most of a volume's name, `:` and an iSCSI portal together, when there is an initiator.
const MAX_ISCSI_NAME: usize = 64;
const MAX_CSI_DRIVER: usize = 63;
const MAX_QUOBYTE_TENANT: usize = 64;

/// Checks the source `at` of the volume `around` it.
pub(super) fn source(
    check: &mut Check<'_>,
    source: &VolumeSource,
    volume: &str,
    around: &Path<'_>,
    at: &Path<'_>,
) {
    match source {
        VolumeSource::Nfs(nfs) => self::nfs(check, nfs, at),
        VolumeSource::Iscsi(iscsi) => {
            self::iscsi(check, iscsi, at);
            let length = volume.len() + 1 + iscsi.target_portal.len();
            if iscsi.initiator_name.is_some() && length > MAX_ISCSI_NAME {
                let message =
                    "with an initiator, name and portal have at most 63 characters together";
                check.invalid(&around.field("name"), message);
            }
        }
        VolumeSource::Fc(fc) => self::fc(check, fc, at),
        VolumeSource::FlexVolume(flex) => self::flex(check, flex, at),
        VolumeSource::Csi(csi) => self::csi(check, csi, at),
        VolumeSource::AzureDisk(disk) => azure_disk(check, disk, at),
        VolumeSource::Quobyte(quobyte) => self::quobyte(check, quobyte, at),
        VolumeSource::StorageOs(storage) => storage_os(check, storage, at),
        VolumeSource::Flocker(flocker) => self::flocker(check, flocker, at),
        VolumeSource::GitRepo(git) => git_repo(check, git, at),
        _ => simple(check, source, at),
    }
}

/// Those of which a few fields must be given, and no more is known.
fn simple(check: &mut Check<'_>, source: &VolumeSource, at: &Path<'_>) {
    let mut texts = |fields: &[(&str, &str)]| {
        for (field, text) in fields {
            check.given(&at.field(field), text);
        }
    };
    match source {
        VolumeSource::AzureFile(share) => {
            texts(&[("secretName", &share.secret_name), ("shareName", &share.share_name)]);
        }
        VolumeSource::Glusterfs(volume) => {
            texts(&[("endpoints", &volume.endpoints), ("path", &volume.path)]);
        }
        VolumeSource::VsphereVolume(disk) => texts(&[("volumePath", &disk.volume_path)]),
        VolumeSource::PhotonPersistentDisk(disk) => texts(&[("pdID", &disk.pd_id)]),
        VolumeSource::PortworxVolume(volume) => texts(&[("volumeID", &volume.volume_id)]),
        VolumeSource::ScaleIo(volume) => texts(&[
            ("gateway", &volume.gateway),
            ("system", &volume.system),
            ("volumeName", volume.volume_name.given().unwrap_or("")),
        ]),
        VolumeSource::CephFs(ceph) => monitors(check, &ceph.monitors, at),
        VolumeSource::Rbd(rbd) => {
            texts(&[("image", &rbd.image)]);
            monitors(check, &rbd.monitors, at);
        }
        VolumeSource::Cinder(disk) => {
            texts(&[("volumeID", &disk.volume_id)]);
            secret(check, disk.secret_ref.as_ref(), at);
        }
        VolumeSource::AwsElasticBlockStore(disk) => {
            texts(&[("volumeID", &disk.volume_id)]);
            check.range(&at.field("partition"), disk.partition.unwrap_or(0), 0..=255);
        }
        VolumeSource::GcePersistentDisk(disk) => {
            texts(&[("pdName", &disk.pd_name)]);
            check.range(&at.field("partition"), disk.partition.unwrap_or(0), 0..=255);
        }
        _ => {}
    }
}

fn monitors(check: &mut Check<'_>, monitors: &[String], at: &Path<'_>) {
    if monitors.is_empty() {
        check.required(&at.field("monitors"));
    }
}

fn secret(check: &mut Check<'_>, secret: Option<&LocalObjectReference>, at: &Path<'_>) {
    if let Some(secret) = secret {
        check.given(&at.field("secretRef").field("name"), &secret.name);
    }
}

fn nfs(check: &mut Check<'_>, nfs: &NfsVolumeSource, at: &Path<'_>) {
    check.given(&at.field("server"), &nfs.server);
    check.given(&at.field("path"), &nfs.path);
    if !nfs.path.starts_with('/') {
        check.invalid(&at.field("path"), format!("{} is not absolute", quoted(&nfs.path)));
    }
}

fn iscsi(check: &mut Check<'_>, iscsi: &IscsiVolumeSource, at: &Path<'_>) {
    check.given(&at.field("targetPortal"), &iscsi.target_portal);
    check.name(&at.field("iqn"), &iscsi.iqn, iscsi_name);
    check.range(&at.field("lun"), iscsi.lun, 0..=255);
    let login = [iscsi.chap_auth_discovery, iscsi.chap_auth_session].contains(&Some(true));
    if login && iscsi.secret_ref.is_none() {
        check.required(&at.field("secretRef"));
    }
    if let Some(name) = &iscsi.initiator_name {
        check.format(&at.field("initiatorName"), name, iscsi_name);
    }
}

/// `iqn.2015-02.example.com:disk`, or `eui.` or `naa.` and digits.
fn iscsi_name(name: &str) -> Result<(), &'static str> {
    let digits = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let fits = match name.split_once('.') {
        Some(("iqn", rest)) => is_iqn(rest),
        Some(("eui", rest)) => digits(rest, 16),
        Some(("naa", rest)) => digits(rest, 32),
        _ => false,
    };
    let wanted = "an iSCSI name, such as `iqn.2015-02.example.com:disk`";
    if fits { Ok(()) } else { Err(wanted) }
}

/// A month, a domain and, after `:`, a name.
fn is_iqn(text: &str) -> bool {
    let Some((authority, name)) = text.split_once(':') else { return false };
    let Some((month, domain)) = authority.split_once('.') else { return false };
    let is_month = month.len() == 7
        && month
            .bytes()
            .enumerate()
            .all(|(i, b)| if i == 4 { b == b'-' } else { b.is_ascii_digit() });
    is_month
        && !domain.is_empty()
        && domain.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
        && !name.is_empty()
        && !name.contains(|c: char| c.is_whitespace() || ",;*&$|".contains(c))
}

fn fc(check: &mut Check<'_>, fc: &FcVolumeSource, at: &Path<'_>) {
    let targets = at.field("targetWWNs");
    match (fc.target_wwns.is_empty(), fc.wwids.is_empty()) {
        (true, true) => {
            check.fault(&targets, FaultKind::Required, "one of `targetWWNs` and `wwids` is needed");
        }
        (false, false) => check.invalid(&targets, "a disk has either `targetWWNs` or `wwids`"),
        _ => {}
    }
    match fc.lun {
        _ if fc.target_wwns.is_empty() => {}
        None => check.required(&at.field("lun")),
        Some(lun) => check.range(&at.field("lun"), lun, 0..=255),
    }
}

fn flex(check: &mut Check<'_>, flex: &FlexVolumeSource, at: &Path<'_>) {
    check.given(&at.field("driver"), &flex.driver);
    for key in flex.options.keys() {
        let domain = key.split('/').next().unwrap_or(key).to_ascii_lowercase();
        let own = ["kubernetes.io", "k8s.io"].into_iter().any(|own| {
            domain.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
        if own {
            let message = format!("{} has a domain that Kubernetes keeps for itself", quoted(key));
            check.invalid(&at.field("options").key(key), message);
        }
    }
}

fn csi(check: &mut Check<'_>, csi: &CsiVolumeSource, at: &Path<'_>) {
    let driver = at.field("driver");
    check.name(&driver, &csi.driver, |name| rule::subdomain(&name.to_ascii_lowercase()));
    if csi.driver.len() > MAX_CSI_DRIVER {
        let message = format!("it has more than {MAX_CSI_DRIVER} characters");
        check.fault(&driver, FaultKind::TooLong, message);
    }
    if let Some(secret) = &csi.node_publish_secret_ref {
        let at = at.field("nodePublishSecretRef");
        check.name(&at.field("name"), &secret.name, rule::subdomain);
    }
}

fn azure_disk(check: &mut Check<'_>, disk: &AzureDiskVolumeSource, at: &Path<'_>) {
    check.given(&at.field("diskName"), &disk.disk_name);
    let uri = at.field("diskURI");
    check.given(&uri, &disk.disk_uri);
    let begins = match disk.kind.unwrap_or_default() {
        AzureDataDiskKind::Managed => "/subscriptions/",
        AzureDataDiskKind::Shared | AzureDataDiskKind::Dedicated => "https://",
    };
    if !disk.disk_uri.starts_with(begins) {
        let message = format!("{} does not begin with `{begins}`", quoted(&disk.disk_uri));
        check.fault(&uri, FaultKind::NotSupported, message);
    }
}

fn quobyte(check: &mut Check<'_>, quobyte: &QuobyteVolumeSource, at: &Path<'_>) {
    let has_port = |address: &str| {
        address.rsplit_once(':').is_some_and(|(host, _)| {
            !host.contains(':') || host.starts_with('[') && host.ends_with(']')
        })
    };
    let registry = quobyte.registry.as_str();
    if !check.given(&at.field("registry"), registry) {
    } else if quobyte.tenant.given().is_some_and(|tenant| tenant.len() > MAX_QUOBYTE_TENANT) {
        let message = format!("a tenant has at most {MAX_QUOBYTE_TENANT} characters");
        check.fault(&at.field("tenant"), FaultKind::Required, message);
    } else if !registry.split(',').all(has_port) {
        let message = format!("{} is no list of hosts with ports", quoted(registry));
        check.invalid(&at.field("registry"), message);
    }
    check.given(&at.field("volume"), &quobyte.volume);
}

fn storage_os(check: &mut Check<'_>, storage: &StorageOsVolumeSource, at: &Path<'_>) {
    let name = storage.volume_name.given().unwrap_or("");
    check.name(&at.field("volumeName"), name, rule::label);
    if let Some(namespace) = storage.volume_namespace.given() {
        check.format(&at.field("volumeNamespace"), namespace, rule::label);
    }
    secret(check, storage.secret_ref.as_ref(), at);
}

fn flocker(check: &mut Check<'_>, flocker: &FlockerVolumeSource, at: &Path<'_>) {
    let name = flocker.dataset_name.given();
    match (name, flocker.dataset_uuid.given()) {
        (None, None) => {
            let message = "one of `datasetName` and `datasetUUID` is needed";
            check.fault(at, FaultKind::Required, message);
        }
        (Some(_), Some(_)) => check.invalid(at, "it has either `datasetName` or `datasetUUID`"),
        _ => {}
    }
    if let Some(name) = name.filter(|name| name.contains('/')) {
        check.invalid(&at.field("datasetName"), format!("{} must not contain `/`", quoted(name)));
    }
}

fn git_repo(check: &mut Check<'_>, git: &GitRepoVolumeSource, at: &Path<'_>) {
    check.given(&at.field("repository"), &git.repository);
    if let Some(directory) = git.directory.given() {
        check.below(&at.field("directory"), directory);
    }
}
