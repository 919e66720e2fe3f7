//! Volumes made of several sources.

use std::collections::BTreeSet;

use super::check::{Check, Given as _};
use super::{selector, volume};
use crate::fault::{FaultKind, quoted};
use crate::names::rule;
use crate::path::Path;
use crate::types::{
    ClusterTrustBundleProjection, DownwardApiVolumeFile, KeyToPath, PodCertificateProjection,
    ProjectedVolumeSource, ServiceAccountTokenProjection, VolumeProjection,
};

/// The least that a token may last, in seconds.
const MIN_TOKEN: i64 = 600;
/// The most.
const MAX_TOKEN: i64 = 1 << 32;
/// The least that a certificate may last, in seconds.
const MIN_CERTIFICATE: i32 = 3600;
/// The most.
const MAX_CERTIFICATE: i32 = 91 * 86400;
/// The most for those that Kubernetes signs.
const MAX_KUBERNETES_CERTIFICATE: i32 = 86400;
const KEY_TYPES: [&str; 6] =
    ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];

/// The files of the volume.
struct Files<'p>(BTreeSet<&'p str>);

impl<'p> Files<'p> {
    /// Notes a file that another source has already. It is told for the volume, as the API server does.
    fn add(&mut self, check: &mut Check<'_>, path: &'p str, at: &Path<'_>) {
        if !self.0.insert(path) {
            check.invalid(at, format!("two sources have the file {}", quoted(path)));
        }
    }

    fn add_keys(&mut self, check: &mut Check<'_>, keys: &'p [KeyToPath], at: &Path<'_>) {
        for key in keys.iter().filter(|key| !key.path.is_empty()) {
            self.add(check, &key.path, at);
        }
    }

    fn add_fields(
        &mut self,
        check: &mut Check<'_>,
        fields: &'p [DownwardApiVolumeFile],
        at: &Path<'_>,
    ) {
        for file in fields.iter().filter(|file| !file.path.is_empty()) {
            self.add(check, &file.path, at);
        }
    }
}

pub(super) fn projected(check: &mut Check<'_>, volume: &ProjectedVolumeSource, at: &Path<'_>) {
    check.mode(&at.field("defaultMode"), volume.default_mode);
    let mut files = Files(BTreeSet::new());
    let sources = at.field("sources");
    for (i, one) in volume.sources.iter().enumerate() {
        source(check, one, &mut files, at, &sources.index(i));
    }
}

fn source<'p>(
    check: &mut Check<'_>,
    source: &'p VolumeProjection,
    files: &mut Files<'p>,
    volume: &Path<'_>,
    at: &Path<'_>,
) {
    if let Some(secret) = &source.secret {
        let at = at.field("secret");
        check.given(&at.field("name"), &secret.name);
        volume::keys(check, &secret.items, &at.field("items"));
        files.add_keys(check, &secret.items, volume);
    }
    if let Some(config) = &source.config_map {
        let at = at.field("configMap");
        check.given(&at.field("name"), &config.name);
        volume::keys(check, &config.items, &at.field("items"));
        files.add_keys(check, &config.items, volume);
    }
    if let Some(downward) = &source.downward_api {
        volume::downward_files(check, &downward.items, &at.field("downwardAPI"));
        files.add_fields(check, &downward.items, volume);
    }
    if let Some(token) = &source.service_account_token {
        self::token(check, token, volume, &at.field("serviceAccountToken"));
    }
    if let Some(bundle) = &source.cluster_trust_bundle {
        trust_bundle(check, bundle, &at.field("clusterTrustBundle"));
        files.add(check, &bundle.path, volume);
    }
    if let Some(certificate) = &source.pod_certificate {
        pod_certificate(check, certificate, files, volume, &at.field("podCertificate"));
    }
    if count(source) > 1 {
        check.forbidden(at, "each item is one source");
    }
}

fn count(source: &VolumeProjection) -> usize {
    let given = [
        source.secret.is_some(),
        source.config_map.is_some(),
        source.downward_api.is_some(),
        source.service_account_token.is_some(),
        source.cluster_trust_bundle.is_some(),
        source.pod_certificate.is_some(),
    ];
    given.into_iter().filter(|given| *given).count()
}

/// The path of the token's file is told for the volume, as the API server does.
fn token(
    check: &mut Check<'_>,
    token: &ServiceAccountTokenProjection,
    volume: &Path<'_>,
    at: &Path<'_>,
) {
    if let Some(seconds) = token.expiration_seconds {
        check.range(&at.field("expirationSeconds"), seconds, MIN_TOKEN..=MAX_TOKEN);
    }
    check.given(&volume.field("path"), &token.path);
    check.file(&volume.field("path"), &token.path);
}

fn trust_bundle(check: &mut Check<'_>, bundle: &ClusterTrustBundleProjection, at: &Path<'_>) {
    match (&bundle.name, &bundle.signer_name) {
        (Some(_), Some(_)) => check.invalid(at, "it has either `name` or `signerName`"),
        (None, None) => {
            check.fault(at, FaultKind::Required, "it has one of `name` and `signerName`");
        }
        (Some(name), None) => {
            check.given(&at.field("name"), name);
            check.format(&at.field("name"), name, bundle_name);
            if bundle.label_selector.is_some() {
                check.invalid(&at.field("labelSelector"), "a name selects already");
            }
        }
        (None, Some(signer)) => {
            signer_name(check, signer, &at.field("signerName"));
            if let Some(labels) = &bundle.label_selector {
                selector::labels(check, labels, &at.field("labelSelector"));
            }
        }
    }
    check.given(&at.field("path"), &bundle.path);
    check.file(&at.field("path"), &bundle.path);
}

/// A DNS subdomain, after the name of a signer with `:` for `/` if it has one.
fn bundle_name(name: &str) -> Result<(), &'static str> {
    rule::subdomain(name.rsplit_once(':').map_or(name, |(_, name)| name))
}

/// Checks the name of a signer: `example.com/name`.
fn signer_name(check: &mut Check<'_>, name: &str, at: &Path<'_>) {
    check.name(at, name, |name| {
        let wanted = "the name of a signer, such as `example.com/name`";
        let (domain, path) = name.split_once('/').ok_or(wanted)?;
        let parts = domain.split('.').map(rule::label).chain(path.split('.').map(rule::subdomain));
        let fits = domain.len() <= 253 && name.len() <= 571 && domain.contains('.');
        if fits && parts.into_iter().all(|part| part.is_ok()) { Ok(()) } else { Err(wanted) }
    });
}

fn pod_certificate<'p>(
    check: &mut Check<'_>,
    certificate: &'p PodCertificateProjection,
    files: &mut Files<'p>,
    volume: &Path<'_>,
    at: &Path<'_>,
) {
    signer_name(check, &certificate.signer_name, &at.field("signerName"));
    let key_type = certificate.key_type.as_str();
    if !KEY_TYPES.contains(&key_type) {
        let message = format!("{} is none of {}", quoted(key_type), KEY_TYPES.join(", "));
        check.fault(&at.field("keyType"), FaultKind::NotSupported, message);
    }
    if let Some(seconds) = certificate.max_expiration_seconds {
        let most = longest(&certificate.signer_name);
        check.range(&at.field("maxExpirationSeconds"), seconds, MIN_CERTIFICATE..=most);
    }
    for key in certificate.user_annotations.keys() {
        let at = at.field("userAnnotations");
        check.format(&at.key(key), key, with_domain);
    }
    let paths = [
        ("credentialBundlePath", &certificate.credential_bundle_path),
        ("keyPath", &certificate.key_path),
        ("certificateChainPath", &certificate.certificate_chain_path),
    ];
    let mut given = paths.into_iter().filter_map(|(field, path)| Some((field, path.given()?)));
    let mut any = false;
    for (field, path) in &mut given {
        any = true;
        check.file(&at.field(field), path);
        files.add(check, path, volume);
    }
    if !any {
        let message = "it must be put somewhere, such as `credentialBundlePath`";
        check.fault(at, FaultKind::Required, message);
    }
}

fn with_domain(key: &str) -> Result<(), &'static str> {
    rule::annotation_key(key)?;
    if key.contains('/') { Ok(()) } else { Err("a key with a domain before it, and `/`") }
}

fn longest(signer: &str) -> i32 {
    let domain = signer.split('/').next().unwrap_or(signer);
    if domain == "kubernetes.io" || domain.ends_with(".kubernetes.io") {
        MAX_KUBERNETES_CERTIFICATE
    } else {
        MAX_CERTIFICATE
    }
}
